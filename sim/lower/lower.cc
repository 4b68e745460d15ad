// SPDX-License-Identifier: Apache-2.0
#include "sim/lower/lower.h"

#include <algorithm>
#include <array>

#include "sim/base/error.h"
#include "sim/lower/builder.h"

namespace moeplan {
namespace {

// Layers [first, first + count) of the concatenated stacks that a class holds.
struct LayerSpan {
  Count first;
  Count count;
};

BlockCounts count_blocks(const ModelPlan& plan, LayerSpan span) {
  const BlockCounts& from = plan.before[static_cast<std::size_t>(span.first)];
  BlockCounts counts = plan.before[static_cast<std::size_t>(span.first + span.count)];
  for (std::size_t b = 0; b < counts.size(); ++b) counts[b] = static_cast<std::uint16_t>(counts[b] - from[b]);
  return counts;
}

// The largest MoE block decides which ranks hold more experts than others.
const MoeFfn* largest_moe(const ModelSpec& model) {
  const MoeFfn* found = nullptr;
  for (const Block& block : model.blocks) {
    const auto* moe = std::get_if<MoeFfn>(&block.kind);
    if (moe != nullptr && (found == nullptr || moe->experts > found->experts)) found = moe;
  }
  return found;
}

// A token enters through the embedding table.
void lower_embedding(Builder& b) {
  const bool paged = b.options.placement != nullptr && b.options.placement->table_on_ssd;
  const Place place = !b.options.input_table_on_host ? Place::Device : paged ? Place::Ssd : Place::Host;
  const WeightRange table = b.single_weight(b.plan.weights.embedding, Part::Embedding, place);
  b.embedding_range = table;
  Op gather;
  gather.kind = OpKind::Gather;
  gather.name = OpName::Embedding;
  gather.part = Part::Embedding;
  gather.replicas = static_cast<std::uint16_t>(b.layout.tp);
  gather.k = static_cast<std::int32_t>(table.cols);
  b.add(gather);
}

// Logits from where they were computed to where a token is chosen. Returns the sampler.
std::uint16_t sample(Builder& b, const WeightRange& head, bool gathered) {
  const RankGroup sharers = gathered ? RankGroup::Stage : RankGroup::Tensor;
  const Rows rows = gathered ? Rows::GatheredSequences : Rows::Sequences;
  if (b.size_of(sharers) > 1)
    b.collective(CollectiveKind::AllGather, OpName::AllGather, Part::Head, 2 * head.rows, sharers, rows);
  return b.elementwise(OpName::Sampler, Part::Head, b.plan.model.vocab, 1, Rows::Sequences);
}

// Final norm, logits of the last position of each sequence, sampling. Returns the head's
// weights, which MTP modules read again.
WeightRange lower_head(Builder& b) {
  const bool tied = b.plan.weights.head.matrix.rows == 0;
  const MatrixPlan& matrix = tied ? b.plan.weights.embedding : b.plan.weights.head;
  WeightRange range;
  if (tied && b.rank_class.first && !b.options.input_table_on_host) {
    range = b.embedding_range;
  } else {
    range = b.single_weight(matrix, tied ? Part::Embedding : Part::Head);
    if (tied) b.forget_elements(range);  // a copy: its parameters count once
  }
  b.loose_weight(b.plan.weights.final_norm);
  b.loose_weight(b.plan.weights.head_bias);
  b.elementwise(OpName::FinalNorm, Part::Norm, b.hidden(), b.hidden(), b.stream_rows());
  if (b.layout.sp)
    b.collective(CollectiveKind::AllGather, OpName::AllGather, Part::Head, 2 * ceil_div(b.hidden(), b.layout.tp),
                 RankGroup::Tensor, Rows::Sequences);
  const bool gathered = !tied && b.gathers(Part::Head);
  const Rows rows = gathered ? Rows::GatheredSequences : Rows::Sequences;
  if (gathered)
    b.collective(CollectiveKind::AllGather, OpName::AllGather, Part::Head, 2 * b.hidden(), RankGroup::Data,
                 Rows::Sequences);
  b.gemm(OpName::Head, Part::Head, range, rows);
  b.sampler_workspace(sample(b, range, gathered));
  return range;
}

// Each module drafts one token: projection of [hidden, embedding], one layer, the head again.
void lower_mtp(Builder& b, const WeightRange& head) {
  const MtpModule& mtp = b.plan.model.mtp;
  if (mtp.modules == 0) return;
  b.begin_single(mtp.modules);
  const WeightRange projection = b.single_weight(b.plan.weights.mtp_projection, Part::Mtp);
  b.loose_weight(b.plan.weights.mtp_norm);
  b.gemm(OpName::MtpProjection, Part::Mtp, projection);
  for (std::size_t position = 0; position < mtp.shape.size(); ++position) {
    b.begin_mtp(position, mtp.modules);
    std::visit([&b](const auto& kind) { lower_block(b, kind); }, b.plan.model.blocks[mtp.shape[position]].kind);
  }
  b.begin_single(mtp.modules);
  const bool gathered = b.plan.weights.head.matrix.rows != 0 && b.gathers(Part::Head);
  const std::uint16_t again =
      b.gemm(OpName::Head, Part::Mtp, head, gathered ? Rows::GatheredSequences : Rows::Sequences);
  b.op(again).layers = 1;  // the one head, not a copy per module
  sample(b, head, gathered);
}

void lower_extras(Builder& b) {
  for (const MatrixPlan& extra : b.plan.weights.extras) {
    if (extra.matrix.part == Part::Vision && !b.runtime.vision_resident) continue;
    if (extra.matrix.part == Part::Mtp) continue;  // copies of tables that the trunk has
    b.single_weight(extra, extra.matrix.part);
  }
}

// Blocks of one kind are lowered once, with the number of layers that have them.
void lower_blocks(Builder& b, LayerSpan span) {
  const ModelPlan& plan = b.plan;
  const LayerSpan encoder{span.first, std::max<Count>(0, std::min(plan.encoder_layers - span.first, span.count))};
  const LayerSpan hosted{span.first, std::clamp<Count>(b.options.host_expert_layers - span.first, 0, span.count)};
  const BlockCounts here = count_blocks(plan, span);
  const BlockCounts before = count_blocks(plan, {0, span.first});
  const BlockCounts encoders = count_blocks(plan, encoder);
  const BlockCounts on_host = count_blocks(plan, hosted);
  for (std::size_t i = 0; i < plan.model.blocks.size(); ++i) {
    if (here[i] == 0) continue;
    // The encoder runs once, over the prompt.
    const Count executed = b.phase == Phase::Decode ? here[i] - encoders[i] : here[i];
    b.begin_block(static_cast<BlockIndex>(i), before[i], here[i], executed, on_host[i]);
    std::visit([&b](const auto& kind) { lower_block(b, kind); }, plan.model.blocks[i].kind);
  }
  // Experts of other stages' layers that lie here.
  for (std::size_t i = 0; i < plan.model.blocks.size(); ++i) {
    const auto* moe = std::get_if<MoeFfn>(&plan.model.blocks[i].kind);
    if (moe == nullptr || !b.begin_guests(static_cast<BlockIndex>(i), before[i], here[i])) continue;
    lower_guests(b, *moe);
  }
}

// Layers of each stage in the concatenated list; encoder layers go with the first stage.
LayerSpan span_of(const ModelPlan& plan, const RankClass& c) {
  const Count first = c.first ? 0 : plan.encoder_layers + c.first_layer;
  return {first, c.layers + (c.first ? plan.encoder_layers : 0)};
}

std::vector<std::vector<MatrixRole>> roles_of(const std::vector<BlockPlan>& blocks) {
  std::vector<std::vector<MatrixRole>> roles;
  for (const BlockPlan& block : blocks) {
    roles.emplace_back();
    for (const MatrixPlan& m : block.matrices) roles.back().push_back(m.matrix.role);
  }
  return roles;
}

bool same_content(const ModelPlan& plan, const RankClass& a, const RankClass& b) {
  if (a.first || b.first || a.last || b.last || !plan.layers_alike) return false;
  return count_blocks(plan, span_of(plan, a)) == count_blocks(plan, span_of(plan, b));
}

}  // namespace

ModelPlan plan_model(const ModelSpec& model, const FormatTable& formats, std::string_view weights_label) {
  CHECK(model.blocks.size() <= kMaxBlocks);
  ModelPlan plan;
  plan.model = model;
  plan.formats = formats;
  plan.weights = plan_weights(model, formats, weights_label);
  plan.layers = expand_layers(model, Stack::Encoder);
  plan.encoder_layers = static_cast<Count>(plan.layers.size());
  for (LayerShape& layer : expand_layers(model, Stack::Decoder)) plan.layers.push_back(std::move(layer));
  plan.before.resize(plan.layers.size() + 1, BlockCounts{});
  for (std::size_t l = 0; l < plan.layers.size(); ++l) {
    plan.before[l + 1] = plan.before[l];
    for (const BlockIndex b : plan.layers[l]) ++plan.before[l + 1][b];
  }
  const BlockCounts& all = plan.before.back();
  plan.instances.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(model.blocks.size()));
  for (const BlockPlan& block : plan.weights.blocks)
    for (const MatrixPlan& m : block.matrices) plan.layers_alike = plan.layers_alike && m.share_count == 1;
  plan.roles = roles_of(plan.weights.blocks);
  plan.mtp_roles = roles_of(plan.weights.mtp_blocks);
  plan.layer_of.resize(model.blocks.size());
  for (std::size_t l = 0; l < plan.layers.size(); ++l)
    for (const BlockIndex b : plan.layers[l]) plan.layer_of[b].push_back(static_cast<std::uint16_t>(l));
  return plan;
}

