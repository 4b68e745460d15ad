// SPDX-License-Identifier: Apache-2.0
#include "reports/schema_texts.h"

namespace moeplan {

const std::string_view kSimulateSchema = R"(  "type": "object",
  "required": ["schema", "model", "hardware", "device", "gpus", "runtime", "runtime_version", "weights", "kv", "layout",
               "load", "fits", "memory", "step_time_s"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.simulate/1"},
    "model": {"$ref": "#/definitions/text"},
    "hardware": {"$ref": "#/definitions/text"},
    "device": {"$ref": "#/definitions/text"},
    "gpus": {"type": "integer", "minimum": 1},
    "runtime": {"$ref": "#/definitions/text"},
    "runtime_version": {"type": "string"},
    "set": {"type": "array", "minItems": 1, "description": "fields that --set replaced", "items": {
      "type": "object", "required": ["path", "value"], "additionalProperties": false,
      "properties": {"path": {"type": "string"}, "value": {"type": "string"}}
    }},
    "weights": {"$ref": "#/definitions/text"},
    "kv": {"$ref": "#/definitions/text"},
    "layout": {"type": "object"},
    "load": {"oneOf": [{"$ref": "#/definitions/load"}, {"$ref": "#/definitions/steady_load"}]},
    "fits": {"type": "boolean"},
    "memory": {"$ref": "#/definitions/memory"},
    "step_time_s": {"$ref": "#/definitions/time", "description": "steady load: of the decode step between prompts"},
    "steps": {"type": "integer", "minimum": 1, "description": "prefill: chunks that were run one after the other"},
    "tokens_per_s": {"$ref": "#/definitions/positive"},
    "tokens_per_s_per_gpu": {"$ref": "#/definitions/positive"},
    "tokens_per_s_per_user": {"$ref": "#/definitions/positive"},
    "breakdown": {"type": "array", "items": {"$ref": "#/definitions/share"}},
    "hidden_s": {"type": "number", "exclusiveMinimum": 0, "description": "of the breakdown's times: beside others, by --overlap"},
    "events": {"$ref": "#/definitions/events"},
    "traffic_bytes": {"$ref": "#/definitions/traffic"},
    "flops": {"$ref": "#/definitions/positive"},
    "bytes_read": {"$ref": "#/definitions/positive"},
    "distinct_experts_per_rank": {"$ref": "#/definitions/positive"},
    "straggler": {"type": "number", "minimum": 0, "description": "rows of the busiest rank over the mean"},
    "output_tokens_per_s": {"type": "number", "minimum": 0, "description": "steady load: generated, over the deployment"},
    "output_tokens_per_s_per_gpu": {"$ref": "#/definitions/positive"},
    "output_tokens_per_s_per_user": {"$ref": "#/definitions/positive"},
    "ttft_s": {"type": "number", "minimum": 0, "description": "one prompt of context_tokens alone; steady load: of a request"},
    "tpot_s": {"$ref": "#/definitions/time"},
    "prefill_share": {"type": "number", "minimum": 0, "maximum": 1, "description": "steady load: of the time"},
    "expert_cache": {"$ref": "#/definitions/expert_cache"},
    "mfu": {"$ref": "#/definitions/positive"},
    "mbu": {"$ref": "#/definitions/positive"},
    "energy_j_per_token": {"type": ["number", "null"], "description": "at the meter: energy.facility_j_per_token"},
    "usd_per_million_tokens": {"type": ["number", "null"], "description": "generated tokens; of a prefill, read ones"},
    "energy": {"$ref": "#/definitions/energy"},
    "cost": {"$ref": "#/definitions/cost"},
    "break_even": {"$ref": "#/definitions/break_even"},
    "basis": {"$ref": "#/definitions/basis"}
  },
)";

const std::string_view kSimulateCompareSchema = R"(  "type": "object",
  "required": ["schema", "runs"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.simulate.compare/1"},
    "runs": {"type": "array", "minItems": 2, "description": "each as moeplan.simulate/1", "items": {
      "type": "object",
      "required": ["model", "hardware", "gpus", "load", "fits", "memory", "step_time_s"],
      "properties": {
        "load": {"oneOf": [{"$ref": "#/definitions/load"}, {"$ref": "#/definitions/steady_load"}]},
        "memory": {"$ref": "#/definitions/memory"},
        "step_time_s": {"$ref": "#/definitions/time"},
        "breakdown": {"type": "array", "items": {"$ref": "#/definitions/share"}},
        "traffic_bytes": {"$ref": "#/definitions/traffic"},
        "tokens_per_s": {"$ref": "#/definitions/positive"},
        "basis": {"$ref": "#/definitions/basis"}
      }
    }}
  },
)";

