// SPDX-License-Identifier: Apache-2.0
#include "sim/study/make_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sim/base/error.h"
#include "sim/spec/model_limits.h"
#include "sim/study/family.h"

namespace moeplan {
namespace {

// What a candidate costs in the eyes of the search: squares of how many of these it is off.
constexpr double kTotalUnit = 0.0025;
constexpr double kActiveUnit = 0.005;
// Shapes nearer than this come before all others, whatever their proportions.
constexpr double kAimTotal = 0.009, kAimActive = 0.018;
constexpr double kFar = 1e6;
// A width or depth this factor (e^0.35) from the family's own at this size weighs as much as
// one unit of 0.25 % in the total; assumed, from the spread of published families.
constexpr double kAspectUnit = 0.35;
constexpr double kOddSize = 0.5;  // per halving of the multiple that a width is of; assumed
// Halving or doubling the family's experts or top-k, where nothing was asked.
constexpr double kExpertsUnit = 0.5;
// Depth grows as this power of width: active parameters then grow as width^2.7.
constexpr double kDepthPower = 0.7;
constexpr Count kLargestHidden = 32768;
constexpr std::size_t kFinalists = 48;

[[noreturn]] void refuse(std::string_view option, std::string found, std::string expected, std::string hint = "") {
  Problem problem;
  problem.file = "--" + std::string(option);
  problem.found = std::move(found);
  problem.expected = std::move(expected);
  problem.hint = std::move(hint);
  throw InputError(ErrorKind::Usage, problem);
}

std::string billions(double value) {
  if (value >= 1e12) return fmt::format("{:.4g}T", value / 1e12);
  return value >= 1e9 ? fmt::format("{:.4g}B", value / 1e9) : fmt::format("{:.4g}M", value / 1e6);
}

struct Range {
  Count first;
  Count last;
  Count step;
};

struct ExpertChoice {
  Count experts;
  Count top_k;
  double distance;  // from the family's own
};

struct Candidate {
  FamilySizes sizes;
  double cost = std::numeric_limits<double>::infinity();
};

// Total or active of a family at one hidden width and expert choice, for any number of
// repeats r of the main run and expert width f: c + d f + r (p + q f).
struct Plane {
  double c = 0, d = 0, p = 0, q = 0;
  double at(double r, double f) const { return c + d * f + r * (p + q * f); }
  double width_for(double value, double r) const { return (value - c - r * p) / (d + r * q); }
};

struct Planes {
  Plane total;
  Plane active;
};

// From the values at r = 1 and 2, and width f and 2 f.
Plane plane_through(double one, double two, double one_wide, double two_wide, double f) {
  Plane plane;
  plane.q = (two_wide - two - one_wide + one) / f;
  plane.p = two - one - plane.q * f;
  plane.d = (one_wide - one) / f - plane.q;
  plane.c = one - plane.p - (plane.d + plane.q) * f;
  return plane;
}

class Search {
 public:
  explicit Search(const ShapeAsk& ask)
      : ask_(ask), family_(ask.like.has_value() ? *ask.like : default_family(), ask.vocab, ask.dense_layers) {
    const ParameterCounts own = count_parameters(family_.with(family_.own()));
    own_active_ = static_cast<double>(own.active);
    own_total_ = static_cast<double>(own.total);
    // Asked active, or what the family would have at this total.
    const double active =
        ask.active ? static_cast<double>(*ask.active) : own_active_ * static_cast<double>(ask.total) / own_total_;
    const double growth = std::pow(active / own_active_, 1.0 / (2.0 + kDepthPower));
    usual_hidden_ = static_cast<double>(family_.own().hidden) * growth;
  }

  MadeShape solve() {
    look_everywhere();
    if (finalists_.empty() || finalists_.front().cost >= kFar) {
      finer_ = true;
      look_everywhere();
    }
    if (finalists_.empty()) refuse_all();
    MadeShape best = best_finalist();
    if (std::abs(best.total_off) > kMostTotalOff) refuse_total(best);
    if (std::abs(best.active_off) > kMostActiveOff) refuse_active(best);
    return best;
  }

