// SPDX-License-Identifier: Apache-2.0
#include "sim/study/effects.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include "sim/base/error.h"

namespace moeplan {
namespace {

constexpr double kMostPublished = 1e12;

std::string digits(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(std::begin(text), std::end(text), value);
  CHECK(error == std::errc{});
  return std::string(text, end);
}

std::vector<ObjectReader> objects(ObjectReader& reader, std::string_view key) {
  std::vector<ObjectReader> items;
  const JsonNode* node = reader.node(key);
  if (node == nullptr || node->kind != JsonKind::Array || node->items.empty()) {
    reader.complain(key, "a list of objects");
    return items;
  }
  for (std::size_t i = 0; i < node->items.size(); ++i)
    items.emplace_back(node->items[i], reader.path_of(key) + "/" + std::to_string(i), reader.complaints());
  return items;
}

EffectPoint read_point(ObjectReader& reader) {
  EffectPoint p;
  p.at = reader.text("at");
  p.options = reader.text_or("options", "");
  p.against = reader.text_or("against", "");
  p.low = reader.real_or("published", 0, kMostPublished, 0);
  p.high = reader.real_or("published_to", 0, kMostPublished, p.low);
  if (p.high < p.low) reader.complain("published_to", "at least published");
  reader.finish();
  return p;
}

std::optional<EffectChoice> read_choice(ObjectReader& reader) {
  std::optional<ObjectReader> found = reader.object_if_present("choice");
  if (!found) return std::nullopt;
  EffectChoice choice;
  choice.name = found->text("name");
  const double least = found->real("from", 0, kMostPublished);
  const double most = found->real("to", 0, kMostPublished);
  const Count steps = found->count("steps", {1, 100});
  for (Count i = 0; i <= steps; ++i)
    choice.values.push_back(least + (most - least) * static_cast<double>(i) / static_cast<double>(steps));
  found->finish();
  return choice;
}

bool has_point(const Effect& effect, const std::string& at) {
  return std::any_of(effect.points.begin(), effect.points.end(),
                     [&](const EffectPoint& p) { return p.at == at && p.is_published(); });
}

Effect read_effect(ObjectReader& reader) {
  Effect e;
  e.id = reader.text("id");
  e.title = reader.text("title");
  e.source = reader.text("source");
  e.setup = reader.text("setup");
  const std::vector<std::string> metrics(std::begin(kEffectMetrics), std::end(kEffectMetrics));
  e.metric = metrics[reader.choice("metric", metrics)];
  e.unit = reader.text_or("unit", "");
  e.options = reader.text("options");
  e.reference = reader.text_or("reference", "");
  e.best = reader.text_or("best", "");
  e.fitted = reader.text_or("fitted", "");
  e.unmet = reader.text_or("unmet", "");
  e.tolerance = reader.real_or("tolerance_points", 0, 100, kEffectTolerance);
  e.difference = reader.choice_or("difference", {"points", "percent"}, 0) == 0 ? EffectDifference::Points
                                                                               : EffectDifference::Percent;
  e.choice = read_choice(reader);
  for (ObjectReader& item : objects(reader, "points")) e.points.push_back(read_point(item));
  const bool all_own = std::all_of(e.points.begin(), e.points.end(), [](const auto& p) { return !p.against.empty(); });
  if (e.reference.empty() && !all_own) reader.complain("points", "\"against\" in each where no reference is named");
  for (const std::string* named : {&e.reference, &e.best})
    if (!named->empty() && !has_point(e, *named)) reader.complain("points", "a published point at " + *named);
  reader.finish();
  return e;
}

// The end of a published range that is nearer.
double nearer(double predicted, double low, double high) { return std::clamp(predicted, low, high); }

}  // namespace

std::vector<Effect> read_effects(const JsonDocument& document) {
  Complaints complaints(document);
  ObjectReader root(document.root, "", complaints);
  std::vector<Effect> effects;
  for (ObjectReader& item : objects(root, "effects")) effects.push_back(read_effect(item));
  root.finish();
  complaints.throw_if_any();
  return effects;
}

std::string options_of(const Effect& effect, const std::string& own, std::optional<double> choice) {
  std::string words = effect.options + (own.empty() ? "" : " " + own);
  if (!choice || !effect.choice) return words;
  const std::string place = "{" + effect.choice->name + "}";
  for (std::size_t at = words.find(place); at != std::string::npos; at = words.find(place, at))
    words.replace(at, place.size(), digits(*choice));
  return words;
}

PredictedEffect score_effect(const Effect& effect, const std::vector<double>& values,
                             const std::vector<double>& against) {
  CHECK(values.size() == effect.points.size() && against.size() == values.size());
  PredictedEffect out;
  out.effect = effect;
  const auto reference = std::find_if(effect.points.begin(), effect.points.end(),
                                      [&](const EffectPoint& p) { return p.at == effect.reference; });
  const std::size_t r = static_cast<std::size_t>(reference - effect.points.begin());
  std::size_t best = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const EffectPoint& p = effect.points[i];
    const bool own = !p.against.empty();
    const double unit = own ? 1 : effect.points[r].low;
    PredictedPoint point;
    point.value = values[i];
    point.predicted = values[i] / (own ? against[i] : values[r]);
    if (p.is_published()) {
      point.published = nearer(point.predicted, p.low / unit, p.high / unit);
      point.difference = 100 * (effect.difference == EffectDifference::Points ? point.predicted - point.published
                                                                              : point.predicted / point.published - 1);
      out.largest = std::max(out.largest, std::abs(point.difference));
    }
    if (point.predicted > (i == 0 ? 0 : out.points[best].predicted)) best = i;
    out.points.push_back(point);
  }
  out.best = effect.points[best].at;
  out.met = out.largest <= effect.tolerance && (effect.best.empty() || effect.best == out.best);
  return out;
}

}  // namespace moeplan
