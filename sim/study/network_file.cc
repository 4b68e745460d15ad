// SPDX-License-Identifier: Apache-2.0
#include "sim/study/network_file.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr Bytes kLargestFile = 256 * kMiB;
constexpr std::size_t kMostProblems = 100;
constexpr double kMostHops = 1e4;
constexpr double kMostItems = 1e7;

// Problems of one file; nobody reads past a hundred.
class Findings {
 public:
  explicit Findings(std::string file) : file_(std::move(file)) {}

  void add(int line, std::string path, std::string found, std::string expected, std::string hint = "") {
    Problem problem;
    problem.file = file_;
    problem.line = line;
    problem.path = std::move(path);
    problem.found = std::move(found);
    problem.expected = std::move(expected);
    problem.hint = std::move(hint);
    problems_.push_back(std::move(problem));
    if (problems_.size() >= kMostProblems) throw_if_any();
  }
  void throw_if_any() const {
    if (!problems_.empty()) throw InputError(ErrorKind::InvalidInput, problems_);
  }

 private:
  std::string file_;
  std::vector<Problem> problems_;
};

std::optional<double> number_in(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// ---- flow files ----

// The words of a file, one after the other, each with its line.
class Words {
 public:
  Words(const std::string& text, Findings& findings) : text_(text), findings_(findings) {}

  int line() const { return line_; }

  // Empty at the end of the file.
  std::string_view next() {
    skip();
    const std::size_t begin = at_;
    while (at_ < text_.size() && !is_blank(text_[at_]) && text_[at_] != '#') ++at_;
    return std::string_view(text_).substr(begin, at_ - begin);
  }

  // A number from `least` to `most`; none has been complained about. The end of the file ends it all.
  std::optional<double> number(const std::string& what, double least, double most, bool whole) {
    const std::string_view word = next();
    const std::string expected =
        fmt::format("{} from {:g} to {:g}", whole ? "a whole number" : "a number", least, most);
    if (word.empty()) {
      findings_.add(line_, what, "the end of the file", expected);
      findings_.throw_if_any();
    }
    const std::optional<double> value = number_in(word);
    if (value && *value >= least && *value <= most && (!whole || *value == std::floor(*value))) return value;
    findings_.add(line_, what, in_quotes(word), expected);
    return std::nullopt;
  }

  // A number the rest of the file depends on.
  double key_number(const std::string& what, double least, double most) {
    const std::optional<double> value = number(what, least, most, true);
    if (!value) findings_.throw_if_any();
    return *value;
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  void skip() {
    while (at_ < text_.size()) {
      if (text_[at_] == '#') {
        const void* end = std::memchr(text_.data() + at_, '\n', text_.size() - at_);
        at_ = end == nullptr ? text_.size() : static_cast<std::size_t>(static_cast<const char*>(end) - text_.data());
      } else if (is_blank(text_[at_])) {
        if (text_[at_] == '\n') ++line_;
        ++at_;
      } else {
        return;
      }
    }
  }

  const std::string& text_;
  Findings& findings_;
  std::size_t at_ = 0;
  int line_ = 1;
};

constexpr double kHighestRate = 1e18;
constexpr double kLongest = 1e6;
constexpr double kMostBytes = 1e18;

FlowLink read_link(Words& words, std::size_t number) {
  const std::string name = fmt::format("link {}", number);
  const std::optional<double> bandwidth = words.number(name + "/bandwidth_bytes_per_s", 1e-3, kHighestRate, false);
  const std::optional<double> latency = words.number(name + "/latency_s", 0, kLongest, false);
  return {.bandwidth = bandwidth.value_or(1), .latency = latency.value_or(0)};
}

void read_flow(Words& words, std::size_t number, FlowSet& set, std::vector<FlowHop>& route) {
  const std::string name = fmt::format("flow {}", number);
  const auto most_host = static_cast<double>(set.hosts - 1);
  const std::optional<double> source = words.number(name + "/src", 0, most_host, true);
  const std::optional<double> destination = words.number(name + "/dst", 0, most_host, true);
  const std::optional<double> bytes = words.number(name + "/bytes", 0, kMostBytes, false);
  const double hops = words.key_number(name + "/n", 0, kMostHops);
  route.clear();
  for (double h = 0; h < hops; ++h) {
    const std::optional<double> link =
        words.number(fmt::format("{}/link_id {}", name, h + 1), 0, static_cast<double>(set.links.size()) - 1, true);
    route.push_back({.link = static_cast<std::uint32_t>(link.value_or(0))});
  }
  set.add({.source = static_cast<std::uint32_t>(source.value_or(0)),
           .destination = static_cast<std::uint32_t>(destination.value_or(0)),
           .bytes = bytes.value_or(0)},
          route);
}

// ---- matrix files ----

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t end = std::min(line.find(',', at), line.size());
    std::string_view cell = line.substr(at, end - at);
    while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t')) cell.remove_prefix(1);
    while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t' || cell.back() == '\r')) cell.remove_suffix(1);
    cells.push_back(cell);
    at = end + 1;
  }
  return cells;
}

