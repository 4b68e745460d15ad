// SPDX-License-Identifier: Apache-2.0
#include "sim/ledger/ledger.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/ledger/headroom.h"

namespace moeplan {
namespace {

// A program written by hand: three ops, one weight, a full and a windowed cache, state.
Program hand_made() {
  Program p;
  p.op_count = 3;
  for (std::size_t i = 0; i < 3; ++i) p.op_array[i] = Op{};
  const auto add = [&p](const Tensor& t) { p.tensor_array[static_cast<std::size_t>(p.tensor_count++)] = t; };
  add({.cls = TensorClass::Weight, .part = Part::Experts, .repeat = 4, .elements = 500, .fixed = 1000});
  add({.cls = TensorClass::Weight,
       .part = Part::Experts,
       .place = Place::Host,
       .repeat = 2,
       .elements = 500,
       .fixed = 1000});
  add({.cls = TensorClass::Kv, .repeat = 10, .per_token = 4});
  add({.cls = TensorClass::Kv, .repeat = 10, .window = 100, .per_token = 2});
  add({.cls = TensorClass::State, .repeat = 3, .per_sequence = 7});
  // Alive over ops 0-1 and 1-2: together only at op 1.
  add({.cls = TensorClass::Activation, .first_op = 0, .last_op = 1, .per_token = 5});
  add({.cls = TensorClass::Activation, .first_op = 1, .last_op = 2, .per_token = 6});
  add({.cls = TensorClass::Activation, .first_op = 2, .last_op = 2, .per_sequence = 900});
  return p;
}

Bytes line_of(const MemoryLedger& ledger, TensorClass cls, Place place = Place::Device) {
  for (const LedgerLine& line : ledger.lines())
    if (line.cls == cls && line.place == place) return line.bytes;
  return Bytes(-1);
}

TEST(MemoryLedger, CountsWeightsByPlaceAndCachesByWindow) {
  const MemoryLedger l =
      ledger_of(hand_made(), {.context = 300, .sequences = 2, .step_tokens = 1, .logit_rows = 0}, {});
  EXPECT_EQ(line_of(l, TensorClass::Weight), Bytes(4 * 1000));
  EXPECT_EQ(line_of(l, TensorClass::Weight, Place::Host), Bytes(2 * 1000));
  EXPECT_EQ(l.host, Bytes(2000));
  // 10 layers x 4 B x 300 tokens + 10 x 2 B x 100 tokens, twice
  EXPECT_EQ(line_of(l, TensorClass::Kv), Bytes(2 * (12000 + 2000)));
  EXPECT_EQ(line_of(l, TensorClass::State), Bytes(2 * 3 * 7));
}

TEST(MemoryLedger, TheCacheBelongsToResidentsNotToTheStep) {
  const Program p = hand_made();
  const MemoryLedger small = ledger_of(p, {.context = 300, .sequences = 2, .step_tokens = 1}, {});
  const MemoryLedger large = ledger_of(p, {.context = 300, .sequences = 2, .step_tokens = 8192}, {});
  EXPECT_EQ(line_of(small, TensorClass::Kv), line_of(large, TensorClass::Kv));
}

TEST(MemoryLedger, ActivationsPeakByLivenessNotBySum) {
  // Op 1: (5 + 6) x 10 tokens = 110; op 2: 6 x 10 + 900 x rows.
  const Program p = hand_made();
  EXPECT_EQ(line_of(ledger_of(p, {.step_tokens = 10, .logit_rows = 0}, {}), TensorClass::Activation), Bytes(110));
  EXPECT_EQ(ledger_of(p, {.step_tokens = 10, .logit_rows = 0}, {}).peak_op, 1);
  // And some peaks are the sampler's.
  EXPECT_EQ(line_of(ledger_of(p, {.step_tokens = 10, .logit_rows = 3}, {}), TensorClass::Activation), Bytes(2760));
  EXPECT_EQ(ledger_of(p, {.step_tokens = 10, .logit_rows = 3}, {}).peak_op, 2);
}

TEST(MemoryLedger, BandsApplyToTheLinesTheyBelongTo) {
  Program p = hand_made();
  p.tensor_array[0].estimated = true;
  const Allowances a{.runtime_context = Bytes(1000),
                     .context_band = 0.5,
                     .activation_band = 0.2,
                     .weight_low = 0.9,
                     .weight_high = 1.1};
  const MemoryLedger l = ledger_of(p, {.context = 0, .sequences = 0, .step_tokens = 100}, a);
  // weights +-10 % of 4,000, activations +-20 % of 1,100, context +-50 % of 1,000
  EXPECT_EQ(l.lines()[0].high - l.lines()[0].bytes, Bytes(400));
  // Three independent sources: sqrt(400^2 + 220^2 + 500^2) = 677.1
  EXPECT_EQ(l.high - l.total, Bytes(677));
  EXPECT_EQ(l.total - l.low, Bytes(677));
}

// 1/2, 9/10 and 1/10 by the definition of the widths.
TEST(Probability, IsFiveNineAndOneTenthsAtTheMedianAndThePercentiles) {
  const ErrorWidth s{.below = 60, .above = 30};
  EXPECT_NEAR(probability_within(Bytes(0), s), 0.5, 1e-12);
  EXPECT_NEAR(probability_within(Bytes(30), s), 0.9, 1e-12);
  EXPECT_NEAR(probability_within(Bytes(-60), s), 0.1, 1e-12);
  EXPECT_EQ(probability_within(Bytes(-241), s), 0);  // beyond four widths a part would be below nothing
}

TEST(Probability, IsZeroOrOneWhereNothingIsEstimated) {
  EXPECT_EQ(probability_within(Bytes(0), {}), 1);
  EXPECT_EQ(probability_within(Bytes(-1), {}), 0);
}

TEST(Probability, NeverFallsAsTheBudgetGrows) {
  const ErrorWidth s{.below = 600, .above = 300};
  double before = 0;
  for (Count margin = -3000; margin <= 3000; ++margin) {
    const double p = probability_within(Bytes(margin), s);
    EXPECT_GE(p, before) << margin;
    before = p;
  }
  EXPECT_GT(before, 0.999);
}

// z with P(Z <= z) = p.
double normal_quantile(double p) {
  double low = -8, high = 8;
  for (int i = 0; i < 60; ++i) {
    const double z = (low + high) / 2;
    (0.5 * std::erfc(-z / std::sqrt(2.0)) < p ? low : high) = z;
  }
  return low;
}

// Quadrature against every combination of equally likely values of the three sources. The
// sum of skewed sources has another median than the sum of their medians: 0.12 for the most
// one-sided label, near the median.
TEST(Probability, WidthsInQuadratureAgreeWithTheConvolution) {
  constexpr int kSteps = 60;
  const ErrorWidth cases[][3] = {{{420, 210}, {50, 50}, {200, 200}},  // a label, activations, a context
                                 {{420, 210}, {400, 400}, {200, 200}},
                                 {{0, 0}, {1800, 1800}, {280, 280}},
                                 {{1270, 150}, {45, 45}, {200, 200}}};  // q3_k_m: files are smaller, seldom larger
  for (const auto& sources : cases) {
    const ErrorWidth both = in_quadrature(sources);
    for (const double share : {-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5}) {
      const Count margin = std::llround(share * static_cast<double>(share < 0 ? both.below : both.above));
      int within = 0;
      double values[3][kSteps];
      for (int s = 0; s < 3; ++s)
        for (int i = 0; i < kSteps; ++i) {
          const double z = normal_quantile((i + 0.5) / kSteps) / 1.2815515655446004;
          values[s][i] = z * static_cast<double>(z < 0 ? sources[s].below : sources[s].above);
        }
      for (const double a : values[0])
        for (const double b : values[1])
          for (const double c : values[2]) within += a + b + c <= static_cast<double>(margin) ? 1 : 0;
      EXPECT_NEAR(probability_within(Bytes(margin), both), within / std::pow(kSteps, 3),
                  4 * both.above < both.below ? 0.125 : 0.055)
          << margin;
    }
  }
}

TEST(Headroom, ContextIsSolvedAcrossWindowsAndBlocks) {
  const FoldedLedger f = fold(hand_made(), {.kv_block = 16, .chunk = 0, .row_limit = 0}, {});
  for (Count budget = 4000; budget < 60000; budget += 37) {
    Count expected = -1;
    for (Count c = 0; c <= 1500; ++c)
      if (total_at(f, c, 1) <= Bytes(budget)) expected = c;
    EXPECT_EQ(max_context(f, Bytes(budget), 1, 1500), expected) << budget;
  }
}

TEST(Headroom, SequencesAreSolvedAcrossTheChunkAndTheRowLimit) {
  const FoldedLedger f = fold(hand_made(), {.kv_block = 1, .chunk = 40, .row_limit = 5}, {});
  for (Count budget = 8000; budget < 400000; budget += 911) {
    Count expected = -1;
    for (Count n = 0; n <= 300; ++n)
      if (total_at(f, 50, n) <= Bytes(budget)) expected = n;
    EXPECT_EQ(max_sequences(f, Bytes(budget), 50, 300), expected) << budget;
  }
}

TEST(Headroom, AbsurdLoadsSaturateInsteadOfWrappingRound) {
  const FoldedLedger f = fold(hand_made(), {}, {});
  const Count huge = Count{1} << 40;
  EXPECT_GE(total_at(f, huge, huge), Bytes(kSaturated));
  EXPECT_GE(ledger_of(hand_made(), residency_of({}, huge, huge), {}).total, Bytes(kSaturated));
  EXPECT_LT(max_sequences(f, 80 * kGiB, 1000, huge), 80 * kGiB.count() / (42 * 1000));
}

TEST(Headroom, NothingFitsIsSaidSo) {
  const FoldedLedger f = fold(hand_made(), {}, {});
  EXPECT_EQ(max_context(f, Bytes(3999), 1, 100), -1);
  EXPECT_EQ(max_context(f, Bytes(-5), 1, 100), -1);
}

}  // namespace
}  // namespace moeplan
