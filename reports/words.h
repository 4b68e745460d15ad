// SPDX-License-Identifier: Apache-2.0
// What people call things: ledger lines, layer kinds, the shape of a model.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/ledger/ledger.h"
#include "sim/spec/model.h"

namespace moeplan {

// "expert weights", "kv cache"
std::string_view name_of_line(const LedgerLine& line);

// The largest MoE block in use; none for a dense model.
std::optional<MoeFfn> moe_of(const ModelSpec& model);

// "128 experts, top-8, 1 shared" or "no experts"
std::string describe_experts(const ModelSpec& model);

// "latent (MLA)", "grouped-query, window + full": every mixer kind in use, short.
std::string describe_attention(const ModelSpec& model);

// One block in words with its numbers: "latent attention (MLA): 128 heads, ..."
std::string describe_block(const Block& block);

// "fp8_block, rest bf16": what "native" means for this model.
std::string describe_native(const ModelSpec& model);

// What the active parameters are counted over: "one token", or for a model with an
// encoder "one encoder plus one decoder token".
std::string_view active_convention(const ModelSpec& model);

// "published", "closed form", "rumour", "solved"
std::string_view describe_basis(ShapeBasis basis);

// What to think of a shape that is not published, a sentence; "" for one that is.
std::string basis_note(const ModelSpec& model);

}  // namespace moeplan
