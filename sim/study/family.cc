// SPDX-License-Identifier: Apache-2.0
#include "sim/study/family.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/base/error.h"
#include "sim/spec/model_limits.h"

namespace moeplan {
namespace {

constexpr double kDenseRatio = 2.5;  // width of a dense FFN over hidden, gated (DeepSeek-V3 2.57, GLM-4.5 2.4)

[[noreturn]] void refuse(const ModelSpec& like, std::string expected) {
  Problem problem;
  problem.file = "--like";
  problem.found = "the model \"" + like.id + "\"";
  problem.expected = std::move(expected);
  throw InputError(ErrorKind::Usage, problem);
}

// value x to / from as a multiple of step, at least one step.
Count scaled(Count value, Count to, Count from, Count step) {
  if (to == from) return value;
  const double exact = static_cast<double>(value) * static_cast<double>(to) / static_cast<double>(from);
  return std::max<Count>(1, std::llround(exact / static_cast<double>(step))) * step;
}

// Heads in steps that tensor parallelism divides: 8 where the family's own are.
Count scaled_heads(Count heads, Count to, Count from) { return scaled(heads, to, from, std::gcd(heads, Count{8})); }

// Every part of a block that follows the width of the model.
struct Resize {
  Count to, from;

  void operator()(SoftmaxAttention& a) const {
    a.heads = scaled_heads(a.heads, to, from);
    a.kv_heads = std::gcd(a.heads, a.kv_heads);
  }
  void operator()(LatentAttention& a) const { a.heads = scaled_heads(a.heads, to, from); }
  void operator()(LinearAttention& a) const {
    const Count values_per_key = a.value_heads / a.key_heads;
    a.key_heads = scaled(a.key_heads, to, from, std::gcd(a.key_heads, Count{4}));
    a.value_heads = a.key_heads * values_per_key;
  }
  void operator()(MambaMixer& m) const {
    m.heads = scaled(m.heads, to, from, std::lcm(m.groups, std::gcd(m.heads, Count{8})));
    if (m.dt_rank > 0) m.dt_rank = scaled(m.dt_rank, to, from, 16);
  }
  void operator()(LstmLayer& l) const {
    l.units = scaled(l.units, to, from, 64);
    if (l.projection > 0) l.projection = to;  // feeds the residual stream
    if (l.projection == 0) l.units = to;
  }
  void operator()(DenseFfn& f) const { f.width = scaled(f.width, to, from, std::gcd(f.width, Count{128})); }
  void operator()(MoeFfn& f) const {
    if (f.latent > 0) f.latent = scaled(f.latent, to, from, std::gcd(f.latent, Count{128}));
  }
};

// The experts of a block, in proportion to those of the block whose sizes are free.
void set_experts(MoeFfn& f, const FamilySizes& sizes, const FamilySizes& own) {
  const Count zero_per = f.zero_experts;
  f.zero_experts = zero_per == 0 ? 0 : scaled(zero_per, sizes.experts, own.experts, 1);
  f.experts = f.experts == own.experts ? sizes.experts : scaled(f.experts, sizes.experts, own.experts, 1);
  f.top_k = std::min(sizes.top_k, f.experts + f.zero_experts);
  f.width = f.width == own.width ? sizes.width : scaled(f.width, sizes.width, own.width, 32);
  f.shared_width = sizes.shared * sizes.width;
  if (f.shared_width == 0) f.shared_scalar_gate = false;
  const bool grouped = f.groups > 1 && f.experts % f.groups == 0 && f.top_k <= f.experts / f.groups * f.top_groups &&
                       (!f.group_router || f.top_k % f.top_groups == 0);
  if (!grouped) {
    f.groups = f.top_groups = 1;
    f.group_router = false;
  }
}

bool has_experts_in(const LayerShape& layer, const ModelSpec& model) {
  return std::any_of(layer.begin(), layer.end(),
                     [&model](BlockIndex b) { return std::holds_alternative<MoeFfn>(model.blocks[b].kind); });
}

// Blocks that no layer uses any more.
void drop_unused_blocks(ModelSpec& model) {
  std::vector<int> place(model.blocks.size(), -1);
  for (const LayerRun& run : model.runs)
    for (const LayerShape& layer : run.layers)
      for (const BlockIndex b : layer) place[b] = 0;
  std::vector<Block> kept;
  for (std::size_t b = 0; b < model.blocks.size(); ++b) {
    if (place[b] < 0) continue;
    place[b] = static_cast<int>(kept.size());
    kept.push_back(model.blocks[b]);
  }
  for (LayerRun& run : model.runs)
    for (LayerShape& layer : run.layers)
      for (BlockIndex& b : layer) b = static_cast<BlockIndex>(place[b]);
  model.blocks = std::move(kept);
}

}  // namespace

Family::Family(const ModelSpec& like, std::optional<Count> vocab, std::optional<Count> dense_layers) : like_(like) {
  for (const LayerRun& run : like_.runs)
    if (run.stack == Stack::Encoder) refuse(like_, "a model without an encoder");
  like_.mtp = {};
  like_.extras.clear();
  like_.published.clear();
  like_.aliases.clear();
  like_.stored = nullptr;
  drop_unused_blocks(like_);
  if (vocab) like_.vocab = *vocab;
  const auto layers_of = [](const LayerRun& run) { return run.repeat * static_cast<Count>(run.layers.size()); };
  for (std::size_t i = 0; i < like_.runs.size(); ++i)
    if (layers_of(like_.runs[i]) > layers_of(like_.runs[main_])) main_ = i;
  if (dense_layers) lead_with_dense_layers(*dense_layers);
  const LayerRun& run = like_.runs[main_];
  for (const LayerShape& layer : run.layers)
    for (const BlockIndex b : layer) {
      const BlockKind& kind = like_.blocks[b].kind;
      if (std::holds_alternative<MoeFfn>(kind) && moe_ < 0) moe_ = b;
      if (std::holds_alternative<DenseFfn>(kind) && dense_ < 0) dense_ = b;
    }
  if (moe_ < 0 && dense_ < 0) refuse(like_, "a model with experts or a feed-forward block in its main layers");
  own_.hidden = like_.hidden;
  own_.repeats = run.repeat;
  if (moe_ >= 0) {
    const MoeFfn& f = std::get<MoeFfn>(like_.blocks[static_cast<std::size_t>(moe_)].kind);
    own_.experts = f.experts;
    own_.top_k = f.top_k;
    own_.width = f.width;
    own_.shared = std::llround(static_cast<double>(f.shared_width) / static_cast<double>(f.width));
    if (f.shared_width > 0) own_.shared = std::max<Count>(own_.shared, 1);
  } else {
    own_.width = std::get<DenseFfn>(like_.blocks[static_cast<std::size_t>(dense_)].kind).width;
  }
}

// Runs before the main one that have no experts give way to `layers` dense ones.
void Family::lead_with_dense_layers(Count layers) {
  const LayerShape first = like_.runs[main_].layers.front();
  if (!has_experts_in(first, like_)) refuse(like_, "a model whose main layers have experts, for --dense-layers");
  std::vector<LayerRun> runs;
  for (std::size_t i = main_; i < like_.runs.size(); ++i) runs.push_back(like_.runs[i]);
  for (std::size_t i = main_; i-- > 0;)
    if (std::any_of(like_.runs[i].layers.begin(), like_.runs[i].layers.end(),
                    [this](const LayerShape& l) { return has_experts_in(l, like_); }))
      runs.insert(runs.begin(), like_.runs[i]);
  if (layers > 0) {
    BlockIndex dense = 0;
    while (dense < like_.blocks.size() && !std::holds_alternative<DenseFfn>(like_.blocks[dense].kind)) ++dense;
    if (dense == like_.blocks.size()) {
      const Count width = std::llround(kDenseRatio * static_cast<double>(like_.hidden) / 128) * 128;
      like_.blocks.push_back({"dense", 1, DenseFfn{.width = width}});
    }
    LayerShape shape = first;
    for (BlockIndex& b : shape)
      if (std::holds_alternative<MoeFfn>(like_.blocks[b].kind)) b = dense;
    runs.insert(runs.begin(), {Stack::Decoder, layers, {shape}});
  }
  const LayerRun main = like_.runs[main_];
  like_.runs = std::move(runs);
  main_ = static_cast<std::size_t>(std::find(like_.runs.begin(), like_.runs.end(), main) - like_.runs.begin());
  drop_unused_blocks(like_);
}

Count Family::period() const { return static_cast<Count>(like_.runs[main_].layers.size()); }

Count Family::other_layers() const { return layer_count(like_) - like_.runs[main_].repeat * period(); }

Count Family::most_repeats() const { return (kLayersRange.max - other_layers()) / period(); }

std::optional<Count> Family::repeats_for(Count layers) const {
  const Count main = layers - other_layers();
  if (main < period() || main % period() != 0) return std::nullopt;
  return main / period();
}

FamilySizes Family::scaled_to(Count hidden) const {
  FamilySizes sizes = own_;
  sizes.hidden = hidden;
  return sizes;
}

ModelSpec Family::with(const FamilySizes& sizes) const {
  ModelSpec model = like_;
  model.hidden = sizes.hidden;
  model.runs[main_].repeat = sizes.repeats;
  for (Block& block : model.blocks) {
    std::visit(Resize{sizes.hidden, own_.hidden}, block.kind);
    if (MoeFfn* moe = std::get_if<MoeFfn>(&block.kind)) set_experts(*moe, sizes, own_);
  }
  if (moe_ < 0) std::get<DenseFfn>(model.blocks[static_cast<std::size_t>(dense_)].kind).width = sizes.width;
  return model;
}

std::vector<std::string> Family::explain(const FamilySizes& sizes) const {
  const ModelSpec model = with(sizes);
  std::vector<std::string> said;
  said.push_back(
      fmt::format("hidden {} and {} layers: the width and depth nearest to the family's proportions ({} and {})",
                  sizes.hidden, layer_count(model), own_.hidden, layer_count(like_)));
  for (const Block& block : model.blocks) {
    if (const auto* a = std::get_if<SoftmaxAttention>(&block.kind))
      said.push_back(fmt::format("{}: {} heads of {}, {} kv heads, in proportion to hidden", block.name, a->heads,
                                 a->head_dim, a->kv_heads));
    if (const auto* a = std::get_if<LatentAttention>(&block.kind))
      said.push_back(
          fmt::format("{}: {} heads in proportion to hidden, latents as in the family", block.name, a->heads));
  }
  if (moe_ >= 0) {
    said.push_back(fmt::format("{} experts, top-{}, {} shared, each {} wide: the width that meets the total",
                               sizes.experts, sizes.top_k, sizes.shared, sizes.width));
    const auto& was = std::get<MoeFfn>(like_.blocks[static_cast<std::size_t>(moe_)].kind);
    const auto& is = std::get<MoeFfn>(model.blocks[static_cast<std::size_t>(moe_)].kind);
    if (was.groups > 1 && is.groups == 1)
      said.push_back(fmt::format("no expert groups: the family's {} do not fit these experts", was.groups));
  } else {
    said.push_back(fmt::format("a feed-forward width of {}, which meets the total", sizes.width));
  }
  said.push_back("no multi-token prediction and no vision tower");
  return said;
}

}  // namespace moeplan
