// SPDX-License-Identifier: Apache-2.0
// Constraints over the axes of a sweep: "ep <= model.moe.experts && batch * context <= 1e6",
// "hardware == 'h200' || gpus > 8". Numbers, names of axes, words in single quotes;
// + - * / %, comparisons, && || !, parentheses, as in C. A name without a number (an axis of
// words, or a word on this point) makes every comparison but == and != false.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/study/sweep_values.h"

namespace moeplan {

// What a name stands for on a point: a number, or a word.
struct SweepOperand {
  std::optional<double> number;
  std::string_view word;
};

class SweepExpression {
 public:
  // Names become indices into `names`. `problem` is set when the text is not an expression.
  SweepExpression(std::string_view text, const std::vector<std::string>& names,
                  std::optional<SweepTextProblem>& problem);

  // Names it mentions, as indices.
  const std::vector<std::size_t>& mentioned() const { return mentioned_; }
  // operands[i]: what names[i] stands for.
  bool holds(const std::vector<SweepOperand>& operands) const;
  const std::string& text() const { return text_; }

 private:
  friend class SweepExpressionParser;
  enum class Kind {
    Number,
    Name,
    Word,
    Not,
    Minus,
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Times,
    Divide,
    Remainder
  };
  struct Node {
    Kind kind = Kind::Number;
    double number = 0;
    std::size_t name = 0;
    std::string word = {};
    std::size_t left = 0;
    std::size_t right = 0;
  };
  SweepOperand value(std::size_t node, const std::vector<SweepOperand>& operands) const;
  SweepOperand compared(const Node& node, const SweepOperand& left, const SweepOperand& right) const;

  std::string text_;
  std::vector<Node> nodes_;
  std::size_t root_ = 0;
  std::vector<std::size_t> mentioned_;
};

}  // namespace moeplan
