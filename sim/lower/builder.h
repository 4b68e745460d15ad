// SPDX-License-Identifier: Apache-2.0
// Writes ops and tensors into a Program. One Builder lowers one rank class; the
// per-kind files (softmax.cc, latent.cc, moe.cc, ...) call it block by block.
#pragma once

#include <array>
#include <bitset>
#include <initializer_list>
#include <span>

#include "sim/lower/lower.h"
#include "sim/lower/weight_shards.h"

namespace moeplan {

// A dimension of an op; violations() keeps every size of a sound model in range.
std::int32_t dim(Count value);

// A set of matrix roles.
class Roles {
 public:
  constexpr Roles(std::initializer_list<MatrixRole> roles) {
    for (const MatrixRole r : roles) bits_ |= bit(r);
  }
  constexpr bool has(MatrixRole r) const { return (bits_ & bit(r)) != 0; }

 private:
  static constexpr std::uint64_t bit(MatrixRole r) { return std::uint64_t{1} << static_cast<unsigned>(r); }
  std::uint64_t bits_ = 0;
};

// Weights that one operator reads: consecutive tensors, and the GEMM they make.
struct WeightRange {
  std::uint16_t first = 0;
  std::uint16_t count = 0;
  Count rows = 0;  // output dims on this rank, summed
  Count cols = 0;  // reduction dims on this rank
  Count padded_rows = 0;
  Count padded_cols = 0;
  bool empty() const { return count == 0; }
};

class Builder {
 public:
  Builder(Program& program, const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options,
          const RankClass& rank_class);

  const ModelPlan& plan;
  const RuntimeSpec& runtime;
  const LowerOptions& options;
  const RankClass& rank_class;
  const Layout& layout;
  Phase phase;

  // Starts block `index`, of which this stage has `repeat` instances from `first_instance`
  // on; `executed` of them run in this step (an encoder does not in decode), and the
  // experts of `on_host` of them live in host memory.
  void begin_block(BlockIndex index, Count first_instance, Count repeat, Count executed, Count on_host);
  // Starts the expert matrices of block `index` that a placement moves here from layers of
  // other stages ([first, first + count) are this one's); false when there are none.
  bool begin_guests(BlockIndex index, Count first, Count count);
  // Starts the block at `position` of the layer of `modules` MTP modules: its weights are Part::Mtp.
  void begin_mtp(std::size_t position, Count modules);
  // What follows belongs to no block and stands `repeat` times.
  void begin_single(Count repeat = 1);
  // Routed ops of this block see these experts.
  void use_experts(const MoeFfn& f);

  // Adds the block's weights with these roles (once) and says what GEMM they make.
  WeightRange weights(Roles roles);
  // Every weight of the block not added yet: norms, biases, tables.
  void other_weights();
  // Of them those of the experts.
  void guest_biases();
  // A weight outside any block.
  WeightRange single_weight(const MatrixPlan& matrix, Part part, Place place = Place::Device);
  // The adapter of all weights added so far; they stand behind the model's own tensors.
  void add_adapters();
  // The largest scores of any layer.
  void add_scores();
  // The largest keys and values of one layer that are gathered.
  void add_gathered();
  // These weights are copies of ones another stage holds.
  void forget_elements(const WeightRange& range);
  // What the sampler allocates at its op, and the hidden states still alive then.
  void sampler_workspace(std::uint16_t op_index);
  // Norms and biases outside every block; rows = 0: there are none.
  void loose_weight(const MatrixPlan& matrix);

  // Ops are chained: each follows the one before. Returns its index.
  std::uint16_t gemm(OpName name, Part part, const WeightRange& w, Rows rows = Rows::Tokens);
  std::uint16_t elementwise(OpName name, Part part, Count read, Count written, Rows rows = Rows::Tokens);
  std::uint16_t collective(CollectiveKind kind, OpName name, Part part, Count bytes_per_row, RankGroup group,
                           Rows rows = Rows::Tokens);
  Count size_of(RankGroup group) const;
  // The id of the format these weights are stored in: "fp8_block".
  std::string_view format_of(const WeightRange& w) const;
  // How tokens reach their experts in this step.
  DispatchKind exchange() const { return exchange_; }
  std::uint16_t add(Op op);
  std::uint16_t last_op() const { return static_cast<std::uint16_t>(program_.op_count - 1); }

  // Rows of the residual stream: of this rank alone with sequence parallelism.
  Rows stream_rows() const { return layout.sp ? Rows::TensorShard : Rows::Tokens; }
  // The norm before a block; the block works on every token of the tensor group.
  std::uint16_t input_norm();
  void gather_stream(Part part);
  // What the ranks of a group, which holds the tensor group, made of the same tokens.
  void add_to_stream(Part part, RankGroup group);

  // The projection back to hidden that ends a mixer, summed over tensor-parallel ranks;
  // its input lives from op `since` on. Adds the weights of the block not added yet.
  void output_projection(OpName name, Roles roles, std::uint16_t since);

  // Around an attention operator of context-parallel ranks, nothing where there is one: keys and
  // values of prompts are gathered (`kept` tokens of the context, 0 = all) and queries of
  // generated tokens sent to all; what each rank made of its keys, with a maximum and a sum
  // per head, is added where the token is.
  void gather_for_attention(Count cache_bytes_per_token, Count kept, Count query_elements);
  void add_partial_attention(Count heads, Count value_elements);

