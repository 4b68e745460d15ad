// SPDX-License-Identifier: Apache-2.0
#include "cli/routing_argument.h"

#include <charconv>

#include "sim/base/json.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::string_view kKinds =
    "balanced, uniform, gini:G (0 to 0.95), zipf:S (0 to 4), power:ALPHA (above 1 to 4), hot:EXPERTS:SHARE or "
    "histogram:FILE";

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

double parameter(const std::string& all, std::string_view text, double least, double most) {
  const std::optional<double> value = number(text);
  if (!value || !(*value >= least && *value <= most)) throw_usage("routing", in_quotes(all), std::string(kKinds));
  return *value;
}

// One count per expert: a column, a row, a JSON array.
std::vector<double> read_histogram(const std::string& path) {
  const std::string text = read_text_file(path, 16 * kMiB);
  std::vector<double> counts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = text.find_first_of("-0123456789", at);
    if (start == std::string::npos) break;
    const std::size_t end = std::min(text.find_first_not_of("0123456789.eE+-", start), text.size());
    const std::optional<double> count = number(std::string_view(text).substr(start, end - start));
    if (!count || *count < 0)
      throw InputError(ErrorKind::InvalidInput, Problem{.file = path,
                                                        .line = place_of(text, start).line,
                                                        .column = place_of(text, start).column,
                                                        .path = {},
                                                        .found = in_quotes(text.substr(start, end - start)),
                                                        .expected = "a count per expert, none negative",
                                                        .hint = {}});
    counts.push_back(*count);
    at = end;
  }
  return counts;
}

}  // namespace

Routing read_routing(const Arguments& arguments) {
  Routing routing;
  routing.seed = static_cast<std::uint64_t>(arguments.count("seed", 0, Count{1} << 62).value_or(1));
  const std::optional<std::string> asked = arguments.text("routing");
  if (!asked || *asked == "balanced") {
    if (arguments.has("seed")) throw_usage("seed", "it with balanced routing", "a --routing that is drawn");
    return routing;
  }
  const std::size_t colon = asked->find(':');
  const std::string kind = asked->substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : asked->substr(colon + 1);
  if (kind == "uniform" && rest.empty()) {
    routing.skew = Skew::Uniform;
  } else if (kind == "gini") {
    routing.skew = Skew::Gini;
    routing.parameter = parameter(*asked, rest, 0, 0.95);
  } else if (kind == "zipf") {
    routing.skew = Skew::Zipf;
    routing.parameter = parameter(*asked, rest, 0, 4);
  } else if (kind == "power") {
    routing.skew = Skew::PowerLaw;
    routing.parameter = parameter(*asked, rest, 1.001, 4);
  } else if (kind == "hot") {
    const std::size_t second = std::min(rest.find(':'), rest.size());
    routing.skew = Skew::Hot;
    routing.hot = static_cast<Count>(parameter(*asked, rest.substr(0, second), 1, 1e6));
    routing.parameter = parameter(*asked, second < rest.size() ? rest.substr(second + 1) : "", 0, 1);
  } else if (kind == "histogram" && !rest.empty()) {
    routing.skew = Skew::Histogram;
    routing.histogram = read_histogram(rest);
  } else {
    throw_usage("routing", in_quotes(*asked), std::string(kKinds));
  }
  return routing;
}

}  // namespace moeplan
