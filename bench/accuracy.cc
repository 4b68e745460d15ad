// SPDX-License-Identifier: Apache-2.0
// Prints how far predictions are from what engines reported: the README's table.
#include <cstdio>

#include <algorithm>
#include <cmath>

#include "validate/checkpoint_files.h"
#include "validate/published_memory.h"

namespace {

using namespace moeplan;

// Every published weight file beside ours: a format by its bytes, a label by the
// midpoint of its range.
void print_checkpoint_files(const Catalog& catalog) {
  const FormatTable formats = catalog.formats();
  std::printf("weight files, GiB\n%-24s %-13s %9s %9s %9s %9s %8s\n", "model", "weights", "published", "ours", "low",
              "high", "error");
  double worst_exact = 0.0, worst_label = 0.0;
  int exact = 0, labels = 0, excepted = 0;
  for (const CheckpointFile& file : checkpoint_files()) {
    if (file.kind == FileKind::Excepted) {
      ++excepted;
      continue;
    }
    const CheckpointPrediction ours = predicted(catalog, formats, file);
    const bool is_label = file.kind == FileKind::Label;
    const double error = (is_label ? ours.midpoint() : ours.bytes) / file.bytes - 1.0;
    double& worst = is_label ? worst_label : worst_exact;
    worst = std::max(worst, std::abs(error));
    ++(is_label ? labels : exact);
    constexpr double kGib = 1073741824.0;
    std::printf("%-24.*s %-13.*s %9.2f %9.2f %9.2f %9.2f %+7.2f%%\n", static_cast<int>(file.model.size()),
                file.model.data(), static_cast<int>(file.weights.size()), file.weights.data(), file.bytes / kGib,
                ours.bytes / kGib, ours.low / kGib, ours.high / kGib, 100.0 * error);
  }
  std::printf("%d files of known formats: within %.2f %%; %d of GGUF labels: midpoint within %.2f %%; %d excepted\n",
              exact, 100.0 * worst_exact, labels, 100.0 * worst_label, excepted);
}

}  // namespace

int main() {
  const Catalog catalog = Catalog::embedded();
  std::printf("vLLM on H100, GiB predicted / reported\n");
  std::printf("%-15s %-3s %-17s %-17s %-17s\n", "model", "tp", "weights", "activation", "kv left");
  for (const VllmRow& row : kVllmRows) {
    const FitResult r = vllm_run(catalog, row);
    std::printf("%-15s %-3d %7.2f / %-7.2f %7.2f / %-7.2f %7.2f / %-7.2f\n", row.model, static_cast<int>(row.tp),
                in_gib(sum_of(r, {TensorClass::Weight, TensorClass::Padding})), row.weights_gib,
                in_gib(sum_of(r, {TensorClass::Activation})), row.activation_gib, in_gib(r.cache_room), row.kv_gib);
  }
  print_checkpoint_files(catalog);
  std::printf("RTX 4090, llama-3.1-8b: %.0f / %.0f blocks of 16 tokens\n", rtx_4090_blocks(catalog), kRtx4090Blocks);
  return 0;
}
