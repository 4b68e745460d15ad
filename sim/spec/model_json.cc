// SPDX-License-Identifier: Apache-2.0
// models/<id>.json: the schema is models/README.md. Each block kind lists its keys
// once, in `fields`; the reader and the writer both walk that list, so they cannot
// disagree. A field at its default is not written.
#include <array>
#include <functional>
#include <string>
#include <utility>

#include "sim/base/json.h"
#include "sim/spec/catalog.h"
#include "sim/spec/model.h"
#include "sim/spec/model_limits.h"

namespace moeplan {
namespace {

const std::vector<std::string> kQkNormWords = {"none", "per_dim", "full_width", "per_head"};
const std::vector<std::string> kIndexerWords = {"none", "full", "shared"};
const std::vector<std::string> kLinearWords = {"gated_delta", "lightning"};
const std::vector<std::string> kNormWords = {"rms", "layer", "layer_no_bias"};
const std::vector<std::string> kBasisWords = {"published", "closed_form", "rumour", "solved"};
const std::vector<std::string> kStackWords = {"decoder", "encoder"};
// In the order of BlockKind's alternatives.
const std::vector<std::string> kKindWords = {"softmax", "latent", "linear", "mamba", "lstm", "dense", "moe"};

// ---- the keys of each block kind: required without, optional with a default ----

template <class Visitor>
void fields(Visitor& v, SoftmaxAttention& a) {
  v.count("heads", a.heads, kHeadsRange);
  v.count("kv_heads", a.kv_heads, kHeadsRange, a.heads);
  v.count("head_dim", a.head_dim, kHeadDimRange);
  v.count("value_dim", a.value_dim, kHeadDimRange, a.head_dim);
  v.count("window", a.window, kWindowRange, 0);
  v.count("chunk", a.chunk, kWindowRange, 0);
  v.flag("causal", a.causal, true);
  v.flag("cross", a.cross, false);
  v.flag("qkv_bias", a.qkv_bias, false);
  v.flag("out_bias", a.out_bias, false);
  v.flag("sinks", a.sinks, false);
  v.flag("key_is_value", a.key_is_value, false);
  v.flag("reuses_cache", a.reuses_cache, false);
  v.flag("output_gate", a.output_gate, false);
  v.flag("head_gate", a.head_gate, false);
  v.word("qk_norm", a.qk_norm, kQkNormWords);
  v.count("index_heads", a.index_heads, or_none(kHeadsRange), 0);
  v.count("index_dim", a.index_dim, or_none(kHeadDimRange), 0);
  v.count("index_topk", a.index_topk, kWindowRange, 0);
}

template <class Visitor>
void fields(Visitor& v, LatentAttention& a) {
  v.count("heads", a.heads, kHeadsRange);
  v.count("q_lora", a.q_lora, kLoraRange, 0);
  v.count("kv_lora", a.kv_lora, at_least_one(kLoraRange));
  v.count("nope_dim", a.nope_dim, kHeadDimRange);
  v.count("rope_dim", a.rope_dim, or_none(kHeadDimRange));
  v.count("value_dim", a.value_dim, kHeadDimRange);
  v.flag("bias", a.bias, false);
  v.word("indexer", a.indexer, kIndexerWords);
  v.count("index_heads", a.index_heads, or_none(kHeadsRange), 0);
  v.count("index_dim", a.index_dim, or_none(kHeadDimRange), 0);
  v.count("index_topk", a.index_topk, kWindowRange, 0);
}

template <class Visitor>
void fields(Visitor& v, LinearAttention& a) {
  v.word("rule", a.kind, kLinearWords);
  v.count("key_heads", a.key_heads, kHeadsRange);
  v.count("value_heads", a.value_heads, kHeadsRange, a.key_heads);
  v.count("key_dim", a.key_dim, kHeadDimRange);
  v.count("value_dim", a.value_dim, kHeadDimRange, a.key_dim);
  v.count("conv_kernel", a.conv_kernel, kKernelRange, 0);
}

template <class Visitor>
void fields(Visitor& v, MambaMixer& m) {
  v.count("heads", m.heads, kHeadsRange);
  v.count("head_dim", m.head_dim, kHeadDimRange);
  v.count("state", m.state, kHeadDimRange);
  v.count("groups", m.groups, kExpertsRange, 1);
  v.count("conv_kernel", m.conv_kernel, at_least_one(kKernelRange));
  v.count("dt_rank", m.dt_rank, kLoraRange, 0);
  v.flag("conv_bias", m.conv_bias, false);
  v.flag("proj_bias", m.proj_bias, false);
}

template <class Visitor>
void fields(Visitor& v, LstmLayer& l) {
  v.count("units", l.units, kWidthRange);
  v.count("projection", l.projection, or_none(kWidthRange), 0);
}

template <class Visitor>
void fields(Visitor& v, DenseFfn& f) {
  v.count("width", f.width, kWidthRange);
  v.flag("gated", f.gated, true);
  v.flag("bias", f.bias, false);
}

template <class Visitor>
void fields(Visitor& v, MoeFfn& f) {
  v.count("experts", f.experts, kExpertsRange);
  v.count("top_k", f.top_k, kTopKRange);
  v.count("width", f.width, kWidthRange);
  v.flag("gated", f.gated, true);
  v.flag("expert_bias", f.expert_bias, false);
  v.count("latent", f.latent, kLoraRange, 0);
  v.count("shared_width", f.shared_width, or_none(kWidthRange), 0);
  v.flag("shared_gated", f.shared_gated, true);
  v.flag("shared_scalar_gate", f.shared_scalar_gate, false);
  v.flag("router_bias", f.router_bias, false);
  v.flag("router_f32", f.router_f32, false);
  v.flag("correction_bias", f.correction_bias, false);
  v.count("zero_experts", f.zero_experts, or_none(kExpertsRange), 0);
  v.count("groups", f.groups, kExpertsRange, 1);
  v.count("top_groups", f.top_groups, kExpertsRange, f.groups);
  v.flag("group_router", f.group_router, false);
  v.flag("router_noise", f.router_noise, false);
}

// ---- reading ----

struct FieldReader {
  ObjectReader& reader;

