// SPDX-License-Identifier: Apache-2.0
#include "sim/program/routing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "sim/program/drawn_layer.h"
#include "sim/program/group_limited.h"
#include "sim/program/popularity.h"
#include "sim/program/power_law.h"

namespace moeplan {
namespace {

std::size_t index(Count i) { return static_cast<std::size_t>(i); }

// Knots 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ...: from 4 on, four to the octave.
Count knot_tokens(int i) {
  if (i < 4) return i;
  const int octave = (i - 4) / 4;
  return (Count{4} + (i - 4) % 4) << octave;
}

// The last knot not above `tokens`, which is at least 0.
int knot_below(double tokens) {
  if (tokens < 4) return static_cast<int>(tokens);
  int exponent = 0;
  const double mantissa = std::frexp(tokens, &exponent);  // in [0.5, 1): 4 is 0.5 x 2^3
  return 4 + 4 * (exponent - 3) + static_cast<int>(mantissa * 8 - 4);
}

// Slope of a monotone cubic at a knot between two secants (Fritsch and Butland 1984).
double monotone_slope(double before, double h0, double after, double h1) {
  if (before * after <= 0) return 0;
  const double w0 = 2 * h1 + h0;
  const double w1 = h1 + 2 * h0;
  return (w0 + w1) / (w0 / before + w1 / after);
}

}  // namespace

Weights weights_of(const Routing& routing, const ExpertGroup& group) {
  switch (routing.skew) {
    case Skew::Gini: return gini_weights(group.choices, group.top_k, routing.parameter);
    case Skew::Zipf: return zipf_weights(group.choices, routing.parameter);
    case Skew::Hot: return hot_weights(group.choices, group.top_k, routing.hot, routing.parameter);
    case Skew::Histogram: return histogram_weights(routing.histogram, group.top_k);
    case Skew::Balanced:
    case Skew::Uniform:
    case Skew::PowerLaw: break;
  }
  return Weights(index(group.choices), 1.0);
}

std::vector<std::string> violations(const Routing& r, const ExpertGroup& g) {
  std::vector<std::string> found;
  const auto refuse = [&](bool wrong, const char* text) {
    if (wrong) found.emplace_back(text);
  };
  refuse(g.experts < 1 || g.choices < g.experts, "needs at least one expert, and no more experts than choices");
  refuse(g.top_k < 1 || g.top_k > g.choices, "top-k must lie between 1 and the number of experts");
  refuse(g.ranks < 1 || g.ranks > g.experts, "expert-parallel ranks must lie between 1 and the number of experts");
  refuse(g.nodes < 1 || g.ranks % std::max<Count>(1, g.nodes) != 0, "nodes must divide the ranks");
  if (!found.empty()) return found;
  refuse(r.skew == Skew::Gini && !(r.parameter >= 0 && r.parameter < max_gini(g.choices, g.top_k)),
         "a Gini coefficient lies between 0 and 1 - k / experts");
  refuse(r.skew == Skew::Zipf && !(r.parameter >= 0 && r.parameter <= 8), "a Zipf exponent lies between 0 and 8");
  refuse(r.skew == Skew::PowerLaw && !(r.parameter > 0 && r.parameter <= 8 && r.parameter != 1.0),
         "a power-law exponent lies between 0 and 8 and is not 1");
  refuse(r.skew == Skew::PowerLaw && (r.redundant > 0 || r.capacity_factor > 0),
         "the power law of the measured rows knows no replicas and no capacity");
  if (r.skew == Skew::Hot) {
    const double most = std::min(1.0, static_cast<double>(r.hot) / static_cast<double>(g.top_k));
    refuse(r.hot < 1 || r.hot >= g.choices, "hot experts must be some but not all");
    refuse(!(r.parameter > 0 && r.parameter < most), "hot experts take a share between 0 and hot / k, below 1");
  }
  if (r.skew == Skew::Histogram) {
    if (static_cast<Count>(r.histogram.size()) != g.choices)
      found.push_back("the histogram has " + std::to_string(r.histogram.size()) + " counts, the layer " +
                      std::to_string(g.choices) + " experts to choose from");
    refuse(std::any_of(r.histogram.begin(), r.histogram.end(), [](double x) { return !(x >= 0) || !std::isfinite(x); }),
           "counts of a histogram are finite and not negative");
    refuse(std::count_if(r.histogram.begin(), r.histogram.end(), [](double x) { return x > 0; }) < g.top_k,
           "a histogram needs at least k experts with a count");
  }
  if (r.groups > 0) {
    refuse(g.choices % r.groups != 0 || r.groups > g.choices, "groups must divide the experts");
    refuse(r.kept_groups < 1 || r.kept_groups > r.groups || r.kept_groups * (g.choices / r.groups) < g.top_k,
           "kept groups must be some of the groups and hold top-k experts");
    refuse(r.group_scores < 1, "a group is judged by at least one score");
  }
  refuse(r.capacity_factor < 0 || !std::isfinite(r.capacity_factor), "a capacity factor is positive");
  refuse(r.redundant < 0 || (r.redundant > 0 && (g.experts + r.redundant) % g.ranks != 0),
         "experts and redundant slots together must divide over the ranks");
  refuse(r.expert_choice && (r.skew != Skew::Balanced || r.redundant > 0 || r.capacity_factor > 0 || r.groups > 0),
         "expert choice is balanced by itself");
  return found;
}

double missed_share(Count experts, Count top_k, double held) {
  const auto e = static_cast<double>(experts);
  double missed = 1.0;
  for (Count i = 0; i < top_k; ++i)
    missed *= std::max(0.0, e - held - static_cast<double>(i)) / (e - static_cast<double>(i));
  return missed;
}

double free_destinations(Count experts, Count top_k, Count parts) {
  const auto p = static_cast<double>(parts);
  return p * (1.0 - missed_share(experts, top_k, static_cast<double>(experts) / p));
}

Count capacity_of(const Routing& routing, const ExpertGroup& group, Count tokens) {
  if (routing.capacity_factor <= 0) return 0;
  const double mean = static_cast<double>(tokens * group.top_k) / static_cast<double>(group.choices);
  return static_cast<Count>(std::ceil(routing.capacity_factor * mean - 1e-9));
}

double dropped_share(const std::vector<double>& inclusion, Count top_k, Count tokens, Count capacity) {
  const double t = static_cast<double>(tokens);
  double dropped = 0;
  double last_pi = -1;
  double last = 0;
  for (const double pi : inclusion) {
    if (pi != last_pi) {
      last_pi = pi;
      last = 0;
      if (pi >= 1) {
        last = std::max(0.0, t - static_cast<double>(capacity));
      } else if (pi > 0) {
        // E (x - C)+ = sum over x > C; below the mean by the complement, so that terms stay few:
        // E (x - C)+ = T pi - C + E (C - x)+.
        const bool above = static_cast<double>(capacity) >= t * pi;
        const double step = pi / (1 - pi);
        double x = static_cast<double>(above ? capacity + 1 : capacity - 1);
        double term = x < 0 || x > t ? 0.0
                                     : std::exp(std::lgamma(t + 1) - std::lgamma(x + 1) - std::lgamma(t - x + 1) +
                                                x * std::log(pi) + (t - x) * std::log1p(-pi));
        for (double n = 1; term > 0 && n * term > 1e-16 * t * pi; ++n) {
          last += n * term;
          if (above) {
            term *= (t - x) / (x + 1) * step;
            ++x;
          } else {
            term *= x / ((t - x + 1) * step);
            --x;
          }
        }
        if (!above) last += t * pi - static_cast<double>(capacity);
      }
    }
    dropped += last;
  }
  return std::max(0.0, dropped / (t * static_cast<double>(top_k)));
}

double unchosen_share(Count experts, Count top_k, Count tokens) {
  const double e = static_cast<double>(experts);
  const double chosen = std::min(1.0, static_cast<double>(top_k) / e);  // C / T
  return tokens == 0 ? 0.0 : std::pow(1.0 - chosen, e);
}

LoadTable::LoadTable(const Routing& routing, const ExpertGroup& group) : routing_(routing), group_(group) {
  CHECK(violations(routing, group).empty());
  local_slots_ = ceil_div(group.experts + routing.redundant, group.ranks);
  destinations_ = {.ranks = free_destinations(group.choices, group.top_k, group.ranks),
                   .nodes = free_destinations(group.choices, group.top_k, group.nodes)};
  const bool closed = routing.skew == Skew::Balanced && routing.capacity_factor == 0;
  const bool even = routing.skew == Skew::Balanced || routing.skew == Skew::Uniform;
  if (even && routing.groups > 0 && routing.redundant == 0) destinations_ = group_limited_destinations(routing, group);
  if (closed && (routing.groups == 0 || routing.redundant == 0) && !routing.expert_choice) return;
  if (closed && !routing.expert_choice) {  // groups and copies change destinations alone
    draws_ = kDestinationDraws;
    const Weights weights = weights_of(routing, group);
    draw(weights, inclusion_probabilities(weights, group.top_k));
    return;
  }
  value_.assign(kKnots, {});
  slope_.assign(kKnots, {});
  if (routing.expert_choice) {
    choose_by_experts();
  } else if (routing.skew == Skew::PowerLaw) {
    draw_power_law();
  } else {
    const Weights weights = weights_of(routing, group);
    const std::vector<double> inclusion = inclusion_probabilities(weights, group.top_k);
    gini_ = gini_of(inclusion);
    draw(weights, inclusion);
  }
  make_monotone();
}

void LoadTable::choose_by_experts() {
  const double local = static_cast<double>(local_slots_);
  for (int i = 0; i < kKnots; ++i) {
    const double each = static_cast<double>(knot_tokens(i) * group_.top_k) / static_cast<double>(group_.experts);
    const double distinct = local * std::min(1.0, each);
    value_[static_cast<std::size_t>(i)] = {local * each, distinct, each, local * each, distinct, 0.0};
  }
}

void LoadTable::add(int knot, const ExpertLoad& load) {
  Figures& f = value_[static_cast<std::size_t>(knot)];
  const Figures one = {load.rows, load.distinct, load.peak, load.mean_rows, load.mean_distinct, load.dropped};
  for (std::size_t figure = 0; figure < kFigures; ++figure) f[figure] += one[figure] / draws_;
}

Count LoadTable::tokens_to_draw() const {
  const bool even = routing_.skew == Skew::Balanced || routing_.skew == Skew::Uniform;
  if (value_.empty()) return kDestinationTokens;
  return routing_.groups > 0 && !even ? kGroupedTokens : kDrawnTokens;
}

void LoadTable::draw(const Weights& weights, const std::vector<double>& inclusion) {
  const bool even = routing_.skew == Skew::Balanced || routing_.skew == Skew::Uniform;
  const bool in_place = even || routing_.skew == Skew::Histogram;
  const Count tokens = tokens_to_draw();
  const bool exact = routing_.groups == 0 || even;
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Weights w(weights);
  std::vector<double> pi(inclusion);
  Destinations drawn;
  for (int d = 0; d < draws_; ++d) {
    CounterRng rng(routing_.seed, static_cast<std::uint64_t>(d));
    if (!in_place) {  // which experts are hot differs from layer to layer
      for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[rng.below(static_cast<std::uint32_t>(i))]);
      for (std::size_t i = 0; i < order.size(); ++i) {
        w[i] = weights[order[i]];
        pi[i] = inclusion[order[i]];
      }
    }
    const DrawnLayer layer(routing_, group_, w, pi, tokens, exact, rng);
    drawn.ranks += layer.destinations().ranks / draws_;
    drawn.nodes += layer.destinations().nodes / draws_;
    for (int knot = 1; knot < static_cast<int>(value_.size()); ++knot)
      add(knot, layer.at(knot_tokens(knot), room_at(knot_tokens(knot))));
  }
  if (!even || routing_.redundant > 0) destinations_ = drawn;
  if (!value_.empty()) set_means(inclusion, in_place, tokens);
}

