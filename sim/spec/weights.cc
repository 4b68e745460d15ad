// SPDX-License-Identifier: Apache-2.0
// Choosing a format for every matrix. Three ways share one walk over the matrices:
// the checkpoint's own mixture, one format, and a GGUF label.
#include "sim/spec/weights.h"

#include <algorithm>
#include <functional>

#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/spec/gguf_recipe.h"
#include "sim/spec/stored_plan.h"

namespace moeplan {
namespace {

constexpr std::string_view kListFormats = "moeplan help formats";  // the topic lists ids, aliases and labels

// llama.cpp stores rows that are not whole groups in the next coarser type.
FormatId whole_rows(const FormatTable& table, FormatId id, Count cols) {
  while (table[id].whole_groups && cols % table[id].group != 0) id = table.id_of(table[id].fallback);
  return id;
}

// Plain numbers without scales.
bool is_float(const QuantFormat& f) {
  return f.group == 1 && f.group_bytes >= 2 && f.tile_bytes == 0 && f.tensor_bytes == 0;
}

Bytes one_copy(const FormatTable& formats, FormatId id, const Matrix& m) {
  return m.rows == 0 ? Bytes(0) : bytes_of(formats[id], m.rows, m.cols) * m.copies;
}

// "MLX-4bit" is mlx_4bit.
std::string label_word(std::string_view name) {
  std::string word = lower_case(name);
  std::replace(word.begin(), word.end(), '-', '_');
  return word;
}

// The router, or the scalar gate of the shared expert.
bool is_router(const Matrix& m) { return m.role == MatrixRole::Router || m.role == MatrixRole::SharedScalar; }

bool is_expert(const Matrix& m) {
  return m.role == MatrixRole::ExpertGate || m.role == MatrixRole::ExpertUp || m.role == MatrixRole::ExpertDown;
}

bool is_table(const Matrix& m) { return m.role == MatrixRole::Embedding || m.role == MatrixRole::Head; }

// ---- where each block's instances are ----

struct Place {
  Count layer = 0;  // in its stack
  Count layers = 1;
  Count value_index = 0;  // attention layers with V before this one
  Count down_index = 0;   // down projections before this block
};

struct Places {
  std::vector<std::vector<Place>> of_block;
  Count value_layers = 0;
  Count down_projections = 0;
  Count experts = 0;
  Count heads_per_kv = 1;  // of the first layer
  bool eighty_layers = false;
};

bool has_values(const Block& block) {
  const SoftmaxAttention* a = std::get_if<SoftmaxAttention>(&block.kind);
  return std::holds_alternative<LatentAttention>(block.kind) || (a != nullptr && !a->reuses_cache && !a->key_is_value);
}

Count down_projections(const Block& block) {
  if (const MoeFfn* moe = std::get_if<MoeFfn>(&block.kind)) return moe->shared_width > 0 ? 2 : 1;
  return std::holds_alternative<DenseFfn>(block.kind) ? 1 : 0;
}

// llama.cpp asks the first layer how many query heads share a key.
Count heads_per_kv(const ModelSpec& model) {
  for (const LayerShape& layer : expand_layers(model, Stack::Decoder))
    for (BlockIndex b : layer) {
      if (const SoftmaxAttention* a = std::get_if<SoftmaxAttention>(&model.blocks[b].kind))
        return a->heads / a->kv_heads;
      if (std::holds_alternative<MambaMixer>(model.blocks[b].kind)) return 1;  // its list says 0 for this layer
    }
  return 1;
}

Places places_of(const ModelSpec& model) {
  Places places;
  places.of_block.resize(model.blocks.size());
  for (Stack stack : {Stack::Encoder, Stack::Decoder}) {
    const std::vector<LayerShape> layers = expand_layers(model, stack);
    for (std::size_t l = 0; l < layers.size(); ++l)
      for (BlockIndex b : layers[l]) {
        places.of_block[b].push_back(
            {static_cast<Count>(l), static_cast<Count>(layers.size()), places.value_layers, places.down_projections});
        if (has_values(model.blocks[b])) ++places.value_layers;
        places.down_projections += down_projections(model.blocks[b]);
      }
  }
  for (const Block& block : model.blocks)
    if (const MoeFfn* moe = std::get_if<MoeFfn>(&block.kind)) places.experts = std::max(places.experts, moe->experts);
  places.heads_per_kv = heads_per_kv(model);
  places.eighty_layers = places.experts == 0 && layer_count(model) == 80 && places.heads_per_kv > 1;
  return places;
}

// ---- one format per matrix ----

MatrixPlan single(const Matrix& m, FormatId format) {
  MatrixPlan plan;
  plan.matrix = m;
  plan.shares[0].format = format;
  return plan;
}

using Choice = std::function<FormatId(const Matrix&)>;

// A plan whose matrices each have one format. The blocks of an MTP module come later.
WeightPlan plan_uniform(const ModelSpec& model, FormatId norms, const Choice& choose) {
  WeightPlan plan;
  for (const Block& block : model.blocks) {
    BlockPlan& of_block = plan.blocks.emplace_back();
    for (const Matrix& m : matrices_of(block, model)) of_block.matrices.push_back(single(m, choose(m)));
  }
  plan.embedding = single(embedding_of(model), choose(embedding_of(model)));
  plan.head = single(head_of(model), choose(head_of(model)));
  plan.final_norm = single(final_norm_of(model), norms);
  plan.head_bias = single(head_bias_of(model), norms);
  plan.mtp_projection = single(mtp_projection_of(model), choose(mtp_projection_of(model)));
  plan.mtp_norm = single(mtp_norm_of(model), norms);
  for (const ExtraTensor& extra : model.extras)
    plan.extras.push_back(single(matrix_of(extra), choose(matrix_of(extra))));
  return plan;
}

// The MTP module stands after the last layer and is stored like the last instance of
// each of its blocks.
void add_mtp_blocks(const ModelSpec& model, const Places& places, WeightPlan& plan) {
  for (const BlockIndex b : model.mtp.shape) {
    BlockPlan& block = plan.mtp_blocks.emplace_back();
    for (const MatrixPlan& m : plan.blocks[b].matrices) {
      std::size_t last = 0;
      for (std::size_t s = 1; s < m.share_count; ++s)
        if (m.shares[s].instances.test(places.of_block[b].size() - 1)) last = s;
      block.matrices.push_back(single(m.matrix, m.shares[last].format));
    }
  }
}

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool native_quantises(const NativeQuant& quant, const Matrix& m) {
  if (quant.format.empty() || !m.quantisable || contains(quant.except, word_of(m.role))) return false;
  const bool listed = contains(quant.parts, word_of(m.part));
  if (is_table(m) || m.role == MatrixRole::MtpProjection) return listed;
  return quant.parts.empty() || listed;
}

// Formats of the instances of a matrix, as shares.
void set_shares(MatrixPlan& m, const std::vector<FormatId>& formats) {
  m.share_count = 0;
  for (std::size_t i = 0; i < formats.size(); ++i) {
    std::size_t s = 0;
    while (s < m.share_count && m.shares[s].format != formats[i]) ++s;
    if (s == m.share_count) {
      CHECK(s < kMaxShares);
      m.shares[m.share_count++].format = formats[i];
    }
    m.shares[s].instances.set(i);
  }
}

bool holds_in(const QuantRule& rule, Count layer) {
  return rule.layers.empty() || std::find(rule.layers.begin(), rule.layers.end(), layer) != rule.layers.end();
}

// Rules on top of what holds for whole roles.
void apply_rules(const ModelSpec& model, const FormatTable& formats, const Places& places, WeightPlan& plan) {
  std::vector<std::pair<const QuantRule*, FormatId>> rules;
  for (const QuantRule& rule : model.quant.rules) rules.emplace_back(&rule, formats.id_of(rule.format));
  const auto apply = [&](MatrixPlan& m, const std::vector<Place>& instances) {
    std::vector<FormatId> chosen(instances.size(), m.shares[0].format);
    for (const auto& [rule, format] : rules)
      for (std::size_t i = 0; i < instances.size(); ++i)
        if (rule->matrix == word_of(m.matrix.role) && holds_in(*rule, instances[i].layer))
          chosen[i] = whole_rows(formats, format, m.matrix.cols);
    if (!chosen.empty()) set_shares(m, chosen);
  };
  for (std::size_t b = 0; b < plan.blocks.size(); ++b)
    for (MatrixPlan& m : plan.blocks[b].matrices)
      if (m.matrix.quantisable && !m.matrix.f32) apply(m, places.of_block[b]);
  for (MatrixPlan* m : {&plan.embedding, &plan.head})
    for (const auto& [rule, format] : rules)
      if (rule->matrix == word_of(m->matrix.role)) m->shares[0].format = format;
}

// A checkpoint may leave its MTP module as it was trained.
void keep_mtp(const ModelSpec& model, const FormatTable& formats, WeightPlan& plan) {
  const FormatId base = formats.id_of(model.quant.base);
  const FormatId f32 = formats.id_of("fp32");
  for (BlockPlan& block : plan.mtp_blocks)
    for (MatrixPlan& m : block.matrices) m = single(m.matrix, m.matrix.f32 ? f32 : base);
}

WeightPlan plan_native(const ModelSpec& model, const FormatTable& formats) {
  const FormatId base = formats.id_of(model.quant.base);
  const FormatId f32 = formats.id_of("fp32");
  const FormatId quantised = model.quant.format.empty() ? base : formats.id_of(model.quant.format);
  WeightPlan plan = plan_uniform(model, base, [&](const Matrix& m) {
    if (m.f32) return f32;
    return native_quantises(model.quant, m) ? whole_rows(formats, quantised, m.cols) : base;
  });
  if (!model.quant.rules.empty()) apply_rules(model, formats, places_of(model), plan);
  plan.label = "native";
  return plan;
}

// MLX converters (mlx-lm, mlx-vlm) quantise embedding and head too, keep the routers
// apart from the model's own rule, leave a vision tower as it is and drop the MTP module.
WeightPlan plan_mlx(const ModelSpec& model, const FormatTable& formats, FormatId id) {
  const FormatId f32 = formats.id_of("fp32");
  const FormatId base = formats.id_of(model.quant.base);
  const FormatId rest = formats[id].rest.empty() ? id : formats.id_of(formats[id].rest);
  const MlxRule& rule = model.mlx;
  WeightPlan plan = plan_uniform(model, base, [&](const Matrix& m) {
    const std::string_view part = word_of(m.role == MatrixRole::SharedScalar ? Part::Router : m.part);
    const bool linear = m.quantisable || is_router(m) || m.role == MatrixRole::IndexWeights;
    if (linear && !is_float(formats[id]) && contains(rule.eight_bit, part))
      return formats.id_of(m.f32 ? "mlx_8bit_f32" : "mlx_8bit");
    if (linear && (!is_router(m) || contains(rule.quantised, part))) return is_expert(m) ? id : rest;
    return m.f32 ? f32 : base;
  });
  for (MatrixPlan& extra : plan.extras)
    if (extra.matrix.part == Part::Vision && contains(rule.quantised, "vision")) {
      std::swap(extra.matrix.rows, extra.matrix.cols);  // long rows: groups run along them
      extra.shares[0].format = rest;
    }
  plan.keeps_mtp = false;
  plan.label = formats[id].id;
  return plan;
}

WeightPlan plan_format(const ModelSpec& model, const FormatTable& formats, FormatId id) {
  const QuantFormat& format = formats[id];
  if (format.tables && !format.whole_groups) return plan_mlx(model, formats, id);
  const FormatId f32 = formats.id_of("fp32");
  const FormatId base = is_float(format) ? id : format.whole_groups ? f32 : formats.id_of(model.quant.base);
  WeightPlan plan = plan_uniform(model, base, [&](const Matrix& m) {
    if (m.f32) return f32;
    const bool table_stays = is_table(m) && !format.tables;
    return !m.quantisable || table_stays ? base : whole_rows(formats, id, m.cols);
  });
  plan.keeps_vision = !format.whole_groups;
  plan.keeps_mtp = !format.whole_groups || model.mtp.in_gguf;
  plan.label = format.id;
  return plan;
}

// ---- GGUF labels ----

// No published file of a shared label was smaller than this beside llama.cpp's recipe
// (DeepSeek-R1 q2_k: 0.929; short rows that need coarser types would say less).
constexpr double kLeanest = 0.9;

class GgufPlanner {
 public:
  GgufPlanner(const ModelSpec& model, const FormatTable& formats, const GgufLabel& label)
      : model_(model), formats_(formats), label_(label), places_(places_of(model)) {}

