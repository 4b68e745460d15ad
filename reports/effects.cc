// SPDX-License-Identifier: Apache-2.0
#include "reports/effects.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/base/json.h"

namespace moeplan {
namespace {

std::string_view unit_of(const Effect& e) { return e.difference == EffectDifference::Points ? "points" : "%"; }

std::string relative(double value) { return fmt::format("{:.3f}", value); }

std::string published_of(const Effect& e, const EffectPoint& p) {
  if (!p.is_published()) return "-";
  const std::string low = fmt::format("{:.4g}", p.low);
  if (p.high > p.low) return fmt::format("{}..{:.4g}", low, p.high);
  return e.unit.empty() ? low + "x" : low;
}

Table points_of(const PredictedEffect& predicted) {
  const Effect& e = predicted.effect;
  Table table;
  table.columns = {{"at", "at", true, 0},
                   {"published", e.unit.empty() ? "published" : "published " + e.unit, false, 1},
                   {"published_relative", "relative", false, 0},
                   {"predicted_relative", "predicted", false, 0},
                   {"difference", std::string(unit_of(e)), false, 0}};
  for (std::size_t i = 0; i < predicted.points.size(); ++i) {
    const PredictedPoint& p = predicted.points[i];
    const bool within = std::abs(p.difference) <= e.tolerance;
    table.rows.push_back({{{e.points[i].at},
                           {published_of(e, e.points[i])},
                           {e.points[i].is_published() ? relative(p.published) : "-"},
                           {relative(p.predicted)},
                           {e.points[i].is_published() ? fmt::format("{:+.1f}", p.difference) : "-"}},
                          within ? Tone::Plain : Tone::Caution});
  }
  return table;
}

Table summary(const std::vector<PredictedEffect>& effects) {
  Table table;
  table.caption = "published relative effects, each run as simulate answers it";
  table.columns = {{"effect", "effect", true, 0},
                   {"points", "points", false, 1},
                   {"largest_difference", "largest difference", false, 0},
                   {"allowed", "allowed", false, 1},
                   {"met", "met", true, 0},
                   {"title", "what", true, 2}};
  for (const PredictedEffect& p : effects)
    table.rows.push_back({{{p.effect.id},
                           {static_cast<Count>(p.points.size())},
                           {fmt::format("{:.1f} {}", p.largest, unit_of(p.effect))},
                           {fmt::format("{:.0f}", p.effect.tolerance)},
                           {p.met ? "yes" : "no"},
                           {p.effect.title}},
                          p.met ? Tone::Good : Tone::Bad});
  return table;
}

void add_details(Document& document, const PredictedEffect& p) {
  const Effect& e = p.effect;
  document.add(Heading{fmt::format("{}: {}", e.id, e.title)});
  document.add(points_of(p));
  KeyValues facts;
  facts.entries.push_back({"source", {e.source}, Tone::Plain});
  facts.entries.push_back({"setup", {e.setup}, Tone::Plain});
  if (p.chosen)
    facts.entries.push_back(
        {"chosen",
         {fmt::format("{} {:.4g}, the one of {} values from {:.4g} to {:.4g} with the least largest difference: this "
                      "constant saw these figures",
                      e.choice->name, *p.chosen, e.choice->values.size(), e.choice->values.front(),
                      e.choice->values.back())},
         Tone::Plain});
  if (!e.best.empty())
    facts.entries.push_back({"best",
                             {fmt::format("published {}, predicted {}", e.best, p.best)},
                             e.best == p.best ? Tone::Plain : Tone::Caution});
  if (!e.fitted.empty()) facts.entries.push_back({"fitted", {e.fitted}, Tone::Caution});
  if (!p.met && !e.unmet.empty()) facts.entries.push_back({"unmet", {e.unmet}, Tone::Caution});
  facts.entries.push_back({"one run", {p.points.front().command}, Tone::Plain});
  document.add(std::move(facts));
}

void write_point(JsonWriter& out, const EffectPoint& of, const PredictedPoint& p) {
  out.begin_object().member("at", of.at);
  if (of.is_published()) {
    out.member("published", of.low);
    if (of.high > of.low) out.member("published_to", of.high);
    out.member("published_relative", p.published).member("difference", p.difference);
  }
  out.member("predicted_relative", p.predicted).member("predicted", p.value).member("command", p.command).end_object();
}

}  // namespace

Document describe_effects(const std::vector<PredictedEffect>& effects) {
  Document document;
  document.add(summary(effects));
  for (const PredictedEffect& effect : effects) add_details(document, effect);
  document.add(
      Note{"Points are percent of the run the others are relative to; % where a curve spans more than a factor of two. "
           "Predictions are those of `moeplan simulate` with the options shown under --json for each point."});
  return document;
}

Document effect_rows(const std::vector<PredictedEffect>& effects) {
  Table table;
  table.columns = {{"effect", "effect", true, 0},
                   {"at", "at", true, 0},
                   {"published_relative", "published", false, 0},
                   {"predicted_relative", "predicted", false, 0},
                   {"difference", "difference", false, 0},
                   {"unit", "unit", true, 0},
                   {"within", "within", true, 0}};
  for (const PredictedEffect& predicted : effects)
    for (std::size_t i = 0; i < predicted.points.size(); ++i) {
      if (!predicted.effect.points[i].is_published()) continue;
      const PredictedPoint& p = predicted.points[i];
      table.rows.push_back({{{predicted.effect.id},
                             {predicted.effect.points[i].at},
                             {relative(p.published)},
                             {relative(p.predicted)},
                             {fmt::format("{:+.2f}", p.difference)},
                             {std::string(unit_of(predicted.effect))},
                             {std::abs(p.difference) <= predicted.effect.tolerance ? "yes" : "no"}},
                            Tone::Plain});
    }
  Document document;
  document.add(std::move(table));
  return document;
}

std::string json_of_effects(const std::vector<PredictedEffect>& effects) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.validate.effects/1");
  out.member("met",
             static_cast<Count>(std::count_if(effects.begin(), effects.end(), [](const auto& e) { return e.met; })));
  out.key("effects").begin_array();
  for (const PredictedEffect& p : effects) {
    const Effect& e = p.effect;
    out.begin_object().member("id", e.id).member("title", e.title).member("source", e.source);
    out.member("setup", e.setup).member("metric", e.metric).member("unit", e.unit);
    out.member("reference", e.reference)
        .member("difference_unit", std::string(e.difference == EffectDifference::Points ? "points" : "percent"));
    out.member("tolerance", e.tolerance).member("largest_difference", p.largest).member("met", p.met);
    out.member("best", p.best);
    if (!e.best.empty()) out.member("published_best", e.best);
    if (p.chosen)
      out.key("chosen").begin_object().member("name", e.choice->name).member("value", *p.chosen).end_object();
    if (!e.fitted.empty()) out.member("fitted", e.fitted);
    if (!p.met && !e.unmet.empty()) out.member("unmet", e.unmet);
    out.key("points").begin_array();
    for (std::size_t i = 0; i < p.points.size(); ++i) write_point(out, e.points[i], p.points[i]);
    out.end_array().end_object();
  }
  out.end_array().end_object();
  return out.take();
}

}  // namespace moeplan
