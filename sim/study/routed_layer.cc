// SPDX-License-Identifier: Apache-2.0
#include "sim/study/routed_layer.h"

#include <algorithm>

namespace moeplan {

RoutedLayer routed_layer(const MoeFfn& moe, const Routing& routing, const Layout& layout, Count nodes) {
  RoutedLayer layer{.routing = routing, .group = {}};
  if (routing.groups == 0 && moe.groups > 1) {
    layer.routing.groups = moe.groups;
    layer.routing.kept_groups = moe.top_groups;
  }
  if (layout.redundant > 0) layer.routing.redundant = layout.redundant;
  layer.group = {.choices = moe.experts + moe.zero_experts,
                 .experts = moe.experts,
                 .top_k = moe.top_k,
                 .ranks = layout.ep,
                 .nodes = layout.ep % std::max<Count>(1, nodes) == 0 ? std::max<Count>(1, nodes) : 1};
  return layer;
}

bool is_even(const Routing& routing) {
  return routing.skew == Skew::Balanced && routing.capacity_factor == 0 && !routing.expert_choice;
}

}  // namespace moeplan