  void count(std::string_view key, Count& field, CountRange range) { field = reader.count(key, range); }
  void count(std::string_view key, Count& field, CountRange range, Count fallback) {
    field = reader.count_or(key, range, fallback);
  }
  void flag(std::string_view key, bool& field, bool fallback) { field = reader.flag_or(key, fallback); }
  template <class E>
  void word(std::string_view key, E& field, const std::vector<std::string>& words) {
    field = static_cast<E>(reader.choice_or(key, words, 0));
  }
};

BlockKind empty_kind(std::size_t index) {
  static const std::array<BlockKind, 7> kKinds = {
      SoftmaxAttention{}, LatentAttention{}, LinearAttention{}, MambaMixer{}, LstmLayer{}, DenseFfn{}, MoeFfn{}};
  return kKinds[index];
}

Block read_block(std::string name, ObjectReader reader) {
  Block block;
  block.name = std::move(name);
  block.kind = empty_kind(reader.choice("kind", kKindWords));
  block.norms = reader.count_or("norms", kNormsRange, 1);
  FieldReader visitor{reader};
  std::visit([&](auto& kind) { fields(visitor, kind); }, block.kind);
  reader.finish();
  return block;
}

// Calls `use` for each object of the array under `key`; complains about the rest.
void each_object(ObjectReader& reader, std::string_view key, const std::function<void(ObjectReader)>& use) {
  const JsonNode* list = reader.node(key);
  if (list == nullptr) return;
  if (list->kind != JsonKind::Array) {
    reader.complain(key, "an array of objects");
    return;
  }
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const std::string path = reader.path_of(key) + "/" + std::to_string(i);
    if (list->items[i].kind == JsonKind::Object)
      use(ObjectReader(list->items[i], path, reader.complaints()));
    else
      reader.complaints().add(list->items[i], path, what_is(list->items[i]), "an object");
  }
}

// One layer: an array of block names.
LayerShape read_layer(const JsonNode& node, const std::string& path, const ModelSpec& model, Complaints& complaints) {
  LayerShape layer;
  if (node.kind != JsonKind::Array) {
    complaints.add(node, path, what_is(node), "an array of block names");
    return layer;
  }
  std::vector<std::string> names;
  for (const Block& block : model.blocks) names.push_back(block.name);
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const JsonNode& item = node.items[i];
    std::size_t index = 0;
    while (index < names.size() && (item.kind != JsonKind::String || names[index] != item.text)) ++index;
    if (index < names.size()) {
      layer.push_back(static_cast<BlockIndex>(index));
      continue;
    }
    const std::string near = item.kind == JsonKind::String ? nearest_name(item.text, names) : "";
    complaints.add(item, path + "/" + std::to_string(i), what_is(item), "the name of a block in blocks",
                   near.empty() ? "" : "did you mean \"" + near + "\"?");
  }
  return layer;
}

