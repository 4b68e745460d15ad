// SPDX-License-Identifier: Apache-2.0
// Where the layers and the expert matrices of a model lie when devices are unequal or too
// small: whole layers over the devices, single matrices moved to another device, to the
// host or to an SSD (llama.cpp's --tensor-split and --override-tensor).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

// Expert matrices of a layer that may lie apart. Biases lie with Up and Down.
enum class ExpertMatrix : std::uint8_t { Gate, Up, Down };
inline constexpr std::size_t kExpertMatrices = 3;

// A pipeline stage (from 0) whose device holds it, or one of these.
using Home = std::int16_t;
inline constexpr Home kAtHome = -1;  // the device of its layer
inline constexpr Home kOnHost = -2;
inline constexpr Home kOnSsd = -3;

struct LayerHomes {
  std::array<Home, kExpertMatrices> of = {kAtHome, kAtHome, kAtHome};
  Home operator[](ExpertMatrix m) const { return of[static_cast<std::size_t>(m)]; }
  Home& operator[](ExpertMatrix m) { return of[static_cast<std::size_t>(m)]; }
  bool all(Home home) const { return of[0] == home && of[1] == home && of[2] == home; }
  friend bool operator==(const LayerHomes&, const LayerHomes&) = default;
};

struct Placement {
  std::vector<Count> stage_layers;  // decoder layers of each stage; empty = the runtime's split
  std::vector<LayerHomes> experts;  // by layer, the encoder's first; empty = all at home
  bool table_on_ssd = false;        // the input table is paged rather than kept in host memory
  bool is_default() const { return stage_layers.empty() && experts.empty() && !table_on_ssd; }
  friend bool operator==(const Placement&, const Placement&) = default;
};

}  // namespace moeplan
