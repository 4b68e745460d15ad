// SPDX-License-Identifier: Apache-2.0
#include "sim/study/frontier.h"

#include <algorithm>
#include <cmath>

namespace moeplan {
namespace {

FrontierPoint point_of(const SteadyState& s, const Layout& layout) {
  FrontierPoint p;
  p.layout = layout;
  p.concurrency = s.load.concurrency;
  p.per_user = s.output_tokens_per_s_per_user;
  p.per_gpu = s.output_tokens_per_s_per_gpu;
  p.ttft = s.ttft;
  if (s.bill.energy) {
    p.per_mw = s.bill.energy->tokens_per_s_per_mw;
    p.per_provisioned_mw = s.bill.energy->tokens_per_s_per_provisioned_mw;
  }
  p.usd_per_million = s.bill.usd_per_million_tokens();
  return p;
}

void add_layout(Frontier& all, const SimulateQuestion& question, const SteadyLoad& load, const Layout& layout,
                const Kernels& kernels, const Rates& rates) {
  SimulateQuestion q = question;
  q.deployment.layout = layout;
  const Count first = layout.replicas * layout.dp;
  const auto state_at = [&](Count concurrency) {
    return steady_state(q, {.isl = load.isl, .osl = load.osl, .concurrency = concurrency}, kernels, rates);
  };
  const SteadyState most = state_at(0);
  if (!most.fits) return;
  Count last = 0;
  for (double c = static_cast<double>(first); c < static_cast<double>(most.limit); c *= std::sqrt(2.0)) {
    const Count concurrency = std::llround(c);
    if (concurrency == last) continue;
    last = concurrency;
    const SteadyState s = state_at(concurrency);
    if (s.fits) all.push_back(point_of(s, layout));
  }
  all.push_back(point_of(most, layout));
}

std::optional<double> blend(const std::optional<double>& a, const std::optional<double>& b, double part) {
  if (!a || !b || *a <= 0 || *b <= 0) return std::nullopt;
  return std::exp(std::log(*a) + part * (std::log(*b) - std::log(*a)));
}

}  // namespace

Frontier frontier_of(const SimulateQuestion& question, const SteadyLoad& load, const std::vector<Layout>& layouts,
                     const Kernels& kernels, const Rates& rates) {
  Frontier all;
  for (const Layout& layout : layouts) add_layout(all, question, load, layout, kernels, rates);
  // From the fastest for a user on, what gives a device more than all before it.
  std::stable_sort(all.begin(), all.end(), [](const FrontierPoint& a, const FrontierPoint& b) {
    return a.per_user != b.per_user ? a.per_user > b.per_user : a.per_gpu > b.per_gpu;
  });
  Frontier front;
  for (const FrontierPoint& p : all) {
    if (front.empty() || p.per_gpu > front.back().per_gpu) front.push_back(p);
  }
  std::reverse(front.begin(), front.end());
  return front;
}

std::optional<FrontierPoint> at_speed(const Frontier& frontier, double per_user) {
  const auto above = std::lower_bound(frontier.begin(), frontier.end(), per_user,
                                      [](const FrontierPoint& p, double speed) { return p.per_user < speed; });
  if (above == frontier.end()) return std::nullopt;
  if (above == frontier.begin()) return *above;
  const FrontierPoint& a = above[-1];
  const double part = std::log(per_user / a.per_user) / std::log(above->per_user / a.per_user);
  FrontierPoint p = part < 0.5 ? a : *above;  // the layout and the load of the nearer
  p.per_user = per_user;
  p.per_gpu = *blend(a.per_gpu, above->per_gpu, part);
  p.per_mw = blend(a.per_mw, above->per_mw, part);
  p.per_provisioned_mw = blend(a.per_provisioned_mw, above->per_provisioned_mw, part);
  p.usd_per_million = blend(a.usd_per_million, above->usd_per_million, part);
  return p;
}

}  // namespace moeplan