 private:
  std::vector<ExpertChoice> expert_choices() const;
  std::vector<Count> hidden_choices() const;
  Range width_range() const;
  double usual_repeats(Count hidden) const;
  Planes planes_at(FamilySizes sizes) const;
  void look_everywhere();
  void look_at(const ExpertChoice& choice, Count hidden);
  void consider(const FamilySizes& sizes, const Planes& planes, double cost_before, double usual_repeats);
  MadeShape exact(const FamilySizes& sizes) const;
  MadeShape best_finalist() const;
  [[noreturn]] void refuse_all() const;
  [[noreturn]] void refuse_total(const MadeShape& best) const;
  [[noreturn]] void refuse_active(const MadeShape& best) const;

  const ShapeAsk& ask_;
  Family family_;
  double own_active_ = 0, own_total_ = 0;
  double usual_hidden_ = 0;
  bool finer_ = false;                // widths in smaller steps, where the usual ones come not near enough
  std::vector<Candidate> finalists_;  // by rising cost
  // Reached by any candidate, and the active of those within a hundredth of the total.
  double least_total_ = std::numeric_limits<double>::infinity(), most_total_ = 0;
  double least_active_ = std::numeric_limits<double>::infinity(), most_active_ = 0;
};

// What a size costs that is no multiple of `whole`, or not even of its half.
double oddness(Count size, Count whole) {
  if (size % whole == 0) return 0;
  return size % (whole / 2) == 0 ? kOddSize : 2 * kOddSize;
}

double octaves(Count a, Count b) { return std::abs(std::log2(static_cast<double>(a) / static_cast<double>(b))); }

std::vector<ExpertChoice> Search::expert_choices() const {
  const FamilySizes own = family_.own();
  if (!family_.has_experts()) return {{1, 1, 0}};
  std::vector<Count> experts = {own.experts};
  std::vector<Count> top_k = {own.top_k};
  if (ask_.experts) {
    experts = {*ask_.experts};
  } else {
    for (const Count e : {2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}) experts.push_back(e);
  }
  if (ask_.top_k) {
    top_k = {*ask_.top_k};
  } else {
    for (const Count k : {1, 2, 4, 6, 8, 10, 12, 16}) top_k.push_back(k);
  }
  std::vector<ExpertChoice> choices;
  for (const Count e : experts)
    for (const Count k : top_k) {
      if (k > e) continue;
      const double distance = (ask_.experts ? 0 : octaves(e, own.experts)) + (ask_.top_k ? 0 : octaves(k, own.top_k));
      choices.push_back({e, k, distance});
    }
  return choices;
}

// Multiples of 256 (of 128 below 4096), or of the family's own step, within a factor 4 of the usual width.
std::vector<Count> Search::hidden_choices() const {
  if (ask_.hidden) return {*ask_.hidden};
  const Count own = family_.own().hidden;
  const Count step = finer_ ? 64 : std::max<Count>(64, std::gcd(own, usual_hidden_ < 4096 ? 128 : 256));
  std::vector<Count> choices;
  const Count first = std::max(step, static_cast<Count>(usual_hidden_ / 4) / step * step);
  const Count last = std::min(kLargestHidden, static_cast<Count>(usual_hidden_ * 4));
  for (Count h = first; h <= last; h += step) choices.push_back(h);
  return choices;
}

Range Search::width_range() const {
  if (ask_.expert_width) return {*ask_.expert_width, *ask_.expert_width, 1};
  const Count step = finer_ ? 32 : std::max<Count>(32, std::gcd(family_.own().width, Count{64}));
  return {step, kWidthRange.max, step};
}

double Search::usual_repeats(Count hidden) const {
  const FamilySizes own = family_.own();
  const double growth = static_cast<double>(hidden) / static_cast<double>(own.hidden);
  return static_cast<double>(own.repeats) * std::pow(growth, kDepthPower);
}

Planes Search::planes_at(FamilySizes sizes) const {
  const Count f = family_.own().width;
  const auto counted = [&](Count repeats, Count width) {
    sizes.repeats = repeats;
    sizes.width = width;
    return count_parameters(family_.with(sizes));
  };
  const ParameterCounts a = counted(1, f), b = counted(2, f), c = counted(1, 2 * f), d = counted(2, 2 * f);
  const auto through = [&](Count ParameterCounts::*figure) {
    const auto value = [figure](const ParameterCounts& counts) { return static_cast<double>(counts.*figure); };
    return plane_through(value(a), value(b), value(c), value(d), static_cast<double>(f));
  };
  return {through(&ParameterCounts::total), through(&ParameterCounts::active)};
}

void Search::look_everywhere() {
  for (const ExpertChoice& choice : expert_choices())
    for (const Count hidden : hidden_choices()) look_at(choice, hidden);
}

void Search::look_at(const ExpertChoice& choice, Count hidden) {
  FamilySizes sizes = family_.scaled_to(hidden);
  sizes.experts = choice.experts;
  sizes.top_k = choice.top_k;
  if (ask_.shared) sizes.shared = *ask_.shared;
  const Planes planes = planes_at(sizes);
  const double usual = usual_repeats(hidden);
  const double log_width = std::log(static_cast<double>(hidden) / usual_hidden_) / kAspectUnit;
  const double before = log_width * log_width + kExpertsUnit * choice.distance * choice.distance +
                        (hidden == family_.own().hidden ? 0 : oddness(hidden, 512));
  Range repeats{std::max<Count>(1, static_cast<Count>(usual / 4)), static_cast<Count>(usual * 4) + 1, 1};
  if (ask_.layers) {
    const std::optional<Count> exact = family_.repeats_for(*ask_.layers);
    if (!exact) {
      refuse("layers", fmt::format("{} layers", *ask_.layers),
             fmt::format("{} plus a multiple of {}", family_.other_layers(), family_.period()),
             "the layers of this family come in such groups");
    }
    repeats = {*exact, *exact, 1};
  }
  for (Count r = repeats.first; r <= std::min(repeats.last, family_.most_repeats()); ++r) {
    sizes.repeats = r;
    consider(sizes, planes, before, usual);
  }
}

// The widths on both sides of the one that meets the total exactly.
void Search::consider(const FamilySizes& at, const Planes& planes, double cost_before, double usual_repeats) {
  const Range range = width_range();
  const double r = static_cast<double>(at.repeats);
  const double wanted = planes.total.width_for(static_cast<double>(ask_.total), r);
  const double log_depth = std::log(r / usual_repeats) / kAspectUnit;
  const Count below = static_cast<Count>(std::clamp(wanted, 0.0, 4e6)) / range.step * range.step;
  for (const Count width : {below, below + range.step}) {
    FamilySizes sizes = at;
    sizes.width = std::clamp(width, range.first, range.last);
    const double f = static_cast<double>(sizes.width);
    const double total = planes.total.at(r, f), active = planes.active.at(r, f);
    least_total_ = std::min(least_total_, total);
    most_total_ = std::max(most_total_, total);
    const double total_off = total / static_cast<double>(ask_.total) - 1;
    if (std::abs(total_off) > kMostTotalOff) continue;
    least_active_ = std::min(least_active_, active);
    most_active_ = std::max(most_active_, active);
    const double active_off = ask_.active ? active / static_cast<double>(*ask_.active) - 1 : 0;
    const double odd = sizes.width == family_.own().width ? 0 : oddness(sizes.width, 256);
    const bool near = std::abs(total_off) <= kAimTotal && std::abs(active_off) <= kAimActive;
    const double cost = cost_before + log_depth * log_depth + odd + std::pow(total_off / kTotalUnit, 2) +
                        std::pow(active_off / kActiveUnit, 2) + (near ? 0 : kFar);
    if (finalists_.size() == kFinalists && cost >= finalists_.back().cost) continue;
    const auto place = std::upper_bound(finalists_.begin(), finalists_.end(), cost,
                                        [](double c, const Candidate& other) { return c < other.cost; });
    finalists_.insert(place, {sizes, cost});
    if (finalists_.size() > kFinalists) finalists_.pop_back();
  }
}

MadeShape Search::exact(const FamilySizes& sizes) const {
  MadeShape made;
  made.model = family_.with(sizes);
  made.counts = count_parameters(made.model);
  made.total_off = static_cast<double>(made.counts.total) / static_cast<double>(ask_.total) - 1;
  if (ask_.active) made.active_off = static_cast<double>(made.counts.active) / static_cast<double>(*ask_.active) - 1;
  return made;
}

// The cheapest that obeys every rule of a model; a finalist's own counts decide how far off it is.
MadeShape Search::best_finalist() const {
  for (const Candidate& candidate : finalists_) {
    MadeShape made = exact(candidate.sizes);
    if (!violations(made.model).empty()) continue;
    made.chosen = family_.explain(candidate.sizes);
    return made;
  }
  refuse_all();
}

void Search::refuse_all() const {
  if (least_total_ > most_total_)
    refuse("total", billions(static_cast<double>(ask_.total)) + " parameters", "a total that some shape reaches",
           "no number of experts, layers and widths of this family comes near");
  refuse("total", billions(static_cast<double>(ask_.total)) + " parameters",
         fmt::format("{} to {} with the other sizes as asked", billions(least_total_), billions(most_total_)),
         static_cast<double>(ask_.total) < least_total_
             ? "fewer experts, a smaller vocabulary or fewer layers need less"
             : "more experts or layers hold more");
}

void Search::refuse_total(const MadeShape& best) const {
  refuse("total", billions(static_cast<double>(ask_.total)) + " parameters",
         fmt::format("one near {}, the closest total with the other sizes as asked",
                     billions(static_cast<double>(best.counts.total))));
}

void Search::refuse_active(const MadeShape& best) const {
  const double asked = static_cast<double>(*ask_.active);
  const std::string hint = asked < least_active_ ? "fewer active parameters need more experts or a smaller --top-k"
                           : asked > most_active_
                               ? "more active parameters need fewer experts or a larger --top-k"
                               : fmt::format("the closest is {}", billions(static_cast<double>(best.counts.active)));
  refuse("active", billions(asked) + " active parameters",
         fmt::format("{} to {} at {} in all with the other sizes as asked", billions(least_active_),
                     billions(most_active_), billions(static_cast<double>(ask_.total))),
         hint);
}

void check_ask(const ShapeAsk& ask) {
  if (ask.active && *ask.active > ask.total)
    refuse("active", billions(static_cast<double>(*ask.active)) + " active parameters",
           "at most the total, " + billions(static_cast<double>(ask.total)));
  if (ask.experts && ask.top_k && *ask.top_k > *ask.experts)
    refuse("top-k", fmt::format("{} of {} experts", *ask.top_k, *ask.experts),
           fmt::format("1 to {}, the number of experts", *ask.experts));
}

}  // namespace

ModelSpec default_family() {
  ModelSpec m;
  m.id = "gqa-moe";
  m.hidden = 4096;
  m.vocab = 151936;
  m.max_context = 131072;
  m.blocks = {
      {"attention", 1,
       SoftmaxAttention{.heads = 64, .kv_heads = 8, .head_dim = 128, .value_dim = 128, .qk_norm = QkNorm::PerDim}},
      {"moe", 1, MoeFfn{.experts = 128, .top_k = 8, .width = 1536}}};
  m.runs = {{Stack::Decoder, 94, {{0, 1}}}};
  return m;
}

MadeShape make_shape(const ShapeAsk& ask) {
  check_ask(ask);
  return Search(ask).solve();
}

}  // namespace moeplan
