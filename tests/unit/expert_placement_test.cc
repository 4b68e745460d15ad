// SPDX-License-Identifier: Apache-2.0
#include "sim/program/expert_placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "sim/base/error.h"

namespace moeplan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string message_of(const std::string& text, Count experts, Count ranks) {
  try {
    parse_placement(text, "place.json", experts, ranks);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ExpertPlacement, ContiguousExpertsLieInBlocks) {
  const ExpertPlacement p = contiguous_placement(6, 6, 3, 1);
  EXPECT_THAT(p.expert_of_slot(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(p.rank_of(p.slots_of(3).front()), 1);  // experts 2 and 3 on rank 1
}

TEST(ExpertPlacement, RoundRobinExpertsLieOnRankExpertModRanks) {
  const ExpertPlacement p = round_robin_placement(256, 72, 1);
  for (Count e = 0; e < 256; ++e) EXPECT_EQ(p.rank_of(p.slots_of(e).front()), e % 72);
}

TEST(ExpertPlacement, FirstRanksHoldWhatDoesNotDivide) {
  const ExpertPlacement p = contiguous_placement(256, 256, 72, 1);
  // 256 = 72 x 3 + 40
  EXPECT_EQ(p.slots_on(39), 4);
  EXPECT_EQ(p.slots_on(40), 3);
  EXPECT_EQ(p.first_slot(40), 160);
  EXPECT_EQ(p.first_slot(72), 256);
}

TEST(ExpertPlacement, RedundantSlotsStartAgainWithTheFirstExpert) {
  const ExpertPlacement p = contiguous_placement(6, 8, 4, 1);
  EXPECT_THAT(p.slots_of(0), ElementsAre(0, 6));
  EXPECT_THAT(p.slots_of(1), ElementsAre(1, 7));
}

TEST(ExpertPlacement, ReplicasShareTheLoadOfTheirExpert) {
  const ExpertPlacement p(2, 3, 1, {0, 1, 0});
  // Expert 0 of load 8 lies twice: 4 each; the mean of 4, 1, 4 is 3.
  EXPECT_THAT(rank_loads(p, std::vector<double>{8, 1}), ElementsAre(4, 1, 4));
  EXPECT_DOUBLE_EQ(imbalance_of(p, std::vector<double>{8, 1}), 4.0 / 3);
}

TEST(PlacementViolations, NameSlotAndExpert) {
  EXPECT_THAT(placement_violations(std::vector<Count>{0, 1, 7}, 3, 1),
              ElementsAre("slot 2 holds expert 7, experts are 0 to 2", "no slot holds expert 2"));
  EXPECT_THAT(placement_violations(std::vector<Count>{0, 1}, 2, 3),
              ElementsAre("2 slots leave some of the 3 ranks empty"));
  EXPECT_TRUE(placement_violations(std::vector<Count>{1, 0, 1}, 2, 3).empty());
}

TEST(ParsePlacement, ReadsTheMapOfAServingEngine) {
  const PlacementRule rule = parse_placement(R"({"physical_to_logical_map": [[0, 1, 1], [1, 0, 0]]})", "p.json", 2, 3);
  EXPECT_EQ(rule.way, PlacementWay::Custom);
  EXPECT_THAT(rule.layers, ElementsAre(ElementsAre(0, 1, 1), ElementsAre(1, 0, 0)));
}

TEST(ParsePlacement, ReadsOneListForAllLayers) {
  EXPECT_THAT(parse_placement(R"({"physical_to_logical_map": [1, 0]})", "p.json", 2, 2).layers,
              ElementsAre(ElementsAre(1, 0)));
}

TEST(ParsePlacement, ReadsALineForEachLayer) {
  EXPECT_THAT(parse_placement("# two layers\n1, 0\n\n0 1\r\n", "p.csv", 2, 2).layers,
              ElementsAre(ElementsAre(1, 0), ElementsAre(0, 1)));
}

TEST(ParsePlacement, EveryWrongWordIsNamedWithItsPlace) {
  const std::string said = message_of("0, one\n1, 0x1\n", 2, 2);
  EXPECT_THAT(said, HasSubstr("place.json:1:4: slot 1: found \"one\", expected the number of an expert"));
  EXPECT_THAT(said, HasSubstr("place.json:2:4: slot 1: found \"0x1\""));
}

TEST(ParsePlacement, AListThatLeavesAnExpertOutSaysWhich) {
  EXPECT_THAT(message_of(R"({"physical_to_logical_map": [[0, 1], [0, 0]]})", 2, 2),
              HasSubstr("physical_to_logical_map/1: found no slot holds expert 1"));
}

TEST(ParsePlacement, WrongTypesAreNamed) {
  EXPECT_THAT(message_of(R"({"physical_to_logical_map": [[0, "a"]]})", 2, 2), HasSubstr("physical_to_logical_map/0/1"));
  EXPECT_THAT(message_of(R"({"map": [0]})", 2, 2), HasSubstr("physical_to_logical_map"));
  EXPECT_THAT(message_of("[0, 1]", 2, 2), HasSubstr("place.json"));
  EXPECT_THAT(message_of("", 2, 2), HasSubstr("no line with experts"));
}

}  // namespace
}  // namespace moeplan
