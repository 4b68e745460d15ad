// SPDX-License-Identifier: Apache-2.0
// Where tokens go: expert load as a distribution instead of a mean. A step waits for
// its busiest rank and reads the weights of the experts drawn, so both are answered per
// layer for a number of tokens: rows and distinct experts of the busiest rank and of the
// mean one, its busiest expert, the share of pairs that were dropped, and how many ranks
// and nodes a token visits.
//
// Exact where a closed form exists (balanced load, mean rows, mean distinct experts,
// capacity drops, destinations of free routing and, but for a few counts, of group-limited
// routing: group_limited.h); else the mean of seeded draws that are
// equal at any number of threads. Mean figures of draws are moved onto their exact value.
//
// Past kDrawnTokens tokens a draw is not continued: sums of independent tokens deviate from
// their expectation by a law that follows from the tokens drawn (drawn_layer.h). Under skewed
// routing limited to groups expectations are known less well: it is drawn for longer.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/rng.h"
#include "sim/program/expert_load.h"
#include "sim/program/popularity.h"

namespace moeplan {

enum class Skew : std::uint8_t {
  Balanced,   // every rank at its expectation: no sampling, closed form
  Uniform,    // experts equally liked, tokens drawn: the straggler of chance alone
  Gini,       // parameter: Gini coefficient of the expected load
  Zipf,       // parameter: exponent over expert ranks
  PowerLaw,   // parameter: alpha, as the measured rows (power_law.h)
  Hot,        // `hot` experts take the share `parameter` of all pairs
  Histogram,  // measured counts per expert, in place
};

struct Routing {
  Skew skew = Skew::Balanced;
  double parameter = 0;
  Count hot = 0;
  std::vector<double> histogram;  // one count per expert a token chooses from

  // Group-limited top-k (DeepSeek): experts form `groups`, a token keeps the
  // `kept_groups` with the largest sum of their `group_scores` best scores.
  Count groups = 0;
  Count kept_groups = 0;
  Count group_scores = 2;

  double capacity_factor = 0;  // > 0: an expert takes ceil(factor * tokens * k / E) pairs, drops the rest
  bool expert_choice = false;  // experts choose tokens * k / E tokens each instead
  Count redundant = 0;         // extra slots for replicas of busy experts, placed as eplb.h says
  std::uint64_t seed = 1;

  friend bool operator==(const Routing&, const Routing&) = default;
};

// Whose tokens and where they lie.
struct ExpertGroup {
  Count choices = 0;  // experts a token chooses from, zero-computation ones included
  Count experts = 0;  // with weights; the first of the choices
  Count top_k = 0;
  Count ranks = 1;  // expert-parallel; experts lie on them in blocks
  Count nodes = 1;  // dividing the ranks

  friend bool operator==(const ExpertGroup&, const ExpertGroup&) = default;
};

// What is wrong with asking for it; empty = nothing.
std::vector<std::string> violations(const Routing& routing, const ExpertGroup& group);

// How much tokens like each of the experts they choose from; equal where nothing is known
// of single experts (balanced, uniform, power law).
Weights weights_of(const Routing& routing, const ExpertGroup& group);

// Distinct ranks and nodes of a token's experts, its own included.
struct Destinations {
  double ranks = 0;
  double nodes = 0;
};

// C(E - held, k) / C(E, k): that none of k of E experts at random is among `held`.
double missed_share(Count experts, Count top_k, double held);
// parts * (1 - C(E - E/parts, k) / C(E, k)): k of E at random, E split in equal parts.
double free_destinations(Count experts, Count top_k, Count parts);

// Pairs an expert takes of the tokens: ceil(factor x tokens x k / E); 0 = all.
Count capacity_of(const Routing& routing, const ExpertGroup& group, Count tokens);

// Share of pairs beyond capacity when each of T tokens reaches expert i with pi_i:
//   sum_i sum_{x > C} (x - C) Bin(x; T, pi_i) / (T k)
double dropped_share(const std::vector<double>& inclusion, Count top_k, Count tokens, Count capacity);

// Expert choice leaves tokens without any expert: (1 - C/T)^E with C tokens per expert.
double unchosen_share(Count experts, Count top_k, Count tokens);

// Loads of a routing over tokens, prepared once. Knots four to the octave (every whole
// number up to 8), monotone cubic between them, so a load never falls as tokens rise.
class LoadTable {
 public:
  static constexpr Count kDrawnTokens = 128;
  static constexpr Count kGroupedTokens = 1024;
  static constexpr int kDraws = 48;
  // Where only destinations are drawn: 0.2 % standard error on ranks (a token reaches 7.5 +- 0.8
  // of 72, 4,096 tokens).
  static constexpr int kDestinationDraws = 4;
  static constexpr Count kDestinationTokens = 1024;

  LoadTable(const Routing& routing, const ExpertGroup& group);  // violations() must be empty

  ExpertLoad at(double tokens) const;
  Destinations destinations() const { return destinations_; }
  const ExpertGroup& group() const { return group_; }
  const Routing& routing() const { return routing_; }
  Count local_slots() const { return local_slots_; }  // replicas included, on the rank with most
  double gini() const { return gini_; }               // of the expected load (power law: at 4,096 tokens)

 private:
  static constexpr int kKnots = 4 * 23 + 1;  // up to 16.8 M tokens, then in proportion
  static constexpr std::size_t kFigures = 6;
  using Figures = std::array<double, kFigures>;

  void draw(const Weights& weights, const std::vector<double>& inclusion);
  Count tokens_to_draw() const;
  double room_at(Count tokens) const;  // of an expert
  void add(int knot, const ExpertLoad& load);
  void set_means(const std::vector<double>& inclusion, bool in_place, Count drawn);
  void draw_power_law();
  void choose_by_experts();
  void make_monotone();

  Routing routing_;
  ExpertGroup group_;
  Count local_slots_ = 0;
  double gini_ = 0;
  Destinations destinations_;
  int draws_ = kDraws;
  std::vector<Figures> value_;  // by knot, in the order of ExpertLoad
  std::vector<Figures> slope_;  // per token
};

// One layer's busiest rank under a power law: the mean of `draws` draws at exactly these tokens.
ExpertLoad power_law_load(const ExpertGroup& group, Count tokens, double alpha, int draws, std::uint64_t seed);

// The tables of a step's MoE layers: a model has one or two kinds.
class LoadTables {
 public:
  LoadTables() = default;
  void add(LoadTable table) { tables_.push_back(std::move(table)); }
  // Null = none for such a layer: balanced.
  const LoadTable* find(Count choices, Count top_k) const {
    for (const LoadTable& t : tables_)
      if (t.group().choices == choices && t.group().top_k == top_k) return &t;
    return nullptr;
  }

 private:
  std::vector<LoadTable> tables_;
};

}  // namespace moeplan
