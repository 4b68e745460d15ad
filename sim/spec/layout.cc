// SPDX-License-Identifier: Apache-2.0
// Which cuts of a model over devices can run. The sizes obey tp * cp * dp = moe_tp * ep;
// every other rule is a divisibility the shards need or a limit of the runtime.
#include "sim/spec/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace moeplan {
namespace {

// Enough for every shape a report can show; thousands of GPUs have hundreds of factorings.
constexpr std::size_t kMaxLegalLayouts = 128;

// Ranks of one pipeline stage: the largest scale-up fabrics hold hundreds, and buffers
// sized by ranks stay within 64 bits.
constexpr Count kMaxRanks = 32768;

using Sentences = std::vector<std::string>;

void require_multiple(Sentences& out, const Block& block, std::string_view what, Count value, std::string_view size,
                      Count by) {
  if (value % by != 0) {
    out.push_back(fmt::format("{}: {} {} are not divisible by {} {}", block.name, value, what, size, by));
  }
}

// Heads that are replicated when ranks outnumber them (KV heads).
void require_shards_or_copies(Sentences& out, const Block& block, std::string_view what, Count value, Count tp) {
  if (value > 0 && value % tp != 0 && tp % value != 0) {
    out.push_back(fmt::format("{}: {} {} can be neither divided by tp {} nor replicated evenly over it", block.name,
                              value, what, tp));
  }
}

// Beyond a node such an engine sends tokens by DeepEP, and these need not divide.
bool whole_shared_experts(const Layout& layout, const RuntimeSpec& runtime) {
  constexpr Count kNodeDevices = 8;
  return runtime.sharding.shared_whole_with_deep_ep && is_deep_ep(runtime.dispatch_across) && layout.dp > 1 &&
         layout.moe_tp == 1 && layout.ranks_per_stage() > kNodeDevices;
}

// The rules of one block, by its kind.
struct BlockRules {
  const Block& block;
  const Layout& layout;
  const RuntimeSpec& runtime;
  Count most_experts;  // of a block of the model
  Sentences& out;

  void require_spread(Count columns, std::string_view what, Spread spread) const {
    if (spread == Spread::Stage && layout.token_groups() > 1)
      require_multiple(out, block, what, columns, layout.cp > 1 ? "tp x cp x dp" : "tp x dp", layout.ranks_per_stage());
    else
      require_multiple(out, block, what, columns, "tp", layout.tp);
  }

