// SPDX-License-Identifier: Apache-2.0
#include "sim/lower/dispatch.h"

#include <algorithm>

namespace moeplan {

Bytes deepep_low_latency_bytes(Count experts, Count tokens, Count hidden) {
  constexpr Count kHeader = 16;
  constexpr Count kBf16 = 2;
  constexpr Count kScaleBytes = 4;
  constexpr Count kScaleGroup = 128;
  constexpr Count kCounter = 4;
  constexpr Count kAlign = 128;
  const Count scales = hidden / kScaleGroup;
  const Count dispatch_message = kHeader + std::max(hidden * kBf16, hidden + scales * kScaleBytes);
  const Count combine_message = scales * kScaleBytes + hidden * kBf16;
  const Count pairs = saturating_product(experts, tokens);
  const Count send = std::max(saturating_product(tokens, dispatch_message), saturating_product(pairs, combine_message));
  const Count receive = saturating_product(pairs, std::max(dispatch_message, combine_message));
  const Count counters = round_up(experts * kCounter, kAlign);
  return Bytes(2 * (send + receive + counters));
}

Bytes deepep_normal_bytes(Count ranks, Count hidden) {
  constexpr Count kPeers = 8;      // of a node
  constexpr Count kChannels = 12;  // of 24 SMs
  constexpr Count kHiddenBytes = 2;
  constexpr Count kTopK = 128;  // the kernels' largest
  constexpr Count kScales = 128;
  constexpr Count kSourceMeta = 8;
  constexpr Count kAlign = 128;
  const Count nodes = ceil_div(ranks, kPeers);
  const Count peers = std::min(ranks, kPeers);
  // Tokens of a queue: rows of the table of recommended configurations.
  const Count nvlink_tokens = ranks <= 8 ? 256 : ranks <= 64 ? 288 : ranks <= 96 ? 480 : ranks <= 128 ? 560 : 720;
  constexpr Count kNetworkTokens = 128;
  const Count routing = kTopK * (8 + 4) + kScales * 4;
  const Count row = hidden * kHiddenBytes + kSourceMeta + routing;
  const Count nvlink = kChannels * peers * ((2 * nodes + 3) * 4 + nvlink_tokens * row);
  if (nodes == 1) return Bytes(round_up(nvlink, kAlign));
  const Count network = kChannels * nodes * ((kPeers * 2 + 2) * 2 * 4 + kNetworkTokens * (row + 16) * 2) + (1 << 20);
  return Bytes(round_up(nvlink, kAlign) + round_up(network, kAlign));
}

Bytes nvlink_one_sided_bytes(Count ranks, Count tokens, Count top_k, Count hidden) {
  constexpr Count kBf16 = 2;
  constexpr Count kRouting = 4 + 4;  // an expert's number and weight
  return Bytes(saturating_product(saturating_product(ranks, tokens), 2 * hidden * kBf16 + top_k * kRouting));
}

Bytes nvlink_two_sided_bytes(Count ranks) {
  constexpr Count kEntries = 4;
  constexpr Count kEntry = 256 * 1024;
  constexpr Count kChannels = 8;
  return Bytes(ranks * kChannels * kEntries * kEntry);
}

}  // namespace moeplan