const std::string_view kSimulateDisaggregatedSchema = R"(  "type": "object",
  "required": ["schema", "load", "fits", "units"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.simulate.disaggregated/1"},
    "load": {"type": "object", "required": ["isl_tokens", "osl_tokens", "concurrency", "max_concurrency"], "properties": {
      "isl_tokens": {"type": "integer", "minimum": 1},
      "osl_tokens": {"type": "integer", "minimum": 2},
      "concurrency": {"type": "integer", "minimum": 0, "description": "requests in flight in one decode unit"},
      "max_concurrency": {"type": "integer", "minimum": 0}
    }, "additionalProperties": false},
    "fits": {"type": "boolean"},
    "units": {"type": "array", "minItems": 2, "maxItems": 2, "items": {
      "type": "object",
      "required": ["unit", "units", "hardware", "device", "gpus", "runtime", "weights", "kv", "layout", "batch", "fits"],
      "additionalProperties": false,
      "properties": {
        "unit": {"enum": ["prefill", "decode"]},
        "units": {"type": "number", "minimum": 0, "description": "of this kind for one decode unit"},
        "hardware": {"$ref": "#/definitions/text"},
        "device": {"$ref": "#/definitions/text"},
        "gpus": {"type": "integer", "minimum": 1, "description": "of one unit"},
        "runtime": {"$ref": "#/definitions/text"},
        "weights": {"$ref": "#/definitions/text"},
        "kv": {"$ref": "#/definitions/text"},
        "layout": {"type": "object"},
        "overlay": {"type": "string"},
        "batch": {"type": "integer", "minimum": 1, "description": "prompts read at once, or sequences that decode"},
        "fits": {"type": "boolean"},
        "step_time_s": {"$ref": "#/definitions/time"},
        "tokens_per_s": {"$ref": "#/definitions/positive"},
        "tokens_per_s_per_gpu": {"$ref": "#/definitions/positive"},
        "breakdown": {"type": "array", "items": {"$ref": "#/definitions/share"}}
      }
    }},
    "output_tokens_per_s_per_gpu": {"type": "number", "minimum": 0, "description": "over the devices of both kinds"},
    "output_tokens_per_s_per_user": {"$ref": "#/definitions/positive"},
    "tpot_s": {"$ref": "#/definitions/time"},
    "ttft_s": {"$ref": "#/definitions/positive"},
    "handover_s": {"type": "number", "minimum": 0, "description": "of the cache of a prompt between units"},
    "handover_bytes": {"type": "integer", "minimum": 0},
    "energy_j_per_token": {"type": ["number", "null"], "minimum": 0, "description": "per generated token, both units"},
    "usd_per_million_tokens": {"type": ["number", "null"], "minimum": 0}
  },
)";

const std::string_view kSimulateFrontierSchema = R"(  "type": "object",
  "required": ["schema", "load", "sides"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.simulate.frontier/1"},
    "load": {"type": "object", "required": ["isl_tokens", "osl_tokens"], "properties": {
      "isl_tokens": {"type": "integer", "minimum": 1},
      "osl_tokens": {"type": "integer", "minimum": 2}
    }, "additionalProperties": false},
    "sides": {"type": "array", "minItems": 1, "maxItems": 2, "items": {
      "type": "object",
      "required": ["model", "hardware", "weights", "runtime", "overlay", "draft_tokens", "frontier"],
      "additionalProperties": false,
      "properties": {
        "model": {"$ref": "#/definitions/text"},
        "hardware": {"$ref": "#/definitions/text"},
        "weights": {"$ref": "#/definitions/text"},
        "runtime": {"$ref": "#/definitions/text"},
        "overlay": {"type": "string"},
        "draft_tokens": {"type": "integer", "minimum": 0},
        "frontier": {"type": "array", "description": "tokens per second for a user rise, those of a device fall", "items": {
          "type": "object",
          "required": ["layout", "concurrency", "tokens_per_s_per_user", "tokens_per_s_per_gpu", "ttft_s"],
          "additionalProperties": false,
          "properties": {
            "layout": {"type": "object"},
            "concurrency": {"type": "integer", "minimum": 1},
            "tokens_per_s_per_user": {"type": "number", "minimum": 0},
            "tokens_per_s_per_gpu": {"type": "number", "minimum": 0},
            "ttft_s": {"type": "number", "minimum": 0},
            "tokens_per_s_per_mw_drawn": {"type": ["number", "null"], "minimum": 0, "description": "of IT power drawn"},
            "tokens_per_s_per_mw_provisioned": {"type": ["number", "null"], "minimum": 0},
            "usd_per_million_tokens": {"type": ["number", "null"], "minimum": 0}
          }
        }}
      }
    }},
    "claim": {"type": "object", "required": ["ratio", "axis", "tokens_per_s_per_user", "predicted", "holds"],
      "additionalProperties": false, "properties": {
      "ratio": {"type": "number", "minimum": 0},
      "axis": {"enum": ["tok/s/GPU", "tok/s/MW", "tok/s/MW-provisioned", "usd/Mtok"]},
      "tokens_per_s_per_user": {"type": "number", "minimum": 0},
      "predicted": {"type": ["number", "null"]},
      "holds": {"type": "boolean"}
    }}
  },
)";

