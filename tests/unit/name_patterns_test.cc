// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/name_patterns.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace moeplan {
namespace {

// Names that differ where a shortcut could go wrong: numbers that are text (seven digits,
// not the end of a component, a fifth one), stars of the name's own, empty components.
const std::vector<std::string> kNames = {
    "model.layers.0.mlp.experts.0.gate_proj.weight",
    "model.layers.0.mlp.experts.10.gate_proj.weight",
    "model.layers.3.mlp.experts.255.gate_proj.weight",
    "model.layers.3.mlp.experts.255.gate_proj.weight_scale_inv",
    "model.layers.3.mlp.experts.x.gate_proj.weight",
    "model.layers.*.mlp.experts.*.gate_proj.weight",
    "model.layers.*.mlp.experts.7.gate_proj.weight",
    "model.layers.999999.mlp.experts.7.gate_proj.weight",
    "model.layers.1000000.mlp.experts.7.gate_proj.weight",
    "model.layers.00000007.mlp.experts.7.gate_proj.weight",
    "model.layers.3a.mlp.experts.7.gate_proj.weight",
    "model.layers.3.mlp.experts.7",
    "model.layers.3.mlp.experts.77",
    "model.layers.3.mlp.experts.7.",
    "h.1.expert_2.w1",
    "h.1.expert_12.w1",
    "h.1.expert_2x.w1",
    "1.2.3.4.5.6",
    "1.2.3.4.5.7",
    "1",
    "",
    ".",
    "lm_head.weight",
};

// Every name after every other: the pattern expected next is right, wrong, and new.
TEST(NamePatterns, SayWhatTakeNumbersSaysInAnyOrder) {
  NamePatterns patterns;
  NumberedName expected;
  for (int round = 0; round < 2; ++round)
    for (const std::string& first : kNames)
      for (const std::string& second : kNames)
        for (const std::string& name : {first, second}) {
          const std::uint32_t number = patterns.number_of(name);
          take_numbers(name, expected);
          ASSERT_EQ(patterns.pattern(number), expected.pattern) << name;
          ASSERT_EQ(patterns.numbers().count, expected.count) << name;
          for (std::size_t i = 0; i < expected.count; ++i)
            ASSERT_EQ(patterns.numbers().numbers[i], expected.numbers[i]) << name;
        }
}

TEST(NamePatterns, NumberEachPatternOnceInTheOrderMet) {
  NamePatterns patterns;
  std::set<std::string> different;
  for (const std::string& name : kNames) {
    const std::size_t before = patterns.size();
    const std::uint32_t number = patterns.number_of(name);
    if (different.insert(patterns.pattern(number)).second) {
      EXPECT_EQ(number, before);
    }
  }
  EXPECT_EQ(patterns.size(), different.size());
}

}  // namespace
}  // namespace moeplan
