// SPDX-License-Identifier: Apache-2.0
// Do 80 % intervals hold about 80 % of what was published? Label bands against GGUF files,
// activations and runtime contexts against what vLLM reported of itself.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "sim/ledger/ledger.h"
#include "sim/spec/catalog.h"
#include "sim/spec/weights.h"
#include "validate/published_memory.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

struct LabelledFile {
  const char* model;
  const char* label;
  double gib;
};
constexpr double kGb = 1e9 / 1073741824.0;

// The rows of tests/published/checkpoint_size_test.cc: whoever downloads a file by its
// label gets one of these.
constexpr std::array<LabelledFile, 41> kFiles = {{
    {"deepseek-v3", "q4_k_m", 376.65},         {"deepseek-v3", "q5_k_m", 442.74},
    {"deepseek-v2-lite", "q4_k_m", 9.65},      {"qwen3-235b-a22b", "q3_k_s", 94.47},
    {"qwen3-30b-a3b", "q4_k_m", 17.28},        {"qwen3-30b-a3b", "q8_0", 32.48 * kGb},
    {"qwen3-30b-a3b", "q5_k_m", 21.74 * kGb},  {"qwen3-30b-a3b", "q5_k_s", 21.10 * kGb},
    {"mixtral-8x7b", "q4_k_m", 26.49},         {"mixtral-8x7b", "q8_0", 46.22},
    {"mixtral-8x22b", "q2_k", 52.10 * kGb},    {"mixtral-8x22b", "iq4_nl", 80.47 * kGb},
    {"mixtral-8x22b", "q5_k_m", 99.96 * kGb},  {"mixtral-8x22b", "q5_k_s", 96.97 * kGb},
    {"llama-4-scout", "q3_k_m", 48.19},        {"llama-4-scout", "q4_k_m", 60.86},
    {"minimax-m2", "q4_k_s", 121.10},          {"gpt-oss-120b", "mxfp4_moe", 59.02},
    {"gpt-oss-20b", "mxfp4_moe", 11.27},       {"gpt-oss-120b", "q2_k", 58.27},
    {"gpt-oss-120b", "q4_k_m", 58.46},         {"gpt-oss-120b", "q8_0", 59.03},
    {"gpt-oss-20b", "q6_k", 12.04 * kGb},      {"glm-4.5-air", "q4_k_m", 67.96},
    {"deepseek-v3", "q2_k", 211.03},           {"deepseek-v3", "q4_0", 353.47},
    {"deepseek-v2-lite", "q4_k_m", 9.78},      {"qwen3-235b-a22b", "iq4_xs", 116.86},
    {"qwen3-235b-a22b", "q3_k_m", 96.59},      {"qwen3-30b-a3b", "q4_k_m", 16.45},
    {"qwen3-30b-a3b", "q4_k_m", 16.49},        {"qwen3-30b-a3b", "q4_k_m", 17.35},
    {"qwen3-next-80b-a3b", "q2_k", 27.48},     {"qwen3-next-80b-a3b", "q4_k_m", 46.20},
    {"qwen3-next-80b-a3b", "q8_0", 79.57},     {"llama-4-scout", "q4_k", 57.73},
    {"minimax-m2", "iq4_xs", 113.99},          {"hunyuan-a13b", "q6_k", 61.75},
    {"glm-4.5-air", "q3_k_m", 51.01},          {"glm-4.5", "iq2_xxs", 82.68},
    {"gpt-oss-20b", "mxfp4_moe", 12.10 * kGb},
}};

// What evaluate() makes of a label: the 80 % interval of the quantised bytes.
TEST(BandCoverage, TheMiddleOfALabelsBandHoldsEightInTenPublishedFiles) {
  const FormatTable formats = catalog().formats();
  Count inside = 0;
  for (const LabelledFile& file : kFiles) {
    FitQuestion q;
    q.model = catalog().model(file.model);
    q.formats = formats;
    q.runtime = catalog().runtime("llama.cpp");
    q.weights = file.label;
    q.device.capacity = 4096 * kGiB;
    q.workload = {.context = 1, .sequences = 1};
    const FitResult result = evaluate(q);
    const MemoryLedger& ledger = result.ranks.front().ledger;
    const ErrorWidth& label = ledger.spreads[static_cast<std::size_t>(ErrorSource::Label)];
    const WeightPlan plan = plan_weights(q.model, formats, file.label);
    const double off = file.gib - in_gib(checkpoint_size(q.model, plan, formats).bytes);
    // The table on the host has the label's error too, so the device's part is a little less.
    const double slack = 0.001 * file.gib;
    if (off <= in_gib(Bytes(label.above)) + slack && off >= -in_gib(Bytes(label.below)) - slack) ++inside;
  }
  EXPECT_GE(inside, 31) << "of 41";  // 75 %
  EXPECT_LE(inside, 37) << "of 41";  // 90 %
}

// Seven rows of the planner's table fit the sampler rule that was made from them; Mistral-Small
// (2.12 GiB reported, 4.88 predicted) does not: 7 of 8.
TEST(BandCoverage, ActivationPeaksOfSevenInEightPublishedRunsAreWithinTheirInterval) {
  Count inside = 0;
  std::vector<VllmRow> rows(kVllmRows.begin(), kVllmRows.end());
  rows.push_back({"mistral-small-3.2-24b", "native", 1, 0.95, 44.76, 2.12, 28.20});
  for (const VllmRow& row : rows) {
    const FitResult run = vllm_run(catalog(), row);
    for (const LedgerLine& line : run.ranks.front().ledger.lines())
      if (line.cls == TensorClass::Activation && in_gib(line.low) <= row.activation_gib &&
          in_gib(line.high) >= row.activation_gib)
        ++inside;
  }
  EXPECT_EQ(inside, 7);
}

struct ReportedContext {
  bool several;  // devices
  double gib;    // outside the framework's own allocator
};

// The non-torch column of the planner's table, R1 on 24 GB cards, R1 on eight H20: the last
// two are not held (0.20 and 7.33 GiB against 0.55).
TEST(BandCoverage, RuntimeContextsOfEightInTenPublishedRunsAreWithinTheirInterval) {
  constexpr std::array<ReportedContext, 10> kReported = {{{false, 0.13},
                                                          {false, 0.13},
                                                          {true, 0.55},
                                                          {false, 0.13},
                                                          {false, 0.13},
                                                          {false, 0.14},
                                                          {true, 0.54},
                                                          {false, 0.14},
                                                          {true, 0.20},
                                                          {true, 7.33}}};
  const RuntimeSpec vllm = catalog().runtime("vllm");
  Count inside = 0;
  for (const ReportedContext& r : kReported) {
    const double ours = in_gib(vllm.context_bytes + (r.several ? vllm.context_bytes_multi : Bytes(0)));
    if (std::abs(r.gib / ours - 1) <= vllm.context_band) ++inside;
  }
  EXPECT_EQ(inside, 8);
}

}  // namespace
}  // namespace moeplan
