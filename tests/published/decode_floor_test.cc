// SPDX-License-Identifier: Apache-2.0
// The bandwidth bound against published single-stream runs: facts/performance.md section 1c.
#include <gtest/gtest.h>

#include <cmath>
#include <ostream>

#include "sim/spec/catalog.h"
#include "sim/study/fit.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

TierRate rate(double gb_per_s) { return {.peak = BytesPerSecond::from_base(gb_per_s * 1e9), .effective = {}}; }

FitResult one_stream(const char* model, const char* weights, Count context) {
  FitQuestion q;
  q.model = catalog().model(model);
  q.formats = catalog().formats();
  q.runtime = catalog().runtime("llama.cpp");
  q.weights = weights;
  q.device.capacity = 1024 * kGiB;
  q.workload = {.context = context, .sequences = 1};
  return evaluate(q);
}

struct Stream {
  const char* model;
  const char* weights;
  double gb_per_s;
  double floor;     // tokens/s, derived by others
  double measured;  // tokens/s, published
};
void PrintTo(const Stream& run, std::ostream* out) { *out << run.model << " " << run.weights; }

class PublishedRuns : public testing::TestWithParam<Stream> {};

TEST_P(PublishedRuns, StayBelowTheBoundAndAboveItsLowEnd) {
  const Stream run = GetParam();
  const DecodeFloor floor = decode_floor(one_stream(run.model, run.weights, 1), {.device = rate(run.gb_per_s)});
  EXPECT_LT(run.measured, floor.high);
  EXPECT_GT(run.measured, floor.low);
  EXPECT_NEAR(floor.value / run.floor, 1.0, 0.15);
}

INSTANTIATE_TEST_SUITE_P(Machines, PublishedRuns,
                         testing::Values(Stream{"gpt-oss-120b", "mxfp4_moe", 273, 77, 57.85},
                                         Stream{"gpt-oss-120b", "mxfp4_moe", 256, 72, 56.6},
                                         Stream{"mixtral-8x7b", "q4_0", 400, 54.9, 36.66},
                                         Stream{"mixtral-8x7b", "q8_0", 400, 29.2, 22.87},
                                         Stream{"qwen3-30b-a3b", "q8_0", 800, 224, 76.3},
                                         Stream{"qwen3-30b-a3b", "q4_k_m", 400, 196, 51.0}));

// 12.88 B active parameters less the input table (32,000 x 4,096) in bf16, and one cached
// position in 32 layers of 4,096 B.
TEST(DecodeFloor, OneTokenReadsTheActiveWeightsOnce) {
  const DecodeFloor floor = decode_floor(one_stream("mixtral-8x7b", "native", 1), {.device = rate(1000)});
  const ParameterCounts counts = count_parameters(catalog().model("mixtral-8x7b"));
  const double weights = 2.0 * static_cast<double>(counts.active_no_embedding);
  EXPECT_NEAR(floor.touched.device / (weights + 32 * 4096), 1.0, 1e-4);
  EXPECT_NEAR(floor.value * floor.touched.device, 1000e9, 1.0);
}

// Tokens of a batch draw their experts independently: 8 (1 - (3/4)^n) of 8 are read.
TEST(DecodeFloor, ABatchTouchesTheDistinctExpertsNotAll) {
  const auto touched = [](Count sequences) {
    FitResult f = one_stream("mixtral-8x7b", "native", 1);
    f.question.workload.sequences = sequences;
    return decode_floor(f, {.device = rate(1000)}).touched.device;
  };
  const double expert = 3.0 * 4096 * 14336 * 2 * 32;  // bytes of one over all layers
  EXPECT_NEAR((touched(4) - touched(1)) / expert, 8 * (1 - std::pow(0.75, 4)) - 2, 1e-3);
}

TEST(DecodeFloor, AMemoryOfUnknownBandwidthGivesNoBound) {
  FitResult f = one_stream("mixtral-8x7b", "q4_k_m", 1);
  EXPECT_FALSE(decode_floor(f, {}).known());
  f.question.host_expert_layers = 4;
  EXPECT_FALSE(decode_floor(f, {.device = rate(1000)}).known());
  const DecodeFloor both = decode_floor(f, {.device = rate(1000), .mixed = {}, .host = rate(80)});
  EXPECT_TRUE(both.known());
  // Host and device take turns: 4 of 32 layers at 80 GB/s.
  EXPECT_NEAR(1 / both.value, both.touched.device / 1000e9 + both.touched.host / 80e9, 1e-9);
}

TEST(DecodeFloor, ThePeakBoundsWhatIsEffective) {
  const FitResult f = one_stream("gpt-oss-20b", "mxfp4_moe", 4096);
  TierRate r = rate(1000);
  r.effective = BytesPerSecond::from_base(850e9);
  const DecodeFloor floor = decode_floor(f, {.device = r});
  EXPECT_NEAR(floor.value / floor.high, 0.85, 1e-9);
  EXPECT_NEAR(floor.low / floor.value, kReachedShare, 1e-9);
}

}  // namespace
}  // namespace moeplan