  // An activation of `elements` per step token alive over these ops.
  void activation(Count elements_per_token, std::uint16_t first, std::uint16_t last);
  void add(const Tensor& tensor);

  // Cache bytes per token of context (window 0 = whole context) and state bytes per sequence.
  void cache(CacheKind kind, Count bytes_per_token, Count window);
  void state(Count bytes_per_sequence);
  Count kv_bytes(Count elements) const;  // of `elements` values in the KV format

  Count local_experts(Count experts) const;
  // Ranks that share one copy of the dense matrices of a part (ShardingRules).
  Count ranks_of(Part part) const { return sharers_[static_cast<std::size_t>(part)]; }
  // They share it with other data-parallel ranks, so the tokens of all are gathered.
  bool gathers(Part part) const { return ranks_of(part) > layout.tp; }
  Count hidden() const { return plan.model.hidden; }
  Op& op(std::uint16_t index) { return program_.op_array[index]; }
  // The layers whose experts live on the host run these expert ops there.
  void split_to_host(std::initializer_list<std::uint16_t> ops);
  // The same by the placement, where there is one: what reads gate and up, and what reads down.
  void split_by_placement(std::uint16_t in, std::uint16_t act, std::uint16_t out);
  // `elements` for every routed row that reaches this rank, options.imbalance times the mean.
  void routed_activation(Count elements, std::uint16_t first, std::uint16_t last);
  // Scores of a sparse indexer over the whole context, every rank all heads.
  void index_scores(Count heads, Count head_dim, Count key_bytes);
  // Without flash attention: the scores of `heads` over all cached tokens (of a window: the
  // kept ones), in F32, and their mask; one layer at a time.
  void attention_scores(Count heads, Count window);
  // Room for cached tokens that an MLA chunk expands again, `elements` each.
  void latent_workspace(Count elements);

  Count kv_heads = 1;                  // of the block being lowered, for Cut::KvRows
  bool dispatch_buffer_added = false;  // one buffer serves all layers
  bool workspace_added = false;
  Count gathered_per_token = 0;  // bytes of the keys and values of one layer gathered at once
  WeightRange embedding_range;   // for a tied head on the same stage

 private:
  DispatchKind chosen_exchange() const;
  Spread spread_of(Part part) const;
  WeightShard shard_of(const Matrix& m, const QuantFormat& format) const;
  // The same of a matrix of the block, in the format of one of its shares; valid until the next.
  const WeightShard& shard_of(std::size_t matrix, std::size_t share);
  Count padded_width(Count width, const QuantFormat& format) const;
  void add_weight(std::size_t matrix, WeightRange& range);
  void add_placed(const MatrixPlan& m, const WeightShard& s, Part part, std::size_t share, WeightRange& range);
  // Instances of the block whose matrix lies in this place, of this stage's device.
  std::bitset<kMaxInstances> lying_in(ExpertMatrix matrix, Place place) const;
  // The most of them among the matrices an op reads.
  Count layers_in(std::span<const ExpertMatrix> matrices, Place place) const;
  void set_layers(std::uint16_t op, Count layers);
  void add_host_op(const Op& like, Count layers);
  // Instances [first, first + count) of one share, in one place.
  struct Lot {
    std::size_t share = 0;
    Count first = 0;
    Count count = 0;
    Place place = Place::Device;
    const std::bitset<kMaxInstances>* only = nullptr;  // of these instances
  };
  void add_lot(const MatrixPlan& m, const WeightShard& s, Part part, const Lot& lot, WeightRange& range);
  // What an adapter puts beside so many instances of a matrix.
  void note_adapter(const Matrix& m, const WeightShard& s, Place place, Count instances);
  void note_half(const Tensor& like, AdapterHalf half, Count rows, Count cols, Count replicas);

  Program& program_;
  DispatchKind exchange_;
  std::array<Count, kPartWords.size()> sharers_;  // ranks_of each part
  WeightShard shard_{};                           // asked for last, where none are kept
  const BlockPlan* block_ = nullptr;
  std::span<const MatrixRole> roles_;  // of its matrices
  std::uint64_t added_ = 0;
  Count repeat_ = 1;
  Count first_instance_ = 0;
  Count executed_ = 1;
  Count on_host_ = 0;
  bool placed_ = false;  // a placement decides about the experts of this block
  bool guests_ = false;  // only experts of other stages' layers
  BlockIndex index_ = 0;
  bool mtp_ = false;
  Op experts_;               // a, b, choices and chunk of routed ops
  Count score_heads_ = 0;    // of the layers with most
  Count score_window_ = -1;  // that any layer keeps; 0 = everything, -1 = no layer yet
  static constexpr std::size_t kMostHalves = 128;
  Room<Tensor, kMostHalves> halves_;  // of adapters, to be added last
  std::size_t half_count_ = 0;
};

// One function per block kind.
void lower_block(Builder& b, const SoftmaxAttention& a);
void lower_block(Builder& b, const LatentAttention& a);
void lower_block(Builder& b, const LinearAttention& a);
void lower_block(Builder& b, const MambaMixer& m);
void lower_block(Builder& b, const LstmLayer& l);
void lower_block(Builder& b, const DenseFfn& f);
void lower_block(Builder& b, const MoeFfn& f);
void lower_guests(Builder& b, const MoeFfn& f);

}  // namespace moeplan
