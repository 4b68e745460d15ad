// SPDX-License-Identifier: Apache-2.0
// What vLLM reported of its own memory, and the same deployments asked of moeplan.
// Source: llm-d planner documentation (H100 whose programs see 79.18 GiB, context
// 16,000); the RTX 4090 run is a public log. The sampler constant of the vllm runtime
// was fitted to the activation column, so that column shows agreement, not foresight;
// weights, non-torch closure and the RTX 4090 run were not fitted.
#pragma once

#include <array>
#include <initializer_list>
#include <ostream>

#include "sim/study/fit.h"

namespace moeplan {

struct VllmRow {
  const char* model;
  const char* weights;
  Count tp;
  double utilization;
  double weights_gib, activation_gib, kv_gib;
};

// How test messages name a row.
inline void PrintTo(const VllmRow& row, std::ostream* out) { *out << row.model << " tp" << row.tp; }

inline constexpr std::array<VllmRow, 7> kVllmRows = {{{"gpt-oss-20b", "native", 1, 0.90, 13.47, 7.38, 50.28},
                                                      {"gpt-oss-120b", "native", 1, 0.95, 64.38, 7.38, 3.33},
                                                      {"llama-3.3-70b", "fp8", 2, 0.90, 33.88, 4.84, 32.00},
                                                      {"llama-3.1-8b", "native", 1, 0.90, 14.99, 4.76, 51.38},
                                                      {"qwen3-0.6b", "native", 1, 0.90, 1.12, 5.56, 64.45},
                                                      {"qwen3-32b", "native", 1, 0.90, 61.03, 5.64, 4.45},
                                                      {"qwen3-32b", "native", 2, 0.90, 30.59, 5.64, 34.49}}};

inline FitResult vllm_run(const Catalog& catalog, const VllmRow& row) {
  FitQuestion q;
  q.model = catalog.model(row.model);
  q.formats = catalog.formats();
  q.runtime = catalog.runtime("vllm-0.19");
  q.weights = row.weights;
  q.device.capacity = scaled(kGiB, 79.18);
  q.device.reserve = scaled(q.device.capacity, 1 - row.utilization);
  q.layout = {.tp = row.tp, .dp = 1, .moe_tp = row.tp, .ep = 1};
  q.workload = {.context = 16000, .sequences = 1};
  return evaluate(q);
}

inline Bytes sum_of(const FitResult& r, std::initializer_list<TensorClass> classes) {
  Bytes total;
  for (const LedgerLine& line : r.ranks.front().ledger.lines())
    for (const TensorClass c : classes)
      if (line.cls == c) total += line.bytes;
  return total;
}

// Llama-3.1-8B with 256 sequences on an RTX 4090: blocks of 16 tokens.
inline constexpr double kRtx4090Blocks = 2588;

inline double rtx_4090_blocks(const Catalog& catalog) {
  const DeviceSpec device = catalog.device("rtx-4090");
  FitQuestion q;
  q.model = catalog.model("llama-3.1-8b");
  q.formats = catalog.formats();
  q.runtime = catalog.runtime("vllm-0.19");
  q.device.capacity = device.memory.value - device.unallocatable.value;
  q.device.reserve = scaled(q.device.capacity, q.runtime.reserve_fraction);
  q.workload = {.context = 4096, .sequences = 1};
  constexpr double kBlockBytes = 16.0 * 131072;
  return static_cast<double>(evaluate(q).cache_room.count()) / kBlockBytes;
}

}  // namespace moeplan
