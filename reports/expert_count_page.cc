// SPDX-License-Identifier: Apache-2.0
// Curves over the number of experts for programs (JSON) and as a page with charts.
#include <fmt/format.h>

#include <algorithm>

#include "reports/expert_count.h"
#include "reports/json_parts.h"
#include "sim/base/json.h"

namespace moeplan {
namespace {

void write_split(JsonWriter& out, const ExpertCountRow& row) {
  out.key("parts_s").begin_object();
  for (std::size_t part = 0; part < kExpertParts; ++part)
    out.member(key_of(static_cast<ExpertPart>(part)), row.split.parts[part].seconds().base());
  out.end_object().member("step_time_s", row.split.time.seconds().base());
  out.member("distinct_experts_per_rank", row.split.load.distinct);
}

void write_row(JsonWriter& out, const ExpertCountRow& row) {
  out.begin_object().member("experts", row.sizes.experts).member("top_k", row.sizes.top_k);
  out.member("width", row.sizes.width).member("status", word_of(row.status));
  if (!row.reason.empty()) out.member("reason", row.reason);
  if (row.status != PointStatus::Invalid) {
    out.member("total_parameters", row.total_parameters).member("active_parameters", row.active_parameters);
    out.member("rank_bytes", row.rank_bytes.count()).member("budget_bytes", row.rank_budget.count());
    out.member("gpu_s_per_token", row.gpu_seconds_per_token);
    write_split(out, row);
  }
  if (row.law) {
    out.key("law").begin_object().member("effective_parameters", row.law->effective_parameters);
    out.member("loss", row.law->loss).member("inside", row.law->outside.empty()).end_object();
  }
  out.end_object();
}

void write_turn(JsonWriter& out, const char* key, const ExpertCountCurve& curve,
                const std::optional<ExpertTurn>& turn) {
  out.key(key);
  if (!turn) {
    out.null();
    return;
  }
  out.begin_object().member("experts", curve.rows[turn->row].sizes.experts).member("cause", key_of(turn->cause));
  out.member("cause_share", turn->cause_share).member("at_end", turn->at_end).end_object();
}

// What a token costs at each size, part on part.
Chart parts_over_experts(const ExpertCountCurve& curve) {
  Chart chart;
  chart.kind = ChartKind::StackedBar;
  chart.title = "time of a step by part";
  chart.x.title = "experts";
  chart.y = {.title = "time of a step", .unit = {.name = "ms", .scale = 1e3}};
  for (std::size_t part = 0; part < kExpertParts; ++part)
    chart.series.push_back({.name = std::string(word_of(static_cast<ExpertPart>(part))), .points = {}});
  for (const std::size_t index : curve.priced) {
    const ExpertCountRow& row = curve.rows[index];
    chart.categories.push_back(
        fmt::format("{}{}", row.sizes.experts, row.status == PointStatus::Ok ? "" : " (no fit)"));
    for (std::size_t part = 0; part < kExpertParts; ++part)
      chart.series[part].points.push_back({.x = 0, .y = row.split.parts[part].seconds().base(), .label = ""});
  }
  chart.alt = turn_text(curve);
  return chart;
}

}  // namespace

std::string json_of_expert_counts(const std::vector<ExpertCountCurve>& curves) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.sweep.experts/1").key("curves").begin_array();
  for (const ExpertCountCurve& curve : curves) {
    const ExpertCountAsk& ask = curve.ask;
    out.begin_object().member("model", ask.model).member("hardware", curve.hardware).member("gpus", ask.gpus);
    out.member("runtime", curve.runtime).member("held", word_of(ask.growth));
    out.member("phase", ask.phase == Phase::Prefill ? "prefill" : "decode");
    out.member("batch_per_gpu", ask.batch).member("context_tokens", ask.context).member("law", curve.law_source);
    write_turn(out, "half", curve, curve.half);
    write_turn(out, "best_inside_law", curve, curve.best_inside);
    write_turn(out, "best_extrapolated", curve, curve.best);
    out.key("rows").begin_array();
    for (const ExpertCountRow& row : curve.rows) write_row(out, row);
    out.end_array().end_object();
  }
  return out.end_array().end_object().take();
}

Document page_of_expert_counts(const std::vector<ExpertCountCurve>& curves, const std::string& finding) {
  Document page;
  page.title = "At which expert count does routing overhead eat the benefit?";
  // What it costs, and what it is worth.
  const std::size_t law = std::min(finding.find(" By the law"), finding.size());
  if (!finding.empty()) page.add(Banner{{finding.substr(0, law)}, Tone::Good});
  if (law < finding.size()) page.add(Note{finding.substr(law + 1)});
  // A chart before the table of its curve: curves begin with their heading.
  std::size_t curve = 0;
  for (Section& section : describe_expert_counts(curves).sections) {
    const bool begins = std::holds_alternative<Heading>(section) && curve < curves.size();
    page.add(std::move(section));
    if (begins) page.add(parts_over_experts(curves[curve++]));
  }
  return page;
}

}  // namespace moeplan