LayerRun read_run(const JsonNode& node, const std::string& path, const ModelSpec& model, Complaints& complaints) {
  LayerRun run;
  if (node.kind != JsonKind::Object) {
    run.layers.push_back(read_layer(node, path, model, complaints));
    return run;
  }
  ObjectReader reader(node, path, complaints);
  run.stack = static_cast<Stack>(reader.choice_or("stack", kStackWords, 0));
  run.repeat = reader.count_or("repeat", kLayersRange, 1);
  const JsonNode* layers = reader.node("layers");
  if (layers == nullptr || layers->kind != JsonKind::Array) {
    reader.complain("layers", "an array of layers, each an array of block names");
  } else {
    for (std::size_t i = 0; i < layers->items.size(); ++i)
      run.layers.push_back(read_layer(layers->items[i], path + "/layers/" + std::to_string(i), model, complaints));
  }
  reader.finish();
  return run;
}

void read_blocks(ObjectReader& reader, ModelSpec& model) {
  ObjectReader blocks = reader.object("blocks");
  for (const std::string& name : blocks.keys()) model.blocks.push_back(read_block(name, blocks.object(name)));
}

void read_runs(ObjectReader& reader, ModelSpec& model) {
  const JsonNode* runs = reader.node("layers");
  if (runs == nullptr || runs->kind != JsonKind::Array) {
    reader.complain("layers", "an array of layers and runs of layers");
    return;
  }
  for (std::size_t i = 0; i < runs->items.size(); ++i)
    model.runs.push_back(read_run(runs->items[i], "layers/" + std::to_string(i), model, reader.complaints()));
}

void read_extras(ObjectReader& reader, ModelSpec& model) {
  each_object(reader, "extras", [&](ObjectReader item) {
    ExtraTensor extra;
    extra.name = item.text("name");
    extra.part = item.text("part");
    extra.elements = item.count("elements", kExtraRange);
    extra.active = item.flag_or("active", true);
    extra.source = item.text_or("source", "");
    item.finish();
    model.extras.push_back(extra);
  });
}

void read_mtp(ObjectReader& reader, ModelSpec& model) {
  std::optional<ObjectReader> mtp = reader.object_if_present("mtp");
  if (!mtp) return;
  model.mtp.modules = mtp->count_or("modules", kModulesRange, 1);
  if (const JsonNode* layer = mtp->node("layer"))
    model.mtp.shape = read_layer(*layer, "mtp/layer", model, reader.complaints());
  else
    mtp->complain("layer", "an array of block names");
  model.mtp.norms = mtp->count_or("norms", kNormsRange, 3);
  model.mtp.in_file_copies = mtp->count_or("in_file_copies", kModulesRange, 0);
  model.mtp.counted_in_total = mtp->flag_or("counted_in_total", false);
  model.mtp.in_gguf = mtp->flag_or("in_gguf", false);
  model.mtp.copies_head = mtp->flag_or("copies_head", true);
  mtp->finish();
}

void read_mlx(ObjectReader& reader, MlxRule& rule) {
  std::optional<ObjectReader> mlx = reader.object_if_present("mlx");
  if (!mlx) return;
  rule.eight_bit = mlx->texts_or_empty("eight_bit");
  rule.quantised = mlx->texts_or_empty("quantised");
  mlx->finish();
}

void read_quant(ObjectReader& reader, ModelSpec& model) {
  std::optional<ObjectReader> quant = reader.object_if_present("quant");
  if (!quant) return;
  model.quant.base = quant->text_or("base", "bf16");
  model.quant.format = quant->text_or("format", "");
  model.quant.parts = quant->texts_or_empty("parts");
  model.quant.except = quant->texts_or_empty("except");
  each_object(*quant, "rules", [&](ObjectReader item) {
    QuantRule rule;
    rule.matrix = item.text("matrix");
    rule.format = item.text("format");
    rule.layers = item.counts_or_empty("layers", CountRange{0, kLayersRange.max - 1});
    item.finish();
    model.quant.rules.push_back(std::move(rule));
  });
  quant->finish();
}

void read_published(ObjectReader& reader, ModelSpec& model) {
  each_object(reader, "published", [&](ObjectReader item) {
    PublishedTotal total;
    total.quantity = item.text("quantity");
    total.value = item.count("value", kPublishedRange);
    total.tolerance = item.real_or("tolerance", 0.0, 1.0, 0.0);
    total.source = item.text_or("source", "");
    item.finish();
    model.published.push_back(total);
  });
}

