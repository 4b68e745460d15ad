// SPDX-License-Identifier: Apache-2.0
#include "validate/e2e_offload.h"

#include <array>
#include <charconv>

namespace moeplan {
namespace {

struct Processor {
  std::string_view name;
  Count cores;  // of a socket
  std::string_view source;
};
constexpr std::array<Processor, 1> kProcessors = {
    {{"Xeon Gold 6454S", 32, "kvcache-ai/ktransformers DeepseekR1_V3_tutorial.md: 32 cores per socket"}}};

bool says(std::string_view text, std::string_view words) { return text.find(words) != std::string_view::npos; }

// The number that ends just before `place`; 0 = none does.
Count number_before(std::string_view text, std::size_t place) {
  std::size_t begin = place;
  while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
  Count value = 0;
  std::from_chars(text.data() + begin, text.data() + place, value);
  return value;
}

// "8-channel DDR5-4800 a socket": channels of 8 bytes at so many million transfers a second.
std::optional<BytesPerSecond> bandwidth_of_socket(std::string_view text) {
  constexpr std::string_view kChannels = "-channel DDR5-";
  const std::size_t place = text.find(kChannels);
  if (place == std::string_view::npos) return std::nullopt;
  const Count channels = number_before(text, place);
  const std::size_t after = place + kChannels.size();
  Count transfers = 0;
  std::from_chars(text.data() + after, text.data() + text.size(), transfers);
  if (channels < 1 || transfers < 1) return std::nullopt;
  constexpr double kChannelBytes = 8;
  return BytesPerSecond::from_base(static_cast<double>(channels * transfers) * kChannelBytes * 1e6);
}

OffloadedRun computed(std::string_view text, std::string_view runtime) {
  OffloadedRun run;
  run.host.use = HostUse::Compute;
  for (const Processor& processor : kProcessors) {
    const std::size_t place = text.find("x " + std::string(processor.name));
    if (place == std::string_view::npos) continue;
    const Count sockets = number_before(text, place);
    if (sockets < 1) continue;
    run.host.sockets = sockets;
    run.host.cores = sockets * processor.cores;
  }
  if (!run.host.sockets) run.refused = "offload: the host's processors are not known";
  if (const std::optional<BytesPerSecond> socket = bandwidth_of_socket(text)) {
    run.bandwidth = *socket * static_cast<double>(run.host.sockets.value_or(1));
  } else {
    run.refused = "offload: the host's memory is not said";
  }
  // Two copies where there are two nodes: 1 TB of memory against 382 GB of one socket (its tutorial).
  run.host.own_memory = runtime == "ktransformers" || says(text, "duplicated per NUMA node");
  if (runtime == "ktransformers") run.host.core_rate = kCoreRateOfOthers;
  return run;
}

OffloadedRun paged(std::string_view text, std::string_view runtime, std::string_view hardware) {
  OffloadedRun run;
  run.host.use = HostUse::Page;
  if (says(text, "PCIe 5") && hardware == "rtx-5090") run.machine = "rtx-5090-desktop";
  if (runtime == "llama.cpp") run.host.page_share = kPageShareOfOthers;
  return run;
}

}  // namespace

OffloadedRun offload_of(std::string_view text, std::string_view runtime, std::string_view hardware) {
  if (says(text, "experts on CPU")) return computed(text, runtime);
  if (says(text, "demand paging") && says(text, "kept in host RAM")) return paged(text, runtime, hardware);
  OffloadedRun run;
  run.refused = says(text, "part of the weights in host memory")
                    ? "offload: " + std::string(runtime) + " streams a part of the weights that is not said"
                    : "offload: not understood";
  return run;
}

}  // namespace moeplan
