// SPDX-License-Identifier: Apache-2.0
#include "reports/schemas.h"

#include <array>

namespace moeplan {
namespace {

constexpr std::string_view kFit = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "moeplan.fit/1",
  "title": "moeplan fit --json",
  "type": "object",
  "required": ["schema", "verdict", "margin_bytes", "limiting", "model", "hardware", "layout", "runtime", "weights",
               "kv", "context_tokens", "sequences", "devices", "headroom", "solutions"],
  "properties": {
    "schema": {"const": "moeplan.fit/1"},
    "verdict": {"enum": ["yes", "no", "tight", "unknown"]},
    "margin_bytes": {"type": "integer", "description": "budget minus total of the tightest device; negative: short by"},
    "uncertainty_bytes": {"type": "integer", "minimum": 0},
    "limiting": {"type": "string", "description": "kind of the largest line of the tightest device"},
    "model": {
      "type": "object",
      "required": ["id", "total_parameters", "active_parameters", "experts", "top_k", "max_context_tokens"],
      "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "total_parameters": {"type": "integer"},
        "active_parameters": {"type": "integer"},
        "experts": {"type": "integer"},
        "top_k": {"type": "integer"},
        "max_context_tokens": {"type": "integer"}
      }
    },
    "hardware": {
      "type": "object",
      "required": ["id", "device", "gpus", "visible_bytes", "capacity_bytes", "reserve_bytes", "budget_bytes"],
      "properties": {
        "id": {"type": "string"},
        "device": {"type": "string"},
        "gpus": {"type": "integer", "minimum": 1},
        "visible_bytes": {"type": "integer"},
        "unallocatable_bytes": {"type": "integer"},
        "capacity_bytes": {"type": "integer"},
        "reserve_bytes": {"type": "integer", "minimum": 0},
        "budget_bytes": {"type": "integer"},
        "host_bytes": {"type": ["integer", "null"]},
        "host_is_device": {"type": "boolean"}
      }
    },
    "layout": {
      "type": "object",
      "required": ["text", "gpus", "tp", "dp", "moe_tp", "ep", "pp", "replicas"],
      "properties": {"text": {"type": "string"}},
      "additionalProperties": {"type": "integer", "minimum": 1}
    },
    "runtime": {"type": "string"},
    "runtime_version": {"type": "string"},
    "weights": {"type": "string"},
    "kv": {"type": "string"},
    "context_tokens": {"type": "integer", "minimum": 1},
    "sequences": {"type": "integer", "minimum": 1, "description": "of each replica"},
    "devices": {
      "type": "array",
      "minItems": 1,
      "items": {
        "type": "object",
        "required": ["id", "count", "budget_bytes", "total_bytes", "low_bytes", "high_bytes", "margin_bytes", "items"],
        "properties": {
          "id": {"type": "string", "description": "devices that hold the same: gpu0, gpu0-7; gpu0-7 x 2 replicas; stages 1-3, ranks with 4 experts, counted from 0"},
          "count": {"type": "integer", "minimum": 1, "description": "over all replicas: counts sum to layout.gpus"},
          "budget_bytes": {"type": "integer"},
          "total_bytes": {"type": "integer", "description": "the sum of items[].bytes"},
          "low_bytes": {"type": "integer"},
          "high_bytes": {"type": "integer"},
          "margin_bytes": {"type": "integer"},
          "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
          "host_total_bytes": {"type": "integer"},
          "host_items": {"type": "array", "items": {"$ref": "#/$defs/item"}}
        }
      }
    },
    "host_bytes": {"type": "integer", "description": "weights in host memory, over the replica"},
    "host_short": {"type": "boolean"},
    "headroom": {
      "type": "object",
      "required": ["max_context_tokens", "max_sequences", "cache_bytes"],
      "properties": {
        "max_context_tokens": {"type": ["integer", "null"], "minimum": 0, "description": "null: not even an empty context fits"},
        "context_at_model_limit": {"type": "boolean"},
        "max_sequences": {"type": ["integer", "null"], "minimum": 0, "description": "of each replica; null: not even without sequences does it fit"},
        "admission_limit": {"type": ["integer", "null"]},
        "cache_bytes": {"type": "integer", "description": "room for kv cache and state on the tightest device: budget minus everything else, negative when the rest alone is too large"}
      }
    },
    "solutions": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["change", "fits", "device_bytes", "host_bytes", "decode_tokens_per_s", "flags"],
        "properties": {
          "change": {"type": "string"},
          "fits": {"type": "boolean"},
          "verdict": {"enum": ["yes", "no", "tight", "unknown"]},
          "device_bytes": {"type": "integer"},
          "host_bytes": {"type": "integer"},
          "gpus": {"type": "integer"},
          "decode_tokens_per_s": {"type": ["object", "null"]},
          "flags": {"type": "string"}
        }
      }
    },
    "flags": {"type": "string"},
    "assumptions": {"type": "array", "items": {"type": "string"}}
  },
  "$defs": {
    "item": {
      "type": "object",
      "required": ["kind", "bytes", "low_bytes", "high_bytes", "basis", "formula"],
      "properties": {
        "kind": {"type": "string"},
        "bytes": {"type": "integer"},
        "low_bytes": {"type": "integer"},
        "high_bytes": {"type": "integer"},
        "basis": {"type": "string"},
        "formula": {"type": "string"},
        "source": {"type": "string"},
        "place": {"const": "host"},
        "terms": {
          "type": "array",
          "items": {
            "type": "object",
            "required": ["name", "bytes", "formula"],
            "properties": {"name": {"type": "string"}, "bytes": {"type": "integer"}, "formula": {"type": "string"}}
          }
        }
      }
    }
  }
}
)";

