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

// From the fastest for a user on, what gives a device more than all before it.
Frontier front_of(Frontier all) {
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

// What generating one token and reading `reads` takes of something of which each unit gives
// tokens for one.
std::optional<double> together(std::optional<double> generated, std::optional<double> read, double reads) {
  if (!generated || !read) return std::nullopt;
  return 1 / (1 / *generated + reads / *read);
}

std::optional<double> per_mw_of(const Simulation& s) {
  return s.bill.energy ? std::optional(s.bill.energy->tokens_per_s_per_mw) : std::nullopt;
}

std::optional<double> per_provisioned_mw_of(const Simulation& s) {
  return s.bill.energy ? s.bill.energy->tokens_per_s_per_provisioned_mw : std::nullopt;
}

FrontierPoint point_of(const Disaggregated& s, const Layout& layout) {
  const double reads = static_cast<double>(s.load.isl) / static_cast<double>(s.load.osl);
  FrontierPoint p;
  p.layout = layout;
  p.concurrency = s.load.concurrency;
  p.per_user = s.output_tokens_per_s_per_user;
  p.per_gpu = s.output_tokens_per_s_per_gpu;
  p.ttft = s.ttft;
  p.per_mw = together(per_mw_of(s.decode), per_mw_of(s.prefill), reads);
  p.per_provisioned_mw = together(per_provisioned_mw_of(s.decode), per_provisioned_mw_of(s.prefill), reads);
  p.usd_per_million = s.usd_per_million_tokens;
  return p;
}

// Requests in flight by factors of the square root of two, up to `most`.
template <class F>
void for_each_concurrency(Count first, Count most, const F& ask) {
  Count last = 0;
  for (double c = static_cast<double>(first); c < static_cast<double>(most); c *= std::sqrt(2.0)) {
    const Count concurrency = std::llround(c);
    if (concurrency == last) continue;
    last = concurrency;
    ask(concurrency);
  }
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
  for_each_concurrency(first, most.limit, [&](Count concurrency) {
    const SteadyState s = state_at(concurrency);
    if (s.fits) all.push_back(point_of(s, layout));
  });
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
  return front_of(std::move(all));
}

Frontier frontier_of(const DisaggregatedUnit& prefill, const std::vector<Layout>& prefill_layouts,
                     const DisaggregatedUnit& decode, const std::vector<Layout>& layouts, const SteadyLoad& load) {
  DisaggregatedUnit reader = prefill;
  DisaggregatedUnit writer = decode;
  const auto state = [&](const Layout& reads, const Layout& writes, Count concurrency) {
    reader.question.deployment.layout = reads;
    writer.question.deployment.layout = writes;
    return disaggregate(reader, writer, {.isl = load.isl, .osl = load.osl, .concurrency = concurrency});
  };
  std::optional<Layout> best;
  double most_read = 0;
  for (const Layout& layout : prefill_layouts) {
    const Disaggregated s = state(layout, layouts.front(), 1);
    const double read = s.prefill.fits ? s.prefill.tokens_per_s / static_cast<double>(s.prefill.gpus) : 0;
    if (read <= most_read) continue;
    most_read = read;
    best = layout;
  }
  Frontier all;
  if (!best) return all;
  for (const Layout& layout : layouts) {
    const Disaggregated most = state(*best, layout, 0);
    if (!most.fits) continue;
    for_each_concurrency(layout.replicas * layout.dp, most.limit, [&](Count concurrency) {
      const Disaggregated s = state(*best, layout, concurrency);
      if (s.fits) all.push_back(point_of(s, layout));
    });
    all.push_back(point_of(most, layout));
  }
  return front_of(std::move(all));
}

Frontier front_over(const std::vector<Frontier>& deployments) {
  Frontier all;
  for (std::size_t i = 0; i < deployments.size(); ++i) {
    for (FrontierPoint p : deployments[i]) {
      p.alternative = i;
      all.push_back(p);
    }
  }
  return front_of(std::move(all));
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
