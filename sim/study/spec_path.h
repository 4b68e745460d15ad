// SPDX-License-Identifier: Apache-2.0
// Any field of any spec by its path: "model.moe.experts=64", "hardware.bandwidth=8TB/s". A path
// walks the document the spec would be written as, so a change passes every check that a file
// passes. Arrays go by index or by what names their items ("hardware.peaks.bf16"); the value of a
// sourced quantity is set by the quantity's own path. Of a model, "moe.experts" stands for
// "blocks.moe.experts", by the name of a block or by its kind (moe, dense, attention).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/catalog.h"

namespace moeplan {

enum class SpecRoot { Model, Hardware, Node, Scaleup, Scaleout, Runtime, Site, Prices };
inline constexpr std::size_t kSpecRoots = 8;
std::string_view word_of(SpecRoot root);

struct SpecOverride {
  std::string path;   // "model.moe.experts"
  std::string value;  // "64"
  friend bool operator==(const SpecOverride&, const SpecOverride&) = default;
};

// Whether it begins with a root and a dot: what tells a path from the name of an option.
bool is_spec_path(std::string_view path);
// Of a path for which is_spec_path holds.
SpecRoot root_of(std::string_view path);
bool touches(std::span<const SpecOverride> overrides, SpecRoot root);

// "model.moe.experts=64,hardware.bandwidth=8TB/s". A comma that no path follows belongs to the
// value: "model.quant.parts=routed_experts,attention". Throws InputError(Usage).
std::vector<SpecOverride> parse_overrides(std::string_view text);

// The spec with those of the overrides that are about it; the very same where they change
// nothing. What contradicts a change and was only there to be checked goes: published totals and
// stored sizes of a model, bus width and measured rates of a device or a fabric. Throws
// InputError(Usage) with every complaint.
ModelSpec with_overrides(const ModelSpec& model, std::span<const SpecOverride> overrides);
DeviceSpec with_overrides(const DeviceSpec& device, std::span<const SpecOverride> overrides);
NodeSpec with_overrides(const NodeSpec& node, std::span<const SpecOverride> overrides);
ScaleupSpec with_overrides(const ScaleupSpec& scaleup, std::span<const SpecOverride> overrides);
ScaleoutSpec with_overrides(const ScaleoutSpec& scaleout, std::span<const SpecOverride> overrides);
RuntimeSpec with_overrides(const RuntimeSpec& runtime, std::span<const SpecOverride> overrides);
SiteSpec with_overrides(const SiteSpec& site, std::span<const SpecOverride> overrides);
PriceSpec with_overrides(const PriceSpec& prices, std::span<const SpecOverride> overrides);

// What stands around devices that were changed already; parts that the node names anew are looked
// up. A part that is not there cannot be changed: InputError(Usage).
ClusterSpec with_overrides(const Catalog& catalog, const ClusterSpec& cluster, std::span<const SpecOverride> overrides);

// The fields a document gives, as paths. Those at their defaults are not among them.
std::vector<std::string> spec_paths(SpecRoot root, const std::string& document);

}  // namespace moeplan