const std::string_view kSimulateStudySchema = R"(  "type": "object",
  "required": ["schema", "study", "question", "source", "as_of", "load", "models"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.simulate.study/1"},
    "study": {"$ref": "#/definitions/text"},
    "question": {"$ref": "#/definitions/text"},
    "source": {"$ref": "#/definitions/text"},
    "as_of": {"$ref": "#/definitions/text"},
    "load": {"type": "object", "required": ["isl_tokens", "osl_tokens"], "additionalProperties": false, "properties": {
      "isl_tokens": {"type": "integer", "minimum": 1},
      "osl_tokens": {"type": "integer", "minimum": 2}
    }},
    "models": {"type": "array", "minItems": 1, "items": {
      "type": "object",
      "required": ["model", "without_mtp", "sides"],
      "additionalProperties": false,
      "properties": {
        "model": {"$ref": "#/definitions/text"},
        "without_mtp": {"type": "boolean", "description": "deployments that draft were left out"},
        "sides": {"type": "array", "minItems": 2, "items": {
          "type": "object",
          "required": ["name", "change", "ratios", "ten_times_and_more", "three_to_five_times", "frontier"],
          "additionalProperties": false,
          "properties": {
            "name": {"$ref": "#/definitions/text"},
            "change": {"$ref": "#/definitions/text"},
            "ratios": {"type": "array", "description": "over the first side; null where one does not reach the speed",
              "items": {
              "type": "object",
              "required": ["tokens_per_s_per_user", "per_mw_provisioned", "per_mw_drawn", "per_gpu", "per_usd"],
              "additionalProperties": false,
              "properties": {
                "tokens_per_s_per_user": {"type": "number", "minimum": 0},
                "per_mw_provisioned": {"type": ["number", "null"], "minimum": 0},
                "per_mw_drawn": {"type": ["number", "null"], "minimum": 0},
                "per_gpu": {"type": ["number", "null"], "minimum": 0},
                "per_usd": {"type": ["number", "null"], "minimum": 0}
              }
            }},
            "ten_times_and_more": {"$ref": "#/definitions/speeds"},
            "three_to_five_times": {"$ref": "#/definitions/speeds"},
            "frontier": {"type": "array", "items": {
              "type": "object",
              "required": ["deployment", "prefill", "layout", "concurrency", "tokens_per_s_per_user",
                           "tokens_per_s_per_gpu", "ttft_s"],
              "additionalProperties": false,
              "properties": {
                "deployment": {"$ref": "#/definitions/text"},
                "prefill": {"type": "string"},
                "layout": {"type": "object"},
                "concurrency": {"type": "integer", "minimum": 1},
                "tokens_per_s_per_user": {"type": "number", "minimum": 0},
                "tokens_per_s_per_gpu": {"type": "number", "minimum": 0},
                "ttft_s": {"type": "number", "minimum": 0},
                "tokens_per_s_per_mw_drawn": {"type": ["number", "null"], "minimum": 0},
                "tokens_per_s_per_mw_provisioned": {"type": ["number", "null"], "minimum": 0},
                "usd_per_million_tokens": {"type": ["number", "null"], "minimum": 0}
              }
            }}
          }
        }}
      }
    }}
  },
)";

