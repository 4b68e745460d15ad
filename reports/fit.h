// SPDX-License-Identifier: Apache-2.0
// The answer of `fit` as a Document for people, as rows for spreadsheets and as JSON
// (moeplan.fit/1, CLI.md section 6).
#pragma once

#include <string>
#include <vector>

#include "reports/document.h"
#include "reports/set_fields.h"
#include "sim/study/budget.h"

namespace moeplan {

// Where the parts of a question came from: what a result does not carry and a reader
// wants to know.
struct FitOrigins {
  std::string hardware;  // profile asked for; "" = a bare --memory
  Bytes visible;         // to the driver
  Bytes unallocatable;   // of it, never handed to programs
  std::string memory_source;
  std::string memory_note;                 // what --memory replaced
  bool metal_limit = false;                // what is out of reach is Metal's default limit, which a setting raises
  std::string runtime_reason;              // "asked for", "the default of rtx-4090"
  std::vector<std::string> ignored_flags;  // of --engine-flags
  bool chosen_layout = false;              // nobody named it
  bool default_weights = false;
  bool default_kv = false;
  bool default_context = false;
  bool default_sequences = false;
  bool chosen_placement = false;   // nobody said which layers lie where
  bool ssd_rate_assumed = false;   // a drive of 7 GB/s
  bool host_rate_assumed = false;  // bandwidth of host memory: a desktop's
  std::vector<SetField> set;
};

struct FitReport {
  FitResult result;
  Changes changes;  // empty unless the verdict is no
  FitOrigins origins;
  DecodeFloor decode;
  std::vector<BudgetRow> budget;  // what was asked to be listed
};

enum class Detail {
  Normal,
  Verbose,  // every line and rank class, every source
  Explain   // and every tensor with its formula
};

Document describe_fit(const FitReport& report, Detail detail);
// For --format html: the same with charts and the ledger to sort.
Document page_of_fit(const FitReport& report, Detail detail);
// One row per rank class and line.
Document tabulate_fit(const FitReport& report);
// With terms: every item lists its tensors.
std::string json_of_fit(const FitReport& report, bool terms);

// Rank classes in the order of their devices. A class that is one range of the first
// replica is named by it; one that takes part of several stages by what tells it from
// the others there.
struct DeviceGroup {
  const RankResult* rank = nullptr;
  std::string id;   // "gpu0", "gpu0-7", "gpu0-7 x 2 replicas", "stages 1-3, ranks with 4 experts"
  Count count = 0;  // over all replicas
};
std::vector<DeviceGroup> device_groups(const FitResult& result);

// What the numbers rest on, most important first.
std::vector<std::string> assumptions_of(const FitReport& report, Detail detail);

}  // namespace moeplan