bool is_header(const std::vector<std::string_view>& cells) {
  return cells.size() == 3 && cells[0] == "src" && cells[1] == "dst" && cells[2] == "bytes";
}

void read_row(const std::vector<std::string_view>& cells, int line, Findings& findings, ByteMatrix& matrix) {
  if (cells.size() != 3) {
    findings.add(line, "", fmt::format("{} values", cells.size()), "three: src,dst,bytes");
    return;
  }
  const auto most = static_cast<double>(matrix.ranks - 1);
  const std::optional<double> source = number_in(cells[0]);
  const std::optional<double> destination = number_in(cells[1]);
  const std::optional<double> bytes = number_in(cells[2]);
  const auto is_rank = [most](const std::optional<double>& v) {
    return v && *v >= 0 && *v <= most && *v == std::floor(*v);
  };
  if (!is_rank(source)) findings.add(line, "src", in_quotes(cells[0]), fmt::format("a host from 0 to {:g}", most));
  if (!is_rank(destination)) findings.add(line, "dst", in_quotes(cells[1]), fmt::format("a host from 0 to {:g}", most));
  if (!bytes || *bytes < 0 || *bytes > kMostBytes)
    findings.add(line, "bytes", in_quotes(cells[2]), fmt::format("a number from 0 to {:g}", kMostBytes));
  else if (is_rank(source) && is_rank(destination))
    matrix.at(static_cast<Count>(*source), static_cast<Count>(*destination)) += *bytes;
}

}  // namespace

FlowSet parse_flows(const std::string& text, const std::string& file) {
  Findings findings(file);
  Words words(text, findings);
  FlowSet set;
  set.hosts = static_cast<Count>(words.key_number("hosts", 1, kMostItems));
  const auto links = static_cast<std::size_t>(words.key_number("links", 0, kMostItems));
  for (std::size_t l = 0; l < links; ++l) set.links.push_back(read_link(words, l));
  const auto flows = static_cast<std::size_t>(words.key_number("flows", 0, kMostItems));
  std::vector<FlowHop> route;
  for (std::size_t f = 0; f < flows; ++f) read_flow(words, f, set, route);
  const std::string_view more = words.next();
  if (!more.empty())
    findings.add(words.line(), "", in_quotes(more) + " after the last flow",
                 fmt::format("the end, after {} flows", flows), "is the number of flows or of a route's links right?");
  findings.throw_if_any();
  return set;
}

FlowSet read_flow_file(const std::string& path) { return parse_flows(read_text_file(path, kLargestFile), path); }

ByteMatrix parse_matrix(const std::string& text, const std::string& file, Count ranks) {
  Findings findings(file);
  ByteMatrix matrix(ranks);
  int line = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view row = std::string_view(text).substr(at, end - at);
    at = end + 1;
    ++line;
    if (row.find_first_not_of(" \t\r") == std::string_view::npos || row.front() == '#') continue;
    const std::vector<std::string_view> cells = cells_of(row);
    if (line == 1 && is_header(cells)) continue;
    read_row(cells, line, findings, matrix);
  }
  findings.throw_if_any();
  return matrix;
}

ByteMatrix read_matrix_file(const std::string& path, Count ranks) {
  return parse_matrix(read_text_file(path, kLargestFile), path, ranks);
}

}  // namespace moeplan
