// SPDX-License-Identifier: Apache-2.0
// What others measured or derived of messages between devices, beside what the forms say.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "sim/base/json.h"
#include "sim/cost/ep.h"
#include "sim/program/routing.h"
#include "sim/study/pricing.h"
#include "validate/accuracy.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

EpPoint deepseek(EpMode mode, EpOp op, double ranks, double tokens) {
  EpPoint p;
  p.mode = mode;
  p.op = op;
  p.ranks = ranks;
  p.ranks_per_node = std::min(8.0, ranks);
  p.hidden = 7168;
  p.top_k = 8;
  p.experts = 256;
  p.tokens = tokens;
  p.element_bytes = op == EpOp::Dispatch ? 1 : 2;
  return p;
}

// deepseek-ai/DeepEP docs/legacy.md: H800, 50 GB/s adapters, 128 tokens a rank, top-8 of 256,
// FP8 there and BF16 back. Microseconds.
struct LowLatencyRow {
  double ranks, dispatch, combine;
};
constexpr LowLatencyRow kLowLatency[] = {{8, 77, 114},   {16, 118, 195},  {32, 155, 273},
                                         {64, 173, 314}, {128, 192, 369}, {256, 194, 360}};

class H800 : public ::testing::Test {
 protected:
  double seconds(const EpPoint& point) const {
    const Kernels::Exchange& pair =
        pricing_.kernels
            .exchange[static_cast<std::size_t>(point.mode)][static_cast<std::size_t>(width_of(point.element_bytes))];
    const ResolvedKernel& kernel = point.op == EpOp::Dispatch ? pair.dispatch : pair.combine;
    return time_of(kernel, point, pricing_.kernels.machine).seconds;
  }
  const Pricing pricing_ =
      pricing_of(catalog(), catalog().cluster("h800-x8"), catalog().runtime("generic"), catalog().formats());
};

TEST_F(H800, LowLatencyExchangesOfWidthsThatWereNotFitted) {
  // kEpNetworkShare and kEpNetworkLatency stand on EP32 and EP128; EP8 stays inside a node,
  // where the kernels of today, which the constants are of, take half the time of this table.
  for (const LowLatencyRow& row : kLowLatency) {
    const double dispatch = seconds(deepseek(EpMode::LowLatency, EpOp::Dispatch, row.ranks, 128)) * 1e6;
    const double combine = seconds(deepseek(EpMode::LowLatency, EpOp::Combine, row.ranks, 128)) * 1e6;
    if (row.ranks != 16 && row.ranks != 64 && row.ranks != 256) continue;
    EXPECT_NEAR(dispatch / row.dispatch, 1, 0.15) << row.ranks;
    EXPECT_NEAR(combine / row.combine, 1, 0.15) << row.ranks;
  }
}

// The same page, normal kernels: 4,096 tokens a rank; its bandwidth over the network counts a
// copy for every node a token reaches, its own included. 4 of 8 groups of experts.
TEST_F(H800, NormalExchangesAcrossNodes) {
  struct Row {
    Count ranks;
    double dispatch, combine;  // GB/s
  };
  for (const Row& row : {Row{16, 43, 43}, {32, 58, 57}, {64, 51, 50}}) {
    const LoadTable table({.groups = 8, .kept_groups = 4},
                          {.choices = 256, .experts = 256, .top_k = 8, .ranks = row.ranks, .nodes = row.ranks / 8});
    for (const EpOp op : {EpOp::Dispatch, EpOp::Combine}) {
      EpPoint p = deepseek(EpMode::Normal, op, static_cast<double>(row.ranks), 4096);
      p.destinations = table.destinations().ranks;
      p.nodes = table.destinations().nodes;
      const double bytes = 4096 * p.nodes * (op == EpOp::Dispatch ? 7168 * (1 + 4.0 / 128) : 2 * 7168);
      const double published = op == EpOp::Dispatch ? row.dispatch : row.combine;
      EXPECT_NEAR(bytes / seconds(p) / 1e9 / published, 1, 0.2) << row.ranks;
    }
  }
}

// Kernels of TensorRT-LLM's in an NVL72 at EP 2 to 64: the median error of each size, predicted by
// the others.
class LeftOutWidths : public ::testing::TestWithParam<const char*> {};

TEST_P(LeftOutWidths, ArePredictedByTheOthers) {
  const std::string path = std::string(MOEPLAN_SHARED_DIR) + "/measured/ep_alltoall.csv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const CsvTable all(read_text_file(path, Bytes(1 << 24)), path);
  std::string rows = std::string(all.raw_header()) + "\n";
  for (std::size_t row = 0; row < all.rows(); ++row)
    if (all.raw(row).find(GetParam()) != std::string_view::npos) rows += std::string(all.raw(row)) + "\n";
  OperatorTable table = read_operator_rows(rows, "ep.csv");
  leave_out_by(table, "ep_size");
  Scorer scorer("");
  scorer.add(table,
             left_out_predictions(table, leave_out(table, machines_of(catalog(), table), {.evaluations = 2000})));
  const Accuracy accuracy = scorer.take();
  ASSERT_GE(accuracy.values.size(), 4U);  // EP 2, 4, 8, 32, of two-sided kernels 64
  for (const AccuracyValue& value : accuracy.values) EXPECT_LE(value.error.median, 0.15) << value.value;
}

INSTANTIATE_TEST_SUITE_P(Nvl72, LeftOutWidths,
                         testing::Values("OneSided,nvfp4,dispatch,", "OneSided,nvfp4,combine,",
                                         "TwoSided,bfloat16,prepare,", "TwoSided,bfloat16,dispatch,",
                                         "TwoSided,bfloat16,combine,", "TwoSided,fp8,prepare,",
                                         "TwoSided,fp8,dispatch,", "TwoSided,fp8,combine,", "TwoSided,nvfp4,prepare,",
                                         "TwoSided,nvfp4,dispatch,", "TwoSided,nvfp4,combine,",
                                         "TwoSided,nvfp4,combine_low_precision,"));

// DeepSeek-AI, "Insights into DeepSeek-V3" (arXiv 2505.09343), section 2.3.2: 32 tokens a device,
// each to 9 experts on other devices, 7,000 values, a byte there and two back, 50 GB/s.
TEST(NetworkLimit, DeepSeeksBoundOnSpeedPerUser) {
  const ClusterSpec cluster = catalog().cluster("h800-x8");
  const Topology topology = topology_of(cluster, cluster.devices.front());
  EpPoint p;
  p.mode = EpMode::LowLatency;
  p.ranks = 1e15;  // so many that no expert is at home
  p.ranks_per_node = 1;
  p.top_k = 9;
  p.tokens = 32;
  TierBytes sent = exchange_bytes(p, 7000);
  sent += exchange_bytes(p, 2 * 7000);
  const double exchange = seconds_at_peak(sent, topology);
  // (1 + 2) B x 32 x 9 x 7,000 / 50 GB/s
  EXPECT_NEAR(exchange, 120.96e-6, 1e-12);
  // Two micro-batches a layer, 61 layers.
  const double per_token = 2 * exchange * 61;
  EXPECT_NEAR(per_token, 14.76e-3, 5e-6);
  EXPECT_NEAR(1 / per_token, 67.8, 0.05);
}

}  // namespace
}  // namespace moeplan
