// SPDX-License-Identifier: Apache-2.0
#include "sim/study/pareto.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace moeplan {
namespace {

double turned(double value, Sense sense) { return sense == Sense::Less ? value : -value; }

// No metric of `a` is worse than that of `b`. D = 0: as many as `metrics`.
template <std::size_t D>
bool covers(const double* a, const double* b, std::size_t metrics) {
  const std::size_t n = D == 0 ? metrics : D;
  for (std::size_t i = 0; i < n; ++i)
    if (a[i] > b[i]) return false;
  return true;
}

}  // namespace

ParetoFront::ParetoFront(std::vector<Sense> senses, std::size_t most)
    : senses_(std::move(senses)), most_(most), point_(senses_.size()) {
  CHECK(!senses_.empty() && most_ > 0);
}

bool ParetoFront::insert(std::span<const double> values, std::uint64_t index) {
  CHECK(values.size() == senses_.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) return false;
    point_[i] = turned(values[i], senses_[i]);
  }
  return put(point_.data(), index);
}

bool ParetoFront::put(const double* point, std::uint64_t index) {
  switch (senses_.size()) {
    case 2: return put_in<2>(point, index);
    case 3: return put_in<3>(point, index);
    default: return put_in<0>(point, index);
  }
}

// Entries do not cover one another. So a point that covers one of them is covered by none.
template <std::size_t D>
bool ParetoFront::put_in(const double* point, std::uint64_t index) {
  const std::size_t metrics = senses_.size();
  for (std::size_t i = 0; i < indices_.size();) {
    if (covers<D>(at(i), point, metrics)) {
      const bool equal = covers<D>(point, at(i), metrics);
      if (equal) indices_[i] = std::min(indices_[i], index);
      const bool stays = equal && indices_[i] == index;
      if (i > 0) swap_entries(i, i / 2);  // what beats often comes to stand in front
      return stays;
    }
    if (covers<D>(point, at(i), metrics)) {
      drop(i);
      continue;
    }
    ++i;
  }
  if (indices_.size() == most_) {
    ++left_out_;
    return false;
  }
  values_.insert(values_.end(), point, point + metrics);
  indices_.push_back(index);
  return true;
}

void ParetoFront::swap_entries(std::size_t a, std::size_t b) {
  const auto first = values_.begin() + static_cast<std::ptrdiff_t>(a * senses_.size());
  const auto second = values_.begin() + static_cast<std::ptrdiff_t>(b * senses_.size());
  std::swap_ranges(first, first + static_cast<std::ptrdiff_t>(senses_.size()), second);
  std::swap(indices_[a], indices_[b]);
}

void ParetoFront::drop(std::size_t entry) {
  if (entry + 1 < indices_.size()) swap_entries(entry, indices_.size() - 1);
  values_.resize(values_.size() - senses_.size());
  indices_.pop_back();
}

void ParetoFront::merge(const ParetoFront& other) {
  CHECK(senses_ == other.senses_);
  for (std::size_t i = 0; i < other.indices_.size(); ++i) put(other.at(i), other.indices_[i]);
  left_out_ += other.left_out_;
}

void ParetoFront::restore(const std::vector<RankedPoint>& entries, std::uint64_t left_out) {
  values_.clear();
  indices_.clear();
  for (const RankedPoint& entry : entries) insert(entry.values, entry.index);
  left_out_ = left_out;
}

std::vector<RankedPoint> ParetoFront::entries() const {
  const std::size_t metrics = senses_.size();
  std::vector<std::size_t> order(indices_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    for (std::size_t i = 0; i < metrics; ++i)
      if (at(a)[i] != at(b)[i]) return at(a)[i] < at(b)[i];
    return indices_[a] < indices_[b];
  });
  std::vector<RankedPoint> points;
  points.reserve(order.size());
  for (const std::size_t entry : order) {
    RankedPoint point{.values = std::vector<double>(at(entry), at(entry) + metrics), .index = indices_[entry]};
    for (std::size_t i = 0; i < metrics; ++i) point.values[i] = turned(point.values[i], senses_[i]);
    points.push_back(std::move(point));
  }
  return points;
}

BestN::BestN(Sense sense, std::size_t n) : sense_(sense), n_(n) { heap_.reserve(n + 1); }

bool BestN::is_better(const Entry& a, const Entry& b) const {
  const double x = turned(a.value, sense_);
  const double y = turned(b.value, sense_);
  return x != y ? x < y : a.index < b.index;
}

void BestN::insert(double value, std::uint64_t index) {
  const Entry entry{value, index};
  if (std::isnan(value) || n_ == 0) return;
  const auto better = [this](const Entry& a, const Entry& b) { return is_better(a, b); };
  if (heap_.size() == n_) {
    if (!is_better(entry, heap_.front())) return;
    std::pop_heap(heap_.begin(), heap_.end(), better);
    heap_.pop_back();
  }
  heap_.push_back(entry);
  std::push_heap(heap_.begin(), heap_.end(), better);
}

void BestN::merge(const BestN& other) {
  CHECK(sense_ == other.sense_);
  for (const Entry& entry : other.heap_) insert(entry.value, entry.index);
}

std::vector<BestN::Entry> BestN::entries() const {
  std::vector<Entry> sorted = heap_;
  std::sort(sorted.begin(), sorted.end(), [this](const Entry& a, const Entry& b) { return is_better(a, b); });
  return sorted;
}

}  // namespace moeplan
