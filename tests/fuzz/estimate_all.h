// SPDX-License-Identifier: Apache-2.0
// What follows a model that was read: programs and ledgers on one device and on four,
// in both phases. No sound model may trip a CHECK or a sanitizer on the way.
#pragma once

#include <vector>

#include "sim/base/error.h"
#include "sim/ledger/headroom.h"
#include "sim/lower/lower.h"
#include "sim/spec/catalog.h"

namespace moeplan {

inline void estimate_on(const ModelPlan& plan, const RuntimeSpec& runtime, const Layout& layout) {
  LowerOptions options;
  options.layout = layout;
  options.kv_format = default_kv_format(plan, runtime);
  const Admission admission{
      .kv_block = runtime.kv_block_tokens, .chunk = runtime.tiers.front().chunk_tokens, .row_limit = 2};
  for (const RankClass& rank_class : rank_classes(plan, layout))
    for (Phase phase : {Phase::Prefill, Phase::Decode}) {
      const Program program = lower(plan, runtime, options, rank_class, phase);
      const FoldedLedger folded = fold(program, admission, {});
      for (Count context : {Count{1}, Count{4096}}) {
        const MemoryLedger ledger = ledger_of(program, residency_of(admission, context, 2), {});
        CHECK(ledger.total >= Bytes(0));
        CHECK(ledger.total >= Bytes(kSaturated) || total_at(folded, context, 2) == ledger.total);
      }
    }
}

// A model whose formats are not in the catalogue is refused with an InputError.
inline void estimate_all(const ModelSpec& model) {
  static const FormatTable kFormats = Catalog::embedded().formats();
  static const RuntimeSpec kGeneric = Catalog::embedded().runtime("generic");
  try {
    for (const char* weights : {"native", "q4_k_m"}) {
      const ModelPlan plan = plan_model(model, kFormats, weights);
      static_cast<void>(checkpoint_size(model, plan.weights, kFormats));
      estimate_on(plan, kGeneric, Layout{});
      const std::vector<Layout> on_four = legal_layouts(model, kGeneric, 4);
      if (!on_four.empty()) estimate_on(plan, kGeneric, on_four.front());
    }
  } catch (const InputError& error) {
    CHECK(error.kind() == ErrorKind::UnknownName);
  }
}

}  // namespace moeplan
