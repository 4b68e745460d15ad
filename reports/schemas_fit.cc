// SPDX-License-Identifier: Apache-2.0
#include "reports/schema_texts.h"

namespace moeplan {

const std::string_view kFitSchema = R"(  "type": "object",
  "required": ["schema", "verdict", "probability_fits", "margin_bytes", "uncertainty_bytes", "limiting", "model", "hardware",
               "layout", "runtime", "runtime_version", "weights", "kv", "context_tokens", "sequences", "imbalance", "lora", "draft", "flash_attention",
               "devices", "host_bytes", "ssd_bytes", "host_short", "headroom", "decode_tokens_per_s",
               "solutions", "flags", "assumptions"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.fit/1"},
    "verdict": {"$ref": "#/definitions/verdict"},
    "probability_fits": {"$ref": "#/definitions/probability"},
    "margin_bytes": {"type": "integer", "description": "budget minus total of the tightest device; negative: short by"},
    "uncertainty_bytes": {"$ref": "#/definitions/bytes"},
    "limiting": {"type": "string", "description": "kind of the largest line of the tightest device, or host memory"},
    "model": {
      "type": "object",
      "required": ["id", "name", "total_parameters", "active_parameters", "experts", "top_k",
                   "max_context_tokens"],
      "additionalProperties": false,
      "properties": {
        "id": {"$ref": "#/definitions/text"},
        "name": {"type": "string"},
        "total_parameters": {"$ref": "#/definitions/count"},
        "active_parameters": {"$ref": "#/definitions/count"},
        "experts": {"$ref": "#/definitions/count"},
        "top_k": {"$ref": "#/definitions/count"},
        "max_context_tokens": {"$ref": "#/definitions/count"}
      }
    },
    "hardware": {
      "type": "object",
      "required": ["id", "device", "gpus", "visible_bytes", "unallocatable_bytes", "capacity_bytes",
                   "reserve_bytes", "budget_bytes", "host_bytes", "ssd_bytes", "host_is_device"],
      "additionalProperties": false,
      "properties": {
        "id": {"type": "string"},
        "device": {"type": "string", "description": "where devices differ, the smallest; devices[].device names each"},
        "gpus": {"type": "integer", "minimum": 1},
        "visible_bytes": {"$ref": "#/definitions/bytes"},
        "unallocatable_bytes": {"$ref": "#/definitions/bytes"},
        "capacity_bytes": {"$ref": "#/definitions/bytes"},
        "reserve_bytes": {"$ref": "#/definitions/bytes"},
        "budget_bytes": {"$ref": "#/definitions/bytes"},
        "host_bytes": {"type": ["integer", "null"], "minimum": 0},
        "ssd_bytes": {"type": ["integer", "null"], "minimum": 0},
        "host_is_device": {"type": "boolean"}
      }
    },
    "layout": {"$ref": "#/definitions/layout"},
    "runtime": {"$ref": "#/definitions/text"},
    "runtime_version": {"type": "string"},
    "set": {"type": "array", "minItems": 1, "description": "fields that --set replaced", "items": {
      "type": "object", "required": ["path", "value"], "additionalProperties": false,
      "properties": {"path": {"type": "string"}, "value": {"type": "string"}}
    }},
    "weights": {"$ref": "#/definitions/text"},
    "kv": {"$ref": "#/definitions/text"},
    "context_tokens": {"type": "integer", "minimum": 1},
    "sequences": {"type": "integer", "minimum": 1, "description": "of each replica"},
    "imbalance": {"type": "number", "minimum": 1, "description": "routed rows of the busiest rank over the mean"},
    "lora": {
      "type": ["object", "null"],
      "description": "adapters beside the weights, as the engine makes room for them; null: none",
      "required": ["rank", "slots", "fully_sharded", "parameters", "targets"],
      "additionalProperties": false,
      "properties": {
        "rank": {"type": "integer", "minimum": 1},
        "slots": {"type": "integer", "minimum": 1},
        "fully_sharded": {"type": "boolean"},
        "parameters": {"type": "integer", "minimum": 0, "description": "of one adapter over the whole model, at this rank"},
        "targets": {"$ref": "#/definitions/names"}
      }
    },
    "draft": {
      "type": ["object", "null"],
      "description": "the draft model of speculative decoding; null: none",
      "required": ["model", "weights", "total_parameters", "tokens"],
      "additionalProperties": false,
      "properties": {
        "model": {"$ref": "#/definitions/text"},
        "weights": {"$ref": "#/definitions/text"},
        "total_parameters": {"$ref": "#/definitions/count"},
        "tokens": {"type": "integer", "minimum": 1, "description": "drafted in a row"}
      }
    },
    "flash_attention": {"type": "boolean", "description": "false: attention scores lie in memory"},
    "devices": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/device"}},
    "host_bytes": {"type": "integer", "minimum": 0, "description": "weights in host memory, over all replicas"},
    "ssd_bytes": {"type": "integer", "minimum": 0, "description": "weights beyond host memory, read from SSD when used"},
    "host_short": {"type": "boolean"},
    "headroom": {"$ref": "#/definitions/headroom"},
    "decode_tokens_per_s": {"$ref": "#/definitions/speed"},
    "solutions": {"type": "array", "items": {"$ref": "#/definitions/solution"}},
    "budget": {"type": "array", "items": {"$ref": "#/definitions/budget_row"}, "description": "with --budget-gpus: finest weights first"},
    "flags": {"type": "string"},
    "assumptions": {"$ref": "#/definitions/names"}
  },
)";

