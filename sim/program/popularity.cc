// SPDX-License-Identifier: Apache-2.0
#include "sim/program/popularity.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/base/error.h"

namespace moeplan {
namespace {

// P(exactly n of the experts rang), n < k, given each one's probability.
std::vector<double> rung(std::span<const double> p, std::size_t k, std::size_t without) {
  std::vector<double> law(k, 0.0);
  law[0] = 1.0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (i == without) continue;
    for (std::size_t n = k; n-- > 1;) law[n] += p[i] * (law[n - 1] - law[n]);
    law[0] *= 1.0 - p[i];
  }
  return law;
}

// P(fewer than k others rang) for every expert: divides each out of the law of all.
// Dividing by a large p amplifies rounding, by p / (1 - p) each of the k steps: likely
// experts are left out afresh.
void fewer_than_k(std::span<const double> p, std::size_t k, std::vector<double>& result) {
  constexpr double kMostAmplified = 1e5;  // 1e-11 of a probability is lost
  const double odds = std::pow(kMostAmplified, 1 / static_cast<double>(k));
  const double likely = odds / (1 + odds);
  const std::vector<double> all = rung(p, k, p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    double sum = 0;
    if (p[i] > likely) {
      for (const double x : rung(p, k, i)) sum += x;
    } else {
      double previous = 0;
      for (std::size_t n = 0; n < k; ++n) {
        previous = (all[n] - p[i] * previous) / (1.0 - p[i]);
        sum += previous;
      }
    }
    result[i] = sum;
  }
}

// The time at which `count` experts have rung on average. Newton's method: the number rises
// ever more slowly, so from the left no step goes too far.
double time_of(std::span<const double> w, double count) {
  constexpr int kMostSteps = 500;
  constexpr double kNear = 1e-9;  // only where a quadrature begins and ends
  double t = count / std::accumulate(w.begin(), w.end(), 0.0);
  for (int i = 0; i < kMostSteps; ++i) {
    double rung = 0;
    double rate = 0;
    for (const double x : w) {
      const double now = -std::expm1(-x * t);
      rung += now;
      rate += x * (1 - now);
    }
    if (!(rate > 0)) break;
    const double step = (count - rung) / rate;
    t += step;
    if (step < kNear * t) break;
  }
  return t;
}

// Root of a rising function (Illinois method: regula falsi that halves the stale end).
template <class F>
double solved(double low, double high, F&& f, double target) {
  double f_low = f(low) - target;
  double f_high = f(high) - target;
  if (f_low >= 0) return low;
  if (f_high <= 0) return high;
  constexpr double kNear = 1e-6;
  int side = 0;
  double x = low;
  for (int i = 0; i < 60; ++i) {
    x = (low * f_high - high * f_low) / (f_high - f_low);
    const double fx = f(x) - target;
    if (std::abs(fx) < kNear) break;
    (fx < 0 ? low : high) = x;
    (fx < 0 ? f_low : f_high) = fx;
    const int now = fx < 0 ? -1 : 1;
    if (now == side) (fx < 0 ? f_high : f_low) /= 2;
    side = now;
  }
  return x;
}

}  // namespace

Weights zipf_weights(Count experts, double s) {
  Weights w(static_cast<std::size_t>(experts));
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = std::pow(static_cast<double>(i + 1), -s);
  return w;
}

Weights hot_weights(Count experts, Count top_k, Count hot, double share) {
  const auto weights = [&](double log_ratio) {
    Weights w(static_cast<std::size_t>(experts), 1.0);
    std::fill_n(w.begin(), hot, std::exp(log_ratio));
    return w;
  };
  const auto share_of = [&](double log_ratio) {
    const std::vector<double> pi = inclusion_probabilities(weights(log_ratio), top_k);
    return std::accumulate(pi.begin(), pi.begin() + hot, 0.0) / static_cast<double>(top_k);
  };
  constexpr double kWidest = 16.0;  // a ratio of e^16: all or nothing
  return weights(solved(-kWidest, kWidest, share_of, share));
}

namespace {

// Of tokens that all stop at the time of their k-th ring on average, instead of at that ring.
double gini_at_one_time(std::span<const double> w, Count top_k) {
  const double t = time_of(w, static_cast<double>(top_k));
  std::vector<double> pi(w.size());
  for (std::size_t i = 0; i < pi.size(); ++i) pi[i] = -std::expm1(-w[i] * t);
  return gini_of(pi);
}

}  // namespace

