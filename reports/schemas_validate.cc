// SPDX-License-Identifier: Apache-2.0
#include "reports/schema_texts.h"

namespace moeplan {

const std::string_view kValidateSchema = R"(  "type": "object",
  "required": ["schema", "how", "sets", "pools", "singletons", "regimes", "overall",
               "refused_rows", "bad_rows"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.validate/1"},
    "how": {"$ref": "#/definitions/text"},
    "sets": {"type": "array", "items": {"$ref": "#/definitions/set"}},
    "pools": {"type": "array", "items": {"$ref": "#/definitions/pool"}},
    "singletons": {"type": "array", "items": {"$ref": "#/definitions/pool"}},
    "regimes": {
      "type": "array",
      "items": {"$ref": "#/definitions/regime_pool"},
      "description": "sets of the pools by format and size, over all stacks and kernels"
    },
    "values": {
      "description": "with --by: rows of each value of the column, predicted by the other values",
      "type": "array", "items": {
      "type": "object",
      "required": ["file", "family", "gpu", "stack", "kernel", "format", "left_out", "n", "mape", "median_ape",
                   "p90_ape", "bias", "within_15_percent"],
      "additionalProperties": false,
      "properties": {
        "file": {"$ref": "#/definitions/text"},
        "family": {"type": "string"},
        "gpu": {"type": "string"},
        "stack": {"type": "string"},
        "kernel": {"type": "string"},
        "format": {"type": "string"},
        "left_out": {"type": "string", "description": "column=value"},
        "n": {"$ref": "#/definitions/count"},
        "mape": {"type": "number"},
        "median_ape": {"type": "number"},
        "p90_ape": {"type": "number"},
        "bias": {"type": "number", "description": "median logarithm of predicted over measured"},
        "within_15_percent": {"type": "number", "minimum": 0, "maximum": 1, "description": "share of the rows"}
      }
    }},
    "overall": {
      "type": "object",
      "required": ["n", "mape", "median_ape", "p90_ape", "bias"],
      "additionalProperties": false,
      "properties": {
        "n": {"$ref": "#/definitions/count"},
        "mape": {"type": "number"},
        "median_ape": {"type": "number"},
        "p90_ape": {"type": "number"},
        "bias": {"type": "number", "description": "median logarithm of predicted over measured"}
      }
    },
    "refused_rows": {"$ref": "#/definitions/count"},
    "bad_rows": {"$ref": "#/definitions/count"}
  },
)";

