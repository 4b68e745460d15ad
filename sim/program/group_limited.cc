// SPDX-License-Identifier: Apache-2.0
#include "sim/program/group_limited.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "sim/base/error.h"
#include "sim/base/rng.h"

namespace moeplan {
namespace {

// Experts of a token in each of its kept groups, most first.
using GroupCounts = std::vector<Count>;

// Draws them, token by token.
class CountSampler {
 public:
  CountSampler(const Routing& routing, const ExpertGroup& group)
      : rng_(routing.seed, 0),
        size_(group.choices / routing.groups),
        top_k_(group.top_k),
        judged_(std::min(size_, routing.group_scores)),
        groups_(static_cast<std::size_t>(routing.groups)),
        kept_(static_cast<std::ptrdiff_t>(routing.kept_groups)),
        counts_(static_cast<std::size_t>(routing.kept_groups)) {}

  const GroupCounts& next() {
    for (Group& g : groups_) judge(g);
    std::nth_element(groups_.begin(), groups_.begin() + kept_ - 1, groups_.end(),
                     [](const Group& a, const Group& b) { return a.score > b.score; });
    const auto end = groups_.begin() + kept_;
    for (auto g = groups_.begin(); g != end; ++g) g->taken = 0;
    for (Count i = 0; i < top_k_; ++i)
      take_from(*std::max_element(groups_.begin(), end,
                                  [this](const Group& a, const Group& b) { return next_key(a) < next_key(b); }));
    std::transform(groups_.begin(), end, counts_.begin(), [](const Group& g) { return g.taken; });
    std::sort(counts_.begin(), counts_.end(), std::greater<>());
    return counts_;
  }

 private:
  // keys: logarithms of its largest scores, as many as were looked at.
  struct Group {
    double score = 0;
    Count taken = 0;
    std::vector<double> keys;
  };

  void draw_key(Group& g) {
    const double before = g.keys.empty() ? 0 : g.keys.back();
    const Count left = size_ - static_cast<Count>(g.keys.size());
    g.keys.push_back(before + std::log(1 - rng_.uniform()) / static_cast<double>(left));
  }
  void judge(Group& g) {
    g.keys.clear();
    g.score = 0;
    for (Count i = 0; i < judged_; ++i) {
      draw_key(g);
      g.score += std::exp(g.keys.back());
    }
  }
  double next_key(const Group& g) const {
    return g.taken == size_ ? -std::numeric_limits<double>::infinity() : g.keys[static_cast<std::size_t>(g.taken)];
  }
  void take_from(Group& g) {
    ++g.taken;
    if (g.taken < size_ && g.taken == static_cast<Count>(g.keys.size())) draw_key(g);
  }

  CounterRng rng_;
  Count size_;
  Count top_k_;
  Count judged_;
  std::vector<Group> groups_;
  std::ptrdiff_t kept_;
  GroupCounts counts_;
};

// Neighbouring experts as parts of groups: whole ones, and one in part at each end.
struct Overlap {
  Count whole = 0;
  std::array<Count, 2> partial{};
  std::size_t partials = 0;
  auto operator<=>(const Overlap&) const = default;
};

Overlap overlap_of(Count first, Count end, Count size) {
  Overlap o;
  while (first < end) {
    const Count part = std::min(end, (first / size + 1) * size) - first;
    if (part == size) {
      ++o.whole;
    } else {
      o.partial[o.partials++] = part;
    }
    first += part;
  }
  return o;
}

// Counts dealt to all groups at random: what misses the experts of an overlap.
class Missing {
 public:
  Missing(const GroupCounts& counts, Count groups, Count size) : counts_(counts), size_(size) {
    counts_.resize(static_cast<std::size_t>(groups), 0);
    empty_ = std::count(counts_.begin(), counts_.end(), 0);
  }

  double probability(const Overlap& o) const { return mean(o, 0, empty_, {}); }

 private:
  // Over the groups that the parts from `part` on may lie in; those of earlier parts are `used`.
  double mean(const Overlap& o, std::size_t part, Count empty, std::array<std::size_t, 2> used) const {
    const auto left = static_cast<double>(counts_.size() - part);
    if (part >= used.size() || part == o.partials) {
      double all_empty = 1;
      for (Count i = 0; i < o.whole; ++i)
        all_empty *= static_cast<double>(std::max<Count>(0, empty - i)) / (left - static_cast<double>(i));
      return all_empty;
    }
    double sum = 0;
    for (std::size_t g = 0; g < counts_.size(); ++g) {
      if (part == 1 && g == used[0]) continue;
      used[part] = g;
      sum += missed_by(counts_[g], o.partial[part]) * mean(o, part + 1, empty - (counts_[g] == 0 ? 1 : 0), used);
    }
    return sum / left;
  }
  double missed_by(Count taken, Count held) const {
    double missed = 1;
    for (Count i = 0; i < taken; ++i)
      missed *= static_cast<double>(std::max<Count>(0, size_ - held - i)) / static_cast<double>(size_ - i);
    return missed;
  }

  GroupCounts counts_;
  Count size_;
  Count empty_ = 0;
};

// Experts in `parts` blocks of ranks, of which the first hold one more each: how often which
// overlap occurs.
std::map<Overlap, Count> overlaps_of(const ExpertGroup& group, Count ranks_each, Count size) {
  std::map<Overlap, Count> overlaps;
  const Count more = group.experts % group.ranks;
  const auto start = [&](Count rank) { return group.experts / group.ranks * rank + std::min(rank, more); };
  for (Count r = 0; r < group.ranks; r += ranks_each) ++overlaps[overlap_of(start(r), start(r + ranks_each), size)];
  return overlaps;
}

}  // namespace

Destinations group_limited_destinations(const Routing& routing, const ExpertGroup& group) {
  CHECK(routing.groups > 0 && routing.redundant == 0);
  std::map<GroupCounts, int> law;
  CountSampler sampler(routing, group);
  for (int token = 0; token < kGroupTokens; ++token) ++law[sampler.next()];

  const Count size = group.choices / routing.groups;
  const std::map<Overlap, Count> ranks = overlaps_of(group, 1, size);
  const std::map<Overlap, Count> nodes = overlaps_of(group, group.ranks / group.nodes, size);
  Destinations mean;
  for (const auto& [counts, tokens] : law) {
    const Missing missing(counts, routing.groups, size);
    const auto reached = [&](const std::map<Overlap, Count>& parts) {
      double sum = 0;
      for (const auto& [overlap, times] : parts) sum += static_cast<double>(times) * (1 - missing.probability(overlap));
      return sum;
    };
    const double share = static_cast<double>(tokens) / kGroupTokens;
    mean.ranks += share * reached(ranks);
    mean.nodes += share * reached(nodes);
  }
  return mean;
}

}  // namespace moeplan