  void operator()(const SoftmaxAttention& a) const {
    require_multiple(out, block, "attention heads", a.heads, "tp", layout.tp);
    require_shards_or_copies(out, block, "kv heads", a.kv_heads, layout.tp);
  }
  void operator()(const LatentAttention& a) const {
    require_multiple(out, block, "attention heads", a.heads, "tp", layout.tp);
  }
  void operator()(const LinearAttention& a) const {
    require_multiple(out, block, "linear key heads", a.key_heads, "tp", layout.tp);
    require_multiple(out, block, "linear value heads", a.value_heads, "tp", layout.tp);
  }
  void operator()(const MambaMixer& m) const {
    require_multiple(out, block, "mamba heads", m.heads, "tp", layout.tp);
    // Engines can replicate groups; that is not modelled.
    require_multiple(out, block, "mamba groups", m.groups, "tp", layout.tp);
  }
  void operator()(const LstmLayer&) const {}  // whole on every rank
  void operator()(const DenseFfn& f) const {
    require_spread(f.width, "columns of the dense FFN", runtime.sharding.dense);
  }
  void operator()(const MoeFfn& m) const {
    // Padding rounds the width of a rank up; the shards themselves must still be equal.
    require_multiple(out, block, "columns of an expert", m.width, "moe_tp", layout.moe_tp);
    if (!whole_shared_experts(layout, runtime))
      require_spread(m.shared_width, "columns of the shared experts", runtime.sharding.shared);
    const Count slots = m.experts + layout.redundant;
    if (layout.ep > m.experts) {
      out.push_back(fmt::format("{}: ep {} exceeds {} experts", block.name, layout.ep, m.experts));
    } else if (layout.redundant > 0 && slots % layout.ep != 0) {
      out.push_back(fmt::format("{}: {} experts and {} redundant ones are not divisible by ep {}", block.name,
                                m.experts, layout.redundant, layout.ep));
    } else if (slots % layout.ep != 0 && !runtime.layouts.uneven_experts) {
      out.push_back(fmt::format("{}: {} experts are not divisible by ep {}, and {} needs equal shares", block.name,
                                m.experts, layout.ep, runtime.id));
    } else if (slots % layout.ep != 0 && m.experts < most_experts) {
      out.push_back(
          fmt::format("{}: {} experts are not divisible by ep {}; only the block with the most experts ({}) "
                      "may have unequal shares",
                      block.name, m.experts, layout.ep, most_experts));
    }
  }
};

bool has_experts(const ModelSpec& model) {
  return std::any_of(model.blocks.begin(), model.blocks.end(),
                     [](const Block& block) { return std::holds_alternative<MoeFfn>(block.kind); });
}

Count most_experts_of(const ModelSpec& model) {
  Count most = 0;
  for (const Block& block : model.blocks)
    if (const MoeFfn* moe = std::get_if<MoeFfn>(&block.kind)) most = std::max(most, moe->experts);
  return most;
}

Count decoder_layers_of(const ModelSpec& model) {
  Count layers = 0;
  for (const LayerRun& run : model.runs)
    if (run.stack == Stack::Decoder) layers += run.repeat * static_cast<Count>(run.layers.size());
  return layers;
}

// "tp 4 x dp 2"
std::string attention_ranks(const Layout& layout) {
  const std::string cp = layout.cp > 1 ? fmt::format(" x cp {}", layout.cp) : "";
  return fmt::format("tp {}{} x dp {}", layout.tp, cp, layout.dp);
}

// Caches that are one value per sequence cannot be cut along it, and an encoder's context is
// not the decoder's.
void require_cuttable_context(Sentences& out, const Layout& layout, const ModelSpec& model) {
  if (layout.cp == 1) return;
  for (const Block& block : model.blocks) {
    const auto* attention = std::get_if<SoftmaxAttention>(&block.kind);
    const bool state = std::holds_alternative<LinearAttention>(block.kind) ||
                       std::holds_alternative<MambaMixer>(block.kind) || std::holds_alternative<LstmLayer>(block.kind);
    if (state)
      out.push_back(fmt::format("{}: its state is not cut along the sequence, cp is {}", block.name, layout.cp));
    if (attention != nullptr && (attention->cross || !attention->causal))
      out.push_back(fmt::format("{}: context parallelism is for causal attention to the sequence itself, cp is {}",
                                block.name, layout.cp));
  }
}

Sentences size_violations(const Layout& layout) {
  Sentences out;
  const auto in_range = [&out](std::string_view what, Count value) {
    if (value < 1) out.push_back(fmt::format("{} is {}, must be at least 1", what, value));
    if (value > kMaxRanks) out.push_back(fmt::format("{} is {}, must be at most {}", what, value, kMaxRanks));
  };
  in_range("tp", layout.tp);
  in_range("dp", layout.dp);
  in_range("cp", layout.cp);
  in_range("moe_tp", layout.moe_tp);
  in_range("ep", layout.ep);
  in_range("pp", layout.pp);
  if (layout.replicas < 1) out.push_back(fmt::format("replicas is {}, must be at least 1", layout.replicas));
  if (layout.redundant < 0 || layout.redundant > kMaxRanks)
    out.push_back(fmt::format("redundant experts are {}, must be 0 to {}", layout.redundant, kMaxRanks));
  if (layout.redundant > 0 && layout.ep == 1)
    out.push_back(fmt::format("{} redundant experts without expert parallelism, ep is 1", layout.redundant));
  return out;
}

// What the runtime has no word for.
void add_runtime_violations(Sentences& out, const Layout& layout, const RuntimeSpec& runtime, bool moe) {
  const LayoutRules& rules = runtime.layouts;
  if (layout.tp > 1 && !rules.tensor_parallel) {
    out.push_back(fmt::format("{} has no tensor parallelism, tp is {}", runtime.id, layout.tp));
  }
  if (layout.dp > 1 && !rules.data_parallel_attention) {
    out.push_back(fmt::format("{} has no data-parallel attention, dp is {}", runtime.id, layout.dp));
  }
  if (layout.cp > 1 && !rules.context_parallel) {
    out.push_back(fmt::format("{} has no context parallelism, cp is {}", runtime.id, layout.cp));
  }
  if (layout.sp && !rules.sequence_parallel) out.push_back(runtime.id + " has no sequence parallelism");
  if (layout.sp && layout.tp == 1) out.emplace_back("sequence parallelism cuts tokens over tp ranks, tp is 1");
  if (layout.pp > 1 && !rules.pipeline_parallel) {
    out.push_back(fmt::format("{} has no pipeline parallelism, pp is {}", runtime.id, layout.pp));
  }
  if (layout.dp > 1 && layout.tp > 1 && !rules.partial_attention_dp) {
    out.push_back(
        fmt::format("{} runs attention either tensor parallel or data parallel over all {} ranks of a stage, not tp {} "
                    "with dp {}",
                    runtime.id, layout.ranks_per_stage(), layout.tp, layout.dp));
  }
  if (!moe) return;
  if (layout.ep > 1 && !rules.expert_parallel) {
    out.push_back(fmt::format("{} has no expert parallelism, ep is {}", runtime.id, layout.ep));
  }
  if (layout.moe_tp > 1 && !rules.tensor_parallel) {
    out.push_back(
        fmt::format("{} has no tensor parallelism inside an expert, moe_tp is {}", runtime.id, layout.moe_tp));
  }
  if (layout.moe_tp > 1 && layout.ep > 1 && !rules.expert_tensor_mix) {
    out.push_back(fmt::format("{} runs experts either with ep 1 or with ep = tp x dp = {}, not moe_tp {} with ep {}",
                              runtime.id, layout.ranks_per_stage(), layout.moe_tp, layout.ep));
  }
}

// Rising divisors of n.
std::vector<Count> divisors_of(Count n) {
  std::vector<Count> divisors;
  for (Count d = 1; d <= n; ++d) {
    if (n % d == 0) divisors.push_back(d);
  }
  return divisors;
}

// All candidate cuts of one pipeline stage of n ranks, preferred first.
std::vector<Layout> stage_candidates(Count n, Count pp, bool moe) {
  std::vector<Layout> candidates;
  const auto add = [&candidates, n, pp](Count tp, Count ep) {
    candidates.push_back({.tp = tp, .dp = n / tp, .moe_tp = n / ep, .ep = ep, .pp = pp});
  };
  add(n, 1);
  if (!moe) return candidates;  // dense data parallelism is replicas
  std::vector<Count> falling = divisors_of(n);
  std::reverse(falling.begin(), falling.end());
  for (const Count tp : falling) add(tp, n);  // TP+EP, TP/DP+EP, DP+EP
  for (const Count tp : falling) {
    if (tp != n) add(tp, 1);  // attention DP over tensor-parallel experts
  }
  for (const Count ep : falling) {
    if (ep == 1 || ep == n) continue;
    for (const Count tp : falling) add(tp, ep);  // experts cut both ways
  }
  return candidates;
}

}  // namespace

