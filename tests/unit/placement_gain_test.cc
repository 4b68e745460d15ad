// SPDX-License-Identifier: Apache-2.0
#include "sim/study/placement_gain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/placement_gain.h"
#include "reports/render.h"

namespace moeplan {
namespace {

using testing::HasSubstr;

// DeepSeek-V3's experts on a rack, Gini 0.3, 32 redundant slots.
PlacementQuestion rack() {
  PlacementQuestion q;
  q.routing = {.skew = Skew::Gini, .parameter = 0.3, .redundant = 32};
  q.group = {.choices = 256, .experts = 256, .top_k = 8, .ranks = 72, .nodes = 1};
  q.moe_layers = 58;
  q.dispatch = {.kind = CopyKind::PerRank, .there_bytes = 7392, .back_bytes = 14336};
  q.tokens = std::vector<Count>(72, 128);
  q.expert_bytes = 3.0 * 7168 * 2048;
  q.bandwidth = 900e9;
  q.layers_drawn = 4;
  q.steps_drawn = 8;
  return q;
}

TEST(PlacementGain, ComparesTheCurrentPlacementEplbAndTheSearchedOne) {
  const PlacementGain gain = placement_gain(rack());
  ASSERT_EQ(gain.placements.size(), 4U);
  EXPECT_EQ(gain.placements[0].way, PlacementWay::Contiguous);
  EXPECT_EQ(gain.placements[0].slots, 256);
  EXPECT_EQ(gain.placements[1].way, PlacementWay::Balanced);
  EXPECT_EQ(gain.placements[1].slots, 288);
  EXPECT_EQ(gain.placements[2].way, PlacementWay::Searched);
  EXPECT_EQ(gain.placements[2].slots, 288);
  EXPECT_EQ(gain.placements[3].slots, 256);
}

TEST(PlacementGain, BalancedPlacementsShortenTheBusiestRank) {
  const PlacementGain gain = placement_gain(rack());
  const PlacementFigures& now = gain.placements[0];
  for (const std::size_t i : {1U, 2U}) {
    EXPECT_LT(gain.placements[i].rows.median, 0.7 * now.rows.median);
    EXPECT_LT(gain.placements[i].port.median, now.port.median);
  }
  EXPECT_LT(gain.placements[2].imbalance, gain.placements[1].imbalance);
}

TEST(PlacementGain, WhoStaysMovesNothing) {
  const PlacementGain gain = placement_gain(rack());
  EXPECT_EQ(gain.placements[0].migration.bytes, 0);
  EXPECT_GT(gain.placements[1].migration.bytes, 0);
  const ExpertMigration& m = gain.placements[1].migration;
  // No more than every slot of every layer.
  EXPECT_LE(m.bytes, 58 * 288 * rack().expert_bytes);
  EXPECT_DOUBLE_EQ(gain.placements[1].migration_s, std::max(m.most_received, m.most_sent) / 900e9);
}

TEST(PlacementGain, NothingCrossesNodesWhereThereIsOne) {
  EXPECT_EQ(placement_gain(rack()).placements[0].network.p99, 0);
}

TEST(PlacementGain, BalancedRoutingHasNothingToWin) {
  PlacementQuestion q = rack();
  q.routing = {};
  q.group.ranks = 64;
  q.tokens.resize(64);
  const PlacementGain gain = placement_gain(q);
  for (const PlacementFigures& f : gain.placements) {
    EXPECT_DOUBLE_EQ(f.rows.median, 64 * 128 * 8 / 64.0);
    EXPECT_DOUBLE_EQ(f.straggler.p99, 1);
  }
}

TEST(PlacementGain, APowerLawHasOnlyItsOwnPlacement) {
  PlacementQuestion q = rack();
  q.routing = {.skew = Skew::PowerLaw, .parameter = 1.2};
  EXPECT_EQ(placement_gain(q).placements.size(), 1U);
}

TEST(PlacementGain, TokensOfEveryRankAreAskedFor) {
  PlacementQuestion q = rack();
  q.tokens.pop_back();
  EXPECT_THAT(placement_question_violations(q), testing::ElementsAre(HasSubstr("71 ranks, where there are 72")));
}

TEST(DescribePlacementGain, HasARowForEachPlacement) {
  const Document document = describe_placement_gain(placement_gain(rack()));
  const std::string text = render_csv(document);
  EXPECT_THAT(text, HasSubstr("contiguous, now"));
  EXPECT_THAT(text, HasSubstr("EPLB"));
  EXPECT_THAT(text, HasSubstr("searched"));
}

}  // namespace
}  // namespace moeplan