const std::string_view kFitListSchema = R"(  "type": "object",
  "required": ["schema", "hardware", "device", "gpus", "capacity_bytes", "host_bytes", "runtime", "runtime_version",
               "context_tokens", "sequences", "models_known", "models_running", "rule", "rows", "rows_left_out"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.fit.list/1"},
    "hardware": {"type": "string"},
    "device": {"type": "string"},
    "gpus": {"type": "integer", "minimum": 1},
    "capacity_bytes": {"$ref": "#/definitions/bytes"},
    "host_bytes": {"type": ["integer", "null"], "minimum": 0},
    "runtime": {"$ref": "#/definitions/text"},
    "runtime_version": {"type": "string"},
    "set": {"type": "array", "minItems": 1, "description": "fields that --set replaced", "items": {
      "type": "object", "required": ["path", "value"], "additionalProperties": false,
      "properties": {"path": {"type": "string"}, "value": {"type": "string"}}
    }},
    "context_tokens": {"type": "integer", "minimum": 1, "description": "of each sequence, or the model's maximum where that is smaller and none was asked for"},
    "sequences": {"type": "integer", "minimum": 1},
    "models_known": {"$ref": "#/definitions/count"},
    "models_running": {"$ref": "#/definitions/count"},
    "rule": {"type": "string", "description": "how the rows are ranked"},
    "rows": {"type": "array", "items": {"$ref": "#/definitions/runnable"}},
    "rows_left_out": {"$ref": "#/definitions/count"}
  },
)";

