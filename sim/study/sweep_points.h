// SPDX-License-Identifier: Apache-2.0
// The points of a sweep answered: any range of their numbers, from any thread. Deployments
// and layouts are kept while points near each other need them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/study/sweep_deployment.h"
#include "sim/study/sweep_grid.h"
#include "sim/study/sweep_metric.h"
#include "sim/study/sweep_table.h"

namespace moeplan {

// Answered points in their order.
struct SweepRows {
  std::vector<Count> points;            // numbers in the grid
  std::vector<PointStatus> status;      // of each
  std::vector<std::uint32_t> why;       // index into reasons, of each
  std::vector<std::string> reasons;     // [0] = ""
  std::vector<std::uint32_t> laid_out;  // index into layouts, of each
  std::vector<std::string> layouts;     // [0] = ""
  std::vector<double> values;           // rows x metrics; not a number = none
  std::size_t rows() const { return points.size(); }
};

class SweepPoints {
 public:
  // The study, grid and metrics must outlive it. Throws InputError(Usage) for loads that are none.
  SweepPoints(const SweepStudy& study, const SweepGrid& grid, std::vector<const SweepMetric*> metrics,
              SweepReader reader);
  ~SweepPoints();

  // Points [first, last) that no constraint forbids.
  SweepRows rows(Count first, Count last) const;
  SweepRows rows(const std::vector<Count>& points) const;

  // The deployment and layout of a point; nothing where there is none.
  std::optional<SimulateQuestion> question_of(Count point) const;

  // A point takes about a millisecond, not a microsecond.
  bool is_slow() const { return needs_step_ || !loads_[Isl].values.empty(); }
  const std::vector<const SweepMetric*>& metrics() const { return metrics_; }

 private:
  // Where the batch, context, ... of a point come from.
  enum Variable : std::size_t { Batch, Context, Prompt, Isl, Osl, Concurrency };
  static constexpr std::size_t kVariables = 6;
  struct Source {
    bool named = false;
    SweepGrid::Column column;
    std::vector<Count> values;       // by digit
    std::vector<Count> rising;       // the same, sorted, each once; of an inner axis
    std::vector<std::size_t> place;  // by digit, in `rising`
  };
  struct Deployment;
  struct LaidOut;
  template <class T>
  class Kept;

  void read_loads(const SweepStudy& study);
  std::shared_ptr<const Deployment> open(Count point) const;
  std::shared_ptr<const LaidOut> lay_out(Count point) const;
  void answer(Count point, const LaidOut& on, SweepRows& rows) const;
  SweepAnswer point_on(Count point, const LaidOut& on, std::unique_ptr<Simulation>& step) const;
  SweepAnswer steady_on(Count point, const LaidOut& on, std::unique_ptr<Simulation>& step) const;
  Count load_value(Count point, Variable variable, Count otherwise) const;

  const SweepStudy* study_;
  const SweepGrid* grid_;
  std::vector<const SweepMetric*> metrics_;
  bool needs_step_ = false;
  SweepReader reader_;
  std::array<Source, kVariables> loads_;
  std::unique_ptr<Kept<Deployment>> deployments_;
  std::unique_ptr<Kept<LaidOut>> layouts_;
};

}  // namespace moeplan
