// SPDX-License-Identifier: Apache-2.0
// Time of experts that lie off the device: computed by the host's cores where they lie,
// copied to the device layer by layer, or read by its kernels page by page; from memory, or
// from drives first.
//
//   compute   t = handover + norm4(bytes / memory, bytes / cores, flops / rate) + sent / link
//             memory = bandwidth * share * local,  cores = cores * core_rate
//             local  = 1 / (1/s + (1 - 1/s) / remote)   of s sockets whose memory is one pool
//             local  = 1                                where each socket reads its own
//   stream    t = latency + max of copies (bytes / link) and the device's own time where the
//             next layer is fetched ahead (prefill), their sum where routing must be known
//   page      t = max(bytes / (link * page_share), device)
//   drives    t += (1 - cached) * max(bytes / bandwidth, requests * latency / queue)
//
// A core decodes and multiplies a few GB of quantised weights a second, so a server with
// many channels waits for its cores, a desktop for its memory. Constants are medians of
// what the runs in tests/published/offload_test.cc imply, or assumed as marked; none was
// measured on a host of ours.
//
// Exact: more bytes, FLOPs or requests, less bandwidth or cores is never faster, and no
// form beats the peak of the memory, link or drive the bytes come from. Smooth in each.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sim/cost/form.h"

namespace moeplan {

// What is done with experts that are not on the device.
enum class HostUse : std::uint8_t { Compute, Stream, Page };
inline constexpr std::array<std::string_view, 3> kHostUses = {"compute", "stream", "page"};
constexpr std::string_view word_of(HostUse use) { return kHostUses[static_cast<std::size_t>(use)]; }

// DDR5-5600 on two channels and the cores beside them, where nothing is known (assumed).
inline constexpr double kAssumedHostBandwidth = 89.6e9;
inline constexpr double kAssumedHostCores = 16;
// Expert kernels with AVX2 or AVX-512 per core: 2.2 TFLOP/s over 32 cores is what 54 prompt
// tokens/s of DeepSeek-V3 take (kvcache-ai/ktransformers DeepseekR1_V3_tutorial, one Xeon 6454S).
inline constexpr double kHostCoreFlops = 70e9;
// AMX kernels reach a quarter of the peak: 21.3 TFLOP/s on a 4th-generation Xeon
// (kvcache-ai/ktransformers AMX.md).
inline constexpr double kMatrixUnitShare = 0.25;
// PCIe 4.0 x16, large copies (NVIDIA/nvbandwidth README).
inline constexpr double kAssumedHostLink = 26e9;

enum HostConstant : std::size_t {
  HostHandover,
  HostShare,
  HostCoreRate,
  HostRemote,
  HostPageShare,
  HostQueue,
  HostConstants
};

inline constexpr std::array<FormConstant, HostConstants> kHostForm = {{
    {"handover_s", 1e-6, 6e-5, 1e-3, true, "device and host wait for each other, threads start and join"},
    {"share", 0.3, 0.8, 1, true, "share of the peak bandwidth of host memory (STREAM: 0.82 on Genoa)"},
    {"core_rate", 1e9, 4.5e9, 2e10, true, "bytes of quantised weights a core multiplies per second"},
    {"remote", 0.1, 0.38, 1, true, "of the other socket's memory (133 of 348 GB/s between two Grace)"},
    {"page_share", 0.1, 0.45, 1, true, "of the link's large copies that kernels reading host pages reach"},
    {"queue", 1, 8, 256, true, "reads of a drive in flight"},
}};

using HostValues = std::array<double, HostConstants>;
inline constexpr HostValues kHostStart = [] {
  HostValues start{};
  for (std::size_t i = 0; i < HostConstants; ++i) start[i] = kHostForm[i].start;
  return start;
}();

// The host as expert kernels see it. Rates are bytes or FLOP per second.
struct HostMachine {
  double bandwidth = kAssumedHostBandwidth;  // peak of all sockets together
  double sockets = 1;
  double cores = kAssumedHostCores;                   // of all sockets
  double flops = kAssumedHostCores * kHostCoreFlops;  // that expert kernels reach
  bool own_memory = false;                            // each socket reads what lies at it alone
  double link = kAssumedHostLink;                     // host to device, large copies
  double link_latency = 1e-5;                         // of a copy, with its synchronisation (assumed)
  double drive = 7e9;                                 // all drives, reading in sequence
  double drive_latency = 1e-4;                        // of one read (assumed: flash, 80 to 120 us)
  double drive_cached = 0;                            // share of reads that host memory answers
  HostUse use = HostUse::Compute;
  double fetched_ahead = 0;  // streaming: share of a layer's missing weights that was copied before its turn
  double stream_rows = 0;    // tokens from which an engine that computes here copies instead; 0 = never
  HostValues constants = kHostStart;
};

// One execution (one layer) of experts off the device.
struct HostPoint {
  double bytes = 0;        // of weights touched, drives' included
  double drive_bytes = 0;  // of them on drives
  double flops = 0;
  double pieces = 1;     // matrices read apart
  double sent = 0;       // bytes of activations to the host and back
  double handovers = 1;  // times device and host wait for each other
  double device = 0;     // seconds of the same experts on the device
  bool ahead = false;    // the copies of a layer need not wait for its routing
};

FormTime host_time(const HostPoint& point, const HostMachine& host);

// Bytes over the peak of where they come from; no form is faster. Seconds.
double host_floor(const HostPoint& point, const HostMachine& host);

// What two or more sockets get of their memory together, over what they would if each read
// its own.
double local_share(const HostMachine& host, double remote);

}  // namespace moeplan