const std::string_view kSimulateStudyDefinitions =
    R"(    "speeds": {"type": "array", "description": "by provisioned megawatt", "items": {
      "type": "object",
      "required": ["from_tokens_per_s", "to_tokens_per_s"],
      "additionalProperties": false,
      "properties": {
        "from_tokens_per_s": {"type": "number", "minimum": 0},
        "to_tokens_per_s": {"type": "number", "minimum": 0}
      }
    }})";

const std::string_view kSimulateDefinitions = R"(    "positive": {"type": "number", "minimum": 0},
    "tier": {"enum": ["measured", "structured", "transferred", "default"]},
    "load": {
      "type": "object",
      "required": ["phase", "batch", "context_tokens", "prefix_tokens", "mixed_sequences", "draft_tokens",
                   "tokens_per_sequence_and_step"],
      "additionalProperties": false,
      "properties": {
        "phase": {"enum": ["decode", "prefill"]},
        "batch": {"type": "integer", "minimum": 1, "description": "of each replica"},
        "context_tokens": {"$ref": "#/definitions/count"},
        "prefix_tokens": {"$ref": "#/definitions/count"},
        "mixed_sequences": {"$ref": "#/definitions/count"},
        "draft_tokens": {"$ref": "#/definitions/count"},
        "tokens_per_sequence_and_step": {"type": "number", "minimum": 1}
      }
    },
    "steady_load": {
      "type": "object",
      "required": ["phase", "isl_tokens", "osl_tokens", "concurrency", "max_concurrency"],
      "additionalProperties": false,
      "properties": {
        "phase": {"const": "steady"},
        "isl_tokens": {"type": "integer", "minimum": 1},
        "osl_tokens": {"type": "integer", "minimum": 2},
        "concurrency": {"type": "integer", "minimum": 0, "description": "requests in flight over the deployment"},
        "max_concurrency": {"$ref": "#/definitions/count"}
      }
    },
    "memory": {
      "type": "object",
      "required": ["verdict", "margin_bytes", "device_bytes", "max_sequences"],
      "additionalProperties": false,
      "properties": {
        "verdict": {"enum": ["yes", "no", "tight", "unknown"]},
        "margin_bytes": {"$ref": "#/definitions/difference_of_bytes"},
        "device_bytes": {"$ref": "#/definitions/bytes"},
        "max_sequences": {"type": ["integer", "null"]}
      }
    },
    "time": {
      "type": ["object", "null"],
      "required": ["value", "low", "high"],
      "additionalProperties": false,
      "properties": {
        "value": {"$ref": "#/definitions/positive"},
        "low": {"$ref": "#/definitions/positive"},
        "high": {"$ref": "#/definitions/positive"}
      }
    },
    "share": {
      "type": "object",
      "required": ["part", "time_s", "bound", "basis"],
      "additionalProperties": false,
      "properties": {
        "part": {"enum": ["experts", "attention", "projections", "dense", "router", "exchange", "all_reduce",
                          "pipeline", "head", "mtp", "host", "other", "engine"]},
        "time_s": {"$ref": "#/definitions/positive"},
        "bound": {"enum": ["launch", "memory", "cache", "compute", "link", "latency"]},
        "basis": {"$ref": "#/definitions/tier"}
      }
    },
    "energy": {
      "type": ["object", "null"],
      "description": "averages over the whole deployment; null = the power of its boards is not known",
      "required": ["board_j_per_token", "node_j_per_token", "facility_j_per_token", "board_w", "node_w", "facility_w",
                   "tokens_per_s_per_mw_drawn", "tokens_per_s_per_mw_provisioned", "basis"],
      "additionalProperties": false,
      "properties": {
        "board_j_per_token": {"$ref": "#/definitions/positive"},
        "node_j_per_token": {"$ref": "#/definitions/positive", "description": "with hosts, adapters, fans, supplies"},
        "facility_j_per_token": {"$ref": "#/definitions/positive"},
        "facility_low_j_per_token": {"$ref": "#/definitions/positive", "description": "80 % band of the boards' power"},
        "facility_high_j_per_token": {"$ref": "#/definitions/positive"},
        "board_w": {"$ref": "#/definitions/positive"},
        "node_w": {"$ref": "#/definitions/positive"},
        "facility_w": {"$ref": "#/definitions/positive"},
        "tokens_per_s_per_mw_drawn": {"$ref": "#/definitions/positive", "description": "of the power nodes draw"},
        "tokens_per_s_per_mw_provisioned": {"type": ["number", "null"], "description": "of what was built, all in"},
        "gco2_per_million_tokens": {"$ref": "#/definitions/positive"},
        "board_limit_w": {"$ref": "#/definitions/positive"},
        "pue": {"type": "number", "minimum": 1},
        "site": {"type": "string"},
        "basis": {"$ref": "#/definitions/tier"},
        "fit": {"type": "string"},
        "node_source": {"type": "string"}
      }
    },
    "cost": {
      "type": ["object", "null"],
      "required": ["usd_per_million_tokens", "counts", "usd_per_million_tokens_with_prompts", "usd_per_hour", "tenure",
                   "term", "usd_per_gpu_hour", "source", "as_of"],
      "additionalProperties": false,
      "properties": {
        "usd_per_million_tokens": {"$ref": "#/definitions/positive"},
        "counts": {"enum": ["generated", "read"]},
        "usd_per_million_tokens_with_prompts": {"$ref": "#/definitions/positive"},
        "usd_per_hour": {"$ref": "#/definitions/positive", "description": "of the deployment"},
        "electricity_usd_per_hour": {"$ref": "#/definitions/positive", "description": "part of it when owned"},
        "tenure": {"enum": ["rent", "own"]},
        "term": {"type": "string"},
        "usd_per_gpu_hour": {"$ref": "#/definitions/positive", "description": "owned: without electricity"},
        "low_usd_per_gpu_hour": {"$ref": "#/definitions/positive"},
        "high_usd_per_gpu_hour": {"$ref": "#/definitions/positive"},
        "source": {"type": "string"},
        "as_of": {"type": "string"}
      }
    },
    "break_even": {
      "type": "object",
      "description": "shares of the hours under this load from which one is cheaper than the other; null = never",
      "required": ["api_usd_per_million_tokens", "own_over_rent_utilisation", "own_over_api_utilisation",
                   "rent_under_api_utilisation"],
      "additionalProperties": false,
      "properties": {
        "api_usd_per_million_tokens": {"type": ["number", "null"]},
        "own_over_rent_utilisation": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "own_over_api_utilisation": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "rent_under_api_utilisation": {"type": ["number", "null"], "minimum": 0, "maximum": 1}
      }
    },
    "expert_cache": {
      "type": "object",
      "description": "experts off the devices that are kept on them",
      "required": ["policy", "experts_per_layer", "repeat", "hit_rate", "any_miss"],
      "additionalProperties": false,
      "properties": {
        "policy": {"enum": ["static", "lru", "lfu", "oracle"]},
        "experts_per_layer": {"$ref": "#/definitions/count"},
        "repeat": {"type": "number", "minimum": 0, "maximum": 1, "description": "probability that a token uses the experts of the one before it"},
        "hit_rate": {"type": "number", "minimum": 0, "maximum": 1, "description": "of the distinct experts of a decode step"},
        "any_miss": {"type": "number", "minimum": 0, "maximum": 1, "description": "probability that a layer misses one"}
      }
    },
    "traffic": {
      "type": "object",
      "description": "bytes one rank of each stage sends, all stages added up",
      "required": ["dispatch", "combine", "all_reduce", "all_gather", "p2p", "per_tier"],
      "additionalProperties": false,
      "properties": {
        "dispatch": {"$ref": "#/definitions/positive"},
        "combine": {"$ref": "#/definitions/positive"},
        "all_reduce": {"$ref": "#/definitions/positive"},
        "all_gather": {"$ref": "#/definitions/positive"},
        "p2p": {"$ref": "#/definitions/positive"},
        "per_tier": {
          "type": "object",
          "description": "inside a fast domain, over the network between domains, and of the latter beyond leaf switches",
          "required": ["fast_domain", "network", "spine"],
          "additionalProperties": false,
          "properties": {
            "fast_domain": {"$ref": "#/definitions/tier_traffic"},
            "network": {"$ref": "#/definitions/tier_traffic"},
            "spine": {"$ref": "#/definitions/tier_traffic"}
          }
        }
      }
    },
    "tier_traffic": {
      "type": "object",
      "required": ["dispatch", "combine", "all_reduce", "all_gather", "p2p"],
      "additionalProperties": false,
      "properties": {
        "dispatch": {"$ref": "#/definitions/positive"},
        "combine": {"$ref": "#/definitions/positive"},
        "all_reduce": {"$ref": "#/definitions/positive"},
        "all_gather": {"$ref": "#/definitions/positive"},
        "p2p": {"$ref": "#/definitions/positive"}
      }
    },
    "times": {
      "type": "object",
      "required": ["median", "mean", "p99"],
      "additionalProperties": false,
      "properties": {
        "median": {"$ref": "#/definitions/positive"},
        "mean": {"$ref": "#/definitions/positive"},
        "p99": {"$ref": "#/definitions/positive"}
      }
    },
    "events": {
      "type": "object",
      "description": "with --engine event: the step as it was played",
      "required": ["drawn", "draws", "micro_batches_played", "played_s", "step_s", "moe_layer_s", "waiting_share", "serial_s", "lanes", "events"],
      "additionalProperties": false,
      "properties": {
        "drawn": {"type": "boolean", "description": "every rank by itself, its tokens drawn"},
        "draws": {"$ref": "#/definitions/positive"},
        "micro_batches_played": {"$ref": "#/definitions/positive", "description": "in a pipeline several rounds of all"},
        "played_s": {"$ref": "#/definitions/positive", "description": "of all micro-batches played; lanes are over this time"},
        "step_s": {"$ref": "#/definitions/times"},
        "moe_layer_s": {"$ref": "#/definitions/times"},
        "waiting_share": {"$ref": "#/definitions/positive", "description": "of the time, at collectives for the last rank to come"},
        "serial_s": {"$ref": "#/definitions/positive", "description": "the operators one after the other"},
        "lanes": {
          "type": "array",
          "items": {
            "type": "object",
            "required": ["stage", "rank", "compute_s", "communication_s", "copy_s", "host_s", "port_s"],
            "additionalProperties": false,
            "properties": {
              "stage": {"$ref": "#/definitions/positive"},
              "rank": {"type": ["integer", "null"], "description": "null: ranks that do the same"},
              "compute_s": {"$ref": "#/definitions/positive"},
              "communication_s": {"$ref": "#/definitions/positive"},
              "copy_s": {"$ref": "#/definitions/positive"},
              "host_s": {"$ref": "#/definitions/positive"},
              "port_s": {"$ref": "#/definitions/positive", "description": "its busiest port at peak rate"}
            }
          }
        },
        "loads": {
          "type": "object",
          "required": ["busiest_rank_over_mean", "worst_rank_over_mean", "busiest_port_over_mean",
                       "distinct_experts_per_rank", "exchange_lower_bound_s", "ranks"],
          "additionalProperties": false,
          "properties": {
            "busiest_rank_over_mean": {"$ref": "#/definitions/positive"},
            "worst_rank_over_mean": {"$ref": "#/definitions/positive"},
            "busiest_port_over_mean": {"$ref": "#/definitions/positive"},
            "distinct_experts_per_rank": {"$ref": "#/definitions/positive"},
            "exchange_lower_bound_s": {"$ref": "#/definitions/positive"},
            "port_model_relative_error": {"type": ["number", "null"], "description": "busiest ports against every flow, of the first exchange"},
            "ranks": {
              "type": "array",
              "items": {
                "type": "object",
                "required": ["rank", "pairs_per_layer", "received_bytes_per_layer", "sent_bytes_per_layer"],
                "additionalProperties": false,
                "properties": {
                  "rank": {"$ref": "#/definitions/positive"},
                  "pairs_per_layer": {"$ref": "#/definitions/positive"},
                  "received_bytes_per_layer": {"$ref": "#/definitions/positive"},
                  "sent_bytes_per_layer": {"$ref": "#/definitions/positive"}
                }
              }
            }
          }
        },
        "placements": {"$ref": "#/definitions/placements"},
        "events": {"$ref": "#/definitions/positive"}
      }
    },
    "basis": {
      "type": "object",
      "required": ["engine", "overlay", "engine_profile", "share_measured", "share_structured", "share_transferred",
                   "share_default", "kernels"],
      "additionalProperties": false,
      "properties": {
        "engine": {"enum": ["analytic", "event"]},
        "overlay": {"type": "string"},
        "engine_profile": {"type": "string", "description": "what the serving engine adds to its operators; empty: nothing"},
        "share_measured": {"$ref": "#/definitions/positive"},
        "share_structured": {"$ref": "#/definitions/positive"},
        "share_transferred": {"$ref": "#/definitions/positive"},
        "share_default": {"$ref": "#/definitions/positive"},
        "kernels": {"$ref": "#/definitions/names"}
      }
    })";

}  // namespace moeplan
