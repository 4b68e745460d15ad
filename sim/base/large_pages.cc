// SPDX-License-Identifier: Apache-2.0
#include "sim/base/large_pages.h"

#include <sys/mman.h>

#include <bit>
#include <cstdint>

namespace moeplan {

void prefer_large_pages(const void* begin, std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t kSmall = 4096;
  constexpr std::size_t kWorthIt = std::size_t{4} << 20;
  if (bytes < kWorthIt) return;
  // Whole small pages inside; the kernel takes the aligned 2 MiB of them.
  const auto from = (std::bit_cast<std::uintptr_t>(begin) + kSmall - 1) / kSmall * kSmall;
  const auto to = (std::bit_cast<std::uintptr_t>(begin) + bytes) / kSmall * kSmall;
  static_cast<void>(::madvise(std::bit_cast<void*>(from), to - from, MADV_HUGEPAGE));
#else
  static_cast<void>(begin);
  static_cast<void>(bytes);
#endif
}

}  // namespace moeplan
