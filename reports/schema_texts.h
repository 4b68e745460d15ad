// SPDX-License-Identifier: Apache-2.0
// Inside reports: the texts of the schemas by subject. "..._definitions" are members of
// "definitions", shared by the documents that show one thing and that list many.
#pragma once

#include <string_view>

namespace moeplan {

extern const std::string_view kFitSchema;
extern const std::string_view kFitListSchema;
extern const std::string_view kFitDefinitions;
extern const std::string_view kSimulateSchema;
extern const std::string_view kSimulateCompareSchema;
extern const std::string_view kSimulateDisaggregatedSchema;
extern const std::string_view kSimulateFrontierSchema;
extern const std::string_view kSimulateStudySchema;
extern const std::string_view kSimulateStudyDefinitions;
extern const std::string_view kSimulateDefinitions;
extern const std::string_view kValidateSchema;
extern const std::string_view kValidateE2eSchema;
extern const std::string_view kValidateEffectsSchema;
extern const std::string_view kValidateDefinitions;
extern const std::string_view kModelSchema;
extern const std::string_view kModelListSchema;
extern const std::string_view kModelTensorsSchema;
extern const std::string_view kModelDiffSchema;
extern const std::string_view kModelDefinitions;
extern const std::string_view kHardwareSchema;
extern const std::string_view kHardwareListSchema;
extern const std::string_view kMachineSchema;
extern const std::string_view kHardwarePartSchema;
extern const std::string_view kHardwareDiffSchema;
extern const std::string_view kHardwareDefinitions;
extern const std::string_view kNetworkSchema;
extern const std::string_view kSweepSchema;
extern const std::string_view kSweepPlanSchema;
extern const std::string_view kSweepManifestSchema;
extern const std::string_view kSweepDefinitions;
extern const std::string_view kSweepExpertsSchema;
extern const std::string_view kPlacementGainMember;  // of a document that shows it, with kSpreadDefinition
extern const std::string_view kSpreadDefinition;
extern const std::string_view kRuntimeSchema;
extern const std::string_view kRuntimeListSchema;
extern const std::string_view kRuntimeDefinitions;

}  // namespace moeplan
