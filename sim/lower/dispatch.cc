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

}  // namespace moeplan
