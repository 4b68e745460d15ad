// SPDX-License-Identifier: Apache-2.0
// Which module names an entry of a quantisation ignore list means:
//   "lm_head", "self_attn"          whole components anywhere in the path
//   "model.layers.*.self_attn"      * stands for anything
//   "re:.*mlp\\.(gate|up)_proj.*"   a regular expression anchored at the start
// Only the part of the syntax that such lists use: literals, \. \d, ., [0-9a-z_],
// groups with alternatives, * + ? after a single character class. Matching is by sets
// of positions, so no pattern can make it slow.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moeplan {

class ModulePattern {
 public:
  // nullopt: the expression uses something else.
  static std::optional<ModulePattern> parse(std::string_view entry);
  bool matches(std::string_view path) const;

 private:
  struct Atom {
    enum class Repeat { Once, Optional, Any, Some };
    std::string set;  // characters; empty = any, unless `alternatives`
    bool negated = false;
    bool end = false;  // $
    Repeat repeat = Repeat::Once;
    std::vector<std::vector<Atom>> alternatives;
  };
  using Sequence = std::vector<Atom>;
  friend class PatternParser;

  static bool accepts(const Atom& atom, char c);
  static std::vector<bool> advance(const Sequence& sequence, std::vector<bool> at, std::string_view path);

  Sequence sequence_;
  std::string plain_;  // component-wise entry when not an expression
  bool is_plain_ = true;
};

}  // namespace moeplan