  WeightPlan plan() const {
    const FormatId f32 = formats_.id_of("fp32");
    WeightPlan plan = plan_uniform(model_, f32, [&](const Matrix& m) { return format_of(m, Place{}); });
    for (std::size_t b = 0; b < plan.blocks.size(); ++b)
      for (MatrixPlan& m : plan.blocks[b].matrices) spread(m, places_.of_block[b]);
    for (std::size_t i = 0; i < plan.extras.size(); ++i)
      if (plan.extras[i].matrix.part == Part::Vision)
        plan.extras[i].shares[0].format = formats_.id_of(model_.quant.base);
    plan.label = label_.id;
    plan.from_label = true;
    plan.keeps_vision = false;
    plan.keeps_mtp = model_.mtp.in_gguf;
    plan.low = label_.low * lean_share(plan);
    plan.high = label_.high;
    return plan;
  }

 private:
  // Bytes in GGUF types of a lean file over those of this plan.
  double lean_share(const WeightPlan& plan) const {
    Bytes plain, lean;
    for (std::size_t b = 0; b < plan.blocks.size(); ++b)
      for (const MatrixPlan& m : plan.blocks[b].matrices)
        for (std::size_t i = 0; i < places_.of_block[b].size(); ++i) {
          const Place& place = places_.of_block[b][i];
          const FormatId format = format_of(m.matrix, place);
          if (!formats_[format].whole_groups) continue;
          plain += one_copy(formats_, format, m.matrix);
          lean += one_copy(formats_, format_of(m.matrix, place, GgufRecipe::Lean), m.matrix);
        }
    if (plain.count() == 0) return 1.0;
    return std::max(kLeanest, static_cast<double>(lean.count()) / static_cast<double>(plain.count()));
  }

