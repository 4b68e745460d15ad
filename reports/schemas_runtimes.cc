// SPDX-License-Identifier: Apache-2.0
#include "reports/schema_texts.h"

namespace moeplan {

const std::string_view kRuntimeSchema = R"(  "type": "object",
  "required": ["schema", "id", "name", "version", "as_of", "source", "layouts", "sharding",
               "reserve", "context", "sampler", "admission", "kv_block_tokens", "default_kv",
               "cache_formats", "kernels", "adapters", "drafts", "flash_choice", "exchange", "exchange_rack", "exchange_across", "dispatch_tokens", "vocab_multiple", "vocab_per_rank",
               "command_line", "formats", "input_table_on_host", "host_offload", "vision_resident",
               "note"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.runtimes/1"},
    "id": {"$ref": "#/definitions/text"},
    "name": {"$ref": "#/definitions/text"},
    "version": {"type": "string"},
    "as_of": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$"},
    "source": {"$ref": "#/definitions/text"},
    "layouts": {"$ref": "#/definitions/layout_rules"},
    "sharding": {"$ref": "#/definitions/sharding"},
    "reserve": {"$ref": "#/definitions/reserve"},
    "context": {"$ref": "#/definitions/context"},
    "sampler": {"$ref": "#/definitions/sampler"},
    "admission": {"$ref": "#/definitions/admission"},
    "kv_block_tokens": {"type": "integer", "minimum": 1},
    "default_kv": {"$ref": "#/definitions/text"},
    "cache_formats": {"type": "array", "items": {"$ref": "#/definitions/text"}},
    "kernels": {"type": "array", "items": {"$ref": "#/definitions/kernel"}},
    "adapters": {"$ref": "#/definitions/adapter_rules"},
    "drafts": {"$ref": "#/definitions/draft_rules"},
    "flash_choice": {"type": "boolean", "description": "it can run without flash attention"},
    "exchange": {"$ref": "#/definitions/text"},
    "exchange_rack": {"$ref": "#/definitions/text"},
    "exchange_across": {"$ref": "#/definitions/text"},
    "dispatch_tokens": {"$ref": "#/definitions/count"},
    "vocab_multiple": {"type": "integer", "minimum": 1},
    "vocab_per_rank": {"type": "boolean"},
    "command_line": {"enum": ["", "llama.cpp", "vllm", "sglang", "trtllm"]},
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
      "required": ["id", "name", "version", "as_of", "source", "layouts", "sharding", "reserve",
                   "context", "sampler", "admission", "kv_block_tokens", "default_kv",
                   "cache_formats", "kernels", "adapters", "drafts", "flash_choice", "exchange", "exchange_rack", "exchange_across", "dispatch_tokens", "vocab_multiple",
                   "vocab_per_rank", "command_line", "formats", "input_table_on_host",
                   "host_offload", "vision_resident", "note"],
      "additionalProperties": false,
      "properties": {
        "id": {"$ref": "#/definitions/text"},
        "name": {"$ref": "#/definitions/text"},
        "version": {"type": "string"},
        "as_of": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$"},
        "source": {"$ref": "#/definitions/text"},
        "layouts": {"$ref": "#/definitions/layout_rules"},
        "sharding": {"$ref": "#/definitions/sharding"},
        "reserve": {"$ref": "#/definitions/reserve"},
        "context": {"$ref": "#/definitions/context"},
        "sampler": {"$ref": "#/definitions/sampler"},
        "admission": {"$ref": "#/definitions/admission"},
        "kv_block_tokens": {"type": "integer", "minimum": 1},
        "default_kv": {"$ref": "#/definitions/text"},
        "cache_formats": {"type": "array", "items": {"$ref": "#/definitions/text"}},
        "kernels": {"type": "array", "items": {"$ref": "#/definitions/kernel"}},
        "adapters": {"$ref": "#/definitions/adapter_rules"},
        "drafts": {"$ref": "#/definitions/draft_rules"},
        "flash_choice": {"type": "boolean", "description": "it can run without flash attention"},
        "exchange": {"$ref": "#/definitions/text"},
        "exchange_rack": {"$ref": "#/definitions/text"},
        "exchange_across": {"$ref": "#/definitions/text"},
        "dispatch_tokens": {"$ref": "#/definitions/count"},
        "vocab_multiple": {"type": "integer", "minimum": 1},
        "vocab_per_rank": {"type": "boolean"},
        "command_line": {"enum": ["", "llama.cpp", "vllm", "sglang", "trtllm"]},
        "formats": {"enum": ["any", "gguf", "tensors"]},
        "input_table_on_host": {"type": "boolean"},
        "host_offload": {"type": "boolean"},
        "vision_resident": {"type": "boolean"},
        "note": {"type": "string"}
      }
    }}
  },
)";