const std::string_view kValidateE2eSchema = R"(  "type": "object",
  "required": ["schema", "how", "sets", "overall", "refused", "worst", "layouts"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.validate.runs/1"},
    "how": {"$ref": "#/definitions/text"},
    "sets": {"type": "array", "items": {
      "type": "object",
      "required": ["file", "group", "n", "mape", "median_ape", "p90_ape", "bias", "factor"],
      "additionalProperties": false,
      "properties": {
        "file": {"$ref": "#/definitions/text"},
        "group": {
          "type": "object",
          "description": "empty: all of them",
          "required": ["phase", "device_class", "regime"],
          "additionalProperties": false,
          "properties": {
            "phase": {"type": "string"},
            "device_class": {"type": "string"},
            "regime": {"type": "string"}
          }
        },
        "n": {"$ref": "#/definitions/count"},
        "mape": {"type": "number"},
        "median_ape": {"type": "number"},
        "p90_ape": {"type": "number"},
        "bias": {"type": "number", "description": "median logarithm of predicted over measured tokens per second"},
        "factor": {"type": "number", "minimum": 1, "description": "geometric mean of the larger over the smaller"}
      }
    }},
    "overall": {
      "type": "object",
      "required": ["n", "mape", "median_ape", "p90_ape", "bias", "factor"],
      "additionalProperties": false,
      "properties": {
        "n": {"$ref": "#/definitions/count"},
        "mape": {"type": "number"},
        "median_ape": {"type": "number"},
        "p90_ape": {"type": "number"},
        "bias": {"type": "number"},
        "factor": {"type": "number", "minimum": 1}
      }
    },
    "refused": {"type": "array", "items": {
      "type": "object",
      "required": ["file", "reason", "rows"],
      "additionalProperties": false,
      "properties": {
        "file": {"$ref": "#/definitions/text"},
        "reason": {"$ref": "#/definitions/text"},
        "rows": {"$ref": "#/definitions/count"}
      }
    }},
    "worst": {"type": "array", "items": {
      "type": "object",
      "required": ["file", "row", "predicted_tokens_per_s", "measured_tokens_per_s", "command"],
      "additionalProperties": false,
      "properties": {
        "file": {"$ref": "#/definitions/text"},
        "row": {"type": "integer", "minimum": 1, "description": "line of the file"},
        "predicted_tokens_per_s": {"type": "number"},
        "measured_tokens_per_s": {"type": "number"},
        "command": {"$ref": "#/definitions/text"}
      }
    }},
    "layouts": {"type": "array", "description": "of files with groups that differ in their layout alone", "items": {
      "type": "object",
      "required": ["file", "goals", "ratios", "ratio_median_log_error", "ratio_p90_log_error"],
      "additionalProperties": false,
      "properties": {
        "file": {"$ref": "#/definitions/text"},
        "goals": {"type": "array", "items": {
          "type": "object",
          "required": ["goal", "groups", "best_found", "median_loss", "p90_loss"],
          "additionalProperties": false,
          "properties": {
            "goal": {"enum": ["tokens_per_s_per_gpu", "tpot"]},
            "groups": {"$ref": "#/definitions/count"},
            "best_found": {"$ref": "#/definitions/count"},
            "median_loss": {"type": "number", "minimum": 0, "description": "of the chosen layout against the best"},
            "p90_loss": {"type": "number", "minimum": 0}
          }
        }},
        "ratios": {"$ref": "#/definitions/count"},
        "ratio_median_log_error": {"type": "number", "minimum": 0},
        "ratio_p90_log_error": {"type": "number", "minimum": 0}
      }
    }}
  },
)";

const std::string_view kValidateDefinitions = R"(    "regime": {
      "type": "object",
      "required": ["regime", "n", "mape", "median_ape", "p90_ape", "bias"],
      "additionalProperties": false,
      "properties": {
        "regime": {"$ref": "#/definitions/text"},
        "n": {"$ref": "#/definitions/count"},
        "mape": {"type": "number"},
        "median_ape": {"type": "number"},
        "p90_ape": {"type": "number"},
        "bias": {"type": "number"}
      }
    },
    "set": {
      "type": "object",
      "required": ["file", "group", "shapes", "n", "mape", "median_ape", "p90_ape", "bias", "in_band", "regimes", "worst"],
      "additionalProperties": false,
      "properties": {
        "file": {"$ref": "#/definitions/text"},
        "group": {
          "type": "object",
          "required": ["family", "gpu", "stack", "kernel", "format"],
          "additionalProperties": false,
          "properties": {
            "family": {"$ref": "#/definitions/text"},
            "gpu": {"$ref": "#/definitions/text"},
            "stack": {"type": "string"},
            "kernel": {"type": "string"},
            "format": {"type": "string"}
          }
        },
        "shapes": {"$ref": "#/definitions/count"},
        "n": {"$ref": "#/definitions/count"},
        "mape": {"type": "number"},
        "median_ape": {"type": "number"},
        "p90_ape": {"type": "number"},
        "bias": {"type": "number"},
        "in_band": {"type": "number", "minimum": 0, "maximum": 1},
        "regimes": {"type": "array", "items": {"$ref": "#/definitions/regime"}},
        "worst": {
          "type": "object",
          "required": ["row", "shape"],
          "additionalProperties": false,
          "properties": {
            "row": {"type": "integer", "minimum": 1, "description": "line of the file"},
            "shape": {"type": "string"},
            "predicted_s": {"type": "number"},
            "measured_s": {"type": "number"},
            "predicted_watt": {"type": "number", "description": "of power, in place of seconds"},
            "measured_watt": {"type": "number"}
          }
        }
      }
    },
    "pool": {
      "type": "object",
      "required": ["family", "gpu", "sets", "shapes", "n", "mape", "median_ape", "p90_ape", "bias", "in_band"],
      "additionalProperties": false,
      "properties": {
        "family": {"$ref": "#/definitions/text"},
        "gpu": {"$ref": "#/definitions/text"},
        "sets": {"$ref": "#/definitions/count"},
        "shapes": {"$ref": "#/definitions/count"},
        "n": {"$ref": "#/definitions/count"},
        "mape": {"type": "number"},
        "median_ape": {"type": "number"},
        "p90_ape": {"type": "number"},
        "bias": {"type": "number"},
        "in_band": {"type": "number", "minimum": 0, "maximum": 1}
      }
    },
    "regime_pool": {
      "type": "object",
      "required": ["family", "gpu", "format", "regime", "sets", "n", "mape", "median_ape", "p90_ape", "bias", "in_band",
                   "centred"],
      "additionalProperties": false,
      "properties": {
        "family": {"$ref": "#/definitions/text"},
        "gpu": {"$ref": "#/definitions/text"},
        "format": {"type": "string"},
        "regime": {"$ref": "#/definitions/text"},
        "sets": {"$ref": "#/definitions/count"},
        "n": {"$ref": "#/definitions/count"},
        "mape": {"type": "number"},
        "median_ape": {"type": "number"},
        "p90_ape": {"type": "number"},
        "bias": {"type": "number"},
        "in_band": {"type": "number", "minimum": 0, "maximum": 1},
        "centred": {"type": "boolean", "description": "the bias is within 0.03 of none"}
      }
    })";

