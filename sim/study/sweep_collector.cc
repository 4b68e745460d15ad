// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_collector.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "sim/base/error.h"

namespace moeplan {
namespace {

constexpr std::string_view kTitle = "moeplan sweep state 1";

Sense sense_of(const SweepMetric* metric) { return metric->sense == MetricSense::More ? Sense::More : Sense::Less; }

std::vector<Sense> senses_of(const std::vector<const SweepMetric*>& metrics) {
  std::vector<Sense> senses;
  for (const SweepMetric* metric : metrics) senses.push_back(sense_of(metric));
  return senses;
}

// Numbers of points, as ranked.
template <class Entries>
std::vector<Count> points_of(const Entries& entries) {
  std::vector<Count> points;
  for (const auto& entry : entries) points.push_back(static_cast<Count>(entry.index));
  return points;
}

std::uint32_t kept_word(std::vector<std::string>& words, const std::string& word) {
  if (words.empty()) words.emplace_back();
  if (word.empty()) return 0;
  if (words.back() != word) words.push_back(word);
  return static_cast<std::uint32_t>(words.size() - 1);
}

}  // namespace

SweepCollector::SweepCollector(const SweepGrid& grid, const SweepPoints& points, const SweepAsk& ask)
    : ask_(&ask),
      values_(points.metrics().size()),
      sampled_every_(std::max<Count>(1, ceil_div(grid.points(), kMostKeptRows))),
      front_(senses_of(ask.front)) {
  for (const SweepMetric* metric : ask.front) {
    const auto found = std::find(points.metrics().begin(), points.metrics().end(), metric);
    CHECK(found != points.metrics().end());
    front_values_.push_back(static_cast<std::size_t>(found - points.metrics().begin()));
    best_.emplace_back(sense_of(metric), ask.best);
  }
}

void SweepCollector::keep(const SweepRows& rows, std::size_t row) {
  kept_.points.push_back(rows.points[row]);
  kept_.status.push_back(rows.status[row]);
  kept_.why.push_back(kept_word(kept_.reasons, rows.reasons[rows.why[row]]));
  kept_.laid_out.push_back(kept_word(kept_.layouts, rows.layouts[rows.laid_out[row]]));
  const double* values = rows.values.data() + row * values_;
  kept_.values.insert(kept_.values.end(), values, values + values_);
}

void SweepCollector::take(const SweepRows& rows) {
  std::vector<double> values(front_values_.size());
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    ++counts_[static_cast<std::size_t>(rows.status[r])];
    if (ask_->mode == SweepMode::Rows && rows_ % sampled_every_ == 0) keep(rows, r);
    ++rows_;
    if (rows.status[r] != PointStatus::Ok) continue;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = rows.values[r * values_ + front_values_[i]];
    const auto index = static_cast<std::uint64_t>(rows.points[r]);
    front_.insert(values, index);
    for (std::size_t i = 0; i < values.size(); ++i) best_[i].insert(values[i], index);
  }
}

SweepResult SweepCollector::result(Count points) const {
  SweepResult result;
  result.points = points;
  result.rows = rows_;
  result.counts = counts_;
  result.kept = kept_;
  result.sampled_every = sampled_every_;
  result.front = points_of(front_.entries());
  for (const BestN& best : best_) result.best.push_back(points_of(best.entries()));
  result.front_left_out = static_cast<Count>(front_.left_out());
  return result;
}

std::string SweepCollector::checkpoint(Count points) const {
  std::set<Count> named;
  for (const Count point : points_of(front_.entries())) named.insert(point);
  for (const BestN& best : best_)
    for (const Count point : points_of(best.entries())) named.insert(point);
  std::string text = fmt::format("{}\n{}\n{} {}\n{} {} {} {}\n{}\n", kTitle, ask_->fingerprint, points, rows_,
                                 counts_[0], counts_[1], counts_[2], counts_[3], named.size());
  for (const Count point : named) text += fmt::format("{}\n", point);
  return text + "end\n";
}

std::optional<Count> SweepCollector::restore(const std::string& text, const SweepPoints& points) {
  std::istringstream in(text);
  std::string title;
  std::string fingerprint;
  std::getline(in, title);
  std::getline(in, fingerprint);
  Count done = 0;
  Count rows = 0;
  std::array<Count, kPointStatuses> counts{};
  std::size_t size = 0;
  in >> done >> rows >> counts[0] >> counts[1] >> counts[2] >> counts[3] >> size;
  if (title != kTitle || fingerprint != ask_->fingerprint || !in) return std::nullopt;
  std::vector<Count> named(size);
  for (Count& point : named) in >> point;
  std::string end;
  in >> end;
  if (end != "end") return std::nullopt;
  take(points.rows(named));
  rows_ = rows;
  counts_ = counts;
  return done;
}

}  // namespace moeplan