double LoadTable::room_at(Count tokens) const {
  if (routing_.capacity_factor <= 0) return std::numeric_limits<double>::infinity();
  return static_cast<double>(capacity_of(routing_, group_, tokens));
}

// Means are known exactly; what was drawn around them keeps its distance.
void LoadTable::set_means(const std::vector<double>& inclusion, bool in_place, Count drawn) {
  const double ranks = static_cast<double>(group_.ranks);
  const double real = static_cast<double>(group_.experts) / static_cast<double>(group_.choices);
  const auto held = std::span(inclusion).first(index(group_.experts));
  const double reached =
      in_place ? std::accumulate(held.begin(), held.end(), 0.0) : real * static_cast<double>(group_.top_k);
  for (int i = 1; i < kKnots; ++i) {
    Figures& f = value_[static_cast<std::size_t>(i)];
    const Count tokens = knot_tokens(i);
    const auto t = static_cast<double>(tokens);
    if (routing_.capacity_factor > 0)
      f[5] = dropped_share(inclusion, group_.top_k, tokens, capacity_of(routing_, group_, tokens));
    const double mean_rows = t * reached * (1.0 - f[5]) / ranks;
    f[0] += mean_rows - f[3];
    f[3] = mean_rows;
    if (routing_.redundant == 0) {
      const double mean_distinct = (in_place ? distinct_of(held, t) : distinct_of(inclusion, t) * real) / ranks;
      if (tokens <= drawn) f[1] += mean_distinct - f[4];
      f[4] = mean_distinct;
    }
    f[1] = std::clamp(f[1], 0.0, static_cast<double>(local_slots_));
  }
}

