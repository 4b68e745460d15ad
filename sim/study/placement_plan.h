// SPDX-License-Identifier: Apache-2.0
// Placing a model on devices that differ or are too small, in whole tensors: layers over
// the devices, expert matrices that do not fit to another device, the host or an SSD.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/study/fit.h"

namespace moeplan {

// The placement with the least decode time by bandwidth that fits: attention, routers and
// shared experts stay on the devices, as few expert bytes as possible leave them, the
// faster device is filled first. `with_host`: experts may move to the host. None when
// nothing fits, or the model has an encoder.
std::optional<Placement> plan_placement(const ModelPlan& plan, const FitQuestion& question, bool with_host);

// The runtime's own split of the layers over unlike devices: by their free memory
// (llama.cpp: layer i of L + 1, the head being the last, goes where i / (L + 1) falls).
std::vector<Count> split_by_shares(const std::vector<double>& shares, Count layers);

// With what the host cannot hold moved to its SSD: the input table, whose rows are read one
// by one, then experts of the last layers; nothing where the host is large enough, its size
// or the drive is not known. What was paged before is decided anew.
FitQuestion page_to_ssd(const ModelPlan& plan, const FitQuestion& question);

// Where the experts lie when the first n layers have theirs on the host.
std::vector<LayerHomes> homes_of_first(Count layers, Count total);

// Experts off their own devices, in words: "experts of 6 layers and down of 1 more in host memory".
std::string describe_moved(const Placement& placement, const ModelPlan& plan);

}  // namespace moeplan
