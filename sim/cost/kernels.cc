// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/kernels.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "sim/cost/gemm.h"

namespace moeplan {
namespace {

struct FormatRule {
  std::string_view id;  // of a QuantFormat
  KernelFormat kernel;
};

// Formats with kernels of their own; all others are dequantised to 16 bits.
constexpr FormatRule kRules[] = {{"bf16", KernelFormat::Bf16},
                                 {"fp16", KernelFormat::Bf16},
                                 {"mlx_bf16", KernelFormat::Bf16},
                                 {"fp32", KernelFormat::Fp32},
                                 {"fp8", KernelFormat::Fp8},
                                 {"fp8_channel", KernelFormat::Fp8},
                                 {"fp8_block", KernelFormat::Fp8Block},
                                 {"nvfp4", KernelFormat::Nvfp4},
                                 {"mxfp4", KernelFormat::W4A16Mxfp4},
                                 {"int4_g128", KernelFormat::Int4Wo},
                                 {"int4_g64", KernelFormat::Int4Wo},
                                 {"int4_g32_zp", KernelFormat::Int4Wo},
                                 {"int4_g32", KernelFormat::Int4Wo},
                                 {"int4_g128_sym", KernelFormat::Int4Wo},
                                 {"int8", KernelFormat::SmoothQuant},
                                 {"nf4", KernelFormat::Int4Wo}};

double bytes_per_element(const QuantFormat& f) {
  double bytes = static_cast<double>(f.group_bytes) / static_cast<double>(f.group);
  if (f.tile_bytes != 0)
    bytes += static_cast<double>(f.tile_bytes) / (static_cast<double>(f.tile_rows) * static_cast<double>(f.tile_cols));
  return bytes;
}

std::string kernel_name(const RuntimeSpec& runtime, std::string_view op, std::string_view format,
                        std::string_view architecture) {
  const KernelRule* rule = kernel_of(runtime, op, format, architecture);
  return rule == nullptr ? std::string() : rule->kernel;
}

// A KernelRule's word for a format ("bf16", "int4") from that of measurement files.
std::string_view rule_format(KernelFormat format) {
  switch (format) {
    case KernelFormat::Bf16: return "bf16";
    case KernelFormat::Fp8: return "fp8";
    case KernelFormat::Fp8Block: return "fp8_block";
    case KernelFormat::Nvfp4: return "nvfp4";
    case KernelFormat::W4A16Mxfp4:
    case KernelFormat::W4A8Mxfp4: return "mxfp4";
    case KernelFormat::Int4Wo: return "int4";
    case KernelFormat::Int8Wo:
    case KernelFormat::SmoothQuant: return "int8";
    case KernelFormat::Fp32: return "fp32";
    case KernelFormat::WeightOnly: return "q";
  }
  return "";
}

// Measurement files name stacks "vllm-0.24.0"; those without rows (llama.cpp, generic) take any.
std::string stack_of(const RuntimeSpec& runtime) {
  for (const std::string_view stack : {"vllm", "sglang", "trtllm"}) {
    if (runtime.id.starts_with(stack)) return std::string(stack);
  }
  return "";
}

// Any stack's kernels draw alike for the same work: one fit per device.
PowerModel board_power_of(const CostModel& model) {
  const ResolvedKernel kernel = model.resolve(Family::Power, {});
  PowerModel power = power_model(std::span(kernel.constants).first(kernel.family->constants.size()), model.machine());
  power.tier = kernel.tier;
  power.from = kernel.from;
  for (const FitBand& band : kernel.bands) {
    power.low = std::min(power.low, std::exp(band.low));
    power.high = std::max(power.high, std::exp(band.high));
  }
  return power;
}

// The stacks whose exchanges were measured (ai-dynamo/aiconfigurator, commit 095f58a51).
Kernels::Exchange exchange_kernels(const CostModel& model, EpMode mode, ExchangeWidth width) {
  static constexpr std::array<std::string_view, kExchangeWidths> kTypes = {"bfloat16", "fp8", "nvfp4"};
  std::string stack = "deepep";
  std::string kernel;
  switch (mode) {
    case EpMode::Normal: kernel = "normal"; break;
    case EpMode::LowLatency: kernel = "low_latency"; break;
    case EpMode::NvlinkOneSided:
      stack = "trtllm-1.2.0rc6-NVLinkOneSided";
      kernel = "nvfp4";  // timed with it alone
      break;
    case EpMode::NvlinkTwoSided:
      stack = "trtllm-1.2.0rc6-NVLinkTwoSided";
      kernel = kTypes[static_cast<std::size_t>(width)];
      break;
  }
  const auto resolve = [&](std::string_view op) {
    return model.resolve(Family::Ep,
                         {.family = {}, .stack = stack, .kernel = kernel + "/" + std::string(op), .format = {}});
  };
  Kernels::Exchange exchange{.prepare = {}, .dispatch = resolve("dispatch"), .combine = resolve("combine")};
  if (mode == EpMode::NvlinkTwoSided) exchange.prepare = resolve("prepare");
  return exchange;
}

constexpr std::string_view kCacheLabels[kCacheWidths] = {"bfloat16/bfloat16", "bfloat16/fp8"};

}  // namespace

ExchangeWidth width_of(double element_bytes) {
  return element_bytes > 1 ? ExchangeWidth::Bits16 : element_bytes > 0.5 ? ExchangeWidth::Bits8 : ExchangeWidth::Bits4;
}

KernelFormat kernel_format_of(const QuantFormat& format, const Machine& machine, std::string_view architecture) {
  KernelFormat kernel = KernelFormat::WeightOnly;
  for (const FormatRule& rule : kRules) {
    if (rule.id == format.id) kernel = rule.kernel;
  }
  // Blackwell multiplies mxfp4 weights with mxfp8 activations.
  if (kernel == KernelFormat::W4A16Mxfp4 && architecture.starts_with("blackwell")) kernel = KernelFormat::W4A8Mxfp4;
  const MathKind math = facts_of(kernel).math;
  if (!machine.native[static_cast<std::size_t>(math)] && kernel != KernelFormat::Fp32 && math != MathKind::Bf16)
    kernel = KernelFormat::WeightOnly;
  return kernel;
}

Kernels kernels_of(const CostModel& model, const RuntimeSpec& runtime, const FormatTable& formats,
                   std::string_view architecture) {
  Kernels k;
  k.machine = model.machine();
  k.vector_rows = static_cast<double>(runtime.vector_rows);
  for (std::size_t i = 0; i < formats.formats.size(); ++i) {
    k.format_of[i] = kernel_format_of(formats.formats[i], k.machine, architecture);
    k.weight_bytes_of[i] = bytes_per_element(formats.formats[i]);
  }
  const std::string stack = stack_of(runtime);
  for (std::size_t i = 0; i < kKernelFormats; ++i) {
    const KernelFormat format = static_cast<KernelFormat>(i);
    const std::string label(facts_of(format).label);
    const std::string_view word = rule_format(format);
    // vLLM's measured rows of blocked fp8 stand on 75 us of host time that a recorded graph
    // does not pay and that hides the kernel's own floor: the same library (DeepGEMM) as
    // SGLang ran it says more about a step.
    const bool hidden = stack == "vllm" && format == KernelFormat::Fp8Block;
    k.gemm[i] = model.resolve(Family::Gemm, {.family = {},
                                             .stack = hidden ? "sglang" : stack,
                                             .kernel = kernel_name(runtime, "gemm", word, architecture),
                                             .format = label});
    k.gemm_tiles[i] = gemm_kernel_of(k.gemm[i].key.kernel, label, k.gemm[i].architecture == "hopper");
    k.moe[i] = model.resolve(
        Family::Moe,
        {.family = {}, .stack = stack, .kernel = kernel_name(runtime, "moe", word, architecture), .format = label});
  }
  for (std::size_t i = 0; i < kCacheWidths; ++i) {
    const KernelKey attention{.family = {},
                              .stack = stack,
                              .kernel = kernel_name(runtime, "attention", "", architecture),
                              .format = std::string(kCacheLabels[i])};
    const KernelKey mla{.family = {},
                        .stack = stack,
                        .kernel = kernel_name(runtime, "mla", "", architecture),
                        .format = std::string(kCacheLabels[i])};
    k.attention_context[i] = model.resolve(Family::AttentionContext, attention);
    k.attention_generation[i] = model.resolve(Family::AttentionGeneration, attention);
    k.mla_context[i] = model.resolve(Family::MlaContext, mla);
    k.mla_generation[i] = model.resolve(Family::MlaGeneration, mla);
  }
  static constexpr std::string_view kWords[kCollectiveOps] = {"all_reduce",     "all_reduce_custom", "all_gather",
                                                              "reduce_scatter", "alltoall",          "send_recv"};
  for (std::size_t i = 0; i < kCollectiveOps; ++i) {
    const bool custom = static_cast<CollectiveOp>(i) == CollectiveOp::AllReduceCustom;
    k.collective[i] = model.resolve(Family::Collective, {.family = {},
                                                         .stack = custom ? stack : std::string("nccl"),
                                                         .kernel = std::string(kWords[i]),
                                                         .format = custom ? "bfloat16" : "half"});
  }
  for (std::size_t mode = 0; mode < kEpModes; ++mode) {
    auto& widths = k.exchange[mode];
    const EpMode ep = static_cast<EpMode>(mode);
    widths.fill(exchange_kernels(model, ep, ExchangeWidth::Bits16));
    if (ep != EpMode::NvlinkTwoSided) continue;  // the others were timed with one width each
    for (const ExchangeWidth width : {ExchangeWidth::Bits8, ExchangeWidth::Bits4})
      widths[static_cast<std::size_t>(width)] = exchange_kernels(model, ep, width);
  }
  k.stream = model.resolve(Family::Stream, {});
  k.power = board_power_of(model);
  return k;
}

}  // namespace moeplan
