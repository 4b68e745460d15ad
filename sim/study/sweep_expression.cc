// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_expression.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "sim/base/error.h"
#include "sim/base/text.h"

namespace moeplan {

// Precedence climbing over the text; stops at the first thing it cannot read.
class SweepExpressionParser {
 public:
  using Kind = SweepExpression::Kind;
  SweepExpressionParser(SweepExpression& expression, const std::vector<std::string>& names)
      : e_(expression), names_(names), rest_(e_.text_) {}

  std::optional<SweepTextProblem> run() {
    e_.root_ = binary(0);
    skip_spaces();
    if (!problem_ && !rest_.empty()) complain("an operator, or the end");
    return problem_;
  }

 private:
  struct Operator {
    std::string_view text;
    Kind kind;
    int precedence;
  };
  // Longer ones first: "<=" is not "<".
  static constexpr std::array<Operator, 13> kOperators = {{{"||", Kind::Or, 1},
                                                           {"&&", Kind::And, 2},
                                                           {"==", Kind::Equal, 3},
                                                           {"!=", Kind::Unequal, 3},
                                                           {"<=", Kind::LessEqual, 4},
                                                           {">=", Kind::GreaterEqual, 4},
                                                           {"<", Kind::Less, 4},
                                                           {">", Kind::Greater, 4},
                                                           {"+", Kind::Add, 5},
                                                           {"-", Kind::Subtract, 5},
                                                           {"*", Kind::Times, 6},
                                                           {"/", Kind::Divide, 6},
                                                           {"%", Kind::Remainder, 6}}};
  static constexpr int kDeepest = 64;

  void skip_spaces() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
  }
  void complain(std::string expected, std::string hint = "") {
    if (!problem_)
      problem_ = {.found = rest_.empty() ? "the end of " + in_quotes(e_.text_)
                                         : in_quotes(rest_) + " in " + in_quotes(e_.text_),
                  .expected = std::move(expected),
                  .hint = std::move(hint)};
  }
  std::size_t add(SweepExpression::Node node) {
    e_.nodes_.push_back(std::move(node));
    return e_.nodes_.size() - 1;
  }
  const Operator* next_operator() {
    skip_spaces();
    const auto* found = std::find_if(kOperators.begin(), kOperators.end(),
                                     [this](const Operator& o) { return rest_.starts_with(o.text); });
    return found == kOperators.end() ? nullptr : found;
  }

  std::size_t binary(int least) {
    std::size_t left = unary();
    for (const Operator* op = next_operator(); !problem_ && op != nullptr && op->precedence > least;
         op = next_operator()) {
      rest_.remove_prefix(op->text.size());
      const std::size_t right = binary(op->precedence);
      left = add({.kind = op->kind, .left = left, .right = right});
    }
    return left;
  }

  std::size_t unary() {
    skip_spaces();
    if (++depth_ > kDeepest) complain("fewer parentheses");
    std::size_t node = 0;
    if (problem_) return node;
    if (rest_.starts_with('!') || rest_.starts_with('-')) {
      const Kind kind = rest_.front() == '!' ? Kind::Not : Kind::Minus;
      rest_.remove_prefix(1);
      const std::size_t of = unary();
      node = add({.kind = kind, .left = of});
    } else if (rest_.starts_with('(')) {
      rest_.remove_prefix(1);
      node = binary(0);
      skip_spaces();
      if (!rest_.starts_with(')'))
        complain("a closing parenthesis");
      else
        rest_.remove_prefix(1);
    } else {
      node = leaf();
    }
    --depth_;
    return node;
  }

