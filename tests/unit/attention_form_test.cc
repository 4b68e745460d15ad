// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/attention.h"

#include <gtest/gtest.h>

#include <random>
#include <string_view>
#include <vector>

#include "sim/cost/mla.h"

namespace moeplan {
namespace {

// A device of round figures: 1 PFLOP/s, 4 TB/s, 50 MB, 100 units.
Machine round_machine() {
  Machine m;
  m.bandwidth = 4e12;
  m.cache = 50e6;
  m.units = 100;
  m.peak.fill(1e15);
  m.clock_headroom = 1.1;
  return m;
}

struct Change {
  std::string_view name;
  double value;
};

std::vector<double> start_of(std::span<const FormConstant> form, const std::vector<Change>& changes = {}) {
  std::vector<double> constants;
  for (const FormConstant& c : form) {
    double value = c.start;
    for (const Change& change : changes) {
      if (change.name == c.name) value = change.value;
    }
    constants.push_back(value);
  }
  return constants;
}

AttentionPoint prompt(double sequences, double tokens) {
  return {.context = true,
          .sequences = sequences,
          .q_len = tokens,
          .kv_len = tokens,
          .heads = 32,
          .kv_heads = 8,
          .head_dim = 128,
          .value_dim = 128};
}

AttentionPoint decode(double sequences, double keys) {
  AttentionPoint point = prompt(sequences, keys);
  point.context = false;
  point.q_len = 1;
  return point;
}

double context_seconds(const AttentionPoint& point) {
  return attention_context_time(point, round_machine(), start_of(kAttentionContextForm)).seconds;
}

double generation_seconds(const AttentionPoint& point) {
  return attention_generation_time(point, round_machine(), start_of(kAttentionGenerationForm)).seconds;
}

TEST(AttentionForm, LongPromptsTakeTheirProductsAtTheShareOfThePeak) {
  const std::vector<double> constants = start_of(kAttentionContextForm, {{"peak_share_128", 0.5},
                                                                         {"tile_keys", 1},
                                                                         {"query_rewrites", 0.003},
                                                                         {"key_rewrites", 0.003},
                                                                         {"memory_overlap", 0},
                                                                         {"wave_overlap", 0}});
  // 16 x 32 heads x 2^15 (2^15 + 1) / 2 pairs x 512 FLOP at 0.5 PFLOP/s = 281.5 ms; tiles
  // mask away half a tile each and take 1.5 us to start: under 2 %.
  const double products = 16.0 * 32 * 32768 * 32769 / 2 * 512 / 0.5e15;
  const double seconds = attention_context_time(prompt(16, 32768), round_machine(), constants).seconds;
  EXPECT_GT(seconds, products);
  EXPECT_LT(seconds, 1.02 * products);
}

TEST(AttentionForm, ManyLongContextsDecodeAtTheShareOfTheBandwidth) {
  const std::vector<double> constants = start_of(
      kAttentionGenerationForm, {{"bandwidth_share", 0.8}, {"memory_overlap", 0}, {"least_rows", 1}, {"scalar", 0}});
  // 256 x 65,536 keys x 8 heads x 256 x 2 B = 68.7 GB at 3.2 TB/s = 21.5 ms; starts and
  // queries are under 1 %.
  const double reading = 256.0 * 65536 * 8 * 256 * 2 / 3.2e12;
  const double seconds = attention_generation_time(decode(256, 65536), round_machine(), constants).seconds;
  EXPECT_NEAR(seconds / reading, 1.0, 0.01);
}

TEST(AttentionForm, OneTokenCostsTheLaunchAndLittleMore) {
  EXPECT_GT(context_seconds(prompt(1, 1)), 9e-6);
  EXPECT_LT(context_seconds(prompt(1, 1)), 13e-6);
  EXPECT_GT(generation_seconds(decode(1, 1)), 8e-6);
  EXPECT_LT(generation_seconds(decode(1, 1)), 11e-6);
}

TEST(AttentionForm, TheMaskLeavesHalfTheSquareAndATriangleLessOfAWindow) {
  // 4 queries: 1 + 2 + 3 + 4 keys.
  EXPECT_DOUBLE_EQ(attended_pairs(prompt(1, 4)), 10.0);
  AttentionPoint point = prompt(1, 4);
  point.window = 2;  // 1 + 2 + 2 + 2
  EXPECT_DOUBLE_EQ(attended_pairs(point), 7.0);
  point.window = 0;
  point.kv_len = 10;  // after 6 cached: 7 + 8 + 9 + 10
  EXPECT_DOUBLE_EQ(attended_pairs(point), 34.0);
  point.window = 8;  // 7 + 8 + 8 + 8
  EXPECT_DOUBLE_EQ(attended_pairs(point), 31.0);
  point.causal = false;
  point.window = 0;  // 4 x 10
  EXPECT_DOUBLE_EQ(attended_pairs(point), 40.0);
}

TEST(AttentionForm, AWindowAsLongAsTheContextIsNoWindow) {
  AttentionPoint point = prompt(2, 3000);
  AttentionPoint all = point;
  point.window = 3000;
  EXPECT_DOUBLE_EQ(context_seconds(point), context_seconds(all));
}

TEST(AttentionForm, ACachedPrefixCostsLessThanComputingItAgain) {
  AttentionPoint tail = prompt(4, 8192);
  tail.q_len = 2048;
  EXPECT_LT(context_seconds(tail), context_seconds(prompt(4, 8192)));
  EXPECT_GT(context_seconds(tail), context_seconds(prompt(4, 2048)));
}

TEST(AttentionForm, SingleQueryHeadsWithoutMatrixUnitsAreSlower) {
  AttentionPoint wide = decode(64, 4096);
  wide.heads = 128;
  wide.kv_heads = 2;  // 64 query heads share a key head
  const Machine machine = round_machine();
  const double with =
      attention_generation_time(wide, machine, start_of(kAttentionGenerationForm, {{"scalar", 0}})).seconds;
  const double without =
      attention_generation_time(wide, machine, start_of(kAttentionGenerationForm, {{"scalar", 1}})).seconds;
  // 64 x 128 blocks x 4096 x 256 elements x 40 ps / 100 units = 3.4 ms against 0.27 GB read.
  EXPECT_GT(without, 3.4e-3);
  EXPECT_LT(with, 0.5e-3);
}

TEST(AttentionForm, FloorIsTheProductsOrTheBytesOfTheirLevel) {
  const Machine machine = round_machine();
  // 4 x 32 heads x 8192 x 8193 / 2 pairs x 512 FLOP at 1.1 PFLOP/s.
  EXPECT_NEAR(attention_floor(prompt(4, 8192), machine), 4.0 * 32 * 8192 * 8193 / 2 * 512 / 1.1e15, 1e-9);
  // 64 x (4096 x 8 x 2 + 32) x 256 B; the cache keeps 50 MB, six times as fast as memory.
  EXPECT_NEAR(attention_floor(decode(64, 4096), machine), (64.0 * (4096 * 16 + 32) * 256 - 50e6) / 4e12 + 50e6 / 24e12,
              1e-12);
  // All of less than that.
  EXPECT_NEAR(attention_floor(decode(1, 2048), machine), (2048.0 * 16 + 32) * 256 / 24e12, 1e-12);
}

TEST(AttentionForm, NoCallIsFasterThanItsFloorAtTheStart) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> size(0, 1);
  const Machine machine = round_machine();
  for (int i = 0; i < 2000; ++i) {
    AttentionPoint p = prompt(std::exp2(std::floor(8 * size(random))), std::exp2(14 * size(random)));
    EXPECT_GE(context_seconds(p), attention_floor(p, machine));
    AttentionPoint d = decode(std::exp2(std::floor(10 * size(random))), std::exp2(17 * size(random)));
    EXPECT_GE(generation_seconds(d), attention_floor(d, machine));
  }
}

// Random constants inside the bounds of a form.
std::vector<double> drawn(std::span<const FormConstant> form, std::mt19937& random) {
  std::uniform_real_distribution<double> unit(0, 1);
  std::vector<double> constants;
  for (const FormConstant& c : form) {
    const double x = unit(random);
    constants.push_back(c.logarithmic ? c.low * std::pow(c.high / c.low, x) : c.low + (c.high - c.low) * x);
  }
  return constants;
}

TEST(AttentionForm, MoreWorkIsNeverFaster) {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> unit(0, 1);
  const Machine machine = round_machine();
  constexpr double AttentionPoint::*kSizes[] = {&AttentionPoint::sequences, &AttentionPoint::q_len,
                                                &AttentionPoint::kv_len, &AttentionPoint::window};
  for (int i = 0; i < 4000; ++i) {
    const bool context = i % 2 == 0;
    AttentionPoint p = prompt(std::exp2(8 * unit(random)), std::exp2(13 * unit(random)));
    p.context = context;
    p.heads = p.kv_heads * std::exp2(std::floor(6 * unit(random)));
    p.kv_len = p.q_len * (1 + 4 * unit(random));
    if (!context) p.q_len = 1 + std::floor(3 * unit(random));
    if (i % 3 == 0) p.window = 1 + 2000 * unit(random);
    p.kv_len = std::max(p.kv_len, p.q_len);
    const auto& form_time = context ? attention_context_time : attention_generation_time;
    const std::vector<double> constants =
        context ? drawn(kAttentionContextForm, random) : drawn(kAttentionGenerationForm, random);
    const double seconds = form_time(p, machine, constants).seconds;
    for (const auto size : kSizes) {
      AttentionPoint more = p;
      more.*size *= 1.13;
      if (more.q_len > more.kv_len) continue;
      EXPECT_GE(form_time(more, machine, constants).seconds, seconds * (1 - 1e-12))
          << (context ? "context" : "generation") << " draw " << i << " size " << &size - kSizes;
    }
  }
}

TEST(AttentionForm, FasterHardwareIsNeverSlower) {
  std::mt19937 random(13);
  std::uniform_real_distribution<double> unit(0, 1);
  for (int i = 0; i < 1000; ++i) {
    const AttentionPoint p = prompt(std::exp2(8 * unit(random)), std::exp2(13 * unit(random)));
    const AttentionPoint d = decode(std::exp2(10 * unit(random)), std::exp2(16 * unit(random)));
    const std::vector<double> context = drawn(kAttentionContextForm, random);
    const std::vector<double> generation = drawn(kAttentionGenerationForm, random);
    const Machine slow = round_machine();
    for (int figure = 0; figure < 3; ++figure) {
      Machine fast = slow;
      if (figure == 0) fast.bandwidth *= 1.5;
      if (figure == 1) fast.peak.fill(1.5e15);
      if (figure == 2) fast.cache *= 1.5;
      EXPECT_LE(attention_context_time(p, fast, context).seconds, attention_context_time(p, slow, context).seconds);
      EXPECT_LE(attention_generation_time(d, fast, generation).seconds,
                attention_generation_time(d, slow, generation).seconds);
    }
  }
}

MlaPoint latent_prompt(double sequences, double tokens) {
  return {.context = true, .sequences = sequences, .q_len = tokens, .kv_len = tokens, .heads = 32};
}

TEST(MlaForm, ContextWithEqualDimensionsComputesAsPlainAttention) {
  MlaPoint latent = latent_prompt(4, 4096);
  latent.key_dim = 128;
  latent.value_dim = 128;
  AttentionPoint plain = prompt(4, 4096);
  plain.kv_heads = 32;
  const std::vector<Change> same = {{"peak_share", 0.5},   {"peak_share_128", 0.5}, {"tile_s", 2e-6},
                                    {"wave_overlap", 0.5}, {"longest_share", 1},    {"tile_keys", 100},
                                    {"tile_rows", 128}};
  const Machine machine = round_machine();
  EXPECT_NEAR(mla_context_time(latent, machine, start_of(kMlaContextForm, same)).compute /
                  attention_context_time(plain, machine, start_of(kAttentionContextForm, same)).compute,
              1.0, 1e-3);  // the window's surplus keys end at the last key
}

TEST(MlaForm, ManyHeadsDecodeAtTheShareOfThePeak) {
  MlaPoint point = {.sequences = 256, .q_len = 1, .kv_len = 16384, .heads = 128};
  const std::vector<double> constants = start_of(
      kMlaGenerationForm, {{"peak_share", 0.5}, {"least_rows", 1}, {"memory_overlap", 0}, {"wave_overlap", 0}});
  // 256 x 16,384 keys x 128 heads x 2 x (576 + 512) FLOP at 0.5 PFLOP/s = 2.34 ms; the
  // latents take 1.5 ms of reading beside it.
  const FormTime t = mla_generation_time(point, round_machine(), constants);
  const double products = 256.0 * 16384 * 128 * 2176 / 0.5e15;
  EXPECT_EQ(t.bound, Bound::Compute);
  EXPECT_GT(t.seconds, products);
  EXPECT_LT(t.seconds, 1.05 * products);
}

TEST(MlaForm, SelectedKeysReplaceALongerContext) {
  MlaPoint sparse = {.sequences = 64, .q_len = 1, .kv_len = 131072, .heads = 64, .selected = 2048};
  MlaPoint brief = {.sequences = 64, .q_len = 1, .kv_len = 2048, .heads = 64};
  const std::vector<double> constants = start_of(kMlaGenerationForm);
  EXPECT_DOUBLE_EQ(mla_generation_time(sparse, round_machine(), constants).seconds,
                   mla_generation_time(brief, round_machine(), constants).seconds);
}

TEST(MlaForm, SparsePromptsAreAbsorbedOverTheSelectedKeys) {
  MlaPoint sparse = latent_prompt(1, 65536);
  sparse.heads = 128;
  sparse.selected = 2048;
  const std::vector<double> constants =
      start_of(kMlaContextForm, {{"peak_share", 0.5}, {"tile_rows", 32}, {"tile_s", 1e-8}, {"tile_keys", 1}});
  // 65,536 tokens x 2,048 keys (less a ramp of 1.6 %) x 128 heads x 2 x 1,088 FLOP at
  // 0.5 PFLOP/s = 74.8 ms; tiles(4) = 4.2 tiles of 32 heads take 5 % more, and reading
  // 18 GB of queries and outputs overlaps but for a part.
  const double products = 65536.0 * 2048 * 128 * 2176 / 0.5e15;
  const double seconds = mla_context_time(sparse, round_machine(), constants).seconds;
  EXPECT_GT(seconds, products);
  EXPECT_LT(seconds, 1.2 * products);
}

TEST(MlaForm, MoreWorkIsNeverFaster) {
  std::mt19937 random(17);
  std::uniform_real_distribution<double> unit(0, 1);
  const Machine machine = round_machine();
  constexpr double MlaPoint::*kSizes[] = {&MlaPoint::sequences, &MlaPoint::q_len, &MlaPoint::kv_len, &MlaPoint::heads};
  for (int i = 0; i < 4000; ++i) {
    const bool context = i % 2 == 0;
    MlaPoint p = latent_prompt(std::exp2(9 * unit(random)), std::exp2(13 * unit(random)));
    p.context = context;
    p.heads = std::exp2(std::floor(8 * unit(random)));
    p.kv_len = p.q_len * (1 + 4 * unit(random));
    if (!context) p.q_len = 1;
    if (i % 3 == 0) p.selected = 64 + 2000 * unit(random);
    const auto& form_time = context ? mla_context_time : mla_generation_time;
    const std::vector<double> constants = context ? drawn(kMlaContextForm, random) : drawn(kMlaGenerationForm, random);
    const double seconds = form_time(p, machine, constants).seconds;
    for (const auto size : kSizes) {
      MlaPoint more = p;
      more.*size *= 1.13;
      if (more.q_len > more.kv_len) continue;
      EXPECT_GE(form_time(more, machine, constants).seconds, seconds * (1 - 1e-12))
          << (context ? "context" : "generation") << " draw " << i << " size " << &size - kSizes;
    }
  }
}

TEST(MlaForm, FloorOfDecodingIsTheLatentsOnceOrTheAbsorbedProducts) {
  const MlaPoint few = {.sequences = 64, .q_len = 1, .kv_len = 8192, .heads = 1};
  // 64 x (8192 x 576 x 2 + 1088) B, of which 50 MB come from the cache at 24 TB/s.
  constexpr double kNear = 50e6 / 4e12 - 50e6 / 24e12;
  EXPECT_NEAR(mla_floor(few, round_machine()), 64.0 * (8192 * 1152 + 1088) / 4e12 - kNear, 1e-12);
  MlaPoint many = few;
  many.heads = 128;
  // 64 x 8192 x 128 x 2176 FLOP at 1.1 PFLOP/s = 133 us, below the bytes' 143 us.
  EXPECT_NEAR(mla_floor(many, round_machine()), 64.0 * (8192 * 1152 + 128 * 1088) / 4e12 - kNear, 1e-12);
  many.cache_bytes = 1;
  EXPECT_NEAR(mla_floor(many, round_machine()), 64.0 * 8192 * 128 * 2176 / 1.1e15, 1e-12);
}

}  // namespace
}  // namespace moeplan