  FormatId format_of(const Matrix& m, const Place& place, GgufRecipe recipe = GgufRecipe::Plain) const {
    // A checkpoint that is already MXFP4 keeps its experts: requantising loses quality
    // and its rows often are not whole K-blocks (published gpt-oss files of every label).
    if (model_.quant.format == "mxfp4" && native_quantises(model_.quant, m)) return formats_.id_of("mxfp4");
    GgufTensor t;
    t.role = m.role;
    t.quantisable = m.quantisable && !m.f32;
    t.layer = place.layer;
    t.layers = place.layers + (model_.mtp.in_gguf ? model_.mtp.modules : 0);
    t.down_index = place.down_index;
    t.eighty_layers = places_.eighty_layers;
    t.value_index = place.value_index;
    t.value_layers = std::max<Count>(1, places_.value_layers);
    t.experts = places_.experts;
    t.heads_per_kv = places_.heads_per_kv;
    t.tied_embedding = model_.tied_embeddings;
    return whole_rows(formats_, formats_.id_of(gguf_type(label_, t, recipe)), m.cols);
  }

  // The formats of each instance, as shares.
  void spread(MatrixPlan& m, const std::vector<Place>& instances) const {
    std::vector<FormatId> formats;
    for (const Place& place : instances) formats.push_back(format_of(m.matrix, place));
    set_shares(m, formats);
    if (m.share_count == 0) {  // only in the MTP module
      m.shares[0].format = format_of(m.matrix, Place{});
      m.share_count = 1;
    }
  }

