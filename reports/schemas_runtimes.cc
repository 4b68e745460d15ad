// SPDX-License-Identifier: Apache-2.0
#include "reports/schema_texts.h"

namespace moeplan {

const std::string_view kRuntimeSchema = R"(  "type": "object",
  "required": ["schema", "id", "name", "version", "as_of", "source", "layouts", "reserve", "context",
               "sampler", "admission", "kv_block_tokens", "default_kv", "dispatch_tokens", "vocab_multiple",
               "formats", "input_table_on_host", "host_offload", "vision_resident", "note"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.runtimes/1"},
    "id": {"$ref": "#/definitions/text"},
    "name": {"$ref": "#/definitions/text"},
    "version": {"type": "string"},
    "as_of": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$"},
    "source": {"$ref": "#/definitions/text"},
    "layouts": {
      "type": "object",
      "required": ["tensor_parallel", "data_parallel_attention", "expert_parallel", "pipeline_parallel",
                   "expert_tensor_mix", "uneven_experts"],
      "additionalProperties": false,
      "properties": {
        "tensor_parallel": {"type": "boolean"},
        "data_parallel_attention": {"type": "boolean"},
        "expert_parallel": {"type": "boolean"},
        "pipeline_parallel": {"type": "boolean"},
        "expert_tensor_mix": {"type": "boolean"},
        "uneven_experts": {"type": "boolean"}
      }
    },
    "reserve": {
      "type": "object",
      "required": ["fixed_bytes", "fraction", "source"],
      "additionalProperties": false,
      "properties": {
        "fixed_bytes": {"$ref": "#/definitions/bytes"},
        "fraction": {"type": "number", "minimum": 0, "maximum": 1},
        "source": {"type": "string"}
      }
    },
    "context": {
      "type": "object",
      "required": ["bytes", "added_when_several_bytes", "band", "source"],
      "additionalProperties": false,
      "properties": {
        "bytes": {"$ref": "#/definitions/bytes"},
        "added_when_several_bytes": {"$ref": "#/definitions/bytes"},
        "band": {"type": "number", "minimum": 0},
        "source": {"type": "string"}
      }
    },
    "sampler": {
      "type": "object",
      "required": ["bytes_per_logit", "logits_for_chunk", "source"],
      "additionalProperties": false,
      "properties": {
        "bytes_per_logit": {"type": "number", "minimum": 0},
        "logits_for_chunk": {"type": "boolean"},
        "source": {"type": "string"}
      }
    },
    "admission": {
      "type": "object",
      "required": ["max_sequences", "chunk_tokens"],
      "additionalProperties": false,
      "properties": {
        "max_sequences": {"type": "array", "items": {"$ref": "#/definitions/tier"}},
        "chunk_tokens": {"$ref": "#/definitions/count"}
      }
    },
    "kv_block_tokens": {"type": "integer", "minimum": 1},
    "default_kv": {"$ref": "#/definitions/text"},
    "dispatch_tokens": {"$ref": "#/definitions/count"},
    "vocab_multiple": {"type": "integer", "minimum": 1},
    "formats": {"enum": ["any", "gguf", "tensors"]},
    "input_table_on_host": {"type": "boolean"},
    "host_offload": {"type": "boolean"},
    "vision_resident": {"type": "boolean"},
    "note": {"type": "string"}
  },
)";

const std::string_view kRuntimeListSchema = R"(  "type": "object",
  "required": ["schema", "runtimes"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.runtimes.list/1"},
    "runtimes": {"type": "array", "minItems": 1, "items": {
      "type": "object",
      "required": ["id", "name", "version", "as_of", "source", "layouts", "reserve", "context", "sampler",
                   "admission", "kv_block_tokens", "default_kv", "dispatch_tokens", "vocab_multiple",
                   "formats", "input_table_on_host", "host_offload", "vision_resident", "note"],
      "additionalProperties": false,
      "properties": {
        "id": {"$ref": "#/definitions/text"},
        "name": {"$ref": "#/definitions/text"},
        "version": {"type": "string"},
        "as_of": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$"},
        "source": {"$ref": "#/definitions/text"},
        "layouts": {
      "type": "object",
      "required": ["tensor_parallel", "data_parallel_attention", "expert_parallel", "pipeline_parallel",
                   "expert_tensor_mix", "uneven_experts"],
      "additionalProperties": false,
      "properties": {
        "tensor_parallel": {"type": "boolean"},
        "data_parallel_attention": {"type": "boolean"},
        "expert_parallel": {"type": "boolean"},
        "pipeline_parallel": {"type": "boolean"},
        "expert_tensor_mix": {"type": "boolean"},
        "uneven_experts": {"type": "boolean"}
      }
    },
        "reserve": {
      "type": "object",
      "required": ["fixed_bytes", "fraction", "source"],
      "additionalProperties": false,
      "properties": {
        "fixed_bytes": {"$ref": "#/definitions/bytes"},
        "fraction": {"type": "number", "minimum": 0, "maximum": 1},
        "source": {"type": "string"}
      }
    },
        "context": {
      "type": "object",
      "required": ["bytes", "added_when_several_bytes", "band", "source"],
      "additionalProperties": false,
      "properties": {
        "bytes": {"$ref": "#/definitions/bytes"},
        "added_when_several_bytes": {"$ref": "#/definitions/bytes"},
        "band": {"type": "number", "minimum": 0},
        "source": {"type": "string"}
      }
    },
        "sampler": {
      "type": "object",
      "required": ["bytes_per_logit", "logits_for_chunk", "source"],
      "additionalProperties": false,
      "properties": {
        "bytes_per_logit": {"type": "number", "minimum": 0},
        "logits_for_chunk": {"type": "boolean"},
        "source": {"type": "string"}
      }
    },
        "admission": {
      "type": "object",
      "required": ["max_sequences", "chunk_tokens"],
      "additionalProperties": false,
      "properties": {
        "max_sequences": {"type": "array", "items": {"$ref": "#/definitions/tier"}},
        "chunk_tokens": {"$ref": "#/definitions/count"}
      }
    },
        "kv_block_tokens": {"type": "integer", "minimum": 1},
        "default_kv": {"$ref": "#/definitions/text"},
        "dispatch_tokens": {"$ref": "#/definitions/count"},
        "vocab_multiple": {"type": "integer", "minimum": 1},
        "formats": {"enum": ["any", "gguf", "tensors"]},
        "input_table_on_host": {"type": "boolean"},
        "host_offload": {"type": "boolean"},
        "vision_resident": {"type": "boolean"},
        "note": {"type": "string"}
      }
    }}
  },
)";

const std::string_view kRuntimeDefinitions = R"(    "tier": {
      "type": "object",
      "required": ["min_memory_bytes", "sequences"],
      "additionalProperties": false,
      "properties": {
        "min_memory_bytes": {"$ref": "#/definitions/bytes"},
        "sequences": {"type": "integer", "minimum": 1}
      }
    })";

}  // namespace moeplan
