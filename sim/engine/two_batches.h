// SPDX-License-Identifier: Apache-2.0
// Two-batch overlap: the step's tokens in two halves, so that one half computes while the
// messages of the other are under way (DeepSeek-V3 report, section 3.2; SGLang
// --enable-two-batch-overlap, vLLM --enable-dbo). Each half reads the distinct experts of
// its own tokens: 128 tokens touch 251.6 of 256 experts, two halves of 64 touch 222.4 each.
//
// With C and X the seconds of a half in operators and in exchanges of tokens (dispatch and
// combine), n layers with experts, and s the share of the SMs that moves messages while
// they are under way,
//
//   step = max(2 X, 2 C + s 2 X) + X / n
//
// While messages move (2 X in all) the other half computes at 1 - s of its speed; the first
// dispatch and the last combine of the step meet nobody: one layer's exchange in sum. Never
// below the busier lane, never above the two halves one after the other.
#pragma once

#include "sim/engine/step_model.h"

namespace moeplan {

// half: of half the sequences of every rank. layers: that exchange tokens, at least 1.
// units_share: 0 to 1. The shares of the result are what each takes by itself; together
// they exceed the time by `hidden`.
StepResult two_batches(const StepResult& half, Count layers, double units_share);

// SMs that normal DeepEP and NVLink kernels hold while they move tokens: DeepEP's default
// (Buffer.num_sms = 20). Its low-latency kernels only start and wait (return_recv_hook).
inline constexpr double kExchangeUnits = 20;

enum class Overlap : std::uint8_t { None, TwoBatches, Faster };

// A step in one batch, in two halves, or as the faster of the two. Decoding sequences are
// halved by number, prompts too where every rank has two, else in length. What cannot be
// halved, or exchanges no tokens, runs in one batch.
StepResult step_with(const StepModel& model, const Step& step, Overlap overlap);

}  // namespace moeplan
