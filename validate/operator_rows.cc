// SPDX-License-Identifier: Apache-2.0
#include "validate/operator_rows.h"

#include <algorithm>
#include <array>
#include <map>

#include "sim/base/json.h"
#include "sim/base/text.h"
#include "validate/moe_rows.h"
#include "validate/power_rows.h"
#include "validate/row_kinds.h"

namespace moeplan {
namespace {

using Word = std::string_view;
constexpr std::array<Word, 8> kGemmColumns = {"gpu", "stack", "kernel", "dtype", "m", "n", "k", "latency_us"};
constexpr std::array<Word, 14> kAttentionColumns = {
    "gpu",   "stack",  "kernel",    "phase",        "attn_dtype", "kv_cache_dtype", "batch_size",
    "q_len", "kv_len", "num_heads", "num_kv_heads", "head_dim",   "window_size",    "latency_us"};
constexpr std::array<Word, 11> kMlaColumns = {"gpu",       "stack",          "kernel",     "phase",
                                              "mla_dtype", "kv_cache_dtype", "batch_size", "q_len",
                                              "kv_len",    "num_heads",      "latency_us"};
constexpr std::array<Word, 7> kCollectiveColumns = {"gpu",      "library", "collective", "dtype",
                                                    "num_gpus", "bytes",   "latency_us"};
constexpr std::array<Word, 12> kEpColumns = {"gpu",         "library",         "mode_or_dtype", "op",
                                             "num_nodes",   "ep_size",         "hidden_size",   "topk",
                                             "num_experts", "tokens_per_rank", "comm_sms",      "latency_us"};

constexpr std::array<Word, 7> kPowerColumns = {"gpu",        "op",         "dtype",           "shape",
                                               "latency_us", "power_watt", "power_limit_watt"};
constexpr std::array<Word, 14> kMoeColumns = {"gpu",        "stack",       "kernel",       "dtype",     "gated",
                                              "num_tokens", "hidden_size", "inter_size",   "topk",      "num_experts",
                                              "moe_tp",     "moe_ep",      "distribution", "latency_us"};
constexpr std::array<Word, 15> kWideEpColumns = {"gpu",
                                                 "stack",
                                                 "dtype",
                                                 "num_tokens_global",
                                                 "tokens_on_slowest_rank",
                                                 "hidden_size",
                                                 "inter_size",
                                                 "topk",
                                                 "num_experts",
                                                 "num_slots",
                                                 "moe_tp",
                                                 "moe_ep",
                                                 "distribution",
                                                 "eplb",
                                                 "latency_us"};

constexpr std::array<RowKind, 8> kRowKinds = {{
    {"gemm", kGemmColumns, gemm_row},
    {"mla", kMlaColumns, mla_row},
    {"attention", kAttentionColumns, attention_row},
    {"collectives", kCollectiveColumns, collective_row},
    {"ep_alltoall", kEpColumns, ep_row},
    {"moe", kMoeColumns, moe_row, load_moe_rows},
    {"moe_wide_ep", kWideEpColumns, wide_ep_row, load_moe_rows},
    {"power", kPowerColumns, power_row, load_power_rows},
}};

constexpr Bytes kLargestFile{Count{1} << 32};

// The kind all of whose columns are there; else throws naming what the nearest lacks.
const RowKind& kind_of(const CsvTable& table) {
  const RowKind* nearest = nullptr;
  std::vector<std::string> lacking;
  for (const RowKind& kind : kRowKinds) {
    std::vector<std::string> missing;
    for (const Word column : kind.columns) {
      if (table.column(column) < 0) missing.emplace_back(column);
    }
    if (missing.empty()) return kind;
    if (nearest != nullptr && missing.size() >= lacking.size()) continue;
    nearest = &kind;
    lacking = missing;
  }
  std::string names;
  for (const std::string& name : lacking) names += (names.empty() ? "" : ", ") + name;
  throw InputError(ErrorKind::InvalidInput,
                   Problem{.file = table.file(),
                           .line = 1,
                           .path = {},
                           .found = "columns of no operator",
                           .expected = "for the nearest, " + std::string(nearest->kind) + ", also " + names,
                           .hint = "moeplan help validate lists the columns of each operator"});
}

template <class T>
std::int32_t index_in(std::map<T, std::int32_t>& known, std::vector<T>& list, const T& value) {
  const auto [place, is_new] = known.try_emplace(value, static_cast<std::int32_t>(list.size()));
  if (is_new) list.push_back(value);
  return place->second;
}

// Groups in order, so that reports do not depend on the order of rows.
void sort_groups(OperatorTable& table) {
  std::vector<std::int32_t> order(table.groups.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return table.groups[static_cast<std::size_t>(a)] < table.groups[static_cast<std::size_t>(b)];
  });
  std::vector<std::int32_t> place(order.size());
  std::vector<OperatorGroup> sorted;
  for (std::size_t i = 0; i < order.size(); ++i) {
    place[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
    sorted.push_back(table.groups[static_cast<std::size_t>(order[i])]);
  }
  table.groups = std::move(sorted);
  for (OperatorRow& row : table.rows) row.group = place[static_cast<std::size_t>(row.group)];
}

}  // namespace

OperatorTable read_operator_rows(const std::string& path) {
  return read_operator_rows(read_text_file(path, kLargestFile), path);
}

OperatorTable read_operator_rows(std::string text, const std::string& file) {
  OperatorTable table{
      .kind = {}, .csv = CsvTable(std::move(text), file), .groups = {}, .shapes = {}, .seen = {}, .rows = {}, .by = {}};
  const RowKind& kind = kind_of(table.csv);
  table.kind = kind.kind;
  std::vector<Problem> problems;
  std::map<OperatorGroup, std::int32_t> groups;
  std::map<std::string, std::int32_t> shapes;
  std::map<std::string, std::int32_t> seen;
  table.rows.reserve(table.csv.rows());
  for (std::size_t i = 0; i < table.csv.rows(); ++i) {
    const CsvRow cells(table.csv, i, problems);
    RowFacts facts = kind.read(cells);
    OperatorRow row;
    row.row = i;
    row.family = facts.family;
    row.measured =
        facts.family == Family::Power ? cells.number("power_watt", 1) : cells.number("latency_us", 1e-6) * 1e-6;
    row.size = facts.size;
    row.bad = facts.bad;
    row.point = facts.point;
    const FamilyFacts* family = facts_of(facts.family);
    facts.key.family = family == nullptr ? table.kind : family->id;
    row.regime = family == nullptr ? 0 : family->regime(row.point);
    row.group = index_in(groups, table.groups, OperatorGroup{.gpu = cells.text("gpu"), .key = facts.key});
    row.shape = index_in(shapes, table.shapes, facts.shape);
    row.seen_as = index_in(seen, table.seen, facts.seen_as.empty() ? facts.shape : facts.seen_as);
    table.rows.push_back(row);
  }
  if (!problems.empty()) throw InputError(ErrorKind::InvalidInput, std::move(problems));
  sort_groups(table);
  if (kind.finish != nullptr) kind.finish(table);
  return table;
}

void leave_out_by(OperatorTable& table, std::string_view column) {
  const int index = table.csv.column(column);
  const auto refuse = [&](const std::string& found, std::string expected) {
    std::string columns;
    for (const std::string& name : table.csv.columns()) columns += (columns.empty() ? "" : ", ") + name;
    Problem problem;
    problem.file = "--by";
    problem.found = in_quotes(column) + ", " + found;
    problem.expected = std::move(expected);
    problem.hint = "the columns of " + table.csv.file() + " are " + columns;
    throw InputError(ErrorKind::Usage, std::move(problem));
  };
  if (index < 0) refuse("no column of the file", "a column whose values are left out one after the other, as ep_size");
  std::map<std::string, std::int32_t> values;
  table.shapes.clear();
  for (OperatorRow& row : table.rows)
    row.shape = index_in(values, table.shapes,
                         std::string(column) + "=" + table.csv.cell(row.row, static_cast<std::size_t>(index)));
  if (table.shapes.size() < 2) refuse("the same in all rows", "a column with two values or more");
  table.by = column;
}

std::vector<OperatorColumns> operator_columns() {
  std::vector<OperatorColumns> all;
  for (const RowKind& kind : kRowKinds)
    all.push_back({.kind = kind.kind, .columns = {kind.columns.begin(), kind.columns.end()}});
  return all;
}

}  // namespace moeplan