const std::string_view kValidateEffectsSchema = R"(  "type": "object",
  "required": ["schema", "met", "effects"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.validate.effects/1"},
    "met": {"type": "integer", "minimum": 0, "description": "effects predicted within their tolerance"},
    "effects": {"type": "array", "items": {
      "type": "object",
      "required": ["id", "title", "source", "setup", "metric", "unit", "reference", "difference_unit", "tolerance",
                   "largest_difference", "met", "best", "points"],
      "additionalProperties": false,
      "properties": {
        "id": {"$ref": "#/definitions/text"},
        "title": {"$ref": "#/definitions/text"},
        "source": {"$ref": "#/definitions/text"},
        "setup": {"$ref": "#/definitions/text"},
        "metric": {"$ref": "#/definitions/text"},
        "unit": {"type": "string", "description": "of published; empty: ratios"},
        "reference": {"type": "string", "description": "the point all are relative to; empty: each has its own run"},
        "difference_unit": {"enum": ["points", "percent"]},
        "tolerance": {"type": "number"},
        "largest_difference": {"type": "number"},
        "met": {"type": "boolean"},
        "best": {"$ref": "#/definitions/text"},
        "published_best": {"$ref": "#/definitions/text"},
        "chosen": {
          "type": "object",
          "description": "a constant that nobody published, chosen on these very figures",
          "required": ["name", "value"],
          "additionalProperties": false,
          "properties": {"name": {"$ref": "#/definitions/text"}, "value": {"type": "number"}}
        },
        "fitted": {"$ref": "#/definitions/text"},
        "unmet": {"$ref": "#/definitions/text"},
        "points": {"type": "array", "items": {
          "type": "object",
          "required": ["at", "predicted_relative", "predicted", "command"],
          "description": "without published: a point nobody published, shown and not scored",
          "additionalProperties": false,
          "properties": {
            "at": {"$ref": "#/definitions/text"},
            "published": {"type": "number"},
            "published_to": {"type": "number"},
            "published_relative": {"type": "number"},
            "predicted_relative": {"type": "number"},
            "difference": {"type": "number"},
            "predicted": {"type": "number", "description": "tokens per second, in the metric"},
            "command": {"$ref": "#/definitions/text"}
          }
        }}
      }
    }}
  },
)";

}  // namespace moeplan
