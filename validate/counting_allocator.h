// SPDX-License-Identifier: Apache-2.0
// Replaces operator new for a whole program by one that counts. Include it in exactly
// one file of a test or benchmark program.
#pragma once

#include <atomic>
#include <cstdlib>
#include <new>

namespace moeplan {
inline std::atomic<long> allocations{0};
}

// Not inlined: the compiler would see malloc's result meet the default delete.
[[gnu::noinline]] void* operator new(std::size_t size) {
  moeplan::allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  moeplan::allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