Count moe_layers_within(const ModelPlan& plan, Count n) {
  const Count end = std::clamp<Count>(n, 0, static_cast<Count>(plan.layers.size()));
  const BlockCounts counts = count_blocks(plan, {0, end});
  Count layers = 0;
  for (std::size_t i = 0; i < plan.model.blocks.size(); ++i)
    if (std::holds_alternative<MoeFfn>(plan.model.blocks[i].kind)) layers += counts[i];
  return layers;
}

FormatId default_kv_format(const ModelPlan& plan, const RuntimeSpec& runtime) {
  if (runtime.default_kv != "auto") return plan.formats.id_of(runtime.default_kv);
  const QuantFormat* weights = plan.formats.find(plan.weights.label);
  for (const CheckpointCache& rule : runtime.checkpoint_caches)
    if (weights != nullptr && weights->id == rule.weights) return plan.formats.id_of(rule.cache);
  return plan.formats.id_of(plan.model.quant.base);
}

// Sources: vLLM distributed/utils.py get_pp_indices; the function of that name in SGLang;
// TensorRT-LLM mapping.py pp_layers (torch.tensor_split); llama.cpp llama-model.cpp, which
// deals layers + 1 units, the last of which is the head.
std::vector<Count> stage_layers(Count layers, Count stages, StageSplit split) {
  std::vector<Count> result(static_cast<std::size_t>(stages), layers / stages);
  if (split == StageSplit::WithHead) {
    Count dealt = 0;
    for (Count s = 0; s < stages; ++s) {
      const Count until = std::min(layers, ceil_div((s + 1) * (layers + 1), stages));
      result[static_cast<std::size_t>(s)] = until - dealt;
      dealt = until;
    }
    return result;
  }
  const Count remainder = layers % stages;
  for (Count i = 0; i < remainder; ++i) {
    Count stage = i;
    if (split == StageSplit::Last) stage = stages - 1 - i;
    if (split == StageSplit::BeforeLast) stage = stages - 1 - (i + 1) % stages;  // the last stage comes last
    ++result[static_cast<std::size_t>(stage)];
  }
  return result;
}

