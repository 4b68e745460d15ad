// SPDX-License-Identifier: Apache-2.0
#include "validate/power_rows.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "validate/moe_rows.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, 3> kGemmSizes = {"m", "n", "k"};
constexpr std::array<std::string_view, 7> kMoeSizes = {"t", "h", "i", "k", "e", "tp", "ep"};
constexpr std::array<std::string_view, 7> kAttentionSizes = {"b", "q", "s", "h", "kv", "d", "w"};

// "m3840xn1024xk768": the number behind each of these labels, in their order.
std::vector<double> sizes_of(const CsvRow& row, std::span<const std::string_view> labels) {
  const std::string& text = row.text("shape");
  std::vector<double> sizes;
  std::size_t at = 0;
  for (const std::string_view label : labels) {
    const bool joined = at == 0 || (at < text.size() && text[at] == 'x');
    if (at != 0) ++at;
    double value = 0;
    if (joined && text.compare(at, label.size(), label) == 0) {
      const char* const begin = text.data() + at + label.size();
      const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
      if (error == std::errc() && value >= 0) {
        sizes.push_back(value);
        at = static_cast<std::size_t>(end - text.data());
        continue;
      }
    }
    std::string expected;
    for (const std::string_view l : labels) expected += (expected.empty() ? "" : "x") + std::string(l) + "1";
    row.complain("shape", "sizes such as " + expected);
    return std::vector<double>(labels.size(), 1);
  }
  return sizes;
}

std::string behind(const std::string& text, std::string_view label) {
  const std::size_t at = text.find(label);
  return at == std::string::npos ? text : text.substr(at + 1);
}

GemmPoint gemm_of(const CsvRow& row) {
  const std::vector<double> sizes = sizes_of(row, kGemmSizes);
  GemmPoint point;
  point.format = format_of(row, "dtype");
  point.weight_bytes = facts_of(point.format).weight_bytes;
  point.m = sizes[0];
  point.n = sizes[1];
  point.k = sizes[2];
  // Timed eagerly, like the rows of vllm-0.24.0: the latency is the host's (measured/README.md).
  point.recorded = point.format != KernelFormat::Fp8Block;
  return point;
}

HarnessCase case_of(const CsvRow& row) {
  const std::vector<double> sizes = sizes_of(row, kMoeSizes);
  HarnessCase c;
  c.tokens = static_cast<Count>(sizes[0]);
  c.top_k = static_cast<Count>(sizes[3]);
  c.experts = static_cast<Count>(sizes[4]);
  c.slots = c.experts;
  c.ranks = std::max<Count>(1, static_cast<Count>(sizes[6]));
  const std::string& text = row.text("shape");
  constexpr std::string_view kPower = "x_power_law_";
  const std::size_t at = text.find(kPower);
  if (at != std::string::npos)
    std::from_chars(text.data() + at + kPower.size(), text.data() + text.size(), c.alpha);
  else if (!text.ends_with("x_balanced"))
    row.complain("shape", "x_balanced or x_power_law_1.2 at its end");
  if (c.top_k > c.experts || c.ranks > c.experts)
    row.complain("shape", "no more experts a token or ranks than experts");
  return c;
}

MoePoint moe_of(const CsvRow& row) {
  const std::vector<double> sizes = sizes_of(row, kMoeSizes);
  MoePoint point;
  point.format = format_of(row, "dtype");
  point.weight_bytes = facts_of(point.format).weight_bytes;
  point.tokens = sizes[0];
  point.hidden = sizes[1];
  point.inter = sizes[2] / std::max(1.0, sizes[5]);
  point.top_k = sizes[3];
  point.experts = sizes[4];
  point.ranks = std::max(1.0, sizes[6]);
  point.local_experts = point.experts / point.ranks;
  return point;
}

AttentionPoint attention_of(const CsvRow& row) {
  const std::vector<double> sizes = sizes_of(row, kAttentionSizes);
  AttentionPoint point;
  point.context = row.text("op") == "attn_context";
  point.cache_bytes = row.text("dtype").ends_with("kv_fp8") ? 1 : 2;
  point.sequences = sizes[0];
  point.q_len = sizes[1];
  point.kv_len = sizes[1] + sizes[2];
  point.heads = sizes[3];
  point.kv_heads = sizes[4];
  point.head_dim = point.value_dim = sizes[5];
  point.window = sizes[6];
  return point;
}

}  // namespace

RowFacts power_row(const CsvRow& row) {
  const std::string& op = row.text("op");
  const std::string& shape = row.text("shape");
  PowerReading point;
  point.seconds = row.number("latency_us", 1e-6) * 1e-6;
  point.limit = row.number("power_limit_watt", 1);
  RowFacts facts;
  facts.family = Family::Power;
  facts.key = {.family = {}, .stack = "vllm-0.22.0", .kernel = "any", .format = {}};
  if (op == "gemm") {
    point.kernel = gemm_of(row);
    facts.shape = op + " " + behind(shape, "xn");
  } else if (op == "moe") {
    case_of(row);
    point.kernel = moe_of(row);
    facts.shape = op + " " + behind(shape.substr(0, shape.find("x_")), "xh");
  } else if (op == "attn_context" || op == "attn_generation") {
    point.kernel = attention_of(row);
    facts.shape = op + " " + behind(shape, "xh");
  } else {
    row.complain("op", "gemm, moe, attn_context or attn_generation");
  }
  facts.size = point.seconds;
  facts.point = point;
  return facts;
}

void load_power_rows(OperatorTable& table) {
  std::map<HarnessCase, RankLoad> known;
  std::vector<Problem> problems;  // reported when the rows were read
  for (OperatorRow& row : table.rows) {
    auto* moe = std::get_if<MoePoint>(&std::get<PowerReading>(row.point).kernel);
    if (moe == nullptr) continue;
    const HarnessCase c = case_of(CsvRow(table.csv, row.row, problems));
    const auto [place, is_new] = known.try_emplace(c);
    if (is_new) place->second = harness_load(c).load;
    moe->load = place->second;
  }
}

void mark_unsettled_rows(OperatorTable& table, const std::map<std::string, Machine>& machines) {
  for (OperatorRow& row : table.rows) {
    const auto* point = std::get_if<PowerReading>(&row.point);
    if (point == nullptr) continue;
    const Machine& machine = machines.at(table.groups[static_cast<std::size_t>(row.group)].gpu);
    const Activity activity = activity_of(*point, machine);
    const double busy = ideal_seconds(activity, machine) / own_seconds(*point, activity, machine);
    const double share = row.measured / point->limit;
    if (busy > kBusy && share < kResting) row.bad = "the sensor still showed the pause before it";
    if (busy < kAlmostIdle && share > kWorking) row.bad = "the sensor still showed the kernel before it";
  }
}

}  // namespace moeplan
