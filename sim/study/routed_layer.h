// SPDX-License-Identifier: Apache-2.0
// A layer of experts of a model under the routing that was asked for.
#pragma once

#include "sim/program/routing.h"
#include "sim/spec/layout.h"
#include "sim/spec/model.h"

namespace moeplan {

// How groups are chosen is the model's, where the routing does not say.
struct RoutedLayer {
  Routing routing;
  ExpertGroup group;
};

// nodes: fast domains that the ranks fill.
RoutedLayer routed_layer(const MoeFfn& moe, const Routing& routing, const Layout& layout, Count nodes);

// Every rank at its expectation, nothing dropped.
bool is_even(const Routing& routing);

}  // namespace moeplan
