// SPDX-License-Identifier: Apache-2.0
#include "sim/study/derived_shape.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "sim/spec/catalog.h"
#include "sim/spec/matrices.h"

namespace moeplan {
namespace {

// Mixtral: 32 layers, hidden 4096, 8 experts of 14336 with three matrices each, top-2.
constexpr Count kLayers = 32;
constexpr Count kHidden = 4096;
constexpr Count kWidth = 14336;

const ModelSpec& mixtral() {
  static const ModelSpec model = Catalog::embedded().model("mixtral-8x7b");
  return model;
}

const ModelSpec& deepseek() {
  static const ModelSpec model = Catalog::embedded().model("deepseek-v3");
  return model;
}

MoeFfn experts_of(const Resized& r) {
  for (const Block& block : r.model.blocks)
    if (const auto* moe = std::get_if<MoeFfn>(&block.kind)) return *moe;
  return {};
}

Count total_of(const ModelSpec& model) { return count_parameters(model).total; }
Count active_of(const ModelSpec& model) { return count_parameters(model).active; }

TEST(DerivedShape, TheOwnSizeGivesTheModelBack) {
  for (const ShapeSize size : {ShapeSize::Experts, ShapeSize::TopK, ShapeSize::Width, ShapeSize::Shared})
    for (const Keep keep : {Keep::None, Keep::Active, Keep::Total, Keep::TotalAndActive}) {
      const Resized r = resized(deepseek(), size, *size_of(deepseek(), size), keep);
      EXPECT_TRUE(r.is_possible()) << r.reason;
      EXPECT_EQ(r.model, deepseek()) << word_of(size) << " " << word_of(keep);
      EXPECT_EQ(r.off_total, 0);
    }
}

// 8 more experts of 3 x 4096 x 14336 in 32 layers, and 8 more rows of their routers.
TEST(DerivedShape, ExpertsAtConstantActiveAddWholeExperts) {
  const Resized r = resized(mixtral(), ShapeSize::Experts, 16, Keep::Active);
  EXPECT_EQ(r.total - total_of(mixtral()), kLayers * 8 * (3 * kHidden * kWidth + kHidden));
  EXPECT_EQ(r.active - active_of(mixtral()), kLayers * 8 * kHidden);
}

// 16 x 7168 = 8 x 14336: only the router grows.
TEST(DerivedShape, ExpertsAtConstantTotalAreNarrower) {
  const Resized r = resized(mixtral(), ShapeSize::Experts, 16, Keep::Total);
  EXPECT_EQ(experts_of(r).width, kWidth / 2);
  EXPECT_EQ(r.total - total_of(mixtral()), kLayers * 8 * kHidden);
  EXPECT_EQ(active_of(mixtral()) - r.active, kLayers * (2 * 3 * kHidden * kWidth / 2 - 8 * kHidden));
  EXPECT_TRUE(r.notes.empty());
}

TEST(DerivedShape, FinerExpertsAtConstantBothAreChosenMoreOften) {
  const Resized r = resized(mixtral(), ShapeSize::Experts, 32, Keep::TotalAndActive);
  EXPECT_EQ(experts_of(r).width, kWidth / 4);
  EXPECT_EQ(experts_of(r).top_k, 8);
  EXPECT_EQ(r.active - active_of(mixtral()), kLayers * 24 * kHidden);
}

TEST(DerivedShape, MoreChosenExpertsAtConstantActiveAreNarrower) {
  const Resized r = resized(mixtral(), ShapeSize::TopK, 4, Keep::Active);
  EXPECT_EQ(experts_of(r).width, kWidth / 2);
  EXPECT_EQ(r.active, active_of(mixtral()));
  EXPECT_EQ(experts_of(r).experts, 8);
}

TEST(DerivedShape, MoreChosenExpertsAtConstantTotalOnlyWorkMore) {
  const Resized r = resized(mixtral(), ShapeSize::TopK, 4, Keep::Total);
  EXPECT_EQ(r.total, total_of(mixtral()));
  EXPECT_EQ(r.active - active_of(mixtral()), kLayers * 2 * 3 * kHidden * kWidth);
}

TEST(DerivedShape, NarrowerExpertsAreMoreAtConstantTotal) {
  EXPECT_EQ(experts_of(resized(mixtral(), ShapeSize::Width, kWidth / 2, Keep::Total)).experts, 16);
  EXPECT_EQ(experts_of(resized(mixtral(), ShapeSize::Width, kWidth / 2, Keep::Active)).top_k, 4);
  const MoeFfn both = experts_of(resized(mixtral(), ShapeSize::Width, kWidth / 2, Keep::TotalAndActive));
  EXPECT_EQ(both.experts, 16);
  EXPECT_EQ(both.top_k, 4);
}

// DeepSeek-V3 has one shared expert and top-8: two shared leave seven routed, at the same count.
TEST(DerivedShape, ASharedExpertStandsForARoutedOne) {
  const Resized r = resized(deepseek(), ShapeSize::Shared, 2, Keep::Active);
  EXPECT_EQ(experts_of(r).top_k, 7);
  EXPECT_EQ(experts_of(r).shared_width, 2 * experts_of(r).width);
  EXPECT_EQ(r.active, active_of(deepseek()));
}

// 8 x 14336 / 7 = 16384; over 9 it does not divide: 12743.1.
TEST(DerivedShape, WhatDoesNotDivideIsSaidWithItsDistance) {
  EXPECT_TRUE(resized(mixtral(), ShapeSize::Experts, 7, Keep::Total).notes.empty());
  const Resized r = resized(mixtral(), ShapeSize::Experts, 9, Keep::Total);
  EXPECT_EQ(experts_of(r).width, 12743);
  EXPECT_EQ(r.notes.size(), 1u);
  EXPECT_NE(r.off_total, 0);
  EXPECT_LT(std::abs(r.off_total), 1e-4);
}

TEST(DerivedShape, WhatCannotBeIsAReason) {
  EXPECT_FALSE(resized(mixtral(), ShapeSize::TopK, 9, Keep::None).is_possible());               // of 8 experts
  EXPECT_FALSE(resized(mixtral(), ShapeSize::Experts, 1, Keep::None).is_possible());            // top-2 of one
  EXPECT_FALSE(resized(mixtral(), ShapeSize::Experts, 2, Keep::TotalAndActive).is_possible());  // top-0.5
  EXPECT_FALSE(resized(mixtral(), ShapeSize::Experts, 200'000, Keep::Total).is_possible());     // 0.57 wide
  EXPECT_FALSE(resized(mixtral(), ShapeSize::Experts, 0, Keep::None).is_possible());
  EXPECT_FALSE(resized(mixtral(), ShapeSize::Experts, Count{1} << 40, Keep::None).is_possible());
  EXPECT_FALSE(resized(mixtral(), ShapeSize::Hidden, 8192, Keep::Total).is_possible());
  EXPECT_FALSE(resized(Catalog::embedded().model("llama-3.1-8b"), ShapeSize::Experts, 8, Keep::None).is_possible());
}

// 8 groups of 32 become 8 of 64; they do not divide 12 experts.
TEST(DerivedShape, GroupsStayWhereTheyDivideTheExperts) {
  EXPECT_EQ(experts_of(resized(deepseek(), ShapeSize::Experts, 512, Keep::Active)).groups, 8);
  const Resized r = resized(deepseek(), ShapeSize::Experts, 12, Keep::Active);
  EXPECT_EQ(experts_of(r).groups, 1);
  EXPECT_EQ(r.notes.size(), 1u);
}

TEST(DerivedShape, DepthAndWidthOfTheModelFollowTheFamily) {
  const Resized deep = resized(mixtral(), ShapeSize::Layers, 64, Keep::None);
  ASSERT_TRUE(deep.is_possible()) << deep.reason;
  EXPECT_EQ(layer_count(deep.model), 64);
  const Resized wide = resized(mixtral(), ShapeSize::Hidden, 8192, Keep::None);
  ASSERT_TRUE(wide.is_possible()) << wide.reason;
  EXPECT_EQ(wide.model.hidden, 8192);
}

TEST(DerivedShape, WordsNameSizesAndRules) {
  for (std::size_t i = 0; i < kShapeSizes; ++i)
    EXPECT_EQ(shape_size_named(word_of(static_cast<ShapeSize>(i))), static_cast<ShapeSize>(i));
  for (std::size_t i = 0; i < kKeeps; ++i) EXPECT_EQ(keep_named(word_of(static_cast<Keep>(i))), static_cast<Keep>(i));
  EXPECT_FALSE(keep_named("everything").has_value());
}

}  // namespace
}  // namespace moeplan
