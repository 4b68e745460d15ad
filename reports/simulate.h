// SPDX-License-Identifier: Apache-2.0
// The answer of `simulate` as a Document for people, as rows for spreadsheets and as JSON
// (moeplan.simulate/1, CLI.md section 6).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reports/document.h"
#include "reports/fit.h"
#include "sim/program/expert_cache.h"
#include "sim/study/disaggregated.h"

namespace moeplan {

// What an expert cache keeps and how often a decode step finds what it needs.
struct CacheFigures {
  ExpertCacheSpec spec;
  CacheMisses misses;
};

struct SimulateReport {
  Simulation simulation;  // of a steady load: the decode step between prompts
  std::optional<SteadyState> steady;
  Rates rates;       // its bills stand on
  PowerModel power;  // of a board
  std::optional<double> api_usd_per_million;
  FitOrigins origins;
  std::string hardware;                // as asked for
  std::string overlay;                 // "h200 of 2026-11-22"; "" = none
  std::optional<CacheFigures> cache;   // of experts off the devices, kept on them
  std::string engine;                  // whose profile adds to the operators: describe(EngineProfile); "" = none
  std::vector<std::string> kernels;    // fits the prices stand on
  std::vector<std::string> explained;  // a line per operator, with --explain
};

// Units that read prompts and units that generate.
struct DisaggregatedReport {
  Disaggregated answer;
  std::string prefill_hardware;  // as asked for
  std::string decode_hardware;
  std::string prefill_overlay;  // "" = none
  std::string decode_overlay;
};

Document describe_disaggregated(const DisaggregatedReport& report);
std::string json_of_disaggregated(const DisaggregatedReport& report);

Document describe_simulation(const SimulateReport& report);
Document tabulate_simulation(const SimulateReport& report);
// For --format html: the same with charts.
Document page_of_simulation(const SimulateReport& report);
// Several side by side: the first is the base.
Document compare_simulations(const std::vector<SimulateReport>& reports);
Document page_of_comparison(const std::vector<SimulateReport>& reports);
// The same deployment under several steady loads.
Document describe_curve(const std::vector<SimulateReport>& reports);
Document tabulate_curve(const std::vector<SimulateReport>& reports);
Document page_of_curve(const std::vector<SimulateReport>& reports);
std::string json_of_simulation(const SimulateReport& report);
std::string json_of_comparison(const std::vector<SimulateReport>& reports);

}  // namespace moeplan