std::string describe(const Layout& layout) {
  std::vector<std::string> terms;
  if (layout.tp != 1 || (layout.token_groups() == 1 && layout.pp == 1 && layout.ep == 1)) {
    terms.push_back(fmt::format("TP{}", layout.tp));
  }
  if (layout.cp != 1) terms.push_back(fmt::format("CP{}", layout.cp));
  if (layout.dp != 1) terms.push_back(fmt::format("DP{}", layout.dp));
  if (layout.ep != 1) terms.push_back(fmt::format("EP{}", layout.ep));
  if (layout.sp) terms.emplace_back("SP");
  // Follows from the others unless experts are cut both ways.
  const bool implied = layout.ep == 1 ? layout.moe_tp == layout.ranks_per_stage() : layout.moe_tp == 1;
  if (!implied) terms.push_back(fmt::format("MoE-TP{}", layout.moe_tp));
  if (layout.redundant != 0) terms.push_back(fmt::format("{} redundant experts", layout.redundant));
  if (layout.pp != 1) terms.push_back(fmt::format("PP{}", layout.pp));
  std::string text = fmt::format("{}", fmt::join(terms, terms.size() == 2 ? "+" : " "));
  if (layout.replicas != 1) text += fmt::format(" x{}", layout.replicas);
  return text;
}

