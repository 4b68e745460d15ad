// SPDX-License-Identifier: Apache-2.0
// What more or finer experts are worth in the quality of a model, by two published laws of
// training loss. Both are fits over a box of sizes: outside of it an answer says in which size
// and how far. They speak of models trained alike; nothing here says that a given model is.
//
// Routed models (Clark et al. 2022, arXiv:2202.01169, eqs. 1, 7, 11 and table 3), logarithms
// to base 10, 130e9 training tokens:
//
//   log L = a log N + b log X + c log N log X + d,
//   1/X = 1 / (E - 1 + 1 / (1/start - 1/most)) + 1/most
//
// N: parameters of the dense model that does the same arithmetic for a token, without embeddings;
// E: experts of one that is as wide as its feed-forward layer. Of k experts a token, E is
// experts / k: the same arithmetic and parameters (their section 5 restates the law in these).
// The effective parameter count is the N of a dense model (E = 1) with the same loss.
//
// Fine-grained experts (Krajewski et al. 2024, arXiv:2402.07871, eq. 9 and table 1):
//
//   L = c + (g / G^gamma + a) / N^alpha + b / D^beta
//
// N: all parameters without embeddings, D: training tokens, G: granularity, the width of the dense
// feed-forward over that of one expert, at 64 times the parameters of that feed-forward. Two
// sizes with equal loss: N' = N ((g + a) / (g / G^gamma + a))^(1/alpha) at G = 1, whatever D is.
//
// The constants were read in two independent transcriptions of the papers' tables, and give the losses
// and effective counts that the papers print (tests/published/scaling_law_test.cc).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moeplan {

struct LawRange {
  std::string_view name;  // "experts over experts a token uses"
  double low = 0;
  double high = 0;
};

enum class Router : std::uint8_t { SinkhornBase, Reinforced, Hash };
inline constexpr std::size_t kRouters = 3;
std::string_view word_of(Router router);

struct RoutedLaw {
  double a, b, c, d, start, most;
  double saturated(double experts) const;  // X
  double loss(double parameters, double experts) const;
  double effective_parameters(double parameters, double experts) const;
  // Beyond so many parameters further experts raise the loss: 10^(-b/c).
  double cutoff_parameters() const;
};
const RoutedLaw& routed_law(Router router);
inline constexpr std::array kRoutedRanges = {LawRange{"parameters of the dense model", 15e6, 1.3e9},
                                             LawRange{"experts over experts a token uses", 1, 512}};
inline constexpr double kRoutedTokens = 130e9;

struct GranularityLaw {
  double a, alpha, b, beta, g, gamma, c;
  double loss(double parameters, double tokens, double granularity) const;
  // Of a model with granularity 1 and the same loss at the same tokens, over `parameters`.
  double effective_factor(double granularity) const;
};
const GranularityLaw& granularity_law();
// The same form without g, of dense models.
double dense_loss(double parameters, double tokens);
inline constexpr std::array kGranularityRanges = {LawRange{"parameters", 129e6, 3.7e9},
                                                  LawRange{"training tokens", 16e9, 130e9},
                                                  LawRange{"granularity", 1, 16}, LawRange{"expansion", 64, 64}};

// "granularity 256 is beyond 16"; empty = inside.
std::vector<std::string> outside(std::span<const LawRange> ranges, std::span<const double> sizes);

}  // namespace moeplan
