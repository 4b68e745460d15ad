// SPDX-License-Identifier: Apache-2.0
#include "sim/study/front_study.h"

#include <algorithm>
#include <cmath>

namespace moeplan {
namespace {

constexpr CountRange kTokens{1, Count{1} << 24};
constexpr double kFastestUser = 1e6;

std::vector<StudyAlternative> read_alternatives(ObjectReader& side) {
  std::vector<StudyAlternative> alternatives;
  const JsonNode* list = side.node("any_of");
  if (list == nullptr || list->kind != JsonKind::Array || list->items.empty()) {
    side.complain("any_of", "a list of deployments, at least one");
    return alternatives;
  }
  std::size_t i = 0;
  for (const JsonNode& item : list->items) {
    ObjectReader reader(item, side.path_of("any_of") + "[" + std::to_string(i++) + "]", side.complaints());
    StudyAlternative alternative;
    alternative.options = reader.text("options");
    alternative.prefill = reader.text_or("prefill", "");
    alternative.needs_mtp = reader.flag_or("needs_mtp", false);
    reader.finish();
    alternatives.push_back(std::move(alternative));
  }
  return alternatives;
}

void read_sides(FrontStudy& study, ObjectReader& reader) {
  const JsonNode* list = reader.node("sides");
  if (list == nullptr || list->kind != JsonKind::Array || list->items.size() < 2) {
    reader.complain("sides", "a list of at least two sides");
    return;
  }
  std::size_t i = 0;
  for (const JsonNode& item : list->items) {
    ObjectReader side(item, "sides[" + std::to_string(i) + "]", reader.complaints());
    StudySide read;
    read.name = side.text("name");
    read.change = side.text("change");
    if (side.flag_or("rival", false)) study.rivals.push_back(i);
    read.alternatives = read_alternatives(side);
    side.finish();
    study.sides.push_back(std::move(read));
    ++i;
  }
}

void read_speeds(FrontStudy& study, ObjectReader& reader) {
  for (const Count speed : reader.counts_or_empty("speeds", {1, static_cast<Count>(kFastestUser)}))
    study.speeds.push_back(static_cast<double>(speed));
  if (study.speeds.empty() || !std::is_sorted(study.speeds.begin(), study.speeds.end()))
    reader.complain("speeds", "tokens per second for a user, rising");
}

}  // namespace

FrontStudy read_front_study(std::string text, const std::string& file) {
  const JsonDocument document = parse_json(std::move(text), file);
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  FrontStudy study;
  study.id = reader.text("id");
  study.question = reader.text("question");
  study.source = reader.text("source");
  study.as_of = reader.text("as_of");
  study.models = reader.texts_or_empty("models");
  if (study.models.empty()) reader.complain("models", "names of models, at least one");
  study.load.isl = reader.count("isl_tokens", kTokens);
  study.load.osl = reader.count("osl_tokens", {2, kTokens.max});
  read_speeds(study, reader);
  read_sides(study, reader);
  reader.finish();
  complaints.throw_if_any();
  return study;
}

std::optional<double> figure_of(const FrontierPoint& p, StudyAxis axis) {
  switch (axis) {
    case StudyAxis::PerProvisionedMw: return p.per_provisioned_mw;
    case StudyAxis::PerMw: return p.per_mw;
    case StudyAxis::PerGpu: return p.per_gpu;
    case StudyAxis::PerDollar: break;
  }
  if (!p.usd_per_million || *p.usd_per_million <= 0) return std::nullopt;
  return 1e6 / *p.usd_per_million;
}

std::optional<double> ratio_of(const Frontier& front, const Frontier& base, StudyAxis axis, double per_user) {
  const std::optional<FrontierPoint> a = at_speed(front, per_user);
  const std::optional<FrontierPoint> b = at_speed(base, per_user);
  const std::optional<double> over = a ? figure_of(*a, axis) : std::nullopt;
  const std::optional<double> under = b ? figure_of(*b, axis) : std::nullopt;
  if (!over || !under || *under <= 0) return std::nullopt;
  return *over / *under;
}

std::vector<SpeedRange> where_ratio(const Frontier& front, const Frontier& base, StudyAxis axis, double low,
                                    double high) {
  std::vector<SpeedRange> ranges;
  if (front.empty() || base.empty()) return ranges;
  const double slowest = std::min(front.front().per_user, base.front().per_user);
  const double fastest = std::min(front.back().per_user, base.back().per_user);
  constexpr double kStep = 1.02;
  bool inside = false;
  for (double speed = slowest; speed <= fastest;
       speed = speed < fastest ? std::min(speed * kStep, fastest) : kFastestUser) {
    const std::optional<double> ratio = ratio_of(front, base, axis, speed);
    const bool here = ratio && *ratio >= low && *ratio < high;
    if (here && !inside) ranges.push_back({speed, speed});
    if (here) ranges.back().to = speed;
    inside = here;
  }
  return ranges;
}

}  // namespace moeplan
