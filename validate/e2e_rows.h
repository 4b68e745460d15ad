// SPDX-License-Identifier: Apache-2.0
// Files of measured runs of whole deployments (CLI.md section 7, `e2e`): a model on
// hardware in a layout under a load, and one rate. With a column group_id instead of
// metric and value: runs that differ in their layout alone, with their times per token.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/layout.h"
#include "validate/csv_table.h"

namespace moeplan {

enum class E2ePhase { Aggregated, Prefill, Decode, SingleStream, Training };
std::string_view word_of(E2ePhase phase);  // as files say it: "single_stream"

enum class E2eMetric { OutputPerSecond, OutputPerSecondPerGpu, InputPerSecond, TotalPerSecond, PerUser, PerGpu };
std::string_view word_of(E2eMetric metric);  // "output_tokens_per_s"

struct E2eRow {
  std::size_t row = 0;  // of the file
  int line = 0;
  std::string group;  // of layouts; "" = none
  std::string model, hardware, runtime, weights, kv, regime, offload, confidence, date, note;
  E2ePhase phase = E2ePhase::Aggregated;
  E2eMetric metric = E2eMetric::OutputPerSecond;
  double value = 0;  // tokens per second
  Count gpus = 1;
  Layout layout;
  Count isl = 0;
  Count osl = 0;          // 0 = not said
  Count concurrency = 0;  // over the deployment; 0 = as many as fit
  Count drafts = 0;
  double tpot = 0;      // seconds, of rows with a group
  std::string refused;  // why it fixes no run; "" = it does
};

struct E2eTable {
  CsvTable csv;
  bool grouped = false;
  std::vector<E2eRow> rows;
};

// Of one run, for help.
std::vector<std::string_view> e2e_columns();

// Do the columns say so?
bool is_e2e(const CsvTable& csv);

// Throws InputError(InvalidInput): missing columns, cells that are no numbers, unknown phases and
// metrics. A row that leaves open what a run needs is kept with the reason.
E2eTable read_e2e_rows(CsvTable csv);

}  // namespace moeplan
