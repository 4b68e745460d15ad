// SPDX-License-Identifier: Apache-2.0
#include "reports/schema_texts.h"

namespace moeplan {

const std::string_view kHardwareSchema = R"(  "type": "object",
  "required": ["schema", "devices"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.hardware/1"},
    "node": {"$ref": "#/definitions/node"},
    "devices": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/device"}}
  },
)";

const std::string_view kHardwareListSchema = R"(  "type": "object",
  "required": ["schema", "devices", "nodes"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.hardware.list/1"},
    "devices": {"type": "array", "items": {"$ref": "#/definitions/device"}},
    "nodes": {"type": "array", "items": {"$ref": "#/definitions/node"}}
  },
)";

const std::string_view kHardwareDefinitions = R"(    "sourced": {
      "type": "object",
      "required": ["value", "basis", "source"],
      "additionalProperties": false,
      "properties": {
        "value": {"type": "number", "minimum": 0},
        "basis": {"enum": ["datasheet", "driver", "published", "calibrated", "derived", "assumed"]},
        "source": {"$ref": "#/definitions/text"}
      }
    },
    "working_set": {
      "type": "object",
      "required": ["ram_bytes", "usable_bytes", "source"],
      "additionalProperties": false,
      "properties": {
        "ram_bytes": {"$ref": "#/definitions/bytes"},
        "usable_bytes": {"$ref": "#/definitions/bytes"},
        "source": {"type": "string"}
      }
    },
    "device": {
      "type": "object",
      "required": ["id", "name", "aliases", "vendor", "architecture", "class", "status", "default_runtime",
                   "memory_bytes", "unallocatable_bytes", "working_sets", "bandwidth_bytes_per_s",
                   "peaks_flop_per_s", "units", "note"],
      "additionalProperties": false,
      "properties": {
        "id": {"$ref": "#/definitions/text"},
        "name": {"$ref": "#/definitions/text"},
        "aliases": {"$ref": "#/definitions/names"},
        "vendor": {"$ref": "#/definitions/text"},
        "architecture": {"type": "string"},
        "class": {"enum": ["datacenter_gpu", "consumer_gpu", "integrated_gpu", "cpu"]},
        "status": {"enum": ["shipping", "announced"]},
        "default_runtime": {"type": "string"},
        "memory_bytes": {"$ref": "#/definitions/sourced"},
        "unallocatable_bytes": {"$ref": "#/definitions/sourced"},
        "marketed_bytes": {"$ref": "#/definitions/bytes"},
        "working_sets": {"type": "array", "items": {"$ref": "#/definitions/working_set"}},
        "bandwidth_bytes_per_s": {"$ref": "#/definitions/sourced"},
        "last_level_cache_bytes": {"$ref": "#/definitions/sourced"},
        "peaks_flop_per_s": {"type": "object", "additionalProperties": {"$ref": "#/definitions/sourced"}},
        "power_cap_w": {"$ref": "#/definitions/sourced"},
        "clock_hz": {"$ref": "#/definitions/sourced"},
        "units": {"$ref": "#/definitions/count"},
        "note": {"type": "string"}
      }
    },
    "group": {
      "type": "object",
      "required": ["device", "devices"],
      "additionalProperties": false,
      "properties": {
        "device": {"$ref": "#/definitions/text"},
        "devices": {"type": "integer", "minimum": 1}
      }
    },
    "link": {
      "type": "object",
      "required": ["name", "kind", "device", "endpoints", "shared_by", "peak_bytes_per_s"],
      "additionalProperties": false,
      "properties": {
        "name": {"$ref": "#/definitions/text"},
        "kind": {"enum": ["switch", "mesh", "ring", "torus", "pcie", "c2c"]},
        "device": {"type": "string"},
        "endpoints": {"type": "integer", "minimum": 2},
        "shared_by": {"type": "integer", "minimum": 1},
        "peak_bytes_per_s": {"$ref": "#/definitions/sourced"},
        "achieved_bytes_per_s": {"$ref": "#/definitions/sourced"},
        "per_peer_bytes_per_s": {"$ref": "#/definitions/sourced"}
      }
    },
    "ssd": {
      "type": "object",
      "required": ["count"],
      "additionalProperties": false,
      "properties": {
        "count": {"type": "integer", "minimum": 1},
        "bytes": {"$ref": "#/definitions/sourced"},
        "read_bytes_per_s": {"$ref": "#/definitions/sourced"},
        "latency_s": {"$ref": "#/definitions/sourced"}
      }
    },
    "node": {
      "type": "object",
      "required": ["id", "name", "aliases", "groups", "devices", "scaleup_domain", "links", "ssds", "unified",
                   "note"],
      "additionalProperties": false,
      "properties": {
        "id": {"$ref": "#/definitions/text"},
        "name": {"$ref": "#/definitions/text"},
        "aliases": {"$ref": "#/definitions/names"},
        "groups": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/group"}},
        "devices": {"type": "integer", "minimum": 1},
        "scaleup_domain": {"type": "integer", "minimum": 1},
        "scaleup_bytes_per_s": {"$ref": "#/definitions/sourced"},
        "scaleout_bytes_per_s": {"$ref": "#/definitions/sourced"},
        "host_memory_bytes": {"$ref": "#/definitions/sourced"},
        "host_dram_bytes_per_s": {"$ref": "#/definitions/sourced"},
        "links": {"type": "array", "items": {"$ref": "#/definitions/link"}},
        "ssds": {"type": "array", "items": {"$ref": "#/definitions/ssd"}},
        "unified": {"type": "boolean"},
        "note": {"type": "string"}
      }
    })";

}  // namespace moeplan