constexpr std::string_view kModels = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "moeplan.models/1",
  "title": "moeplan models show --json",
  "type": "object",
  "required": ["schema", "id", "parameters", "checkpoint", "kv_cache", "flops_per_token"],
  "properties": {
    "schema": {"const": "moeplan.models/1"},
    "id": {"type": "string"},
    "layers": {"type": "integer"},
    "experts": {"type": "integer"},
    "top_k": {"type": "integer"},
    "parameters": {
      "type": "object",
      "required": ["total", "active", "active_no_embedding", "active_no_embedding_head", "total_with_mtp", "by_part"],
      "properties": {
        "total": {"type": "integer"},
        "active": {"type": "integer"},
        "active_convention": {"enum": ["one token", "one encoder plus one decoder token"]},
        "active_no_embedding": {"type": "integer"},
        "active_no_embedding_head": {"type": "integer"},
        "total_with_mtp": {"type": "integer"},
        "by_part": {"type": "object", "additionalProperties": {"type": "integer"}}
      }
    },
    "checkpoint": {
      "type": "object",
      "required": ["elements", "bytes", "format"],
      "properties": {"elements": {"type": "integer"}, "bytes": {"type": "integer"}, "format": {"type": "string"}}
    },
    "kv_cache": {
      "type": "object",
      "required": ["bytes_per_token", "marginal_bytes_per_token", "bytes_at_context", "state_bytes", "layers"],
      "properties": {
        "bytes_per_token": {"type": "integer"},
        "marginal_bytes_per_token": {"type": "integer"},
        "bytes_at_context": {"type": "integer"},
        "state_bytes": {"type": "integer", "description": "recurrent state of one sequence"},
        "layers": {
          "type": "array",
          "items": {
            "type": "object",
            "required": ["kind", "count", "bytes_per_token", "window"],
            "properties": {
              "kind": {"type": "string"},
              "count": {"type": "integer"},
              "bytes_per_token": {"type": "integer"},
              "window": {"type": ["integer", "null"]}
            }
          }
        }
      }
    },
    "flops_per_token": {
      "type": "object",
      "required": ["weights", "decode_attention", "decode_total", "prefill_mean_total"],
      "additionalProperties": {"type": "number"}
    }
  }
}
)";

constexpr std::array<Schema, 2> kSchemas = {{{"fit", kFit}, {"models", kModels}}};

}  // namespace

std::span<const Schema> all_schemas() { return kSchemas; }

}  // namespace moeplan