const std::string_view kRuntimeDefinitions = R"(    "adapter_rules": {
      "type": ["object", "null"],
      "description": "how LoRA adapters lie in memory; null: not followed for this engine",
      "required": ["every_module", "whole_head", "saves_modules", "ranks", "format", "source"],
      "additionalProperties": false,
      "properties": {
        "every_module": {"type": "boolean", "description": "room is made for every module unless the modules are named"},
        "whole_head": {"type": "boolean"},
        "saves_modules": {"type": "boolean"},
        "ranks": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        "format": {"$ref": "#/definitions/text"},
        "source": {"$ref": "#/definitions/text"}
      }
    },
    "draft_rules": {
      "type": ["object", "null"],
      "description": "how a draft model runs beside the model; null: not followed for this engine",
      "required": ["every_stage", "own_buffers", "own_cache_format", "with_attention_dp", "tokens", "vocab_slack",
                   "reserve_bytes", "source"],
      "additionalProperties": false,
      "properties": {
        "every_stage": {"type": "boolean"},
        "own_buffers": {"type": "boolean"},
        "own_cache_format": {"type": "boolean"},
        "with_attention_dp": {"type": "boolean"},
        "tokens": {"type": "integer", "minimum": 1},
        "vocab_slack": {"$ref": "#/definitions/count"},
        "reserve_bytes": {"$ref": "#/definitions/bytes"},
        "source": {"$ref": "#/definitions/text"}
      }
    },
    "layout_rules": {
      "type": "object",
      "required": ["tensor_parallel", "data_parallel_attention", "expert_parallel",
                    "pipeline_parallel", "expert_tensor_mix", "uneven_experts",
                    "context_parallel", "sequence_parallel", "partial_attention_dp", "source"],
      "additionalProperties": false,
      "properties": {
        "tensor_parallel": {"type": "boolean"},
        "data_parallel_attention": {"type": "boolean"},
        "expert_parallel": {"type": "boolean"},
        "pipeline_parallel": {"type": "boolean"},
        "expert_tensor_mix": {"type": "boolean"},
        "uneven_experts": {"type": "boolean"},
        "context_parallel": {"type": "boolean"},
        "sequence_parallel": {"type": "boolean"},
        "partial_attention_dp": {"type": "boolean"},
        "source": {"type": "string"}
      }
    },
    "sharding": {
      "type": "object",
      "required": ["stages", "dense", "shared", "head", "source"],
      "additionalProperties": false,
      "properties": {
        "stages": {"enum": ["before_last", "last", "first", "with_head", "equal"]},
        "dense": {"enum": ["attention", "stage"]},
        "shared": {"enum": ["attention", "stage"]},
        "head": {"enum": ["attention", "stage"]},
        "source": {"type": "string"}
      }
    },
    "reserve": {
      "type": "object",
      "required": ["kind", "fixed_bytes", "fraction", "source"],
      "additionalProperties": false,
      "properties": {
        "kind": {"enum": ["total", "static", "free"]},
        "fixed_bytes": {"$ref": "#/definitions/bytes"},
        "fraction": {"type": "number", "minimum": 0, "maximum": 1},
        "auto": {"$ref": "#/definitions/auto_reserve"},
        "source": {"type": "string"}
      }
    },
    "auto_reserve": {
      "type": "object",
      "required": ["fixed_bytes", "per_chunk_token_bytes", "per_rank_bytes",
                    "per_graph_sequence_bytes", "per_graph_sequence_dp_bytes",
                    "more_per_graph_sequence_dp_bytes", "per_prefill_graph_bytes",
                    "latent_prefill_graphs_bytes", "least_bytes", "least_from_bytes", "draft_bytes",
                    "more_from_sequences"],
      "additionalProperties": false,
      "properties": {
        "fixed_bytes": {"$ref": "#/definitions/bytes"},
        "per_chunk_token_bytes": {"$ref": "#/definitions/bytes"},
        "per_rank_bytes": {"$ref": "#/definitions/bytes"},
        "per_graph_sequence_bytes": {"$ref": "#/definitions/bytes"},
        "per_graph_sequence_dp_bytes": {"$ref": "#/definitions/bytes"},
        "more_per_graph_sequence_dp_bytes": {"$ref": "#/definitions/bytes"},
        "per_prefill_graph_bytes": {"$ref": "#/definitions/bytes"},
        "latent_prefill_graphs_bytes": {"$ref": "#/definitions/bytes"},
        "least_bytes": {"$ref": "#/definitions/bytes"},
        "least_from_bytes": {"$ref": "#/definitions/bytes"},
        "draft_bytes": {"$ref": "#/definitions/bytes"},
        "more_from_sequences": {"$ref": "#/definitions/count"}
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
      "required": ["bytes_per_logit", "logits_for_limit", "logits_for_chunk", "source"],
      "additionalProperties": false,
      "properties": {
        "bytes_per_logit": {"type": "number", "minimum": 0},
        "logits_for_limit": {"type": "boolean"},
        "logits_for_chunk": {"type": "boolean"},
        "source": {"type": "string"}
      }
    },
    "admission": {
      "type": "object",
      "required": ["tiers", "source"],
      "additionalProperties": false,
      "properties": {
        "tiers": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/tier"}},
        "source": {"type": "string"}
      }
    },
    "tier": {
      "type": "object",
      "required": ["min_memory_bytes", "sequences", "chunk_tokens", "context_tokens",
                    "graph_sequences", "graph_sequences_wide", "prefill_graphs"],
      "additionalProperties": false,
      "properties": {
        "min_memory_bytes": {"$ref": "#/definitions/bytes"},
        "sequences": {"$ref": "#/definitions/count"},
        "chunk_tokens": {"$ref": "#/definitions/count"},
        "context_tokens": {"$ref": "#/definitions/count"},
        "graph_sequences": {"$ref": "#/definitions/count"},
        "graph_sequences_wide": {"$ref": "#/definitions/count"},
        "prefill_graphs": {"$ref": "#/definitions/count"}
      }
    },
    "kernel": {
      "type": "object",
      "required": ["op", "format", "architecture", "kernel", "source"],
      "additionalProperties": false,
      "properties": {
        "op": {"enum": ["gemm", "moe", "attention", "mla", "dispatch"]},
        "format": {"type": "string"},
        "architecture": {"type": "string"},
        "kernel": {"$ref": "#/definitions/text"},
        "source": {"$ref": "#/definitions/text"}
      }
    })";

}  // namespace moeplan
