// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/module_pattern.h"

#include <algorithm>
#include <utility>

namespace moeplan {
namespace {

constexpr std::size_t kLongestEntry = 512;
constexpr int kDeepestGroup = 8;

constexpr std::string_view kDigits = "0123456789";

}  // namespace

// Recursive descent over the expression.
class PatternParser {
 public:
  using Atom = ModulePattern::Atom;
  using Sequence = ModulePattern::Sequence;

  explicit PatternParser(std::string_view text) : text_(text) {}

  std::optional<Sequence> whole() {
    std::optional<std::vector<Sequence>> parts = alternatives(0);
    if (!parts || at_ != text_.size()) return std::nullopt;
    if (parts->size() == 1) return std::move(parts->front());
    Atom group;
    group.alternatives = std::move(*parts);
    return Sequence{group};
  }

 private:
  bool more() const { return at_ < text_.size(); }

  std::optional<std::vector<Sequence>> alternatives(int depth) {
    if (depth > kDeepestGroup) return std::nullopt;
    std::vector<Sequence> out(1);
    while (more() && text_[at_] != ')') {
      if (text_[at_] == '|') {
        ++at_;
        out.emplace_back();
        continue;
      }
      std::optional<Atom> next = atom(depth);
      if (!next) return std::nullopt;
      if (!next->set.empty() || next->end || !next->alternatives.empty() || next->repeat != Atom::Repeat::Once || any_)
        out.back().push_back(std::move(*next));
    }
    return out;
  }

  std::optional<Atom> atom(int depth) {
    Atom a;
    any_ = false;
    const char c = text_[at_++];
    if (c == '(') {
      if (text_.substr(at_).starts_with("?:")) at_ += 2;
      std::optional<std::vector<Sequence>> parts = alternatives(depth + 1);
      if (!parts || !more()) return std::nullopt;
      ++at_;  // ')'
      a.alternatives = std::move(*parts);
      if (!more() || text_[at_] == '*' || text_[at_] == '+' || text_[at_] == '{') {
        if (more()) return std::nullopt;
        return a;
      }
      if (text_[at_] == '?') {
        ++at_;
        a.alternatives.emplace_back();
      }
      return a;
    }
    if (c == '^' && at_ == 1) return a;  // anchored anyway
    if (c == '$') {
      a.end = true;
      return a;
    }
    if (c == '.') {
      any_ = true;
    } else if (c == '[') {
      if (!character_class(a)) return std::nullopt;
    } else if (c == '\\') {
      if (!more()) return std::nullopt;
      const char escaped = text_[at_++];
      if (escaped == 'd')
        a.set = kDigits;
      else if (std::string_view(".-_*+?()[]{}|^$\\/").find(escaped) != std::string_view::npos)
        a.set = escaped;
      else
        return std::nullopt;
    } else if (std::string_view("*+?{}])").find(c) != std::string_view::npos) {
      return std::nullopt;
    } else {
      a.set = c;
    }
    if (more()) {
      const char r = text_[at_];
      if (r == '*') a.repeat = Atom::Repeat::Any;
      if (r == '+') a.repeat = Atom::Repeat::Some;
      if (r == '?') a.repeat = Atom::Repeat::Optional;
      if (r == '{') return std::nullopt;
      if (a.repeat != Atom::Repeat::Once) {
        ++at_;
        if (more() && text_[at_] == '?') ++at_;  // lazy: the same set of matches
      }
    }
    return a;
  }

  bool character_class(Atom& a) {
    if (more() && text_[at_] == '^') {
      a.negated = true;
      ++at_;
    }
    while (more() && text_[at_] != ']') {
      const char low = text_[at_++];
      if (low == '\\') return false;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        const char high = text_[at_ + 1];
        at_ += 2;
        const int last = static_cast<unsigned char>(high);
        for (int ch = static_cast<unsigned char>(low); ch <= last; ++ch) a.set += static_cast<char>(ch);
      } else {
        a.set += low;
      }
    }
    if (!more() || a.set.empty()) return false;
    ++at_;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool any_ = false;  // the atom just read was '.'
};

std::optional<ModulePattern> ModulePattern::parse(std::string_view entry) {
  ModulePattern pattern;
  if (entry.empty() || entry.size() > kLongestEntry) return std::nullopt;
  if (entry.starts_with("re:")) {
    std::optional<Sequence> sequence = PatternParser(entry.substr(3)).whole();
    if (!sequence) return std::nullopt;
    pattern.sequence_ = std::move(*sequence);
    pattern.is_plain_ = false;
    return pattern;
  }
  pattern.plain_ = entry;
  if (entry.find('*') == std::string_view::npos) return pattern;
  // A glob: literals, and * for anything; the entry is a prefix of whole components.
  for (char c : entry) {
    Atom a;
    if (c == '*')
      a.repeat = Atom::Repeat::Any;
    else
      a.set = c;
    pattern.sequence_.push_back(a);
  }
  pattern.is_plain_ = false;
  return pattern;
}

bool ModulePattern::accepts(const Atom& atom, char c) {
  if (atom.set.empty()) return true;
  return (atom.set.find(c) != std::string::npos) != atom.negated;
}

// Positions reachable from `at` by matching the sequence.
std::vector<bool> ModulePattern::advance(const Sequence& sequence, std::vector<bool> at, std::string_view path) {
  for (const Atom& atom : sequence) {
    std::vector<bool> next(path.size() + 1, false);
    if (!atom.alternatives.empty()) {
      for (const Sequence& alternative : atom.alternatives) {
        const std::vector<bool> reached = advance(alternative, at, path);
        for (std::size_t i = 0; i <= path.size(); ++i)
          if (reached[i]) next[i] = true;
      }
    } else if (atom.end) {
      next[path.size()] = at[path.size()];
    } else {
      const bool may_skip = atom.repeat == Atom::Repeat::Optional || atom.repeat == Atom::Repeat::Any;
      const bool may_repeat = atom.repeat == Atom::Repeat::Any || atom.repeat == Atom::Repeat::Some;
      for (std::size_t i = 0; i <= path.size(); ++i) {
        if (at[i] && may_skip) next[i] = true;
        if (i == path.size() || !accepts(atom, path[i])) continue;
        if (at[i] || (may_repeat && next[i])) next[i + 1] = true;
      }
    }
    at = std::move(next);
  }
  return at;
}

bool ModulePattern::matches(std::string_view path) const {
  if (!is_plain_) {
    std::vector<bool> start(path.size() + 1, false);
    start[0] = true;
    const std::vector<bool> reached = advance(sequence_, std::move(start), path);
    return std::find(reached.begin(), reached.end(), true) != reached.end();
  }
  for (std::size_t at = path.find(plain_); at != std::string_view::npos; at = path.find(plain_, at + 1)) {
    const std::size_t end = at + plain_.size();
    if ((at == 0 || path[at - 1] == '.') && (end == path.size() || path[end] == '.')) return true;
  }
  return false;
}

}  // namespace moeplan
