// SPDX-License-Identifier: Apache-2.0
// What is best of points that stream by, in bounded memory: those that no other beats in
// every metric (the Pareto front), and the best few by one metric. Which points remain does
// not depend on the order they come in or on how they were split over threads and machines:
// of points equal in all metrics the lowest index stays.
//
// A front of m points in d metrics costs one comparison for most points (what beat the last
// ones stands first) and m x d for those that stay.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace moeplan {

enum class Sense : std::uint8_t { Less, More };  // which is better

// A point and where it comes from.
struct RankedPoint {
  std::vector<double> values;  // one per metric
  std::uint64_t index = 0;
  friend bool operator==(const RankedPoint&, const RankedPoint&) = default;
};

class ParetoFront {
 public:
  // Of independent metrics a front grows with the power d - 1 of a logarithm: hundreds for
  // millions of points in three metrics. This many are far beyond what anyone reads.
  static constexpr std::size_t kMost = 16384;

  explicit ParetoFront(std::vector<Sense> senses, std::size_t most = kMost);

  // True where the point is on the front now. A point with a value that is no number is not.
  bool insert(std::span<const double> values, std::uint64_t index);
  // Both must have the same metrics.
  void merge(const ParetoFront& other);
  // What entries() and left_out() gave.
  void restore(const std::vector<RankedPoint>& entries, std::uint64_t left_out);

  std::size_t size() const { return indices_.size(); }
  const std::vector<Sense>& senses() const { return senses_; }
  // By the first metric, best first, then the next ones, then the index.
  std::vector<RankedPoint> entries() const;
  // Points that belonged on the front when it was full: from the first of them on the front is
  // not complete, and which points it holds depends on their order. 0 = complete.
  std::uint64_t left_out() const { return left_out_; }

 private:
  const double* at(std::size_t entry) const { return values_.data() + entry * senses_.size(); }
  bool put(const double* point, std::uint64_t index);
  template <std::size_t D>
  bool put_in(const double* point, std::uint64_t index);
  void swap_entries(std::size_t a, std::size_t b);
  void drop(std::size_t entry);

  std::vector<Sense> senses_;
  std::size_t most_;
  std::vector<double> values_;  // by entry; less is better: turned round where it is not
  std::vector<std::uint64_t> indices_;
  std::vector<double> point_;  // under way
  std::uint64_t left_out_ = 0;
};

// The best n by one metric; of equal ones the lowest index.
class BestN {
 public:
  struct Entry {
    double value = 0;
    std::uint64_t index = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  BestN(Sense sense, std::size_t n);
  // A value that is no number is left out.
  void insert(double value, std::uint64_t index);
  void merge(const BestN& other);
  std::vector<Entry> entries() const;  // best first

 private:
  bool is_better(const Entry& a, const Entry& b) const;
  Sense sense_;
  std::size_t n_;
  std::vector<Entry> heap_;  // the worst on top
};

}  // namespace moeplan
