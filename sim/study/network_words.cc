// SPDX-License-Identifier: Apache-2.0
#include "sim/study/network_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "sim/base/text.h"
#include "sim/base/unit_text.h"
#include "sim/study/network_file.h"

namespace moeplan {
namespace {

constexpr const char* kTopology = "--topology";
constexpr const char* kMatrix = "--matrix";

[[noreturn]] void refuse(const char* option, std::string path, std::string found, std::string expected,
                         std::string hint = "") {
  Problem problem;
  problem.file = option;
  problem.path = std::move(path);
  problem.found = std::move(found);
  problem.expected = std::move(expected);
  problem.hint = std::move(hint);
  throw InputError(ErrorKind::Usage, problem);
}

std::optional<double> plain_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// A plain number is in base units; else the unit says.
template <Dim D>
double number_or_quantity(const char* option, const std::string& path, std::string_view text) {
  const std::optional<double> plain = plain_number(text);
  if (plain && *plain >= 0) return *plain;
  try {
    return parse_quantity<D>(text).base();
  } catch (const UnitTextError& error) {
    refuse(option, path, in_quotes(text), fmt::format("a plain number in base units or {}", error.expected()),
           error.reason());
  }
}

double size_of(const char* option, const std::string& path, std::string_view text) {
  const std::optional<double> plain = plain_number(text);
  if (plain && *plain >= 0) return std::floor(*plain);
  try {
    return parse_bytes(text).size().base();
  } catch (const UnitTextError& error) {
    refuse(option, path, in_quotes(text), error.expected(), error.reason());
  }
}

std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// The keys of one generator and what it calls them.
class Keys {
 public:
  Keys(std::string_view kind, std::string_view text, std::vector<std::string> known)
      : kind_(kind), known_(std::move(known)) {
    for (const std::string_view part : parts_of(text)) {
      const std::size_t equals = part.find('=');
      const std::string key(part.substr(0, equals));
      if (equals == std::string_view::npos || std::find(known_.begin(), known_.end(), key) == known_.end())
        refuse(kTopology, kind_, in_quotes(part), fmt::format("KEY=VALUE, the keys {}", fmt::join(known_, ", ")));
      if (!values_.emplace(key, part.substr(equals + 1)).second)
        refuse(kTopology, kind_, in_quotes(key) + " twice", "each key once");
    }
  }

  Count count(const std::string& key, Count most) const {
    const std::string_view text = required(key);
    Count value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > most)
      refuse(kTopology, path(key), in_quotes(text), fmt::format("a whole number from 1 to {}", most));
    return value;
  }
  double rate(const std::string& key) const {
    const double value = number_or_quantity<Dim{.byte = 1, .second = -1}>(kTopology, path(key), required(key));
    if (value <= 0) refuse(kTopology, path(key), in_quotes(required(key)), "a rate above 0");
    return value;
  }
  double rate_or_none(const std::string& key) const { return values_.contains(key) ? rate(key) : 0; }
  double seconds(const std::string& key) const {
    if (!values_.contains(key)) return 0;
    return number_or_quantity<Dim{.second = 1}>(kTopology, path(key), required(key));
  }

 private:
  std::string path(const std::string& key) const { return kind_ + "/" + key; }
  std::string_view required(const std::string& key) const {
    const auto found = values_.find(key);
    if (found == values_.end())
      refuse(kTopology, path(key), "nothing", "a value", fmt::format("the keys are {}", fmt::join(known_, ", ")));
    return found->second;
  }