// A broken rule at the block it is about ("moe: top_k 9 exceeds ..."), else at the root.
void add_violation(Complaints& complaints, const JsonNode& root, const std::string& sentence) {
  const std::size_t colon = sentence.find(": ");
  const std::string subject = sentence.substr(0, colon);
  const JsonNode* blocks = root.find("blocks");
  const JsonNode* block = blocks == nullptr ? nullptr : blocks->find(subject);
  if (block != nullptr) return complaints.add(*block, "blocks/" + subject, "", "", sentence.substr(colon + 2));
  const JsonNode* member = root.find(subject);
  complaints.add(member == nullptr ? root : *member, "", "", "", sentence);
}

// ---- writing ----

struct FieldWriter {
  JsonWriter& out;

  void count(std::string_view key, Count& field, CountRange) { out.member(key, field); }
  void count(std::string_view key, Count& field, CountRange, Count fallback) {
    if (field != fallback) out.member(key, field);
  }
  void flag(std::string_view key, bool& field, bool fallback) {
    if (field != fallback) out.member(key, field);
  }
  template <class E>
  void word(std::string_view key, E& field, const std::vector<std::string>& words) {
    if (field != E{}) out.member(key, std::string_view(words[static_cast<std::size_t>(field)]));
  }
};

void write_texts(JsonWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  out.key(key).compact(true).begin_array();
  for (const std::string& text : texts) out.value(std::string_view(text));
  out.end_array().compact(false);
}

void write_text(JsonWriter& out, std::string_view key, const std::string& text) {
  if (!text.empty()) out.member(key, std::string_view(text));
}

void write_layer(JsonWriter& out, const LayerShape& layer, const ModelSpec& model) {
  out.begin_array();
  for (BlockIndex b : layer) out.value(std::string_view(model.blocks[b].name));
  out.end_array();
}

void write_blocks(JsonWriter& out, const ModelSpec& model) {
  out.key("blocks").begin_object();
  for (Block block : model.blocks) {
    out.key(block.name).compact(true).begin_object();
    out.member("kind", std::string_view(kKindWords[block.kind.index()]));
    FieldWriter visitor{out};
    std::visit([&](auto& kind) { fields(visitor, kind); }, block.kind);
    visitor.count("norms", block.norms, kNormsRange, 1);
    out.end_object().compact(false);
  }
  out.end_object();
}

void write_runs(JsonWriter& out, const ModelSpec& model) {
  out.key("layers").begin_array();
  for (const LayerRun& run : model.runs) {
    out.compact(true);
    if (run.repeat == 1 && run.layers.size() == 1 && run.stack == Stack::Decoder) {
      write_layer(out, run.layers[0], model);
    } else {
      out.begin_object();
      if (run.stack != Stack::Decoder) out.member("stack", "encoder");
      if (run.repeat != 1) out.member("repeat", run.repeat);
      out.key("layers").begin_array();
      for (const LayerShape& layer : run.layers) write_layer(out, layer, model);
      out.end_array().end_object();
    }
    out.compact(false);
  }
  out.end_array();
}

void write_extras(JsonWriter& out, const ModelSpec& model) {
  if (model.extras.empty()) return;
  out.key("extras").begin_array();
  for (const ExtraTensor& extra : model.extras) {
    out.compact(true).begin_object();
    out.member("name", std::string_view(extra.name)).member("part", std::string_view(extra.part));
    out.member("elements", extra.elements);
    if (!extra.active) out.member("active", false);
    write_text(out, "source", extra.source);
    out.end_object().compact(false);
  }
  out.end_array();
}

void write_mtp(JsonWriter& out, const ModelSpec& model) {
  const MtpModule& mtp = model.mtp;
  if (mtp == MtpModule{}) return;
  out.key("mtp").compact(true).begin_object();
  if (mtp.modules != 1) out.member("modules", mtp.modules);
  out.key("layer");
  write_layer(out, mtp.shape, model);
  if (mtp.norms != 3) out.member("norms", mtp.norms);
  if (mtp.in_file_copies != 0) out.member("in_file_copies", mtp.in_file_copies);
  if (mtp.counted_in_total) out.member("counted_in_total", true);
  if (mtp.in_gguf) out.member("in_gguf", true);
  if (!mtp.copies_head) out.member("copies_head", false);
  out.end_object().compact(false);
}

