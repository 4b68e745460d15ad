// SPDX-License-Identifier: Apache-2.0
#include "reports/schemas.h"

#include <fmt/format.h>

#include "reports/schema_texts.h"

namespace moeplan {
namespace {

// What every schema knows: quantities by their unit.
constexpr std::string_view kCommonDefinitions = R"(    "count": {"type": "integer", "minimum": 0},
    "bytes": {"type": "integer", "minimum": 0},
    "difference_of_bytes": {"type": "integer"},
    "text": {"type": "string", "minLength": 1},
    "names": {"type": "array", "items": {"$ref": "#/definitions/text"}})";

constexpr std::string_view kVersionSchema = R"(  "type": "object",
  "required": ["schema", "version", "compiler", "models", "devices", "nodes", "runtimes"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.version/1"},
    "version": {"$ref": "#/definitions/text"},
    "compiler": {"$ref": "#/definitions/text"},
    "models": {"$ref": "#/definitions/count"},
    "devices": {"$ref": "#/definitions/count"},
    "nodes": {"$ref": "#/definitions/count"},
    "runtimes": {"$ref": "#/definitions/count"}
  },
)";

constexpr std::string_view kSchemasSchema = R"(  "type": "object",
  "required": ["schema", "schemas"],
  "additionalProperties": false,
  "properties": {
    "schema": {"const": "moeplan.schemas/1"},
    "schemas": {
      "type": "array",
      "minItems": 1,
      "items": {
        "type": "object",
        "required": ["name", "document", "command"],
        "additionalProperties": false,
        "properties": {
          "name": {"$ref": "#/definitions/text"},
          "document": {"type": "string", "pattern": "^moeplan[.][a-z.]+/1$"},
          "command": {"$ref": "#/definitions/text"}
        }
      }
    }
  },
)";

Schema make(std::string_view name, std::string_view command, std::string_view body, std::string_view definitions) {
  std::string text = fmt::format(
      "{{\n  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n"
      "  \"$id\": \"moeplan.{}/1\",\n  \"title\": \"moeplan {} --json\",\n",
      name, command);
  text += body;
  text += fmt::format("  \"definitions\": {{\n{}{}{}\n  }}\n}}\n", kCommonDefinitions, definitions.empty() ? "" : ",\n",
                      definitions);
  return {name, command, std::move(text)};
}

}  // namespace

std::vector<Schema> all_schemas() {
  const std::string steps = fmt::format("{},\n{},\n{}", kSimulateDefinitions, kPlacementGainMember, kSpreadDefinition);
  return {make("fit", "fit MODEL", kFitSchema, kFitDefinitions),
          make("fit.list", "fit", kFitListSchema, kFitDefinitions),
          make("simulate", "simulate MODEL", kSimulateSchema, steps),
          make("simulate.compare", "simulate MODEL --compare WHAT", kSimulateCompareSchema, steps),
          make("simulate.disaggregated", "simulate MODEL --isl 4k --osl 1k --prefill OPTIONS",
               kSimulateDisaggregatedSchema, steps),
          make("simulate.frontier", "simulate MODEL --isl 1k --osl 1k --frontier", kSimulateFrontierSchema, ""),
          make("simulate.study", "simulate [MODEL...] --study NAME", kSimulateStudySchema, kSimulateStudyDefinitions),
          make("sweep", "sweep [STUDY]", kSweepSchema, kSweepDefinitions),
          make("sweep.plan", "sweep [STUDY] --dry-run", kSweepPlanSchema, kSweepDefinitions),
          make("sweep.manifest", "sweep [STUDY] --out DIR", kSweepManifestSchema, kSweepDefinitions),
          make("sweep.experts", "sweep expert-count", kSweepExpertsSchema, ""),
          make("network", "network --topology SPEC --matrix SPEC", kNetworkSchema, ""),
          make("validate", "validate --against FILE", kValidateSchema, kValidateDefinitions),
          make("validate.runs", "validate --against RUNS", kValidateE2eSchema, ""),
          make("validate.effects", "validate --effects NAME", kValidateEffectsSchema, ""),
          make("models", "models show NAME", kModelSchema, kModelDefinitions),
          make("models.list", "models list", kModelListSchema, kModelDefinitions),
          make("models.tensors", "models show HEADER", kModelTensorsSchema, kModelDefinitions),
          make("models.diff", "models diff NAME NAME", kModelDiffSchema, ""),
          make("hardware", "hardware show NAME", kHardwareSchema, kHardwareDefinitions),
          make("hardware.list", "hardware list", kHardwareListSchema, kHardwareDefinitions),
          make("machine", "hardware detect", kMachineSchema, kHardwareDefinitions),
          make("hardware.part", "hardware show FABRIC", kHardwarePartSchema, kHardwareDefinitions),
          make("hardware.diff", "hardware diff A B", kHardwareDiffSchema, kHardwareDefinitions),
          make("runtimes", "runtimes show NAME", kRuntimeSchema, kRuntimeDefinitions),
          make("runtimes.list", "runtimes list", kRuntimeListSchema, kRuntimeDefinitions),
          make("version", "version", kVersionSchema, ""),
          make("schemas", "schema", kSchemasSchema, "")};
}

}  // namespace moeplan