std::vector<std::string> violations(const Layout& layout, const ModelSpec& model, const RuntimeSpec& runtime) {
  Sentences out = size_violations(layout);
  if (!out.empty()) return out;  // no other rule means anything
  const bool moe = has_experts(model);
  const std::string attention = attention_ranks(layout);
  if (moe && layout.ranks_per_stage() != layout.moe_tp * layout.ep) {
    out.push_back(fmt::format("{} = {} ranks for attention but moe_tp {} x ep {} = {} for experts", attention,
                              layout.ranks_per_stage(), layout.moe_tp, layout.ep, layout.moe_tp * layout.ep));
  }
  if (!moe && layout.ep != 1) out.push_back(fmt::format("{} has no experts, ep is {}", model.id, layout.ep));
  if (!moe && layout.moe_tp != layout.ranks_per_stage()) {
    out.push_back(fmt::format("{} has no experts, moe_tp must be tp x dp{} = {}, is {}", model.id,
                              layout.cp > 1 ? " x cp" : "", layout.ranks_per_stage(), layout.moe_tp));
  }
  if (layout.ranks_per_stage() > kMaxRanks) {
    out.push_back(fmt::format("{} = {} ranks, must be at most {}", attention, layout.ranks_per_stage(), kMaxRanks));
  }
  // An encoder is not cut: every stage would need its output.
  const Count layers = decoder_layers_of(model);
  if (layout.pp > std::max<Count>(layers, 1)) {
    const bool encoder = layers != layer_count(model);
    out.push_back(fmt::format("pp {} exceeds {}{} layers", layout.pp, layers, encoder ? " decoder" : ""));
  }
  if (runtime.sharding.stages == StageSplit::Equal && layers % layout.pp != 0) {
    out.push_back(
        fmt::format("{} layers are not divisible by pp {}, and {} needs equal stages", layers, layout.pp, runtime.id));
  }
  require_cuttable_context(out, layout, model);
  const Count most_experts = most_experts_of(model);
  for (const Block& block : model.blocks) {
    std::visit(BlockRules{block, layout, runtime, most_experts, out}, block.kind);
  }
  add_runtime_violations(out, layout, runtime, moe);
  return out;
}

std::vector<Layout> legal_layouts(const ModelSpec& model, const RuntimeSpec& runtime, Count gpus) {
  std::vector<Layout> legal;
  if (gpus < 1) return legal;
  const bool moe = has_experts(model);
  for (const Count pp : divisors_of(gpus)) {
    for (const Layout& layout : stage_candidates(gpus / pp, pp, moe)) {
      if (legal.size() == kMaxLegalLayouts) return legal;
      if (std::find(legal.begin(), legal.end(), layout) != legal.end()) continue;
      if (violations(layout, model, runtime).empty()) legal.push_back(layout);
    }
  }
  return legal;
}

std::optional<Layout> nearest_layout(const Layout& layout, const ModelSpec& model, const RuntimeSpec& runtime) {
  const auto apart = [](Count a, Count b) {
    return std::abs(std::log2(static_cast<double>(a)) - std::log2(static_cast<double>(b)));
  };
  const Count ranks = std::min(std::max(layout.ranks_per_stage(), layout.moe_tp * layout.ep), kMaxRanks);
  std::optional<Layout> nearest;
  double least = 0;
  for (Layout candidate : legal_layouts(model, runtime, std::max<Count>(1, ranks * layout.pp))) {
    const double distance = apart(candidate.tp, layout.tp) + apart(candidate.dp, layout.dp) +
                            apart(candidate.moe_tp, layout.moe_tp) + apart(candidate.ep, layout.ep) +
                            apart(candidate.pp, layout.pp);
    if (nearest && distance >= least) continue;
    candidate.replicas = layout.replicas;
    nearest = candidate;
    least = distance;
  }
  return nearest;
}

}  // namespace moeplan