const std::string_view kFitDefinitions = R"(    "runnable": {
      "type": "object",
      "required": ["model", "total_parameters", "active_parameters", "weights", "bits_per_weight", "verdict",
                   "probability_fits", "device_bytes", "host_bytes", "margin_bytes", "host_expert_layers", "max_context_tokens", "layout",
                   "decode_tokens_per_s"],
      "additionalProperties": false,
      "properties": {
        "model": {"$ref": "#/definitions/text"},
        "total_parameters": {"$ref": "#/definitions/count"},
        "active_parameters": {"$ref": "#/definitions/count"},
        "weights": {"$ref": "#/definitions/text"},
        "bits_per_weight": {"type": "number", "minimum": 0},
        "verdict": {"enum": ["yes", "tight"]},
        "probability_fits": {"$ref": "#/definitions/probability"},
        "device_bytes": {"$ref": "#/definitions/bytes"},
        "host_bytes": {"$ref": "#/definitions/bytes"},
        "margin_bytes": {"$ref": "#/definitions/difference_of_bytes"},
        "host_expert_layers": {"$ref": "#/definitions/count"},
        "max_context_tokens": {"$ref": "#/definitions/count"},
        "layout": {"$ref": "#/definitions/layout"},
        "decode_tokens_per_s": {"$ref": "#/definitions/speed"}
      }
    },
    "verdict": {"enum": ["yes", "no", "tight", "unknown"]},
    "probability": {
      "type": "number", "minimum": 0, "maximum": 1,
      "description": "that the total is at most the budget: every low..high is an 80 % interval; below 0.5 is no, from 0.9 on is yes; 0 or 1 where nothing is estimated"
    },
    "layout": {
      "type": "object",
      "required": ["text", "gpus", "tp", "dp", "cp", "sp", "moe_tp", "ep", "pp", "replicas"],
      "additionalProperties": false,
      "properties": {
        "text": {"$ref": "#/definitions/text"},
        "gpus": {"type": "integer", "minimum": 1},
        "tp": {"type": "integer", "minimum": 1},
        "dp": {"type": "integer", "minimum": 1},
        "cp": {"type": "integer", "minimum": 1},
        "sp": {"type": "boolean"},
        "moe_tp": {"type": "integer", "minimum": 1},
        "ep": {"type": "integer", "minimum": 1},
        "pp": {"type": "integer", "minimum": 1},
        "replicas": {"type": "integer", "minimum": 1},
        "redundant_experts": {"type": "integer", "minimum": 1}
      }
    },
    "budget_row": {
      "type": "object",
      "required": ["weights", "layout", "verdict", "probability_fits", "max_context_tokens", "max_sequences",
                   "decode_tokens_per_s"],
      "additionalProperties": false,
      "properties": {
        "weights": {"$ref": "#/definitions/text"},
        "layout": {"$ref": "#/definitions/layout"},
        "verdict": {"$ref": "#/definitions/verdict"},
        "probability_fits": {"$ref": "#/definitions/probability"},
        "max_context_tokens": {"type": ["integer", "null"], "minimum": 0, "description": "of one sequence on each data-parallel rank"},
        "max_sequences": {"type": ["integer", "null"], "minimum": 0, "description": "of the asked context"},
        "decode_tokens_per_s": {"$ref": "#/definitions/speed"}
      }
    },
    "kind": {
      "type": "string",
      "pattern": "^(weights\\.(attention|router|experts|shared|dense|embedding|head|norm|mtp|indexer|vision|state|lora)|draft\\.(weights|kv|state|activation|workspace|comm|padding)|kv|state|activation|workspace|comm|runtime|padding|gradient|optimizer)$"
    },
    "term": {
      "type": "object",
      "required": ["name", "bytes", "formula"],
      "additionalProperties": false,
      "properties": {
        "name": {"$ref": "#/definitions/text"},
        "bytes": {"$ref": "#/definitions/bytes"},
        "formula": {"type": "string"}
      }
    },
    "item": {
      "type": "object",
      "required": ["kind", "bytes", "low_bytes", "high_bytes", "basis", "formula"],
      "additionalProperties": false,
      "properties": {
        "kind": {"$ref": "#/definitions/kind"},
        "bytes": {"$ref": "#/definitions/bytes"},
        "low_bytes": {"$ref": "#/definitions/bytes"},
        "high_bytes": {"$ref": "#/definitions/bytes"},
        "basis": {"$ref": "#/definitions/text"},
        "formula": {"type": "string"},
        "source": {"$ref": "#/definitions/text"},
        "place": {"enum": ["host", "ssd"]},
        "terms": {"type": "array", "items": {"$ref": "#/definitions/term"}}
      }
    },
    "device": {
      "type": "object",
      "required": ["id", "device", "count", "budget_bytes", "total_bytes", "low_bytes", "high_bytes", "margin_bytes",
                   "items"],
      "additionalProperties": false,
      "properties": {
        "id": {"type": "string", "minLength": 1, "description": "devices that hold the same: gpu0, gpu0-7; gpu0-7 x 2 replicas; stages 1-3, ranks with 4 experts, counted from 0"},
        "device": {"type": "string", "description": "profile; empty for a bare --memory"},
        "count": {"type": "integer", "minimum": 1, "description": "over all replicas: counts sum to layout.gpus"},
        "budget_bytes": {"$ref": "#/definitions/bytes"},
        "total_bytes": {"type": "integer", "minimum": 0, "description": "the sum of items[].bytes"},
        "low_bytes": {"$ref": "#/definitions/bytes"},
        "high_bytes": {"$ref": "#/definitions/bytes"},
        "margin_bytes": {"$ref": "#/definitions/difference_of_bytes"},
        "items": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/item"}},
        "host_total_bytes": {"$ref": "#/definitions/bytes"},
        "host_items": {"type": "array", "items": {"$ref": "#/definitions/item"}},
        "ssd_total_bytes": {"$ref": "#/definitions/bytes"},
        "ssd_items": {"type": "array", "items": {"$ref": "#/definitions/item"}}
      }
    },
    "headroom": {
      "type": "object",
      "required": ["max_context_tokens", "context_at_model_limit", "max_sequences", "admission_limit",
                   "cache_bytes"],
      "additionalProperties": false,
      "properties": {
        "max_context_tokens": {"type": ["integer", "null"], "minimum": 0, "description": "null: not even an empty context fits"},
        "context_at_model_limit": {"type": "boolean"},
        "max_sequences": {"type": ["integer", "null"], "minimum": 0, "description": "of each replica; null: not even without sequences does it fit"},
        "admission_limit": {"type": ["integer", "null"], "minimum": 0},
        "cache_bytes": {"type": "integer", "description": "room for kv cache and state on the tightest device: budget minus everything else, negative when the rest alone is too large"}
      }
    },
    "speed": {
      "type": ["object", "null"],
      "description": "tokens per second of the whole deployment, at most: the bytes a decode step touches over the bandwidth of the memory they lie in; null where a bandwidth is not known",
      "required": ["value", "low", "high", "device_bytes_per_step", "host_bytes_per_step", "ssd_bytes_per_step", "basis"],
      "additionalProperties": false,
      "properties": {
        "value": {"type": "number", "minimum": 0, "description": "at the effective bandwidth, else the peak"},
        "low": {"type": "number", "minimum": 0, "description": "at a fifth of it: published single-stream runs reached 0.24 to 0.78; where experts are paged, with those of the host read from SSD too"},
        "high": {"type": "number", "minimum": 0, "description": "at the peak"},
        "device_bytes_per_step": {"type": "integer", "minimum": 0, "description": "read in a decode step of one replica: of the slowest rank of every stage; of experts only those routed to"},
        "host_bytes_per_step": {"type": "integer", "minimum": 0, "description": "over all ranks"},
        "ssd_bytes_per_step": {"type": "integer", "minimum": 0, "description": "over all ranks"},
        "basis": {"const": "bandwidth bound"}
      }
    },
    "solution": {
      "type": "object",
      "required": ["change", "fits", "verdict", "probability_fits", "device_bytes", "host_bytes", "gpus", "decode_tokens_per_s",
                   "flags"],
      "additionalProperties": false,
      "properties": {
        "change": {"$ref": "#/definitions/text"},
        "fits": {"type": "boolean"},
        "verdict": {"$ref": "#/definitions/verdict"},
        "probability_fits": {"$ref": "#/definitions/probability"},
        "device_bytes": {"$ref": "#/definitions/bytes"},
        "host_bytes": {"$ref": "#/definitions/bytes"},
        "gpus": {"type": "integer", "minimum": 1},
        "decode_tokens_per_s": {"$ref": "#/definitions/speed"},
        "flags": {"type": "string"}
      }
    })";

}  // namespace moeplan
