// SPDX-License-Identifier: Apache-2.0
#include "reports/schema_texts.h"

namespace moeplan {

const std::string_view kNetworkSchema = R"(  "type": "object",
  "required": ["schema", "inputs", "mode", "makespan_s", "relative_error", "lower_bound_s", "first_completion_s",
               "mean_completion_s", "distinct_completions", "hosts", "flows", "bytes", "links"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.network/1"},
    "inputs": {
      "type": "object",
      "required": ["fabric", "matrix", "link_rates"],
      "additionalProperties": false,
      "properties": {
        "fabric": {"$ref": "#/definitions/text"},
        "matrix": {"type": ["string", "null"], "description": "null: the flows of a file"},
        "gpus": {"type": "integer", "minimum": 1, "description": "of a hardware profile"},
        "link_rates": {"$ref": "#/definitions/text"}
      }
    },
    "mode": {"enum": ["exact", "classes", "port", "quantised"]},
    "makespan_s": {"type": "number", "minimum": 0},
    "relative_error": {"type": "number", "minimum": 0, "description": "of makespan_s at most; 0: exact"},
    "lower_bound_s": {"type": "number", "minimum": 0},
    "first_completion_s": {"type": "number", "minimum": 0},
    "mean_completion_s": {"type": "number", "minimum": 0},
    "distinct_completions": {"$ref": "#/definitions/count"},
    "hosts": {"$ref": "#/definitions/count"},
    "flows": {"$ref": "#/definitions/count"},
    "bytes": {"type": "number", "minimum": 0},
    "links": {"type": "array", "items": {
      "type": "object",
      "required": ["id", "bandwidth_bytes_per_s", "bytes", "utilisation"],
      "additionalProperties": false,
      "properties": {
        "id": {"$ref": "#/definitions/count"},
        "name": {"$ref": "#/definitions/text"},
        "bandwidth_bytes_per_s": {"type": "number", "exclusiveMinimum": 0},
        "bytes": {"type": "number", "minimum": 0},
        "utilisation": {"type": "number", "minimum": 0}
      }
    }}
  },
)";

}  // namespace moeplan