  const ModelSpec& model_;
  const FormatTable& formats_;
  const GgufLabel& label_;
  Places places_;
};

[[noreturn]] void throw_unknown_label(std::string_view label, const FormatTable& formats) {
  std::vector<std::string> known = mixture_labels();
  known.push_back("native");
  for (const QuantFormat& f : formats.formats) {
    known.push_back(f.id);
    known.insert(known.end(), f.aliases.begin(), f.aliases.end());
  }
  throw_unknown_name("weight format", label, known, kListFormats);
}

// ---- sizes ----

// Adds sizes by part; what is in a GGUF type has the band of the label.
class SizeSum {
 public:
  explicit SizeSum(const FormatTable& formats) : formats_(formats) {}

  // `instances` of a matrix of a block, or of one outside.
  void add(Part part, const MatrixPlan& m, Count instances) {
    if (!m.stored.empty()) {
      for (const Bytes bytes : m.stored) add(part, bytes);
      return;
    }
    for (std::size_t s = 0; s < m.share_count; ++s) {
      const Count times = m.share_count == 1 ? instances : static_cast<Count>(m.shares[s].instances.count());
      const Bytes bytes = one_copy(formats_, m.shares[s].format, m.matrix) * times;
      add(part, bytes);
      if (formats_[m.shares[s].format].whole_groups) quantised_ += bytes;
    }
  }
  CheckpointSize with_band(double low, double high) {
    const Bytes rest = size_.bytes - quantised_;
    size_.low = rest + scaled(quantised_, low);
    size_.high = rest + scaled(quantised_, high);
    return size_;
  }

