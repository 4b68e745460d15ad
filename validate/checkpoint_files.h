// SPDX-License-Identifier: Apache-2.0
// Sizes of published weight files, to compare with ours. Sources: the checkpoint_sizes
// table of the project's shared measurements (rows with a source_model) and further
// public figures: llama-bench tables (tensor bytes, two decimals of a GiB), model cards
// (file bytes, two decimals of a GB), the inference model cards of exo (index totals).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/spec/catalog.h"
#include "sim/spec/weights.h"

namespace moeplan {

enum class FileKind : std::uint8_t {
  Exact,     // a format of known bytes: within 0.5 %
  Label,     // a GGUF label: inside the range, whose midpoint is within 5 %
  Excepted,  // `remark` says why no rule can give it
};

struct CheckpointFile {
  std::string_view source_model;  // as the shared table names it; empty = from elsewhere
  std::string_view source_format;
  std::string_view model;  // preset
  std::string_view weights;
  double bytes = 0;  // published
  FileKind kind = FileKind::Exact;
  std::string_view remark;  // source, or why it is excepted
};

const std::vector<CheckpointFile>& checkpoint_files();

inline constexpr double kExactTolerance = 0.005;
inline constexpr double kMidpointTolerance = 0.05;
inline constexpr double kPrinted = 0.0005;  // rounding of the printed figure

// Ours for a file that is not excepted.
struct CheckpointPrediction {
  double bytes = 0, low = 0, high = 0;
  double midpoint() const { return (low + high) / 2.0; }
};
CheckpointPrediction predicted(const Catalog& catalog, const FormatTable& formats, const CheckpointFile& file);

}  // namespace moeplan
