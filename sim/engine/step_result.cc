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
                                                    {"norms, residuals", "other"},
                                                    {"engine: host and gaps", "engine"}}};

}  // namespace

std::string_view word_of(StepShare share) { return kWords[static_cast<std::size_t>(share)].people; }
std::string_view key_of(StepShare share) { return kWords[static_cast<std::size_t>(share)].scripts; }

TierBytes Traffic::total() const {
  TierBytes sum;
  for (TierBytes Traffic::*collective : kTraffic) sum += this->*collective;
  return sum;
}

void add(StepResult& sum, const StepResult& step, Count times) {
  sum.time += step.time * times;
  sum.low += step.low * times;
  sum.high += step.high * times;
  sum.hidden += step.hidden * times;
  for (std::size_t i = 0; i < kStepShares; ++i) {
    const Picoseconds time = sum.shares[i].time + step.shares[i].time * times;
    if (step.shares[i].largest > sum.shares[i].largest) sum.shares[i] = step.shares[i];
    sum.shares[i].time = time;
  }
  for (std::size_t i = 0; i < kTiers; ++i) sum.by_tier[i] += step.by_tier[i] * times;
  for (Count i = 0; i < times; ++i) sum.work += step.work;
  const double n = static_cast<double>(times);
  for (TierBytes Traffic::*collective : kTraffic) sum.traffic.*collective += n * step.traffic.*collective;
  if (step.load.distinct > sum.load.distinct) sum.load = step.load;
  sum.joules += n * step.joules;
}

}  // namespace moeplan
