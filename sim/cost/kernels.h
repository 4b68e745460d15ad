// SPDX-License-Identifier: Apache-2.0
// The kernels a runtime runs on a device, each resolved to constants once, so that
// pricing an operator looks nothing up by name.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "sim/cost/cost_model.h"
#include "sim/cost/host.h"
#include "sim/program/expert_cache.h"
#include "sim/spec/engine_profile.h"
#include "sim/spec/runtime.h"
#include "sim/spec/weights.h"

namespace moeplan {

// How a kernel sees weights in this storage format on this device: fp8 on a device without
// fp8 units is dequantised.
KernelFormat kernel_format_of(const QuantFormat& format, const Machine& machine, std::string_view architecture);

// How many bytes a cached element takes decides the attention kernel.
enum class CacheWidth : std::uint8_t { Bf16, Fp8 };
inline constexpr std::size_t kCacheWidths = 2;

// Bytes of an element on its way to experts.
enum class ExchangeWidth : std::uint8_t { Bits16, Bits8, Bits4 };
inline constexpr std::size_t kExchangeWidths = 3;
ExchangeWidth width_of(double element_bytes);

struct Kernels {
  Machine machine;
  std::array<KernelFormat, 256> format_of{};  // by FormatId
  std::array<double, 256> weight_bytes_of{};  // per element, scales included
  std::array<ResolvedKernel, kKernelFormats> gemm;
  std::array<GemmKernel, kKernelFormats> gemm_tiles{};
  std::array<ResolvedKernel, kKernelFormats> moe;
  std::array<ResolvedKernel, kCacheWidths> attention_context;
  std::array<ResolvedKernel, kCacheWidths> attention_generation;
  std::array<ResolvedKernel, kCacheWidths> mla_context;
  std::array<ResolvedKernel, kCacheWidths> mla_generation;
  std::array<ResolvedKernel, kCollectiveOps> collective;
  // Ways to exchange tokens, by what they send (ExchangeWidth); DeepEP's kernels were timed
  // with one width each.
  struct Exchange {
    ResolvedKernel prepare;  // two-sided alone: counts before tokens
    ResolvedKernel dispatch;
    ResolvedKernel combine;
  };
  std::array<std::array<Exchange, kExchangeWidths>, kEpModes> exchange;
  ResolvedKernel stream;
  PowerModel power;
  HostMachine host;  // of experts that are not on the device
  // Of the experts that lie off the device some are kept on it. Not owned; null = none are.
  const ExpertCache* expert_cache = nullptr;
  double vector_rows = 0;  // up to which products run as matrix times vector
  EngineConstants engine;  // applied by sim/engine/engine_time.h
  // Of a machine whose devices differ, those of each pipeline stage; null = all are like this.
  std::shared_ptr<const std::vector<Kernels>> by_stage;
  const Kernels& of_stage(Count stage) const {
    return by_stage == nullptr ? *this : (*by_stage)[static_cast<std::size_t>(stage) % by_stage->size()];
  }
};

Kernels kernels_of(const CostModel& model, const RuntimeSpec& runtime, const FormatTable& formats,
                   std::string_view architecture);

}  // namespace moeplan
