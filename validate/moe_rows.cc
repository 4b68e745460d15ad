// SPDX-License-Identifier: Apache-2.0
#include "validate/moe_rows.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>
#include <span>

#include "sim/base/rng.h"
#include "sim/program/eplb.h"
#include "sim/program/power_law.h"

namespace moeplan {
namespace {

constexpr int kDraws = 8;  // the harness times 5; more only steadies the mean
constexpr std::uint64_t kSeed = 1;

std::size_t index(Count i) { return static_cast<std::size_t>(i); }

HarnessLoad strided_load(const HarnessCase& c) {
  const Count local = std::max<Count>(1, c.experts / c.ranks);
  const Count stride = (c.experts + c.top_k - 1) / c.top_k;
  std::vector<Count> counts(index(local), 0);
  HarnessLoad result;
  // Tokens a multiple of the experts apart take the same ones.
  const Count kinds = c.tokens < stride ? c.tokens : std::min(c.tokens, c.experts);
  for (Count i = 0; i < kinds; ++i) {
    const Count alike = (c.tokens - i + kinds - 1) / kinds;
    const Count first = c.tokens < stride ? i * stride / c.tokens : i;
    bool reaches = false;
    for (Count j = 0; j < c.top_k; ++j) {
      const Count expert = (first + j * stride) % c.experts;
      if (expert >= local) continue;
      counts[index(expert)] += alike;
      reaches = true;
    }
    if (reaches) result.tokens += static_cast<double>(alike);
  }
  for (const Count n : counts) {
    result.load.rows += static_cast<double>(n);
    result.load.distinct += n > 0 ? 1 : 0;
    result.load.peak = std::max(result.load.peak, static_cast<double>(n));
  }
  return result;
}

// Slot -> pairs, and the slots of the rank with most.
struct Placed {
  std::vector<double> pairs;
  std::vector<std::size_t> busiest;
};

Placed placed(const HarnessCase& c, const std::vector<Count>& counts) {
  Placed p;
  p.pairs.assign(counts.begin(), counts.end());
  if (c.rebalanced) {
    const std::vector<double> loads = p.pairs;
    const ReplicaPlan plan = place_replicas(loads, c.slots, 1, 1, c.ranks);
    p.pairs.clear();
    for (const Count e : plan.expert_of_slot)
      p.pairs.push_back(loads[index(e)] / static_cast<double>(plan.replicas[index(e)]));
  }
  const std::size_t per_rank = std::max<std::size_t>(1, p.pairs.size() / index(c.ranks));
  std::size_t first = 0;
  double most = -1;
  for (std::size_t r = 0; r + per_rank <= p.pairs.size(); r += per_rank) {
    const double sum = std::accumulate(p.pairs.begin() + static_cast<std::ptrdiff_t>(r),
                                       p.pairs.begin() + static_cast<std::ptrdiff_t>(r + per_rank), 0.0);
    if (sum <= most) continue;
    most = sum;
    first = r;
  }
  for (std::size_t s = first; s < first + per_rank; ++s) p.busiest.push_back(s);
  return p;
}

// Tokens with an expert among these: the harness deals pairs column by column, experts
// in falling order of their counts, so an expert's tokens are consecutive modulo T.
double tokens_reaching(const Placed& p, Count tokens) {
  std::vector<std::size_t> order(p.pairs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return p.pairs[a] > p.pairs[b]; });
  const auto t = static_cast<double>(tokens);
  std::vector<std::pair<double, double>> spans;
  double begin = 0;
  for (const std::size_t s : order) {
    const double end = begin + p.pairs[s];
    const bool own = s >= p.busiest.front() && s <= p.busiest.back() && end > begin;
    if (own && end <= t) spans.emplace_back(begin, end);
    if (own && end > t) {
      spans.emplace_back(begin, t);
      spans.emplace_back(0, end - t);
    }
    begin = end >= t ? end - t : end;
  }
  std::sort(spans.begin(), spans.end());
  double reached = 0;
  double covered = 0;
  for (const auto& [from, to] : spans) {
    reached += std::max(0.0, to - std::max(from, covered));
    covered = std::max(covered, to);
  }
  return reached;
}

double alpha_of(const CsvRow& row) {
  const std::string& word = row.text("distribution");
  if (word == "balanced") return 0;
  double alpha = 0;
  const bool known = word.starts_with("pl") &&
                     std::from_chars(word.data() + 2, word.data() + word.size(), alpha).ec == std::errc() &&
                     alpha > 0 && alpha != 1;
  if (!known) row.complain("distribution", "balanced or pl and an exponent, as pl1.2");
  return alpha;
}

HarnessCase case_of(const CsvRow& row) {
  const bool wide = row.has("num_tokens_global");
  HarnessCase c;
  c.tokens = static_cast<Count>(row.number(wide ? "num_tokens_global" : "num_tokens", 1));
  c.experts = static_cast<Count>(row.number("num_experts", 1));
  c.top_k = static_cast<Count>(row.number("topk", 1));
  c.ranks = static_cast<Count>(row.number("moe_ep", 1));
  c.slots = wide ? static_cast<Count>(row.number("num_slots", 1)) : c.experts;
  c.rebalanced = wide && row.number("eplb") > 0;
  c.alpha = alpha_of(row);
  if (c.top_k > c.experts) row.complain("topk", "at most num_experts");
  if (c.ranks > c.experts) row.complain("moe_ep", "at most num_experts");
  if (c.slots < c.experts || c.slots % c.ranks != 0)
    row.complain("num_slots", "at least num_experts, divided by moe_ep");
  return c;
}

RowFacts layer_row(const CsvRow& row, std::string_view kernel) {
  RowFacts facts;
  MoePoint point;
  const HarnessCase c = case_of(row);
  point.format = format_of(row, "dtype");
  point.weight_bytes = facts_of(point.format).weight_bytes;
  point.gated = !row.has("gated") || row.number("gated") > 0;
  point.tokens = static_cast<double>(c.tokens);
  point.hidden = row.number("hidden_size", 1);
  point.inter = row.number("inter_size", 1) / row.number("moe_tp", 1);
  point.top_k = static_cast<double>(c.top_k);
  point.experts = static_cast<double>(c.experts);
  point.ranks = static_cast<double>(c.ranks);
  const Count local_experts = c.slots / c.ranks;
  point.local_experts = static_cast<double>(local_experts);
  facts.family = Family::Moe;
  facts.key = {.family = {}, .stack = row.text("stack"), .kernel = std::string(kernel), .format = row.text("dtype")};
  facts.shape = "hidden=" + row.text("hidden_size") + " inter=" + row.text("inter_size") + " topk=" + row.text("topk") +
                " experts=" + row.text("num_experts");
  facts.size = point.tokens;
  facts.point = point;
  return facts;
}

}  // namespace