void LoadTable::draw_power_law() {
  constexpr int kPowerDraws = 16;
  constexpr Count kMostTokens = Count{1} << 16;  // four times the measured range; beyond: in proportion
  constexpr Count kUsual = 4096;
  for (int i = 1; i < kKnots; ++i) {
    const Count tokens = knot_tokens(i);
    Figures& f = value_[static_cast<std::size_t>(i)];
    if (tokens > kMostTokens) {
      f = value_[static_cast<std::size_t>(i - 1)];
      const double more = static_cast<double>(tokens) / static_cast<double>(knot_tokens(i - 1));
      for (const std::size_t figure : {0U, 2U, 3U}) f[figure] *= more;
      continue;
    }
    const ExpertLoad load = power_law_load(group_, tokens, routing_.parameter, kPowerDraws, routing_.seed);
    f = {load.rows, load.distinct, load.peak, load.mean_rows, load.mean_distinct, 0.0};
  }
  for (int d = 0; d < kPowerDraws; ++d) {
    CounterRng rng(routing_.seed, static_cast<std::uint64_t>(d));
    const std::vector<Count> counts =
        power_law_counts(kUsual, group_.experts, group_.top_k, group_.ranks, routing_.parameter, rng);
    gini_ += gini_of(std::vector<double>(counts.begin(), counts.end())) / kPowerDraws;
  }
}

