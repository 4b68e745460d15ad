// SPDX-License-Identifier: Apache-2.0
#include "reports/expert_count.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reports/numbers.h"
#include "reports/time_words.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

std::string experts_text(const ExpertCountCurve& curve, std::size_t row) {
  return grouped(curve.rows[row].sizes.experts);
}

std::string load_text(const ExpertCountAsk& ask) {
  if (ask.phase == Phase::Prefill)
    return fmt::format("reading {} of {} on each device", counted(ask.batch, "prompt"), counted(ask.context, "token"));
  return fmt::format("decoding {} on each device, {} of context", counted(ask.batch, "sequence"),
                     counted(ask.context, "token"));
}

std::string title_of(const ExpertCountCurve& curve) {
  return fmt::format("{} x {}, {}, {}", curve.ask.gpus, curve.hardware, word_of(curve.ask.growth),
                     load_text(curve.ask));
}

double part_share(const ExpertCountRow& row, ExpertPart part) {
  return static_cast<double>(row.split.of(part).count()) / static_cast<double>(row.split.time.count());
}

std::string state_of(const ExpertCountRow& row) {
  return row.status == PointStatus::Ok ? "fits" : row.status == PointStatus::NoFit ? "does not fit" : row.reason;
}

Table table_of(const ExpertCountCurve& curve) {
  Table table;
  table.columns = {{"experts", "experts", false, 0},
                   {"top_k", "k", false, 1},
                   {"width", "width", false, 1},
                   {"total_parameters", "total", false, 1},
                   {"active_parameters", "active", false, 2},
                   {"rank_bytes", "a rank", false, 2},
                   {"gpu_time", "GPU time a token", false, 0}};
  for (std::size_t part = 0; part < kExpertParts; ++part) {
    const ExpertPart which = static_cast<ExpertPart>(part);
    table.columns.push_back({std::string(key_of(which)) + "_share", std::string(word_of(which)), false,
                             is_overhead(which) || which == ExpertPart::Useful ? 0 : 3});
  }
  if (curve.ask.law) {
    table.columns.push_back({"effective_parameters", "worth", false, 1});
    table.columns.push_back({"law", "law", true, 1});
  }
  table.columns.push_back({"state", "state", true, 0});
  for (const ExpertCountRow& row : curve.rows) {
    Row line;
    line.cells = {{row.sizes.experts}, {row.sizes.top_k}, {row.sizes.width}};
    if (row.status == PointStatus::Invalid) {
      line.cells.resize(table.columns.size());
      line.cells.back() = {row.reason};
      table.rows.push_back(line);
      continue;
    }
    line.cells.push_back({Parameters{row.total_parameters}});
    line.cells.push_back({Parameters{row.active_parameters}});
    line.cells.push_back({row.rank_bytes});
    line.cells.push_back({duration(row.gpu_seconds_per_token)});
    for (std::size_t part = 0; part < kExpertParts; ++part)
      line.cells.push_back({Share{part_share(row, static_cast<ExpertPart>(part))}});
    if (row.law) {
      line.cells.push_back({Parameters{static_cast<Count>(row.law->effective_parameters)}});
      line.cells.push_back({row.law->outside.empty() ? std::string("inside") : std::string("outside")});
    }
    line.cells.push_back({state_of(row)});
    line.tone = row.status == PointStatus::Ok ? Tone::Plain : Tone::Caution;
    table.rows.push_back(line);
  }
  return table;
}

std::string cause_text(const ExpertTurn& turn) {
  return fmt::format("{} of it is {}", share_text(turn.cause_share), word_of(turn.cause));
}

std::string half_text(const ExpertCountCurve& curve) {
  if (!curve.half) return "Routing is more than half of the feed-forward time from the first size on.";
  if (curve.half->at_end)
    return fmt::format("Routing stays below half of the feed-forward time up to {} experts.",
                       experts_text(curve, curve.half->row));
  return fmt::format("Beyond {} experts routing is half of the feed-forward time and more; there {}.",
                     experts_text(curve, curve.half->row), cause_text(*curve.half));
}

// By the law: where a token's cost starts to grow faster than what the size is worth.
std::string best_text(const ExpertCountCurve& curve, const ExpertTurn& turn, std::string_view where) {
  if (turn.at_end)
    return fmt::format("Up to {} experts, {}, each step up is worth more than a token costs more.",
                       experts_text(curve, turn.row), where);
  return fmt::format("Beyond {} experts ({}) a token's cost grows faster than the benefit; {}.",
                     experts_text(curve, turn.row), where, cause_text(turn));
}

