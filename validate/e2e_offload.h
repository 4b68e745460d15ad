// SPDX-License-Identifier: Apache-2.0
// What the column `offload` of a measured run says: where its experts lay and who ran them.
//
// The constants of the host's form (sim/cost/host.h) were set by published runs, some of them
// among the rows that are scored. So a row is predicted by constants to which neither it nor any
// run of its engine has contributed:
//   ktransformers  core_rate 5.05 GB/s, what 36.7 tokens/s of Qwen3-30B take on ten cores of an
//                  i9-10900X (llama.cpp, llmfit community benchmarks; tests/published)
//   llama.cpp      page_share 0.66, 35 of 52.8 GB/s that kernels copying over PCIe 5.0 reach
//                  (NVIDIA/nvbandwidth issue 24)
// Share of the memory, the other socket's memory and the handover come from elsewhere or are
// assumed, as host.h says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/study/offload.h"

namespace moeplan {

inline constexpr double kCoreRateOfOthers = 5.05e9;  // bytes per second
inline constexpr double kPageShareOfOthers = 0.66;

struct OffloadedRun {
  std::string refused;  // what of the text is not understood; "" = all that is needed is there
  HostAnswers host;
  std::optional<BytesPerSecond> bandwidth;  // of all sockets; nothing = the machine's, or the usual
  std::string machine;                      // a machine with the link that is named; "" = the row's
};

OffloadedRun offload_of(std::string_view text, std::string_view runtime, std::string_view hardware);

}  // namespace moeplan
