// SPDX-License-Identifier: Apache-2.0
// A ledger folded to a handful of affine forms: the total at any context and number
// of sequences costs a dozen multiply-adds, and the largest that fit are solved.
//
//   total(c, n) = fixed + n * state + n * sum_i kv_i * min(R(c), window_i)
//               + sum_j work_j * min(R(c), window_j)
//               + max_l (form_l at step tokens max(min(c * n, chunk), v n) and logit rows)
//               + what the engine leaves empty for them (Holdback but its fixed part)
//   R(c) = c / cp rounded up to the engine's cache block;  logit rows = max(limit, v n),
//   v = tokens of a sequence in a decode step.
#pragma once

#include "sim/ledger/ledger.h"

namespace moeplan {

// What the engine fixes beforehand.
struct Admission {
  Count kv_block = 1;      // tokens
  Count cp = 1;            // ranks that share a sequence
  Count chunk = 0;         // prefill chunk, tokens; 0 = the whole prompt at once
  Count row_limit = 0;     // rows the sampler is always ready for
  Count per_sequence = 1;  // tokens of a sequence in a decode step: more when drafts are verified
};

Residency residency_of(const Admission& admission, Count context, Count sequences);

struct WindowForm {
  Count per_token = 0;
  Count window = 0;  // 0 = none
};

struct FoldedLedger {
  static constexpr std::size_t kMaxWindows = 8;
  Admission admission;
  Count fixed = 0;
  Count state = 0;
  std::array<WindowForm, kMaxWindows> kv{};
  std::size_t kv_count = 0;
  std::array<WindowForm, kMaxWindows> workspace{};
  std::size_t workspace_count = 0;
  ActivationProfile activation;
  Count fixed_dynamic = 0;  // of fixed: workspace and buffers
  Holdback holdback;
  double fixed_variance = 0;  // square of how far above the parts may be that do not depend on the load
  double activation_band = 0;
};

FoldedLedger fold(const Program& program, const Admission& admission, const Allowances& allowances,
                  const Holdback& holdback = {});

Bytes total_at(const FoldedLedger& folded, Count context, Count sequences);
Bytes high_at(const FoldedLedger& folded, Count context, Count sequences);

// The largest context in [0, limit] whose total is at most budget, sequences held;
// -1 when not even an empty context fits.
Count max_context(const FoldedLedger& folded, Bytes budget, Count sequences, Count limit);
// The largest number of sequences in [0, limit], context held; -1 as above.
Count max_sequences(const FoldedLedger& folded, Bytes budget, Count context, Count limit);

}  // namespace moeplan