  std::string kind_;
  std::vector<std::string> known_;
  std::map<std::string, std::string_view> values_;
};

FlowFabric read_two_level(std::string_view text) {
  const Keys keys("two-level", text, {"groups", "per", "nvl", "nvlat", "nic", "niclat", "gup"});
  const Count per = keys.count("per", kMostHostsOfClasses);
  return two_level_fabric(keys.count("groups", kMostHostsOfClasses / per), per, keys.rate("nvl"), keys.seconds("nvlat"),
                          keys.rate("nic"), keys.seconds("niclat"), keys.rate_or_none("gup"));
}

FlowFabric read_torus(std::string_view text) {
  const Keys keys("torus2d", text, {"x", "y", "bw", "lat"});
  const Count x = keys.count("x", kMostHosts);
  return grid_fabric({x, keys.count("y", kMostHosts / x)}, true, keys.rate("bw"), keys.seconds("lat"));
}

constexpr const char* kGenerators[] = {"star", "two-level", "ring", "line", "torus2d"};

// ---- matrices ----

template <class Bytes>
ByteMatrix matrix_by(Count ranks, Bytes bytes) {
  ByteMatrix matrix(ranks);
  for (Count i = 0; i < ranks; ++i)
    for (Count j = 0; j < ranks; ++j)
      if (i != j) matrix.at(i, j) = std::floor(bytes(i, j));
  return matrix;
}

// The place of each rank in an order drawn from the seed.
std::vector<Count> drawn_places(Count ranks, std::uint64_t seed) {
  std::vector<Count> places(static_cast<std::size_t>(ranks));
  std::iota(places.begin(), places.end(), Count{0});
  CounterRng random(seed, 1);
  for (std::size_t i = places.size(); i > 1; --i)
    std::swap(places[i - 1], places[random.below(static_cast<std::uint32_t>(i))]);
  return places;
}

ByteMatrix zipf_matrix(Count ranks, double exponent, double per_source, std::uint64_t seed) {
  const std::vector<Count> places = drawn_places(ranks, seed);
  std::vector<double> weights;
  for (const Count place : places) weights.push_back(std::pow(static_cast<double>(place + 1), -exponent));
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  return matrix_by(ranks, [&](Count i, Count j) {
    const double others = sum - weights[static_cast<std::size_t>(i)];
    return per_source * weights[static_cast<std::size_t>(j)] / others;
  });
}

// Pareto from x to 1,000 x with mean `mean`: with q = 1 - 1000^-alpha,
// x = mean q (alpha - 1) / (alpha (1 - 1000^(1 - alpha))).
ByteMatrix heavy_matrix(Count ranks, double alpha, double mean, std::uint64_t seed) {
  constexpr double kCut = 1000;
  const double q = 1 - std::pow(kCut, -alpha);
  const double least = mean * q * (alpha - 1) / (alpha * (1 - std::pow(kCut, 1 - alpha)));
  CounterRng random(seed, 2);
  return matrix_by(ranks, [&](Count, Count) { return least / std::pow(1 - q * random.uniform(), 1 / alpha); });
}

ByteMatrix random_matrix(Count ranks, double mean, std::uint64_t seed) {
  CounterRng random(seed, 3);
  return matrix_by(ranks, [&](Count, Count) { return 2 * mean * random.uniform(); });
}

constexpr const char* kMatrices[] = {"uniform", "zipf", "random", "heavy", "incast", "csv"};

// The values after "kind:", exactly so many.
std::vector<std::string_view> values_of(std::string_view kind, std::string_view text, std::size_t count,
                                        const char* example) {
  const std::vector<std::string_view> values = parts_of(text);
  if (values.size() != count) refuse(kMatrix, std::string(kind), in_quotes(text), fmt::format("such as {}", example));
  return values;
}

double exponent_of(std::string_view kind, std::string_view text, double above) {
  const std::optional<double> value = plain_number(text);
  if (!value || *value < above || *value > 100 || (above > 0 && *value == above))
    refuse(kMatrix, std::string(kind), in_quotes(text),
           above > 0 ? "an exponent above 1, at most 100" : "an exponent from 0 to 100");
  return *value;
}

template <std::size_t N>
[[noreturn]] void refuse_kind(const char* option, std::string_view kind, const char* const (&known)[N],
                              std::string hint) {
  const std::vector<std::string> names(std::begin(known), std::end(known));
  const std::string nearest = nearest_name(kind, names);
  refuse(option, "", in_quotes(kind), fmt::format("one of {}", fmt::join(names, ", ")),
         nearest.empty() ? std::move(hint) : fmt::format("did you mean {}?", nearest));
}

std::pair<std::string_view, std::string_view> split_kind(std::string_view words) {
  const std::size_t colon = words.find(':');
  if (colon == std::string_view::npos) return {words, {}};
  return {words.substr(0, colon), words.substr(colon + 1)};
}

}  // namespace

bool names_fabric_generator(std::string_view words) {
  const std::string_view kind = split_kind(words).first;
  return words.find(':') != std::string_view::npos ||
         std::find(std::begin(kGenerators), std::end(kGenerators), kind) != std::end(kGenerators);
}

FlowFabric read_fabric(std::string_view words) {
  const auto [kind, text] = split_kind(words);
  if (kind == "two-level") return read_two_level(text);
  if (kind == "torus2d") return read_torus(text);
  if (kind == "star" || kind == "ring" || kind == "line") {
    const Keys keys(kind, text, {"n", "bw", "lat"});
    const Count n = keys.count("n", kind == "star" ? kMostHostsOfClasses : kMostHosts);
    if (kind == "star") return star_fabric(n, keys.rate("bw"), keys.seconds("lat"));
    return grid_fabric({n}, kind == "ring", keys.rate("bw"), keys.seconds("lat"));
  }
  refuse_kind(kTopology, kind, kGenerators, "or the name of a hardware profile; \"moeplan hardware list\" lists them");
}

double uniform_bytes_of(std::string_view words) {
  const auto [kind, text] = split_kind(words);
  return kind == "uniform" ? size_of(kMatrix, "uniform", values_of(kind, text, 1, "uniform:1MB")[0]) : 0;
}

ByteMatrix read_matrix(std::string_view words, Count ranks, std::uint64_t seed) {
  const auto [kind, text] = split_kind(words);
  if (ranks > kMostHosts)
    refuse(kMatrix, "", fmt::format("{} with {} hosts", in_quotes(kind), ranks),
           fmt::format("at most {} hosts where each pair is a flow", kMostHosts));
  if (kind == "uniform") {
    const double bytes = uniform_bytes_of(words);
    return matrix_by(ranks, [bytes](Count, Count) { return bytes; });
  }
  if (kind == "zipf") {
    const auto values = values_of(kind, text, 2, "zipf:0.8,64MB");
    return zipf_matrix(ranks, exponent_of(kind, values[0], 0), size_of(kMatrix, "zipf", values[1]), seed);
  }
  if (kind == "heavy") {
    const auto values = values_of(kind, text, 2, "heavy:1.2,1MB");
    return heavy_matrix(ranks, exponent_of(kind, values[0], 1), size_of(kMatrix, "heavy", values[1]), seed);
  }
  if (kind == "random")
    return random_matrix(ranks, size_of(kMatrix, "random", values_of(kind, text, 1, "random:1MB")[0]), seed);
  if (kind == "incast") {
    const double bytes = size_of(kMatrix, "incast", values_of(kind, text, 1, "incast:1MB")[0]);
    return matrix_by(ranks, [bytes](Count, Count j) { return j == 0 ? bytes : 0; });
  }
  if (kind == "csv") return read_matrix_file(std::string(text), ranks);
  refuse_kind(kMatrix, kind, kMatrices, "e.g. uniform:1MB, or routed:MODEL");
}

}  // namespace moeplan
