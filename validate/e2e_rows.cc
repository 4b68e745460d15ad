// SPDX-License-Identifier: Apache-2.0
#include "validate/e2e_rows.h"

#include <array>
#include <optional>

namespace moeplan {
namespace {

constexpr std::array<std::string_view, 17> kColumns = {
    "model", "hardware", "num_gpus", "runtime", "phase", "attention_tp", "attention_dp", "moe_tp",  "moe_ep",
    "pp",    "replicas", "weights",  "kv",      "isl",   "osl",          "concurrency",  "group_id"};
constexpr std::array<std::string_view, 2> kOfOneRun = {"metric", "value"};
constexpr std::array<std::string_view, 2> kOfAGroup = {"tpot_s", "output_tokens_per_s_per_gpu"};

constexpr std::array<std::string_view, 5> kPhases = {"aggregated", "prefill", "decode", "single_stream", "training"};
constexpr std::array<std::string_view, 6> kMetrics = {"output_tokens_per_s",   "output_tokens_per_s_per_gpu",
                                                      "input_tokens_per_s",    "total_tokens_per_s",
                                                      "tokens_per_s_per_user", "tokens_per_s_per_gpu"};

template <std::size_t N>
std::optional<std::size_t> place_of(const std::array<std::string_view, N>& words, std::string_view word) {
  for (std::size_t i = 0; i < N; ++i)
    if (words[i] == word) return i;
  return std::nullopt;
}

template <std::size_t N>
std::size_t one_of(const CsvRow& cells, std::string_view column, const std::array<std::string_view, N>& words) {
  if (const std::optional<std::size_t> place = place_of(words, cells.text(column))) return *place;
  std::string expected;
  for (const std::string_view word : words) expected += (expected.empty() ? "" : ", ") + std::string(word);
  cells.complain(column, "one of " + expected);
  return 0;
}

Count count_of(const CsvRow& cells, std::string_view column, bool may_be_empty) {
  return static_cast<Count>(cells.number(column, 0, may_be_empty));
}

// Degrees that are not there are not guessed.
std::string read_layout(const CsvRow& cells, E2eRow& row) {
  struct Degree {
    std::string_view column;
    Count Layout::*field;
  };
  constexpr std::array<Degree, 6> kDegrees = {{{"attention_tp", &Layout::tp},
                                               {"attention_dp", &Layout::dp},
                                               {"moe_tp", &Layout::moe_tp},
                                               {"moe_ep", &Layout::ep},
                                               {"pp", &Layout::pp},
                                               {"replicas", &Layout::replicas}}};
  std::string missing;
  for (const Degree& degree : kDegrees) {
    row.layout.*degree.field = count_of(cells, degree.column, true);
    if (row.layout.*degree.field == 0) missing += (missing.empty() ? "" : ", ") + std::string(degree.column);
  }
  if (!missing.empty()) return "layout not said: " + missing;
  const Layout& l = row.layout;
  if (l.tp * l.dp != l.moe_tp * l.ep) return "layout: attention_tp x attention_dp is not moe_tp x moe_ep";
  if (l.gpus() != row.gpus) return "layout: its degrees do not multiply to num_gpus";
  return "";
}

std::string optional_text(const CsvRow& cells, std::string_view column) {
  return cells.has(column) ? cells.text(column) : std::string();
}

std::string lengths_missing(const E2eRow& row, const CsvRow& cells) {
  if (cells.text("isl").empty()) return "length not said: isl";
  if (row.phase == E2ePhase::Aggregated && row.osl < 2) return "length not said: osl";
  return "";
}

E2eRow read_row(const CsvTable& csv, std::size_t index, bool grouped, std::vector<Problem>& problems) {
  const CsvRow cells(csv, index, problems);
  E2eRow row;
  row.row = index;
  row.line = csv.line(index);
  row.model = cells.text("model");
  row.hardware = cells.text("hardware");
  row.runtime = cells.text("runtime");
  row.weights = cells.text("weights");
  row.kv = cells.text("kv");
  row.regime = optional_text(cells, "regime");
  row.offload = optional_text(cells, "offload");
  row.confidence = optional_text(cells, "confidence");
  row.date = optional_text(cells, "date");
  row.note = optional_text(cells, "note");
  row.phase = static_cast<E2ePhase>(one_of(cells, "phase", kPhases));
  row.gpus = static_cast<Count>(cells.number("num_gpus", 1));
  row.isl = count_of(cells, "isl", true);
  row.osl = count_of(cells, "osl", true);
  row.concurrency = cells.text("concurrency") == "max" ? 0 : static_cast<Count>(cells.number("concurrency", 1));
  if (cells.has("mtp")) row.drafts = count_of(cells, "mtp", true);
  if (grouped) {
    row.group = cells.text("group_id");
    row.metric = E2eMetric::OutputPerSecondPerGpu;
    row.value = cells.number("output_tokens_per_s_per_gpu", 1e-12);
    row.tpot = cells.number("tpot_s", 1e-12);
  } else {
    row.metric = static_cast<E2eMetric>(one_of(cells, "metric", kMetrics));
    row.value = cells.number("value", 1e-12);
  }
  row.refused = row.phase == E2ePhase::Training ? "training is not simulated yet" : read_layout(cells, row);
  if (row.refused.empty()) row.refused = lengths_missing(row, cells);
  return row;
}

void require_columns(const CsvTable& csv, bool grouped, std::vector<Problem>& problems) {
  const auto require = [&](std::string_view name) {
    if (csv.column(name) >= 0) return;
    Problem problem;
    problem.file = csv.file();
    problem.path = "header";
    problem.expected = "the column " + std::string(name) + " of an end-to-end run";
    problems.push_back(problem);
  };
  for (const std::string_view name : kColumns)
    if (name != "group_id") require(name);
  for (const std::string_view name : grouped ? kOfAGroup : kOfOneRun) require(name);
}

}  // namespace

std::string_view word_of(E2ePhase phase) { return kPhases[static_cast<std::size_t>(phase)]; }
std::string_view word_of(E2eMetric metric) { return kMetrics[static_cast<std::size_t>(metric)]; }

std::vector<std::string_view> e2e_columns() {
  std::vector<std::string_view> columns(kColumns.begin(), kColumns.end() - 1);  // but group_id
  columns.insert(columns.end(), kOfOneRun.begin(), kOfOneRun.end());
  return columns;
}

bool is_e2e(const CsvTable& csv) {
  return csv.column("model") >= 0 && csv.column("hardware") >= 0 && csv.column("phase") >= 0 &&
         csv.column("attention_tp") >= 0;
}

E2eTable read_e2e_rows(CsvTable csv) {
  const bool grouped = csv.column("group_id") >= 0;
  std::vector<Problem> problems;
  require_columns(csv, grouped, problems);
  if (!problems.empty()) throw InputError(ErrorKind::InvalidInput, problems);
  std::vector<E2eRow> rows;
  rows.reserve(csv.rows());
  for (std::size_t i = 0; i < csv.rows(); ++i) rows.push_back(read_row(csv, i, grouped, problems));
  if (!problems.empty()) throw InputError(ErrorKind::InvalidInput, problems);
  return {.csv = std::move(csv), .grouped = grouped, .rows = std::move(rows)};
}

}  // namespace moeplan
