// SPDX-License-Identifier: Apache-2.0
#include "validate/accuracy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace moeplan {
namespace {

constexpr const char* kHeader = "gpu,stack,kernel,dtype,m,n,k,latency_us\n";

// Shapes n of a stack, one token each: 10 us all.
std::string rows_of(const std::string& stack, const std::vector<int>& widths) {
  std::string text;
  for (const int n : widths) text += "H200," + stack + ",cublas,bfloat16,1," + std::to_string(n) + ",4096,10\n";
  return text;
}

// Every row predicted at e^ratio of its measurement, within a band of 5 % to both sides.
Accuracy accuracy_of(const std::string& text, const std::vector<double>& ratios) {
  const OperatorTable table = read_operator_rows(kHeader + text, "gemm.csv");
  std::vector<RowPrediction> predictions;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const double seconds = table.rows[i].measured * std::exp(ratios[i]);
    predictions.push_back({.scored = true, .seconds = seconds, .low = 0.95 * seconds, .high = 1.05 * seconds});
  }
  Scorer scorer("test");
  scorer.add(table, predictions);
  return scorer.take();
}

TEST(Accuracy, ARegimeIsPooledOverStacks) {
  const std::vector<int> widths = {1024, 2048, 4096};
  // Medians of +2 % and +8 % alone; of all six the middle lies between 0.04 and 0.06.
  const Accuracy accuracy =
      accuracy_of(rows_of("vllm-0.24.0", widths) + rows_of("sglang-0.5.10", widths), {0, 0.02, 0.04, 0.06, 0.08, 0.1});
  ASSERT_EQ(accuracy.regimes.size(), 1U);
  EXPECT_EQ(accuracy.regimes[0].sets, 2);
  EXPECT_EQ(accuracy.regimes[0].error.rows, 6);
  EXPECT_NEAR(accuracy.regimes[0].error.bias, 0.05, 1e-12);
  // Within 5 %: predictions e^0, e^0.02 and e^0.04 times too slow.
  EXPECT_DOUBLE_EQ(accuracy.regimes[0].in_band, 3.0 / 6);
}

TEST(Accuracy, ARegimeLeansBeyondThreePercentToEitherSide) {
  const std::string text = rows_of("vllm-0.24.0", {1024, 2048, 4096});
  EXPECT_TRUE(accuracy_of(text, {0.0299, 0.0299, 0.0299}).regimes[0].centred());
  EXPECT_FALSE(accuracy_of(text, {0.0301, 0.0301, 0.0301}).regimes[0].centred());
  EXPECT_FALSE(accuracy_of(text, {-0.0301, -0.0301, -0.0301}).regimes[0].centred());
}

TEST(Accuracy, SetsOfFewShapesStayOutOfRegimes) {
  const Accuracy accuracy = accuracy_of(rows_of("vllm-0.24.0", {1024, 2048}), {0, 0});
  EXPECT_EQ(accuracy.singletons.size(), 1U);
  EXPECT_TRUE(accuracy.regimes.empty());
}

}  // namespace
}  // namespace moeplan