// Running maxima of sizes (a draw may dip; more tokens are never less work), then slopes.
void LoadTable::make_monotone() {
  for (std::size_t figure = 0; figure < kFigures; ++figure) {
    if (figure < 5)
      for (std::size_t i = 1; i < kKnots; ++i) value_[i][figure] = std::max(value_[i][figure], value_[i - 1][figure]);
    const auto secant = [&](std::size_t i) {
      const double h = static_cast<double>(knot_tokens(static_cast<int>(i) + 1) - knot_tokens(static_cast<int>(i)));
      return std::pair((value_[i + 1][figure] - value_[i][figure]) / h, h);
    };
    slope_[0][figure] = secant(0).first;
    slope_[kKnots - 1][figure] = secant(kKnots - 2).first;
    for (std::size_t i = 1; i + 1 < kKnots; ++i) {
      const auto [before, h0] = secant(i - 1);
      const auto [after, h1] = secant(i);
      slope_[i][figure] = monotone_slope(before, h0, after, h1);
    }
  }
}

ExpertLoad LoadTable::at(double tokens) const {
  if (value_.empty())
    return balanced_load(group_.choices, group_.top_k, local_slots_, static_cast<Count>(std::llround(tokens)),
                         routing_.redundant);
  if (!(tokens > 0)) return {};
  const auto last = static_cast<double>(knot_tokens(kKnots - 1));
  Figures f{};
  if (tokens >= last) {
    f = value_[kKnots - 1];
    for (const std::size_t figure : {0U, 2U, 3U}) f[figure] *= tokens / last;
  } else {
    const int i = knot_below(tokens);
    const auto k = static_cast<std::size_t>(i);
    const auto start = static_cast<double>(knot_tokens(i));
    const double h = static_cast<double>(knot_tokens(i + 1)) - start;
    const double x = (tokens - start) / h;
    const double rise = x * x * (3 - 2 * x);
    for (std::size_t figure = 0; figure < kFigures; ++figure)
      f[figure] = value_[k][figure] + rise * (value_[k + 1][figure] - value_[k][figure]) +
                  h * x * (1 - x) * ((1 - x) * slope_[k][figure] - x * slope_[k + 1][figure]);
  }
  return {.rows = f[0], .distinct = f[1], .peak = f[2], .mean_rows = f[3], .mean_distinct = f[4], .dropped = f[5]};
}

ExpertLoad power_law_load(const ExpertGroup& group, Count tokens, double alpha, int draws, std::uint64_t seed) {
  ExpertLoad mean;
  const auto ranks = static_cast<double>(group.ranks);
  for (int d = 0; d < draws; ++d) {
    CounterRng rng(seed, static_cast<std::uint64_t>(d));
    const std::vector<Count> counts = power_law_counts(tokens, group.experts, group.top_k, group.ranks, alpha, rng);
    ExpertLoad load{.rows = -1};
    auto first = counts.begin();
    // The first experts % ranks ranks hold one more.
    for (Count r = 0; r < group.ranks; ++r) {
      const auto end =
          first + static_cast<std::ptrdiff_t>(group.experts / group.ranks + (r < group.experts % group.ranks ? 1 : 0));
      const auto rows = static_cast<double>(std::accumulate(first, end, Count{0}));
      const auto distinct = static_cast<double>(std::count_if(first, end, [](Count x) { return x > 0; }));
      load.mean_rows += rows;
      load.mean_distinct += distinct;
      if (rows > load.rows) {
        load.rows = rows;
        load.distinct = distinct;
        load.peak = static_cast<double>(*std::max_element(first, end));
      }
      first = end;
    }
    const double share = 1.0 / draws;
    mean.rows += share * load.rows;
    mean.distinct += share * load.distinct;
    mean.peak += share * load.peak;
    mean.mean_rows += share * (load.mean_rows / ranks);
    mean.mean_distinct += share * (load.mean_distinct / ranks);
  }
  return mean;
}

}  // namespace moeplan