  std::size_t leaf() {
    if (rest_.starts_with('\'')) {
      const std::size_t end = rest_.find('\'', 1);
      if (end == std::string_view::npos) return complain("a closing quote"), 0;
      const std::string word(rest_.substr(1, end - 1));
      rest_.remove_prefix(end + 1);
      return add({.kind = Kind::Word, .word = word});
    }
    const auto is_part = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
    };
    // A dash belongs to a name between letters: "attention-dp".
    std::size_t length = 0;
    const bool starts_as_name = !rest_.empty() && std::isalpha(static_cast<unsigned char>(rest_[0])) != 0;
    while (length < rest_.size() &&
           (is_part(rest_[length]) || (starts_as_name && rest_[length] == '-' && length + 1 < rest_.size() &&
                                       std::isalpha(static_cast<unsigned char>(rest_[length + 1])) != 0)))
      ++length;
    const std::string_view word = rest_.substr(0, length);
    const auto name = std::find(names_.begin(), names_.end(), word);
    if (name != names_.end()) {
      rest_.remove_prefix(length);
      const auto index = static_cast<std::size_t>(name - names_.begin());
      if (std::find(e_.mentioned_.begin(), e_.mentioned_.end(), index) == e_.mentioned_.end())
        e_.mentioned_.push_back(index);
      return add({.kind = Kind::Name, .name = index});
    }
    if (const std::size_t digits = length_of_number(); digits > 0) {
      const std::optional<double> number = number_of(rest_.substr(0, digits));
      rest_.remove_prefix(digits);
      return add({.kind = Kind::Number, .number = number.value_or(0)});
    }
    const std::string nearest = nearest_name(word, names_);
    complain("a number, the name of an axis, or a word in single quotes",
             nearest.empty() ? "" : "did you mean " + nearest + "?");
    return 0;
  }

  // "1e-6", "4k"; 0 = none here.
  std::size_t length_of_number() const {
    double value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) return 0;
    const auto length = static_cast<std::size_t>(end - rest_.data());
    return length + (rest_.substr(length).starts_with('k') ? 1 : 0);
  }

  SweepExpression& e_;
  const std::vector<std::string>& names_;
  std::string_view rest_;
  int depth_ = 0;
  std::optional<SweepTextProblem> problem_;
};

SweepExpression::SweepExpression(std::string_view text, const std::vector<std::string>& names,
                                 std::optional<SweepTextProblem>& problem)
    : text_(text) {
  problem = SweepExpressionParser(*this, names).run();
}

bool SweepExpression::holds(const std::vector<SweepOperand>& operands) const {
  const SweepOperand result = value(root_, operands);
  return result.number && *result.number != 0;
}

SweepOperand SweepExpression::compared(const Node& node, const SweepOperand& left, const SweepOperand& right) const {
  const bool numbers = left.number && right.number;
  const double a = left.number.value_or(0);
  const double b = right.number.value_or(0);
  const auto truth = [](bool yes) { return SweepOperand{.number = yes ? 1 : 0, .word = {}}; };
  switch (node.kind) {
    case Kind::Equal: return truth(numbers ? a == b : left.word == right.word && !left.number == !right.number);
    case Kind::Unequal: return truth(numbers ? a != b : left.word != right.word || !left.number != !right.number);
    case Kind::Less: return truth(numbers && a < b);
    case Kind::LessEqual: return truth(numbers && a <= b);
    case Kind::Greater: return truth(numbers && a > b);
    case Kind::GreaterEqual: return truth(numbers && a >= b);
    case Kind::And: return truth(a != 0 && b != 0);
    case Kind::Or: return truth(a != 0 || b != 0);
    default: break;
  }
  if (!numbers) return {};
  double result = 0;
  switch (node.kind) {
    case Kind::Add: result = a + b; break;
    case Kind::Subtract: result = a - b; break;
    case Kind::Times: result = a * b; break;
    case Kind::Divide: result = a / b; break;
    case Kind::Remainder: result = std::fmod(a, b); break;
    default: break;
  }
  if (!std::isfinite(result)) return {};
  return {.number = result, .word = {}};
}

SweepOperand SweepExpression::value(std::size_t index, const std::vector<SweepOperand>& operands) const {
  const Node& node = nodes_[index];
  switch (node.kind) {
    case Kind::Number: return {.number = node.number, .word = {}};
    case Kind::Word: return {.number = std::nullopt, .word = node.word};
    case Kind::Name: return operands[node.name];
    case Kind::Not: {
      const SweepOperand of = value(node.left, operands);
      return {.number = of.number.value_or(0) == 0 ? 1 : 0, .word = {}};
    }
    case Kind::Minus: {
      const SweepOperand of = value(node.left, operands);
      return {.number = of.number ? std::optional<double>(-*of.number) : std::nullopt, .word = {}};
    }
    default: return compared(node, value(node.left, operands), value(node.right, operands));
  }
}

}  // namespace moeplan
