// SPDX-License-Identifier: Apache-2.0
#include "sim/program/expert_migration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "sim/base/rng.h"

namespace moeplan {
namespace {

using testing::ElementsAre;

TEST(ExpertMigration, StayingMovesNothing) {
  const ExpertPlacement p = contiguous_placement(8, 8, 4, 2);
  const ExpertMigration m = migration_of(p, p, 100);
  EXPECT_EQ(m.moved, 0);
  EXPECT_EQ(m.seconds_at(1), 0);
}

TEST(ExpertMigration, RanksFetchWhatTheyDidNotHold) {
  // Rank 0 held 0, 1 and gets 0, 3; rank 1 held 2, 3 and gets 2, 1; ranks 2 and 3 keep theirs.
  const ExpertPlacement before = contiguous_placement(8, 8, 4, 2);
  const ExpertPlacement after(8, 4, 2, {0, 3, 2, 1, 4, 5, 6, 7});
  const ExpertMigration m = migration_of(before, after, 100);
  EXPECT_EQ(m.moved, 2);
  EXPECT_EQ(m.bytes, 200);
  EXPECT_EQ(m.most_received, 100);
  EXPECT_EQ(m.most_sent, 100);
  EXPECT_EQ(m.between_nodes, 0);
  EXPECT_EQ(m.seconds_at(50), 2);
}

TEST(ExpertMigration, TheNodesOwnReplicaIsFetched) {
  // Expert 0 lay on rank 0 (node 0) and rank 3 (node 1); rank 2 gets it from rank 3.
  const ExpertPlacement before(4, 4, 2, {0, 1, 2, 3, 1, 2, 3, 0});
  const ExpertPlacement after(4, 4, 2, {0, 1, 2, 3, 1, 0, 3, 0});
  EXPECT_EQ(migration_of(before, after, 1).between_nodes, 0);
}

TEST(ExpertMigration, SourcesTakeTurns) {
  // Expert 0 on ranks 0 and 1; ranks 2 and 3 both fetch it: one from each.
  const ExpertPlacement before(3, 4, 1, {0, 0, 1, 2});
  const ExpertPlacement after(3, 4, 1, {1, 2, 0, 0});
  EXPECT_EQ(migration_of(before, after, 1).most_sent, 1);
}

TEST(AlignedTo, RenumberedRanksMoveNothing) {
  const ExpertPlacement before = contiguous_placement(12, 12, 4, 1);
  const ExpertPlacement turned(12, 4, 1, {9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_EQ(migration_of(before, turned, 1).moved, 12);
  EXPECT_EQ(migration_of(before, aligned_to(before, turned, false), 1).moved, 0);
}

TEST(AlignedTo, FewestExpertsMoveOfAllOrders) {
  // Six ranks of random experts against all 720 orders of them.
  CounterRng rng(5, 0);
  std::vector<Count> slots(18);
  std::iota(slots.begin(), slots.end(), Count{0});
  const ExpertPlacement before = contiguous_placement(18, 18, 6, 1);
  for (int trial = 0; trial < 5; ++trial) {
    for (std::size_t i = slots.size(); i > 1; --i)
      std::swap(slots[i - 1], slots[rng.below(static_cast<std::uint32_t>(i))]);
    std::vector<std::size_t> order = {0, 1, 2, 3, 4, 5};
    Count fewest = 18;
    do {
      std::vector<Count> turned;
      for (const std::size_t r : order)
        turned.insert(turned.end(), slots.begin() + static_cast<std::ptrdiff_t>(3 * r),
                      slots.begin() + static_cast<std::ptrdiff_t>(3 * r + 3));
      fewest = std::min(fewest, migration_of(before, ExpertPlacement(18, 6, 1, turned), 1).moved);
    } while (std::next_permutation(order.begin(), order.end()));
    const ExpertPlacement after = aligned_to(before, ExpertPlacement(18, 6, 1, slots), false);
    EXPECT_EQ(migration_of(before, after, 1).moved, fewest);
  }
}

TEST(AlignedTo, NodesKeepTheirExperts) {
  const ExpertPlacement before = contiguous_placement(8, 8, 4, 2);
  // Node 0 gets what node 1 held: within nodes nothing can be saved.
  const ExpertPlacement swapped(8, 4, 2, {4, 5, 6, 7, 0, 1, 2, 3});
  EXPECT_EQ(migration_of(before, aligned_to(before, swapped, true), 1).moved, 8);
  EXPECT_EQ(migration_of(before, aligned_to(before, swapped, false), 1).moved, 0);
}

TEST(AlignedTo, RanksOfThreeSlotsStayRanksOfThree) {
  // 7 experts on 2 ranks: 4 and 3.
  const ExpertPlacement before = contiguous_placement(7, 7, 2, 1);
  const ExpertPlacement after(7, 2, 1, {4, 5, 6, 0, 1, 2, 3});
  EXPECT_THAT(aligned_to(before, after, false).expert_of_slot(), ElementsAre(4, 5, 6, 0, 1, 2, 3));
}

}  // namespace
}  // namespace moeplan