 private:
  void add(Part part, Bytes bytes) {
    size_.bytes += bytes;
    size_.by_part[static_cast<std::size_t>(part)] += bytes;
  }

  const FormatTable& formats_;
  CheckpointSize size_;
  Bytes quantised_;
};

}  // namespace

const QuantFormat* FormatTable::find(std::string_view name) const {
  const std::string id = label_word(name);
  for (const QuantFormat& f : formats)
    if (f.id == id || std::find(f.aliases.begin(), f.aliases.end(), id) != f.aliases.end()) return &f;
  return nullptr;
}

FormatId FormatTable::id_of(std::string_view name) const {
  // Our own recipes name formats by id: no case or alias to look for.
  for (std::size_t i = 0; i < formats.size(); ++i)
    if (formats[i].id == name) return static_cast<FormatId>(i);
  const QuantFormat* found = find(name);
  if (found == nullptr) {
    std::vector<std::string> known;
    for (const QuantFormat& f : formats) known.push_back(f.id);
    throw_unknown_name("format", name, known, kListFormats);
  }
  return static_cast<FormatId>(found - formats.data());
}

WeightPlan plan_weights(const ModelSpec& model, const FormatTable& formats, std::string_view label) {
  const std::string name = label_word(label);
  WeightPlan plan;
  if (name == "native") {
    plan = plan_native(model, formats);
  } else if (const GgufLabel* gguf = find_gguf_label(name)) {
    plan = GgufPlanner(model, formats, *gguf).plan();
  } else if (const QuantFormat* format = formats.find(name)) {
    plan = plan_format(model, formats, static_cast<FormatId>(format - formats.formats.data()));
  } else {
    throw_unknown_label(label, formats);
  }
  if (!model.mtp.shape.empty()) add_mtp_blocks(model, places_of(model), plan);
  if (name == "native" && contains(model.quant.except, word_of(Part::Mtp))) keep_mtp(model, formats, plan);
  if (name == "native" && model.stored != nullptr) apply_stored(model, *model.stored, formats, plan);
  return plan;
}

std::vector<std::string> mixture_labels() {
  std::vector<std::string> labels;
  for (const GgufLabel& label : gguf_labels()) labels.emplace_back(label.id);
  return labels;
}

CheckpointSize checkpoint_size(const ModelSpec& model, const WeightPlan& plan, const FormatTable& formats) {
  SizeSum sum(formats);
  const Places places = places_of(model);
  for (std::size_t b = 0; b < plan.blocks.size(); ++b)
    for (const MatrixPlan& m : plan.blocks[b].matrices)
      sum.add(m.matrix.part, m, static_cast<Count>(places.of_block[b].size()));
  sum.add(Part::Norm, plan.final_norm, 1);
  sum.add(Part::Head, plan.head_bias, 1);
  sum.add(Part::Embedding, plan.embedding, 1);
  sum.add(Part::Head, plan.head, 1);
  for (const MatrixPlan& extra : plan.extras)
    if (plan.keeps_vision || extra.matrix.part != Part::Vision) sum.add(extra.matrix.part, extra, 1);

  const MtpModule& mtp = model.mtp;
  if (mtp.modules > 0 && plan.keeps_mtp) {
    for (const BlockPlan& block : plan.mtp_blocks)
      for (const MatrixPlan& m : block.matrices) sum.add(Part::Mtp, m, mtp.modules);
    sum.add(Part::Mtp, plan.mtp_norm, mtp.modules);
    sum.add(Part::Mtp, plan.mtp_projection, mtp.modules);
    if (!plan.from_file) {  // a file lists its copies: they are extras
      sum.add(Part::Mtp, plan.embedding, mtp.in_file_copies);
      if (mtp.copies_head) sum.add(Part::Mtp, plan.head, mtp.in_file_copies);
    }
  }
  return sum.with_band(plan.low, plan.high);
}

}  // namespace moeplan
