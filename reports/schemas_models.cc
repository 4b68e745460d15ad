// SPDX-License-Identifier: Apache-2.0
#include "reports/schema_texts.h"

namespace moeplan {

const std::string_view kModelSchema = R"(  "type": "object",
  "required": ["schema", "id", "name", "aliases", "layers", "hidden", "vocab", "max_context_tokens",
               "attention", "experts", "top_k", "basis", "parameters", "checkpoint", "kv_cache", "flops_per_token",
               "published", "source", "note"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.models/1"},
    "id": {"$ref": "#/definitions/text"},
    "name": {"type": "string"},
    "aliases": {"$ref": "#/definitions/names"},
    "layers": {"type": "integer", "minimum": 1},
    "hidden": {"type": "integer", "minimum": 1},
    "vocab": {"type": "integer", "minimum": 1},
    "max_context_tokens": {"$ref": "#/definitions/count"},
    "attention": {"$ref": "#/definitions/text"},
    "experts": {"$ref": "#/definitions/count"},
    "top_k": {"$ref": "#/definitions/count"},
    "basis": {"enum": ["published", "closed form", "rumour", "solved"]},
    "parameters": {"$ref": "#/definitions/parameters"},
    "checkpoint": {"$ref": "#/definitions/checkpoint"},
    "kv_cache": {"$ref": "#/definitions/kv_cache"},
    "flops_per_token": {"$ref": "#/definitions/flops_per_token"},
    "published": {"type": "array", "items": {"$ref": "#/definitions/published"}},
    "source": {"type": "string"},
    "note": {"type": "string"}
  },
)";

const std::string_view kModelListSchema = R"(  "type": "object",
  "required": ["schema", "models"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.models.list/1"},
    "models": {"type": "array", "minItems": 1, "items": {
      "type": "object",
      "required": ["id", "name", "aliases", "layers", "hidden", "vocab", "max_context_tokens", "attention",
                   "experts", "top_k", "basis", "total_parameters", "active_parameters"],
      "additionalProperties": false,
      "properties": {
        "id": {"$ref": "#/definitions/text"},
        "name": {"type": "string"},
        "aliases": {"$ref": "#/definitions/names"},
        "layers": {"type": "integer", "minimum": 1},
        "hidden": {"type": "integer", "minimum": 1},
        "vocab": {"type": "integer", "minimum": 1},
        "max_context_tokens": {"$ref": "#/definitions/count"},
        "attention": {"$ref": "#/definitions/text"},
        "experts": {"$ref": "#/definitions/count"},
        "top_k": {"$ref": "#/definitions/count"},
        "basis": {"enum": ["published", "closed form", "rumour", "solved"]},
        "total_parameters": {"$ref": "#/definitions/count"},
        "active_parameters": {"$ref": "#/definitions/count"}
      }
    }}
  },
)";

const std::string_view kModelTensorsSchema = R"(  "type": "object",
  "required": ["schema", "checkpoint"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.models.tensors/1"},
    "checkpoint": {
      "type": "object",
      "required": ["bytes", "bytes_by_kind", "file", "label", "files", "tensors", "file_bytes", "types", "layers",
                   "unplaced"],
      "additionalProperties": false,
      "properties": {
        "bytes": {"$ref": "#/definitions/bytes"},
        "bytes_by_kind": {"$ref": "#/definitions/bytes_by_kind"},
        "file": {"type": "string"},
        "label": {"type": "string"},
        "files": {"type": "integer", "minimum": 0},
        "tensors": {"$ref": "#/definitions/count"},
        "file_bytes": {"type": ["integer", "null"]},
        "types": {"type": "array", "items": {"$ref": "#/definitions/stored_type"}},
        "layers": {"type": "array", "items": {"$ref": "#/definitions/stored_layer"}},
        "unplaced": {"$ref": "#/definitions/unplaced"}
      }
    }
  },
)";

