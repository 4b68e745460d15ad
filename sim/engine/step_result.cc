// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/step_result.h"

namespace moeplan {
namespace {

struct Words {
  std::string_view people;
  std::string_view scripts;
};
constexpr std::array<Words, kStepShares> kWords = {{{"expert GEMMs", "experts"},
                                                    {"attention", "attention"},
                                                    {"attention projections", "projections"},
                                                    {"dense and shared FFN", "dense"},
                                                    {"router", "router"},
                                                    {"dispatch + combine", "exchange"},
                                                    {"all-reduce", "all_reduce"},
                                                    {"stage to stage", "pipeline"},
                                                    {"embedding and head", "head"},
                                                    {"draft module", "mtp"},
                                                    {"experts in host memory", "host"},
                                                    {"norms, residuals", "other"}}};

}  // namespace

std::string_view word_of(StepShare share) { return kWords[static_cast<std::size_t>(share)].people; }
std::string_view key_of(StepShare share) { return kWords[static_cast<std::size_t>(share)].scripts; }

}  // namespace moeplan