void write_mlx(JsonWriter& out, const MlxRule& rule) {
  if (rule == MlxRule{}) return;
  out.key("mlx").begin_object();
  write_texts(out, "eight_bit", rule.eight_bit);
  write_texts(out, "quantised", rule.quantised);
  out.end_object();
}

void write_rules(JsonWriter& out, const std::vector<QuantRule>& rules) {
  if (rules.empty()) return;
  out.key("rules").begin_array();
  for (const QuantRule& rule : rules) {
    out.begin_object().compact(true);
    out.member("matrix", std::string_view(rule.matrix)).member("format", std::string_view(rule.format));
    if (!rule.layers.empty()) {
      out.key("layers").begin_array();
      for (const Count layer : rule.layers) out.value(layer);
      out.end_array();
    }
    out.end_object().compact(false);
  }
  out.end_array();
}

void write_quant(JsonWriter& out, const ModelSpec& model) {
  const NativeQuant& quant = model.quant;
  if (quant == NativeQuant{}) return;
  out.key("quant").begin_object();
  if (quant.base != "bf16") out.member("base", std::string_view(quant.base));
  write_text(out, "format", quant.format);
  write_texts(out, "parts", quant.parts);
  write_texts(out, "except", quant.except);
  write_rules(out, quant.rules);
  out.end_object();
}

void write_published(JsonWriter& out, const ModelSpec& model) {
  if (model.published.empty()) return;
  out.key("published").begin_array();
  for (const PublishedTotal& total : model.published) {
    out.compact(true).begin_object();
    out.member("quantity", std::string_view(total.quantity)).member("value", total.value);
    if (total.tolerance != 0.0) out.member("tolerance", total.tolerance);
    write_text(out, "source", total.source);
    out.end_object().compact(false);
  }
  out.end_array();
}

}  // namespace

ModelSpec read_model(std::string text, const std::string& file) {
  return read_model(parse_json(std::move(text), file));
}

ModelSpec read_model(const JsonDocument& document) {
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  ModelSpec model;
  model.id = reader.text("id");
  model.name = reader.text_or("name", "");
  model.aliases = reader.texts_or_empty("aliases");
  model.source = reader.text_or("source", "");
  model.note = reader.text_or("note", "");
  model.basis = static_cast<ShapeBasis>(reader.choice_or("basis", kBasisWords, 0));
  model.hidden = reader.count("hidden", kHiddenRange);
  model.vocab = reader.count("vocab", kVocabRange);
  model.max_context = reader.count("max_context", kContextRange);
  model.tied_embeddings = reader.flag_or("tied_embeddings", false);
  model.head_bias = reader.flag_or("head_bias", false);
  model.norm = static_cast<NormKind>(reader.choice_or("norm", kNormWords, 0));
  model.final_norms = reader.count_or("final_norms", kNormsRange, 1);
  read_blocks(reader, model);
  read_runs(reader, model);
  read_extras(reader, model);
  read_mtp(reader, model);
  read_quant(reader, model);
  read_mlx(reader, model.mlx);
  read_published(reader, model);
  reader.finish();
  if (complaints.empty())
    for (const std::string& sentence : violations(model)) add_violation(complaints, document.root, sentence);
  complaints.throw_if_any();
  return model;
}

std::string write_model(const ModelSpec& model) {
  JsonWriter out;
  out.begin_object();
  out.member("id", std::string_view(model.id));
  write_text(out, "name", model.name);
  write_texts(out, "aliases", model.aliases);
  write_text(out, "source", model.source);
  write_text(out, "note", model.note);
  if (model.basis != ShapeBasis::Published)
    out.member("basis", std::string_view(kBasisWords[static_cast<std::size_t>(model.basis)]));
  out.member("hidden", model.hidden).member("vocab", model.vocab).member("max_context", model.max_context);
  if (model.tied_embeddings) out.member("tied_embeddings", true);
  if (model.head_bias) out.member("head_bias", true);
  if (model.norm != NormKind::Rms)
    out.member("norm", std::string_view(kNormWords[static_cast<std::size_t>(model.norm)]));
  if (model.final_norms != 1) out.member("final_norms", model.final_norms);
  write_blocks(out, model);
  write_runs(out, model);
  write_extras(out, model);
  write_mtp(out, model);
  write_quant(out, model);
  write_mlx(out, model.mlx);
  write_published(out, model);
  out.end_object();
  return out.take();
}

}  // namespace moeplan