const std::string_view kModelDiffSchema = R"(  "type": "object",
  "required": ["schema", "a", "b", "fields"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.models.diff/1"},
    "a": {"$ref": "#/definitions/text"},
    "b": {"$ref": "#/definitions/text"},
    "fields": {"type": "array", "minItems": 1, "items": {
      "type": "object",
      "required": ["field", "a", "b", "differs"],
      "additionalProperties": false,
      "properties": {
        "field": {"type": "string", "minLength": 1, "description": "path of a figure in the document of models show, with its unit (checkpoint.bytes), or of a field of the model file"},
        "a": {"type": ["string", "integer", "number", "boolean", "null"], "description": "figures are numbers in base units; null: the model has no such field"},
        "b": {"type": ["string", "integer", "number", "boolean", "null"]},
        "differs": {"type": "boolean"}
      }
    }}
  },
)";

const std::string_view kModelDefinitions = R"(    "parameters": {
      "type": "object",
      "required": ["total", "active", "active_convention", "active_no_embedding", "active_no_embedding_head",
                   "total_with_mtp", "by_part"],
      "additionalProperties": false,
      "properties": {
        "total": {"$ref": "#/definitions/count"},
        "active": {"$ref": "#/definitions/count"},
        "active_convention": {"enum": ["one token", "one encoder plus one decoder token"]},
        "active_no_embedding": {"$ref": "#/definitions/count"},
        "active_no_embedding_head": {"$ref": "#/definitions/count"},
        "total_with_mtp": {"$ref": "#/definitions/count"},
        "by_part": {
          "type": "object",
          "required": ["attention", "router", "routed_experts", "shared_experts", "dense_ffn", "embedding",
                       "head", "norms", "mtp", "indexer", "vision", "state"],
          "additionalProperties": false,
          "properties": {
            "attention": {"$ref": "#/definitions/count"},
            "router": {"$ref": "#/definitions/count"},
            "routed_experts": {"$ref": "#/definitions/count"},
            "shared_experts": {"$ref": "#/definitions/count"},
            "dense_ffn": {"$ref": "#/definitions/count"},
            "embedding": {"$ref": "#/definitions/count"},
            "head": {"$ref": "#/definitions/count"},
            "norms": {"$ref": "#/definitions/count"},
            "mtp": {"$ref": "#/definitions/count"},
            "indexer": {"$ref": "#/definitions/count"},
            "vision": {"$ref": "#/definitions/count"},
            "state": {"$ref": "#/definitions/count"}
          }
        }
      }
    },
    "checkpoint": {
      "type": "object",
      "required": ["elements", "bytes", "low_bytes", "high_bytes", "format", "weights", "bytes_by_kind"],
      "additionalProperties": false,
      "properties": {
        "elements": {"$ref": "#/definitions/count"},
        "bytes": {"$ref": "#/definitions/bytes"},
        "low_bytes": {"$ref": "#/definitions/bytes"},
        "high_bytes": {"$ref": "#/definitions/bytes"},
        "format": {"$ref": "#/definitions/text"},
        "weights": {"$ref": "#/definitions/text"},
        "bytes_by_kind": {"$ref": "#/definitions/bytes_by_kind"},
        "file": {"type": "string", "description": "present, with all that follow, where the weights are a file's"},
        "label": {"type": "string"},
        "files": {"type": "integer", "minimum": 0},
        "tensors": {"$ref": "#/definitions/count"},
        "file_bytes": {"type": ["integer", "null"], "description": "with headers; null: not known"},
        "types": {"type": "array", "items": {"$ref": "#/definitions/stored_type"}},
        "layers": {"type": "array", "items": {"$ref": "#/definitions/stored_layer"}},
        "unplaced": {"$ref": "#/definitions/unplaced"}
      }
    },
)"
                                           R"(    "bytes_by_kind": {
      "type": "object",
      "patternProperties": {
        "^weights\\.(attention|router|experts|shared|dense|embedding|head|norm|mtp|indexer|vision|state)$": {"$ref": "#/definitions/bytes"}
      },
      "additionalProperties": false
    },
    "stored_type": {
      "type": "object",
      "required": ["type", "tensors", "bytes"],
      "additionalProperties": false,
      "properties": {
        "type": {"$ref": "#/definitions/text"},
        "tensors": {"$ref": "#/definitions/count"},
        "bytes": {"$ref": "#/definitions/bytes"}
      }
    },
    "stored_layer": {
      "type": "object",
      "required": ["stack", "layer", "bytes", "bytes_by_kind"],
      "additionalProperties": false,
      "properties": {
        "stack": {"enum": ["encoder", "decoder"]},
        "layer": {"type": ["integer", "null"], "description": "null: outside the layers; past the last: multi-token prediction"},
        "bytes": {"$ref": "#/definitions/bytes"},
        "bytes_by_kind": {"$ref": "#/definitions/bytes_by_kind"}
      }
    },
    "unplaced": {
      "type": "object",
      "description": "tensors that neither names nor the config explain; their bytes are counted",
      "required": ["tensors", "bytes", "examples"],
      "additionalProperties": false,
      "properties": {
        "tensors": {"$ref": "#/definitions/count"},
        "bytes": {"$ref": "#/definitions/bytes"},
        "examples": {"type": "array", "items": {"type": "string"}}
      }
    },
    "kv_cache": {
      "type": "object",
      "required": ["format", "context_tokens", "batch", "bytes_per_token", "marginal_bytes_per_token",
                   "bytes_at_context", "state_bytes", "layers"],
      "additionalProperties": false,
      "properties": {
        "format": {"$ref": "#/definitions/text"},
        "context_tokens": {"$ref": "#/definitions/count"},
        "batch": {"type": "integer", "minimum": 1},
        "bytes_per_token": {"$ref": "#/definitions/bytes"},
        "marginal_bytes_per_token": {"$ref": "#/definitions/bytes"},
        "bytes_at_context": {"$ref": "#/definitions/bytes"},
        "state_bytes": {"type": "integer", "minimum": 0, "description": "recurrent state of one sequence"},
        "layers": {"type": "array", "items": {"$ref": "#/definitions/cache_layer"}}
      }
    },
    "cache_layer": {
      "type": "object",
      "required": ["kind", "count", "bytes_per_token", "window"],
      "additionalProperties": false,
      "properties": {
        "kind": {"enum": ["full", "window", "chunk", "latent", "indexer", "cross"]},
        "count": {"type": "integer", "minimum": 1},
        "bytes_per_token": {"$ref": "#/definitions/bytes"},
        "window": {"type": ["integer", "null"], "minimum": 1}
      }
    },
    "flops_per_token": {
      "type": "object",
      "required": ["weights", "decode_attention", "decode_total", "prefill_attention_mean",
                   "prefill_mean_total"],
      "additionalProperties": false,
      "properties": {
        "weights": {"type": "number", "minimum": 0},
        "decode_attention": {"type": "number", "minimum": 0},
        "decode_total": {"type": "number", "minimum": 0},
        "prefill_attention_mean": {"type": "number", "minimum": 0},
        "prefill_mean_total": {"type": "number", "minimum": 0}
      }
    },
    "published": {
      "type": "object",
      "required": ["quantity", "value", "tolerance", "source", "ours", "agrees"],
      "additionalProperties": false,
      "properties": {
        "quantity": {"$ref": "#/definitions/text"},
        "value": {"$ref": "#/definitions/count"},
        "tolerance": {"type": "number", "minimum": 0},
        "source": {"$ref": "#/definitions/text"},
        "ours": {"type": ["integer", "null"], "minimum": 0},
        "agrees": {"type": "boolean"}
      }
    })";

}  // namespace moeplan
