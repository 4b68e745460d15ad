// SPDX-License-Identifier: Apache-2.0
// Buffers that an expert-parallel exchange allocates for its worst case, whatever
// the step brings.
#pragma once

#include "sim/base/units.h"

namespace moeplan {

// DeepEP's low-latency buffer per GPU (deepseek-ai/DeepEP csrc/config.hpp,
// LowLatencyLayout): two buffers for sending and two for receiving, each for every
// expert and `tokens` tokens per rank, the larger of a dispatch message (16 B header
// and bf16 or fp8 + scales payload) and a combine message (bf16 payload + scales),
// and twice the arrival counters. Independent of the EP degree.
Bytes deepep_low_latency_bytes(Count experts, Count tokens, Count hidden);

// DeepEP's normal buffers per GPU (csrc/config.hpp, get_nvl_buffer_size_hint and
// get_rdma_buffer_size_hint; chunk sizes of deep_ep/buffer.py get_dispatch_config; 24 SMs, as
// SGLang gives it): queues between `ranks` in nodes of eight, whatever the tokens.
Bytes deepep_normal_bytes(Count ranks, Count hidden);

// TensorRT-LLM's one-sided buffers (NVLinkOneSided.calculate_required_workspace_size): room
// for `tokens` of every rank, 16-bit states with their experts and weights on the way there,
// 16-bit states on the way back.
Bytes nvlink_one_sided_bytes(Count ranks, Count tokens, Count top_k, Count hidden);

// TensorRT-LLM's two-sided queues (moeCommKernels.h): four entries of 256 KiB for each peer;
// eight channels, assumed.
Bytes nvlink_two_sided_bytes(Count ranks);

}  // namespace moeplan