// Begins at the exponent that would be right if tokens stopped at one time; secants lead to the
// right one in a few steps, each of which is dear.
Weights gini_weights(Count experts, Count top_k, double gini) {
  constexpr double kSteepest = 8.0;
  constexpr double kNear = 1e-6;
  if (gini <= 0) return zipf_weights(experts, 0.0);
  const auto gini_at = [&](double s) { return gini_of(inclusion_probabilities(zipf_weights(experts, s), top_k)); };
  const auto roughly_at = [&](double s) { return gini_at_one_time(zipf_weights(experts, s), top_k); };
  double s = solved(0.0, kSteepest, roughly_at, gini);
  double error = gini_at(s) - gini;
  double slope = (roughly_at(1.01 * s) - roughly_at(s)) / (0.01 * s);
  for (int i = 0; i < 8 && std::abs(error) >= kNear; ++i) {
    const double next = s - error / slope;
    if (!(next > 0 && next < kSteepest)) break;
    const double next_error = gini_at(next) - gini;
    slope = (next_error - error) / (next - s);
    s = next;
    error = next_error;
  }
  return zipf_weights(experts, std::abs(error) < kNear ? s : solved(0.0, kSteepest, gini_at, gini));
}

Weights histogram_weights(std::span<const double> counts, Count top_k) {
  const std::size_t n = counts.size();
  // Shares of k, none above 1: what the capped ones cannot take goes to the others.
  constexpr double kAlmostAlways = 1.0 - 1e-6;
  std::vector<double> target(n, 0.0);
  double open = std::accumulate(counts.begin(), counts.end(), 0.0);
  double left = static_cast<double>(top_k);
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  for (const std::size_t i : order) {
    target[i] = open > 0 ? std::min(kAlmostAlways, left * counts[i] / open) : 0.0;
    left -= target[i];
    open -= counts[i];
  }
  // -ln(1 - pi) are the clock rates if every token stopped at one fixed time; it stops
  // at its k-th ring instead, which a few rounds of proportional fitting put right.
  Weights w(n);
  for (std::size_t i = 0; i < n; ++i) w[i] = -std::log1p(-target[i]);
  constexpr int kRounds = 12;
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<double> pi = inclusion_probabilities(w, top_k);
    for (std::size_t i = 0; i < n; ++i)
      if (target[i] > 0 && pi[i] < 1) w[i] *= std::log1p(-target[i]) / std::log1p(-std::min(pi[i], kAlmostAlways));
  }
  return w;
}

std::vector<double> inclusion_probabilities(std::span<const double> w, Count top_k) {
  const std::size_t n = w.size();
  const auto k = static_cast<std::size_t>(top_k);
  CHECK(k >= 1 && k <= n);
  const auto [least, most] = std::minmax_element(w.begin(), w.end());
  if (k == n) return std::vector<double>(n, 1.0);
  if (*least == *most) return std::vector<double>(n, static_cast<double>(k) / static_cast<double>(n));

  // Trapezoid in ln t: the integrand dies at both ends faster than any power.
  const auto wanted = static_cast<double>(k);
  const auto able = static_cast<double>(std::count_if(w.begin(), w.end(), [](double x) { return x > 0; }));
  CHECK(able >= wanted);
  const double first = std::log(time_of(w, 1e-6));
  const double last = std::log(time_of(w, std::min(wanted + 8 * std::sqrt(wanted) + 8, able - 1e-6)));
  constexpr int kNodes = 128;
  const double step = (last - first) / (kNodes - 1);
  std::vector<double> pi(n, 0.0);
  std::vector<double> p(n);
  std::vector<double> fewer(n);
  for (int node = 0; node < kNodes; ++node) {
    const double t = std::exp(first + step * node);
    for (std::size_t i = 0; i < n; ++i) p[i] = -std::expm1(-w[i] * t);
    fewer_than_k(p, k, fewer);
    for (std::size_t i = 0; i < n; ++i) pi[i] += step * w[i] * t * (1.0 - p[i]) * fewer[i];
  }
  const double scale = static_cast<double>(k) / std::accumulate(pi.begin(), pi.end(), 0.0);
  for (double& x : pi) x = std::min(1.0, x * scale);
  return pi;
}

double gini_of(std::span<const double> values) {
  std::vector<double> v(values.begin(), values.end());
  std::sort(v.begin(), v.end());
  const double n = static_cast<double>(v.size());
  double sum = 0;
  double ranked = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    sum += v[i];
    ranked += static_cast<double>(i + 1) * v[i];
  }
  return sum > 0 ? 2 * ranked / (n * sum) - (n + 1) / n : 0.0;
}

double max_gini(Count experts, Count top_k) { return 1.0 - static_cast<double>(top_k) / static_cast<double>(experts); }

double distinct_of(std::span<const double> inclusion, double tokens) {
  double sum = 0;
  for (const double pi : inclusion) sum += pi < 1 ? -std::expm1(tokens * std::log1p(-pi)) : 1.0;
  return sum;
}

}  // namespace moeplan
