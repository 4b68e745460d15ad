// SPDX-License-Identifier: Apache-2.0
// What an engine makes of LoRA adapters before their bytes are counted.
#include <fmt/format.h>

#include <algorithm>

#include "sim/study/fit.h"

namespace moeplan {

AdapterSpec resident_adapter(const AdapterSpec& asked, const RuntimeSpec& runtime, const ModelSpec& model) {
  AdapterSpec adapter = asked;
  const AdapterRules& rules = runtime.adapters;
  if (asked.modules.empty()) {
    adapter.targets = rules.every_module ? RoleSet().set() : usual_targets();
    adapter.targets.reset(static_cast<std::size_t>(MatrixRole::MtpProjection));
    for (const MatrixRole indexer : {MatrixRole::IndexQ, MatrixRole::IndexK, MatrixRole::IndexWeights})
      adapter.targets.reset(static_cast<std::size_t>(indexer));
    adapter.targets.reset(static_cast<std::size_t>(MatrixRole::LinearConv));
  }
  adapter.targets = targets_in(model, adapter.targets);
  const auto room =
      std::find_if(rules.ranks.begin(), rules.ranks.end(), [&](Count rank) { return rank >= asked.rank; });
  if (room != rules.ranks.end()) adapter.rank = *room;
  return adapter;
}

std::vector<std::string> adapter_violations(const FitQuestion& q) {
  std::vector<std::string> out;
  const AdapterSpec& a = *q.adapter;
  const AdapterRules& rules = q.runtime.adapters;
  if (!rules.supported) return {"how " + q.runtime.id + " lays out adapters is not in its data"};
  if (a.targets.none()) out.push_back(q.model.id + " has none of the target modules");
  if (a.saved.any() && !rules.saves_modules)
    out.push_back(q.runtime.id + " takes no whole copies of modules (modules_to_save): merge the adapter");
  if (!rules.ranks.empty() && a.rank > rules.ranks.back())
    out.push_back(fmt::format("rank {} is beyond {}, the largest of {}", a.rank, rules.ranks.back(), q.runtime.id));
  if (!a.fully_sharded) return out;
  if (q.runtime.command_line != "vllm") out.push_back(q.runtime.id + " does not cut both halves of an adapter");
  for (const Count ways : {q.layout.tp, q.layout.moe_tp})
    if (a.rank % ways != 0)
      out.push_back(fmt::format("rank {} is not divisible by {} tensor-parallel ranks", a.rank, ways));
  return out;
}

}  // namespace moeplan