HarnessLoad harness_load(const HarnessCase& c) {
  if (c.alpha == 0) return strided_load(c);
  HarnessLoad mean;
  const double share = 1.0 / kDraws;
  for (int d = 0; d < kDraws; ++d) {
    CounterRng rng(kSeed, static_cast<std::uint64_t>(d));
    const Placed p = placed(c, power_law_counts(c.tokens, c.experts, c.top_k, c.ranks, c.alpha, rng));
    double peak = 0;
    for (const std::size_t s : p.busiest) {
      mean.load.rows += share * p.pairs[s];
      mean.load.distinct += share * std::min(1.0, p.pairs[s]);
      peak = std::max(peak, p.pairs[s]);
    }
    mean.load.peak += share * peak;
    mean.tokens += share * tokens_reaching(p, c.tokens);
  }
  return mean;
}

RowFacts moe_row(const CsvRow& row) { return layer_row(row, row.text("kernel")); }

RowFacts wide_ep_row(const CsvRow& row) {
  RowFacts facts = layer_row(row, row.number("eplb") > 0 ? "wide_ep_balanced" : "wide_ep");
  std::get<MoePoint>(facts.point).tokens = row.number("tokens_on_slowest_rank", 0);
  return facts;
}

void load_moe_rows(OperatorTable& table) {
  std::map<HarnessCase, HarnessLoad> known;
  std::vector<Problem> problems;  // reported when the rows were read
  const FamilyFacts* family = facts_of(Family::Moe);
  for (OperatorRow& row : table.rows) {
    const HarnessCase c = case_of(CsvRow(table.csv, row.row, problems));
    auto [place, is_new] = known.try_emplace(c);
    if (is_new) place->second = harness_load(c);
    auto& point = std::get<MoePoint>(row.point);
    point.load = place->second.load;
    if (c.ranks > 1 && table.groups[index(row.group)].key.stack == "sglang-0.5.10") {
      point.tokens = std::max(1.0, place->second.tokens);
      const double rows = std::max(point.load.rows, point.tokens * point.top_k);
      point.load.peak = std::max(point.load.peak, rows - point.load.rows);
      point.load.rows = rows;
    }
    if (family != nullptr) row.regime = family->regime(row.point);
  }
}

}  // namespace moeplan
