// SPDX-License-Identifier: Apache-2.0
#include "sim/study/expert_sizes.h"

#include "sim/study/family.h"

namespace moeplan {

ExpertSizes expert_sizes_of(const ModelSpec& model) {
  const Family family(model, std::nullopt, std::nullopt);
  if (!family.has_experts()) return {};
  return {family.own().experts, family.own().top_k, family.own().width};
}

ModelSpec with_experts(const ModelSpec& like, const ExpertSizes& sizes) {
  const Family family(like, std::nullopt, std::nullopt);
  FamilySizes all = family.own();
  all.experts = sizes.experts;
  all.top_k = sizes.top_k;
  all.width = sizes.width;
  return family.with(all);
}

}  // namespace moeplan
