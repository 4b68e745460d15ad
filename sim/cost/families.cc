// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/family.h"

#include "sim/cost/attention.h"
#include "sim/cost/collective.h"
#include "sim/cost/ep.h"
#include "sim/cost/gemm.h"
#include "sim/cost/mla.h"
#include "sim/cost/moe.h"
#include "sim/cost/stream.h"

namespace moeplan {
namespace {

// A form of one kind of point as a function of any; std::get fails on a wrong kind.
template <class Point, FormTime (*kTime)(const Point&, const Machine&, std::span<const double>)>
FormTime time_of(const OperatorPoint& point, const Machine& machine, std::span<const double> constants) {
  return kTime(std::get<Point>(point), machine, constants);
}

template <class Point, double (*kFloor)(const Point&, const Machine&)>
double floor_of(const OperatorPoint& point, const Machine& machine) {
  return kFloor(std::get<Point>(point), machine);
}

template <class Point, int (*kRegime)(const Point&)>
int regime_of(const OperatorPoint& point) {
  return kRegime(std::get<Point>(point));
}

// Forms join here, in the order of the enumeration.
constexpr std::array kFamilyFacts = {
    FamilyFacts{.family = Family::Gemm,
                .id = "gemm",
                .help = "matrix products, quantising their input included",
                .constants = kGemmForm,
                .time = time_of<GemmPoint, gemm_time>,
                .floor = floor_of<GemmPoint, gemm_floor>,
                .regime = regime_of<GemmPoint, gemm_regime>,
                .regimes = {"m <= 16", "m 17-256", "m > 256"}},
    FamilyFacts{.family = Family::Moe,
                .id = "moe",
                .help = "fused expert layers on their busiest rank",
                .constants = kMoeForm,
                .time = time_of<MoePoint, moe_time>,
                .floor = floor_of<MoePoint, moe_floor>,
                .regime = regime_of<MoePoint, moe_regime>,
                .regimes = {"rows per expert <= 16", "17-256", "> 256"}},
    FamilyFacts{.family = Family::AttentionContext,
                .id = "attention_context",
                .help = "softmax attention of a prefill, with writing the cache",
                .constants = kAttentionContextForm,
                .time = time_of<AttentionPoint, attention_context_time>,
                .floor = floor_of<AttentionPoint, attention_floor>,
                .regime = regime_of<AttentionPoint, attention_regime>,
                .regimes = {"to 2k new tokens", "to 16k", "beyond"}},
    FamilyFacts{.family = Family::AttentionGeneration,
                .id = "attention_generation",
                .help = "softmax attention of decoding, with writing the cache",
                .constants = kAttentionGenerationForm,
                .time = time_of<AttentionPoint, attention_generation_time>,
                .floor = floor_of<AttentionPoint, attention_floor>,
                .regime = regime_of<AttentionPoint, attention_regime>,
                .regimes = {"to 4k cached tokens", "to 64k", "beyond"}},
    FamilyFacts{.family = Family::MlaContext,
                .id = "mla_context",
                .help = "latent attention of a prefill, expanded, with writing the cache",
                .constants = kMlaContextForm,
                .time = time_of<MlaPoint, mla_context_time>,
                .floor = floor_of<MlaPoint, mla_floor>,
                .regime = regime_of<MlaPoint, mla_regime>,
                .regimes = {"to 2k new tokens", "to 16k", "beyond"}},
    FamilyFacts{.family = Family::MlaGeneration,
                .id = "mla_generation",
                .help = "latent attention of decoding, absorbed, with writing the cache",
                .constants = kMlaGenerationForm,
                .time = time_of<MlaPoint, mla_generation_time>,
                .floor = floor_of<MlaPoint, mla_floor>,
                .regime = regime_of<MlaPoint, mla_regime>,
                .regimes = {"to 4k cached tokens", "to 64k", "beyond"}},
    FamilyFacts{.family = Family::Collective,
                .id = "collective",
                .help = "all-reduce, all-gather, reduce-scatter, all-to-all, send and receive",
                .constants = kCollectiveForm,
                .time = time_of<CollectivePoint, collective_time>,
                .floor = floor_of<CollectivePoint, collective_floor>,
                .regime = regime_of<CollectivePoint, collective_regime>,
                .regimes = {"bytes <= 64 Ki", "bytes <= 8 Mi", "bytes > 8 Mi"}},
    FamilyFacts{.family = Family::Ep,
                .id = "ep",
                .help = "expert-parallel dispatch and combine",
                .constants = kEpForm,
                .time = time_of<EpPoint, ep_time>,
                .floor = floor_of<EpPoint, ep_floor>,
                .regime = regime_of<EpPoint, ep_regime>,
                .regimes = {"tokens <= 64", "tokens 65-2,048", "tokens > 2,048"}},
    FamilyFacts{.family = Family::Stream,
                .id = "stream",
                .help = "norms, activations, residuals, copies",
                .constants = kStreamForm,
                .time = time_of<StreamPoint, stream_time>,
                .floor = floor_of<StreamPoint, stream_floor>,
                .regime = regime_of<StreamPoint, stream_regime>,
                .regimes = {"bytes <= 1 Mi", "bytes <= 64 Mi", "bytes > 64 Mi"}},
    FamilyFacts{.family = Family::Power,
                .id = "power",
                .help = "watts of a board while a kernel is replayed",
                .constants = kPowerForm,
                .time = time_of<PowerReading, power_reading>,
                .floor = floor_of<PowerReading, power_floor>,
                .regime = regime_of<PowerReading, power_regime>,
                .regimes = {"matrix products", "expert layers", "attention"},
                .measure = Measure::Power},
};

}  // namespace

std::span<const FamilyFacts> families() { return kFamilyFacts; }

const FamilyFacts* family_named(std::string_view id) {
  for (const FamilyFacts& facts : families()) {
    if (facts.id == id) return &facts;
  }
  return nullptr;
}

const FamilyFacts* facts_of(Family family) {
  for (const FamilyFacts& facts : families()) {
    if (facts.family == family) return &facts;
  }
  return nullptr;
}

}  // namespace moeplan
