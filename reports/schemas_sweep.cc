// SPDX-License-Identifier: Apache-2.0
#include "reports/schema_texts.h"

namespace moeplan {

const std::string_view kSweepSchema = R"(  "type": "object",
  "required": ["schema", "study", "points", "front_metrics", "front", "best", "sampled_every", "rows", "files"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.sweep/1"},
    "study": {"$ref": "#/definitions/study"},
    "points": {"$ref": "#/definitions/points"},
    "front_metrics": {"$ref": "#/definitions/names"},
    "front": {"type": "array", "items": {"$ref": "#/definitions/row"}, "description": "points no other beats in all front_metrics"},
    "front_left_out": {"type": "integer", "minimum": 1, "description": "points of the front beyond those kept"},
    "best": {"type": "object", "additionalProperties": {"type": "array", "items": {"$ref": "#/definitions/row"}},
             "description": "by each of front_metrics, best first"},
    "analysis": {"type": "object"},
    "sampled_every": {"type": "integer", "minimum": 1, "description": "rows holds every such row of a long sweep"},
    "rows": {"type": "array", "items": {"$ref": "#/definitions/row"}, "description": "none where only the best were kept"},
    "files": {"$ref": "#/definitions/names"}
  },
)";

const std::string_view kSweepPlanSchema = R"(  "type": "object",
  "required": ["schema", "study", "points", "points_before_constraints", "deployments", "layouts", "loads"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.sweep.plan/1"},
    "study": {"$ref": "#/definitions/study"},
    "points": {"$ref": "#/definitions/count"},
    "points_before_constraints": {"$ref": "#/definitions/count"},
    "deployments": {"$ref": "#/definitions/count"},
    "layouts": {"type": "integer", "minimum": 1, "description": "of each deployment"},
    "loads": {"type": "integer", "minimum": 1, "description": "of each layout"}
  },
)";

const std::string_view kSweepManifestSchema = R"(  "type": "object",
  "required": ["schema", "fingerprint", "study", "points", "columns", "metrics", "files"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.sweep.manifest/1"},
    "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{16}$",
                    "description": "of the study, its options, the files it names and the program"},
    "study": {"$ref": "#/definitions/study"},
    "points": {"$ref": "#/definitions/points"},
    "columns": {"$ref": "#/definitions/names"},
    "metrics": {"type": "array", "items": {
      "type": "object", "required": ["name", "help"], "additionalProperties": false,
      "properties": {"name": {"$ref": "#/definitions/text"}, "help": {"$ref": "#/definitions/text"}}
    }},
    "files": {"$ref": "#/definitions/names"}
  },
)";

const std::string_view kSweepExpertsSchema = R"(  "type": "object",
  "required": ["schema", "curves"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.sweep.experts/1"},
    "curves": {"type": "array", "minItems": 1, "items": {
      "type": "object",
      "required": ["model", "hardware", "gpus", "runtime", "held", "phase", "batch_per_gpu", "context_tokens", "law",
                   "half", "best_inside_law", "best_extrapolated", "rows"],
      "additionalProperties": false,
      "properties": {
        "model": {"$ref": "#/definitions/text"},
        "hardware": {"$ref": "#/definitions/text"},
        "gpus": {"type": "integer", "minimum": 1},
        "runtime": {"$ref": "#/definitions/text"},
        "held": {"$ref": "#/definitions/text"},
        "phase": {"enum": ["decode", "prefill"]},
        "batch_per_gpu": {"type": "integer", "minimum": 1},
        "context_tokens": {"$ref": "#/definitions/count"},
        "law": {"type": "string"},
        "half": {"type": ["object", "null"], "description": "the last size where routing is less than half of the feed-forward time"},
        "best_inside_law": {"type": ["object", "null"]},
        "best_extrapolated": {"type": ["object", "null"]},
        "rows": {"type": "array", "items": {
          "type": "object",
          "required": ["experts", "top_k", "width", "status"],
          "additionalProperties": false,
          "properties": {
            "experts": {"$ref": "#/definitions/count"},
            "top_k": {"$ref": "#/definitions/count"},
            "width": {"$ref": "#/definitions/count"},
            "status": {"enum": ["ok", "no_fit", "invalid", "error"]},
            "reason": {"$ref": "#/definitions/text"},
            "total_parameters": {"$ref": "#/definitions/count"},
            "active_parameters": {"$ref": "#/definitions/count"},
            "rank_bytes": {"$ref": "#/definitions/bytes"},
            "budget_bytes": {"$ref": "#/definitions/bytes"},
            "gpu_s_per_token": {"type": "number", "minimum": 0},
            "parts_s": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
            "step_time_s": {"type": "number", "minimum": 0},
            "distinct_experts_per_rank": {"type": "number", "minimum": 0},
            "law": {"type": "object", "required": ["effective_parameters", "loss", "inside"]}
          }
        }}
      }
    }}
  },
)";

const std::string_view kSweepDefinitions = R"(    "study": {
      "type": "object",
      "required": ["id", "question", "finding", "source", "as_of", "base", "axes", "where"],
      "additionalProperties": false,
      "properties": {
        "id": {"$ref": "#/definitions/text"},
        "question": {"type": "string"},
        "finding": {"type": "string", "description": "of a study that is built in: what its rows show"},
        "source": {"type": "string"},
        "as_of": {"type": "string"},
        "base": {"type": "object", "additionalProperties": {"type": "string"}, "description": "options of simulate; a switch is empty"},
        "axes": {"type": "array", "items": {
          "type": "object", "required": ["path", "keep", "values"], "additionalProperties": false,
          "properties": {
            "path": {"$ref": "#/definitions/text"},
            "keep": {"enum": ["", "active", "total", "both"]},
            "values": {"type": "integer", "minimum": 1, "description": "how many"}
          }
        }},
        "where": {"$ref": "#/definitions/names"}
      }
    },
    "points": {
      "type": "object",
      "required": ["total", "ok", "no_fit", "invalid", "error", "left_out", "complete"],
      "additionalProperties": false,
      "properties": {
        "total": {"$ref": "#/definitions/count"},
        "ok": {"$ref": "#/definitions/count"},
        "no_fit": {"$ref": "#/definitions/count"},
        "invalid": {"$ref": "#/definitions/count"},
        "error": {"$ref": "#/definitions/count"},
        "left_out": {"type": "integer", "minimum": 0, "description": "by constraints"},
        "complete": {"type": "boolean"}
      }
    },
    "row": {
      "type": "object",
      "required": ["status"],
      "properties": {
        "status": {"enum": ["ok", "no_fit", "invalid", "error"]},
        "reason": {"$ref": "#/definitions/text"}
      },
      "additionalProperties": {"type": ["number", "string"]}
    })";

}  // namespace moeplan
