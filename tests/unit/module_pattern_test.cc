// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/module_pattern.h"

#include <gtest/gtest.h>

namespace moeplan {
namespace {

bool matches(std::string_view entry, std::string_view path) {
  const std::optional<ModulePattern> pattern = ModulePattern::parse(entry);
  EXPECT_TRUE(pattern.has_value()) << entry;
  return pattern && pattern->matches(path);
}

TEST(ModulePattern, PlainEntriesAreWholeComponents) {
  EXPECT_TRUE(matches("gate", "model.layers.3.mlp.gate"));
  EXPECT_FALSE(matches("gate", "model.layers.3.mlp.gate_proj"));
  EXPECT_TRUE(matches("self_attn", "model.layers.3.self_attn.q_proj"));
  EXPECT_TRUE(matches("model.layers.3", "model.layers.3.mlp.gate"));
  EXPECT_FALSE(matches("model.layers.3", "model.layers.30.mlp.gate"));
}

TEST(ModulePattern, AStarStandsForAnything) {
  EXPECT_TRUE(matches("model.layers.*.self_attn", "model.layers.17.self_attn.o_proj"));
  EXPECT_FALSE(matches("model.layers.*.self_attn", "model.layers.17.mlp.router"));
}

TEST(ModulePattern, ExpressionsAreAnchoredAtTheStart) {
  EXPECT_TRUE(matches("re:.*self_attn.*", "model.layers.0.self_attn.q_proj"));
  EXPECT_FALSE(matches("re:self_attn.*", "model.layers.0.self_attn.q_proj"));
  const std::string_view mlp = "re:.*mlp\\.(gate|up|gate_up|down)_proj.*";
  EXPECT_TRUE(matches(mlp, "model.layers.0.mlp.down_proj"));
  EXPECT_TRUE(matches(mlp, "model.layers.0.mlp.gate_up_proj"));
  EXPECT_FALSE(matches(mlp, "model.layers.0.mlp.experts.0.down_proj"));
  EXPECT_TRUE(matches("re:^model\\.layers\\.(0|1)\\..*$", "model.layers.1.mlp"));
  EXPECT_FALSE(matches("re:^model\\.layers\\.(0|1)\\..*$", "model.layers.11.mlp"));
  EXPECT_TRUE(matches("re:model\\.layers\\.\\d+\\.mlp", "model.layers.47.mlp"));
  EXPECT_TRUE(matches("re:model\\.layers\\.[0-4]\\.mlp", "model.layers.4.mlp"));
  EXPECT_FALSE(matches("re:model\\.layers\\.[^0-4]\\.mlp", "model.layers.4.mlp"));
  EXPECT_TRUE(matches("re:.*shared_experts?.*", "mlp.shared_expert.up_proj"));
  EXPECT_TRUE(matches("re:.*\\.(vision_)?tower", "model.tower"));
}

TEST(ModulePattern, OtherSyntaxIsNotGuessed) {
  for (std::string_view entry : {"re:(a+)+", "re:a{2}", "re:(?!x)y", "re:[z", "re:(", "re:a\\w", "re:*", "re:)", ""})
    EXPECT_FALSE(ModulePattern::parse(entry).has_value()) << entry;
}

// Sets of positions: many stars cost length x atoms, not a power of the length.
TEST(ModulePattern, ManyStarsAreNotSlow) {
  std::string entry = "re:";
  for (int i = 0; i < 200; ++i) entry += ".*";
  EXPECT_FALSE(matches(entry + "Z", std::string(2000, 'a')));
}

}  // namespace
}  // namespace moeplan