// Each way in which sizes leave the law's range, once.
std::vector<Phrase> outside_of(const ExpertCountCurve& curve) {
  std::vector<Phrase> items;
  for (const ExpertCountRow& row : curve.rows)
    if (row.law && !row.law->outside.empty()) {
      std::string all;
      for (const std::string& one : row.law->outside) all += (all.empty() ? "" : "; ") + one;
      items.push_back({fmt::format("{} experts: {}", grouped(row.sizes.experts), all)});
    }
  return items;
}

std::string knee_text(const ExpertCountCurve& curve) {
  if (!curve.knee) return "";
  const Knee& knee = *curve.knee;
  return fmt::format(
      "Time per token bends at {} experts: it goes with their number to the power {:.2f} before and {:.2f} beyond.",
      experts_text(curve, curve.priced[knee.at]), knee.slope_before, knee.slope_after);
}

}  // namespace

std::string turn_text(const ExpertCountCurve& curve) {
  if (curve.best_inside) return best_text(curve, *curve.best_inside, "inside the law's range");
  if (curve.best) return best_text(curve, *curve.best, "the law extrapolated");
  return half_text(curve);
}

void add_expert_count(Document& document, const ExpertCountCurve& curve) {
  document.add(Heading{title_of(curve)});
  document.add(table_of(curve));
  document.add(Note{half_text(curve)});
  if (const std::string knee = knee_text(curve); !knee.empty()) document.add(Note{knee});
  if (!curve.ask.law) return;
  if (curve.best_inside) document.add(Note{best_text(curve, *curve.best_inside, "inside the law's range")});
  if (curve.best && curve.best->outside_law) document.add(Note{best_text(curve, *curve.best, "the law extrapolated")});
  if (!curve.best_inside)
    document.add(Note{"No size lies inside the range the law was fitted in: what sizes are worth is extrapolated."});
  if (std::vector<Phrase> items = outside_of(curve); !items.empty())
    document.add(ItemList{fmt::format("outside the range of the {}", curve.law_source), std::move(items)});
}

Document describe_expert_counts(const std::vector<ExpertCountCurve>& curves) {
  Document document;
  document.add(Note{"At which expert count does routing overhead eat the benefit?"});
  ItemList summary{.title = "answers", .items = {}};
  for (const ExpertCountCurve& curve : curves)
    summary.items.push_back({fmt::format("{}: {}", title_of(curve), turn_text(curve))});
  document.add(std::move(summary));
  std::set<std::string> laws;
  for (const ExpertCountCurve& curve : curves) {
    add_expert_count(document, curve);
    if (!curve.law_source.empty()) laws.insert(curve.law_source);
  }
  std::vector<Phrase> items = {
      {"Shares are of the whole step. Useful: the active parameters as one dense feed-forward of their width, cut over "
       "the expert-parallel ranks; every other part of the expert layers but launches is what routing adds."},
      {"Every size is priced by forms fitted to kernels of up to 512 experts; beyond them, and for experts narrower "
       "than "
       "some hundred columns, they extrapolate: an exchange's growth with the experts above all. Top-k over more "
       "scores "
       "is not modelled apart."},
      {"Experts are equally liked; on several devices tokens are drawn, on one nobody waits. Nothing overlaps."}};
  for (const std::string& law : laws)
    items.push_back(
        {fmt::format("Benefit by the {}: training loss of models trained alike. Worth: the parameters of a "
                     "model without it that has the same loss.",
                     law)});
  document.add(ItemList{"assumptions", std::move(items)});
  return document;
}

Document expert_count_rows(const std::vector<ExpertCountCurve>& curves) {
  Table table;
  table.columns = {{"hardware", "hardware", true, 0},
                   {"gpus", "gpus", false, 0},
                   {"held", "held", true, 0},
                   {"phase", "phase", true, 0},
                   {"batch_per_gpu", "batch", false, 0}};
  Table one;
  for (const ExpertCountCurve& curve : curves) {
    one = table_of(curve);
    if (table.columns.size() == 5) table.columns.insert(table.columns.end(), one.columns.begin(), one.columns.end());
    for (Row& row : one.rows) {
      row.cells.insert(row.cells.begin(), {{curve.hardware},
                                           {curve.ask.gpus},
                                           {std::string(word_of(curve.ask.growth))},
                                           {std::string(curve.ask.phase == Phase::Prefill ? "prefill" : "decode")},
                                           {curve.ask.batch}});
      table.rows.push_back(std::move(row));
    }
  }
  Document document;
  document.add(std::move(table));
  return document;
}

}  // namespace moeplan
