// SPDX-License-Identifier: Apache-2.0
#include "sim/study/routed_matrix.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/study/routed_layer.h"

namespace moeplan {
namespace {

Layout layout_of(const RoutedTraffic& t) {
  return {.tp = 1, .dp = t.ranks, .moe_tp = 1, .ep = t.ranks, .pp = 1, .replicas = 1};
}

const MoeFfn* experts_of(const ModelSpec& model) {
  for (const Block& block : model.blocks)
    if (const auto* moe = std::get_if<MoeFfn>(&block.kind)) return moe;
  return nullptr;
}

Count domains_of(const RoutedTraffic& t) { return ceil_div(t.ranks, std::max<Count>(1, t.near)); }

// Bytes of one token's copy.
double copy_bytes(const RoutedTraffic& t, const ModelPlan& plan, const RuntimeSpec& runtime) {
  LowerOptions options;
  options.layout = layout_of(t);
  options.kv_format = default_kv_format(plan, runtime);
  options.exchange = t.exchange;
  options.for_steps = true;
  const RankClass first = rank_classes(plan, options.layout).front();
  const Program program = lower(plan, runtime, options, first, Phase::Decode);
  for (const Op& op : program.ops())
    if (op.kind == OpKind::Collective && op.name == (t.combine ? OpName::Combine : OpName::Dispatch))
      return static_cast<double>(op.n);
  return 0;
}

}  // namespace

std::vector<std::string> violations(const RoutedTraffic& t, const ModelPlan& plan, const RuntimeSpec& runtime) {
  const MoeFfn* moe = experts_of(plan.model);
  if (moe == nullptr) return {plan.model.id + " has no experts"};
  if (t.ranks < 2) return {"one rank exchanges nothing"};
  if (std::vector<std::string> found = violations(layout_of(t), plan.model, runtime); !found.empty()) return found;
  const RoutedLayer layer = routed_layer(*moe, t.routing, layout_of(t), domains_of(t));
  return draw_violations(layer.routing, layer.group, t.placement);
}

ByteMatrix routed_matrix(const RoutedTraffic& t, const ModelPlan& plan, const RuntimeSpec& runtime) {
  CHECK(violations(t, plan, runtime).empty());
  const RoutedLayer layer = routed_layer(*experts_of(plan.model), t.routing, layout_of(t), domains_of(t));
  RoutedLayers layers(layer.routing, layer.group, t.placement);
  const double bytes = copy_bytes(t, plan, runtime);
  const Dispatch dispatch{
      .kind = copy_kind_of(t.exchange, domains_of(t) > 1), .there_bytes = bytes, .back_bytes = bytes};
  const std::vector<Count> tokens(static_cast<std::size_t>(t.ranks), t.tokens);
  const LayerDraw& draw = layers.draw(0, 0, tokens, dispatch);
  return t.combine ? draw.combine : draw.dispatch;
}

}  // namespace moeplan
