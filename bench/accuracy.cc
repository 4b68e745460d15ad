// SPDX-License-Identifier: Apache-2.0
// Prints how far predictions are from what engines reported: the README's table.
#include <cstdio>

#include "validate/published_memory.h"

int main() {
  using namespace moeplan;
  const Catalog catalog = Catalog::embedded();
  std::printf("vLLM on H100, GiB predicted / reported\n");
  std::printf("%-15s %-3s %-17s %-17s %-17s\n", "model", "tp", "weights", "activation", "kv left");
  for (const VllmRow& row : kVllmRows) {
    const FitResult r = vllm_run(catalog, row);
    std::printf("%-15s %-3d %7.2f / %-7.2f %7.2f / %-7.2f %7.2f / %-7.2f\n", row.model, static_cast<int>(row.tp),
                in_gib(sum_of(r, {TensorClass::Weight, TensorClass::Padding})), row.weights_gib,
                in_gib(sum_of(r, {TensorClass::Activation})), row.activation_gib, in_gib(r.cache_room), row.kv_gib);
  }
  std::printf("RTX 4090, llama-3.1-8b: %.0f / %.0f blocks of 16 tokens\n", rtx_4090_blocks(catalog), kRtx4090Blocks);
  return 0;
}
