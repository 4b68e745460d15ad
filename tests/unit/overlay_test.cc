// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/overlay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.h"

namespace moeplan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Overlay example() {
  Overlay overlay{.id = "h200", .as_of = "2026-11-22", .source = "our own run", .fits = {}};
  KernelFit fit;
  fit.key = {.family = "gemm", .stack = "trtllm-1.3", .kernel = "torch_flow", .format = "fp8"};
  fit.constants = {{"floor_s", 2.25e-6}, {"share", 0.8125}};
  fit.rows = 120;
  fit.shapes = {"n=128 k=256", "n=4096 k=7168"};
  fit.left_out = {.rows = 120, .median = 0.08, .mean = 0.11, .p90 = 0.25, .bias = -0.01};
  fit.bands = {{{-0.2, 0.3}, {-0.1, 0.1}, {-0.15, 0.2}}};
  fit.bias = {0.01, -0.02, 0};
  overlay.fits.push_back(fit);
  return overlay;
}

// B8
TEST(Overlay, IsIdenticalAfterWritingAndReading) {
  EXPECT_EQ(read_overlay(write_overlay(example()), "h200.json"), example());
}

TEST(Overlay, AFitIsFoundByItsWholeKey) {
  const Overlay overlay = example();
  KernelKey key = overlay.fits[0].key;
  EXPECT_EQ(fit_of(overlay, key), &overlay.fits[0]);
  key.format = "fp8_block";
  EXPECT_EQ(fit_of(overlay, key), nullptr);
}

TEST(Overlay, ABandUpsideDownIsRefused) {
  Overlay overlay = example();
  overlay.fits[0].bands[1] = {.low = 0.2, .high = 0.1};
  EXPECT_THAT(violations(overlay), ElementsAre(HasSubstr("a band whose low end lies above its high end")));
}

TEST(Overlay, TheSameKernelTwiceIsRefused) {
  Overlay overlay = example();
  overlay.fits.push_back(overlay.fits[0]);
  EXPECT_THAT(violations(overlay), ElementsAre(HasSubstr("twice")));
}

TEST(Overlay, TwoBandsWhereThreeBelongAreNamedByPath) {
  std::string text = write_overlay(example());
  const std::string three = "\"band_low\": [-0.2, -0.1, -0.15]";
  ASSERT_NE(text.find(three), std::string::npos) << text;
  text.replace(text.find(three), three.size(), "\"band_low\": [-0.2, -0.1]");
  try {
    read_overlay(text, "h200.json");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("fits/0/band_low"));
  }
}

}  // namespace
}  // namespace moeplan
