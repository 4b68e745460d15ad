// SPDX-License-Identifier: Apache-2.0
// Two-batch overlap: the step's tokens in two halves, so that one half computes while the
// messages of the other are under way (DeepSeek-V3 report, section 3.2; SGLang
// --enable-two-batch-overlap, vLLM --enable-dbo). Each half reads the distinct experts of
// its own tokens: 128 tokens touch 251.6 of 256 experts, two halves of 64 touch 222.4 each.
//
// The halves A and B take turns: A attends, B attends while A's tokens are dispatched, A's experts
// work while B's are dispatched, B's while A's results are combined, and A attends in the next
// layer while B's are. A stage waits for the slower of what runs in it, so with the seconds of
// a half in experts E, in other operators A, in dispatch D and combine C, n layers with experts,
// and s the share of the SMs that moves messages while they are under way,
//
//   step = max(A + s D, D) + max(E + s D, D) + max(E + s C, C) + max(A + s C, C) + (D + C) / n
//
// The first dispatch and the last combine of the step meet nobody: one layer's exchange in sum.
// Never below the busier lane, never above the two halves one after the other.
#pragma once

#include <optional>

#include "sim/engine/step_model.h"

namespace moeplan {

// Low-latency kernels leave the SMs between sending and receiving (return_recv_hook). What is left are the
// kernels that write tokens to the network's buffers and read them out: 128 tokens to 8 experts of 7,168
// elements took 59 us (16 + 8 + 22 + 13, uccl-project/uccl PR 418), 77 us (27 + 8 + 32 + 9, eight B200 of one node) and
// 118 us (37 + 31 + 40 + 10, deepseek-ai/DeepEP PR 425), where a whole exchange over 64 ranks takes 487 us
// (173 + 314, deepseek-ai/DeepEP docs/legacy.md): the middle one over it.
inline constexpr double kLowLatencyUnits = 77.0 / 487.0;

// half: of half the sequences of every rank. layers: that exchange tokens, at least 1.
// units_share: 0 to 1. The shares of the result are what each takes by itself; together
// they exceed the time by `hidden`.
StepResult two_batches(const StepResult& half, Count layers, double units_share);

// SMs that normal DeepEP and NVLink kernels hold while they move tokens: DeepEP's default
// (Buffer.num_sms = 20).
inline constexpr double kExchangeUnits = 20;

// Of the SMs, those that move messages. Matrix products leave those of normal kernels to them for
// the whole step (SGLang operations_strategy.py: deep_gemm_num_sms = all but DeepEP's, for prompts
// alone), other operators only while messages are under way.
struct HeldUnits {
  double share = 0;
  bool whole_step = false;
};
HeldUnits held_units_of(const StepModel& model);

// Half of every segment of a step over `ranks` data-parallel ranks; nothing if one has but a token
// on a rank.
std::optional<Step> half_of(const Step& step, Count ranks);
// Layers of a rank that exchange tokens.
Count exchanging_layers(const StepModel& model);

enum class Overlap : std::uint8_t { None, TwoBatches, Faster };

// A step in one batch, in two halves, or as the faster of the two. Decoding sequences are
// halved by number, prompts too where every rank has two, else in length. What cannot be
// halved, or exchanges no tokens, runs in one batch.
StepResult step_with(const StepModel& model, const Step& step, Overlap overlap);

}  // namespace moeplan
