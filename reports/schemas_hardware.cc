// SPDX-License-Identifier: Apache-2.0
#include "reports/schema_texts.h"

namespace moeplan {

const std::string_view kHardwareSchema = R"(  "type": "object",
  "required": ["schema", "devices", "parts", "derived"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.hardware/1"},
    "node": {"$ref": "#/definitions/node"},
    "devices": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/device"}},
    "parts": {"type": "array", "items": {"$ref": "#/definitions/part"}},
    "derived": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["device", "figures"],
        "additionalProperties": false,
        "properties": {
          "device": {"$ref": "#/definitions/text"},
          "figures": {"type": "object", "additionalProperties": {"$ref": "#/definitions/figure"}}
        }
      }
    }
  },
)";

const std::string_view kHardwareListSchema = R"(  "type": "object",
  "required": ["schema", "devices", "nodes", "scaleup", "scaleout", "sites", "prices"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.hardware.list/1"},
    "devices": {"type": "array", "items": {"$ref": "#/definitions/device"}},
    "nodes": {"type": "array", "items": {"$ref": "#/definitions/node"}},
    "scaleup": {"type": "array", "items": {"$ref": "#/definitions/part"}},
    "scaleout": {"type": "array", "items": {"$ref": "#/definitions/part"}},
    "sites": {"type": "array", "items": {"$ref": "#/definitions/part"}},
    "prices": {"type": "array", "items": {"$ref": "#/definitions/part"}}
  },
)";

const std::string_view kMachineSchema = R"(  "type": "object",
  "required": ["schema", "found", "missing", "matches", "warnings", "ram_bytes", "ram_available_bytes", "gpus", "groups"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.machine/1"},
    "found": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["name", "value", "source"],
        "additionalProperties": false,
        "properties": {
          "name": {"$ref": "#/definitions/text"},
          "value": {"$ref": "#/definitions/text"},
          "source": {"$ref": "#/definitions/text"}
        }
      }
    },
    "missing": {"type": "array", "items": {"type": "string"}},
    "matches": {"type": "array", "items": {"type": "string"}},
    "warnings": {"type": "array", "items": {"type": "string"}},
    "ram_bytes": {"$ref": "#/definitions/bytes"},
    "ram_available_bytes": {"$ref": "#/definitions/bytes"},
    "gpus": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["name", "total_bytes", "used_bytes", "power_limit_w", "nvlinks", "source"],
        "additionalProperties": false,
        "properties": {
          "name": {"$ref": "#/definitions/text"},
          "total_bytes": {"$ref": "#/definitions/bytes"},
          "used_bytes": {"$ref": "#/definitions/bytes"},
          "power_limit_w": {"type": "number", "minimum": 0},
          "nvlinks": {"$ref": "#/definitions/count"},
          "source": {"$ref": "#/definitions/text"}
        }
      }
    },
    "groups": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/group"}}
  },
)";

const std::string_view kHardwarePartSchema = R"(  "type": "object",
  "required": ["schema", "part"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.hardware.part/1"},
    "part": {"$ref": "#/definitions/part"}
  },
)";

const std::string_view kHardwareDiffSchema = R"(  "type": "object",
  "required": ["schema", "first", "second", "figures"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.hardware.diff/1"},
    "first": {"$ref": "#/definitions/text"},
    "second": {"$ref": "#/definitions/text"},
    "figures": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["group", "key", "first", "second"],
        "additionalProperties": false,
        "properties": {
          "group": {"$ref": "#/definitions/text"},
          "key": {"$ref": "#/definitions/text"},
          "first": {"type": ["number", "null"]},
          "second": {"type": ["number", "null"]}
        }
      }
    }
  },
)";

const std::string_view kHardwareDefinitions = R"(    "figure": {
      "type": "object",
      "required": ["value", "basis", "source"],
      "additionalProperties": false,
      "properties": {"value": {"type": "number"}, "basis": {"type": "string"}, "source": {"type": "string"}}
    },
    "part": {
      "type": "object",
      "required": ["kind", "id", "name", "figures", "note"],
      "additionalProperties": false,
      "properties": {
        "kind": {"enum": ["scaleup", "scaleout", "site", "price"]},
        "id": {"$ref": "#/definitions/text"},
        "name": {"$ref": "#/definitions/text"},
        "figures": {"type": "object", "additionalProperties": {"$ref": "#/definitions/figure"}},
        "note": {"type": "string"}
      }
    },
    "sourced": {
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
        "class": {"enum": ["datacenter_gpu", "consumer_gpu", "integrated_gpu", "cpu", "accelerator"]},
        "status": {"enum": ["shipping", "announced", "unvalidated"]},
        "default_runtime": {"type": "string"},
        "memory_bytes": {"$ref": "#/definitions/sourced"},
        "unallocatable_bytes": {"$ref": "#/definitions/sourced"},
        "marketed_bytes": {"$ref": "#/definitions/bytes"},
        "working_sets": {"type": "array", "items": {"$ref": "#/definitions/working_set"}},
        "bandwidth_bytes_per_s": {"$ref": "#/definitions/sourced"},
        "bus_bits": {"$ref": "#/definitions/count"},
        "memory_data_rate_hz": {"$ref": "#/definitions/sourced"},
        "last_level_cache_bytes": {"$ref": "#/definitions/sourced"},
        "measured_bytes_per_s": {"type": "object", "additionalProperties": {"$ref": "#/definitions/sourced"}},
        "measured_flop_per_s": {"type": "object", "additionalProperties": {"$ref": "#/definitions/sourced"}},
        "launch_stream_s": {"$ref": "#/definitions/sourced"},
        "launch_graph_s": {"$ref": "#/definitions/sourced"},
        "launch_gemm_s": {"$ref": "#/definitions/sourced"},
        "peaks_flop_per_s": {"type": "object", "additionalProperties": {"$ref": "#/definitions/sourced"}},
        "power_cap_w": {"$ref": "#/definitions/sourced"},
        "power_idle_w": {"$ref": "#/definitions/sourced"},
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
      "required": ["id", "name", "aliases", "groups", "devices", "scaleup", "scaleout", "site", "links", "ssds", "unified",
                   "note"],
      "additionalProperties": false,
      "properties": {
        "id": {"$ref": "#/definitions/text"},
        "name": {"$ref": "#/definitions/text"},
        "aliases": {"$ref": "#/definitions/names"},
        "groups": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/group"}},
        "devices": {"type": "integer", "minimum": 1},
        "scaleup": {"type": "string"},
        "scaleout": {"type": "string"},
        "site": {"type": "string"},
        "cpu": {"type": "string"},
        "cpus": {"$ref": "#/definitions/count"},
        "host_memory_bytes": {"$ref": "#/definitions/sourced"},
        "host_dram_bytes_per_s": {"$ref": "#/definitions/sourced"},
        "links": {"type": "array", "items": {"$ref": "#/definitions/link"}},
        "ssds": {"type": "array", "items": {"$ref": "#/definitions/ssd"}},
        "static_power_w": {"$ref": "#/definitions/sourced"},
        "max_power_w": {"$ref": "#/definitions/sourced"},
        "unified": {"type": "boolean"},
        "note": {"type": "string"}
      }
    })";

}  // namespace moeplan