std::vector<RankClass> rank_classes(const ModelPlan& plan, const Layout& layout, StageSplit split,
                                    const Placement* placement) {
  const Count decoder_layers = static_cast<Count>(plan.layers.size()) - plan.encoder_layers;
  const bool named = placement != nullptr && !placement->stage_layers.empty();
  const std::vector<Count> per_stage = named ? placement->stage_layers : stage_layers(decoder_layers, layout.pp, split);
  CHECK(static_cast<Count>(per_stage.size()) == layout.pp);
  std::vector<RankClass> stages;
  Count first_layer = 0;
  for (Count s = 0; s < layout.pp; ++s) {
    RankClass c;
    c.first_stage = s;
    c.first_layer = first_layer;
    c.layers = per_stage[static_cast<std::size_t>(s)];
    c.first = s == 0;
    c.last = s == layout.pp - 1;
    first_layer += c.layers;
    if (placement == nullptr && !stages.empty() && same_content(plan, stages.back(), c)) {
      ++stages.back().stages;
    } else {
      stages.push_back(c);
    }
  }
  const MoeFfn* moe = largest_moe(plan.model);
  const Count remainder = moe != nullptr ? (moe->experts + layout.redundant) % layout.ep : 0;
  std::vector<RankClass> classes;
  for (RankClass c : stages) {
    const Count ranks = layout.ranks_per_stage() * c.stages;
    c.ranks = remainder == 0 ? ranks : remainder * layout.moe_tp * c.stages;
    c.hottest = true;
    classes.push_back(c);
    if (remainder == 0) continue;
    c.ranks = ranks - c.ranks;
    c.hottest = false;
    classes.push_back(c);
  }
  return classes;
}

Program lower(const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options,
              const RankClass& rank_class, Phase phase) {
  Program p;
  p.phase = phase;
  p.rank_class = rank_class;
  p.tp = options.layout.tp;
  p.dp = options.layout.dp;
  p.cp = options.layout.cp;
  p.ep = options.layout.ep;
  p.moe_tp = options.layout.moe_tp;
  p.stage_ranks = options.layout.ranks_per_stage();
  p.pp = options.layout.pp;
  p.order = runtime.sharding.order;
  p.vocab_overhang = ceil_div(plan.model.vocab, p.tp) * p.tp - plan.model.vocab;

  Builder b(p, plan, runtime, options, rank_class);
  p.head_overhang = ceil_div(plan.model.vocab, b.ranks_of(Part::Head)) * b.ranks_of(Part::Head) - plan.model.vocab;
  // The residual stream lives through the whole step.
  b.activation(options.layout.sp ? ceil_div(plan.model.hidden, options.layout.tp) : plan.model.hidden, 0, kNone);
  if (rank_class.first) {
    lower_embedding(b);
    lower_extras(b);
  }
  lower_blocks(b, span_of(plan, rank_class));
  b.begin_single();
  if (!rank_class.last)
    b.collective(CollectiveKind::SendRecv, OpName::StageSend, Part::Attention, 2 * plan.model.hidden,
                 RankGroup::NextStage, b.stream_rows());
  if (rank_class.last) {
    const WeightRange head = lower_head(b);
    if (options.load_mtp) {
      p.first_draft = p.op_count;
      lower_mtp(b, head);
    }
  }
  b.add_adapters();
  b.add_scores();
  b.add_gathered();
  return p;
}

}  // namespace moeplan
