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

}  // namespace moeplan
