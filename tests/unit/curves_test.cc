// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/curves.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"

namespace moeplan {
namespace {

CurveFile two_kernels() {
  CurveFile file{.device = "h200", .as_of = "2026-11-22", .source = "tables of someone", .kernels = {}};
  file.kernels.push_back({.key = {.family = "gemm", .stack = "vllm-1", .kernel = "a b", .format = "fp8"},
                          .left_out = {.rows = 12, .median = 0.01, .mean = 0.02, .p90 = 0.05, .bias = -0.001},
                          .band = {.low = -0.03, .high = 0.04},
                          .shapes = {{.shape = {128, 256}, .knots = {{1, 2310, 2290}, {64, 2310, 2350}}}}});
  file.kernels.push_back({.key = {.family = "ep", .stack = "deepep(1)", .kernel = "normal/combine", .format = ""},
                          .left_out = {.rows = 3},
                          .band = {.low = 0, .high = 0},
                          .shapes = {{.shape = {0, 1, 8}, .knots = {{16, 5, 6}}}}});
  return file;
}

TEST(Curves, WritingThenReadingGivesAnEqualFile) {
  EXPECT_EQ(read_curves(write_curves(two_kernels()), "h200.txt"), two_kernels());
}

TEST(Curves, AKernelIsFoundWithoutReadingTheRest) {
  const std::string text = write_curves(two_kernels()) + "not a line of any kind\n";
  const CurveFile all = two_kernels();
  EXPECT_EQ(curves_of(text, "h200.txt", all.kernels[0].key), all.kernels[0]);
  KernelKey other = all.kernels[0].key;
  other.format = "fp8_block";
  EXPECT_FALSE(curves_of(text, "h200.txt", other));
}

std::string refusal_of(const std::string& text) {
  try {
    read_curves(text, "h200.txt");
  } catch (const InputError& error) {
    return describe(error.problems().front());
  }
  return "accepted";
}

constexpr const char* kHead = "device h200\nas_of 2026-11-22\nsource s\nkernel|gemm|s|k|f|1|0|0|0|0|0|0\n";

TEST(Curves, NamesTheLineOfWhatItRefuses) {
  EXPECT_EQ(refusal_of(std::string(kHead) + "128 256: 1=2/2 1=3/3\n").substr(0, 10), "h200.txt:5");
  EXPECT_NE(refusal_of("as_of 2026-11-22\n").find("the device"), std::string::npos);
}

TEST(Curves, RefusesWhatCannotBeACurve) {
  for (const char* line : {"128 256: 2=2/2 1=3/3", "128 256: 1=3/3 2=2/2", "128 256: 1=0/2", "128 256: 1=2/0",
                           "128 256: 1=2", "128 256 1=2/2", "128 256:", "a: 1=2/2", "128 256: 1=2/2x"})
    EXPECT_NE(refusal_of(std::string(kHead) + line + "\n"), "accepted") << line;
  EXPECT_NE(refusal_of("device d\nkernel|gemm|s|k|f|1|0|0|0|0|0.1|-0.1\n"), "accepted");
  EXPECT_NE(refusal_of("device d\nkernel|gemm|s|k\n"), "accepted");
}

}  // namespace
}  // namespace moeplan
