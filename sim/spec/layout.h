// SPDX-License-Identifier: Apache-2.0
// How a model is cut over devices. Per pipeline stage the same ranks are seen two
// ways: attention as tp x cp x dp, experts as moe_tp x ep, with tp * cp * dp = moe_tp * ep.
//
// Context-parallel ranks have whole attention weights (cut by tp) and share sequences: each
// caches an equal part of every context and works on an equal part of the step's tokens. A
// prompt's keys and values are gathered before they are attended; a token that is generated
// sends its query around, each rank attends its part of the context, and the partial results
// are added where the token is (Helix, arXiv:2507.07120; Llama 3, arXiv:2407.21783 3.3.2).
//
// With sequence parallelism (Korthikanti et al. 2022, arXiv:2205.05198) the residual stream,
// norms and routers of tp ranks are cut along the tokens: the sum after a block becomes a
// reduce-scatter and the input of the next is gathered, the same bytes in two messages.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/spec/model.h"
#include "sim/spec/runtime.h"

namespace moeplan {

struct Layout {
  Count tp = 1;         // attention tensor parallel; also dense FFN, shared experts, head
  Count dp = 1;         // attention data parallel
  Count cp = 1;         // context parallel: ranks that share sequences
  Count moe_tp = 1;     // tensor parallel inside an expert
  Count ep = 1;         // expert parallel
  Count pp = 1;         // pipeline stages
  Count replicas = 1;   // independent copies of all of the above
  Count redundant = 0;  // expert slots of a layer beyond one per expert, for copies of busy ones (EPLB)
  bool sp = false;      // sequence parallel: between blocks each of tp ranks has its part of the tokens

  // Tensor groups of a stage: the tokens of each are its own.
  constexpr Count token_groups() const { return dp * cp; }
  constexpr Count ranks_per_stage() const { return tp * token_groups(); }
  constexpr Count gpus() const { return ranks_per_stage() * pp * replicas; }
  friend bool operator==(const Layout&, const Layout&) = default;
};

// "TP8", "DP8+EP8", "TP4 CP2 EP8", "TP4 DP2 EP8 PP2 x3", "TP8+SP"
std::string describe(const Layout& layout);

// Every rule the layout breaks for this model and runtime, as sentences that name
// the numbers; empty = it can run.
std::vector<std::string> violations(const Layout& layout, const ModelSpec& model, const RuntimeSpec& runtime);

// All legal layouts of one replica on `gpus` devices, preferred first
// (plain TP, then TP+EP, attention DP + EP, then with PP).
std::vector<Layout> legal_layouts(const ModelSpec& model, const RuntimeSpec& runtime, Count gpus);

// The legal layout on as many devices that differs least, degree by degree, from one
// that is not; none when nothing is legal.
std::optional<Layout> nearest_layout(const Layout& layout, const ModelSpec& model, const RuntimeSpec& runtime);

}  // namespace moeplan
