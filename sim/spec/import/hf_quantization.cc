// SPDX-License-Identifier: Apache-2.0
// The format of each module, asked by the names of the transformers modeling files, becomes
// the words of NativeQuant: the format of most, the parts or roles that keep the base
// format, and rules for what differs between layers.
#include "sim/spec/import/hf_quantization.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "sim/spec/import/hf_quant_method.h"
#include "sim/spec/matrices.h"

namespace moeplan {
namespace {

struct ModuleNames {
  MatrixRole role;
  std::vector<std::string_view> names;  // below "model.layers.N."
};

const std::vector<ModuleNames>& module_names() {
  static const std::vector<ModuleNames> kNames = {
      {MatrixRole::Q, {"self_attn.q_proj", "mixer.q_proj"}},
      {MatrixRole::QA, {"self_attn.q_a_proj"}},
      {MatrixRole::QB, {"self_attn.q_b_proj"}},
      {MatrixRole::K, {"self_attn.k_proj", "mixer.k_proj"}},
      {MatrixRole::V, {"self_attn.v_proj", "mixer.v_proj"}},
      {MatrixRole::KvA, {"self_attn.kv_a_proj_with_mqa"}},
      {MatrixRole::KvB, {"self_attn.kv_b_proj"}},
      {MatrixRole::O, {"self_attn.o_proj", "mixer.o_proj"}},
      {MatrixRole::Gate, {"self_attn.g_proj"}},
      {MatrixRole::IndexQ, {"self_attn.indexer.wq_b"}},
      {MatrixRole::IndexK, {"self_attn.indexer.wk"}},
      {MatrixRole::LinearQkvz, {"linear_attn.in_proj_qkvz", "linear_attn.in_proj_qkv", "mixer.in_proj"}},
      {MatrixRole::LinearBa, {"linear_attn.in_proj_ba", "linear_attn.in_proj_b"}},
      {MatrixRole::LinearOut, {"linear_attn.out_proj", "mixer.out_proj"}},
      {MatrixRole::FfnGate, {"mlp.gate_proj"}},
      {MatrixRole::FfnUp, {"mlp.up_proj"}},
      {MatrixRole::FfnDown, {"mlp.down_proj"}},
      {MatrixRole::ExpertGate, {"mlp.experts.0.gate_proj", "block_sparse_moe.experts.0.w1"}},
      {MatrixRole::ExpertUp, {"mlp.experts.0.up_proj", "block_sparse_moe.experts.0.w3", "mixer.experts.0.up_proj"}},
      {MatrixRole::ExpertDown,
       {"mlp.experts.0.down_proj", "block_sparse_moe.experts.0.w2", "mixer.experts.0.down_proj"}},
      {MatrixRole::SharedGate, {"mlp.shared_experts.gate_proj", "mlp.shared_expert.gate_proj"}},
      {MatrixRole::SharedUp,
       {"mlp.shared_experts.up_proj", "mlp.shared_expert.up_proj", "mixer.shared_experts.up_proj"}},
      {MatrixRole::SharedDown,
       {"mlp.shared_experts.down_proj", "mlp.shared_expert.down_proj", "mixer.shared_experts.down_proj"}},
      {MatrixRole::LatentDown, {"mixer.fc1_latent_proj"}},
      {MatrixRole::LatentUp, {"mixer.fc2_latent_proj"}},
  };
  return kNames;
}

const ModuleNames* names_of(MatrixRole role) {
  const std::vector<ModuleNames>& all = module_names();
  const auto found = std::find_if(all.begin(), all.end(), [&](const ModuleNames& n) { return n.role == role; });
  return found == all.end() ? nullptr : &*found;
}

// Format of a role below "model.layers.3."; "" = not quantised. Families name a module
// differently, and no model has two of the names: one that is exempt says so for all.
std::string format_of(const QuantMethod& method, MatrixRole role, const std::string& prefix) {
  const ModuleNames* names = names_of(role);
  if (names == nullptr) return "";
  std::optional<std::string> named;
  for (const std::string_view name : names->names) {
    const std::string path = prefix + std::string(name);
    if (method.ignored.holds(path)) return "";
    if (!named) named = method.named_format_of(path);
  }
  return named ? *named : method.format_of_every_linear();
}

// How a role is stored: its layers by format.
struct Usage {
  Part part = Part::Attention;
  Count values = 0;  // of one layer
  std::map<std::string, std::vector<Count>> layers;

  // What most layers have; of equals the one that does not quantise.
  const std::string& usual() const {
    return std::max_element(layers.begin(), layers.end(),
                            [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); })
        ->first;
  }
};

using Usages = std::map<MatrixRole, Usage>;

Usages usages_of(const ModelSpec& shape, const QuantMethod& method) {
  Usages usages;
  const std::vector<LayerShape> layers = expand_layers(shape, Stack::Decoder);
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const std::string prefix = "model.layers." + std::to_string(l) + ".";
    for (BlockIndex b : layers[l])
      for (const Matrix& m : matrices_of(shape.blocks[b], shape)) {
        if (!m.quantisable) continue;
        Usage& usage = usages[m.role];
        usage.part = m.part;
        usage.values = m.elements();
        std::vector<Count>& seen = usage.layers[format_of(method, m.role, prefix)];
        if (seen.empty() || seen.back() != static_cast<Count>(l)) seen.push_back(static_cast<Count>(l));
      }
  }
  return usages;
}

// The format of most values; "" = nothing is quantised.
std::string main_format(const Usages& usages) {
  std::map<std::string, Count> values;
  for (const auto& [role, usage] : usages)
    for (const auto& [format, layers] : usage.layers)
      if (!format.empty()) values[format] += usage.values * static_cast<Count>(layers.size());
  if (values.empty()) return "";
  return std::max_element(values.begin(), values.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

// Parts when they say it exactly, else the exempt roles.
void choose_words(const Usages& usages, NativeQuant& quant) {
  std::map<Part, std::pair<bool, bool>> parts;  // any quantised, any exempt
  for (const auto& [role, usage] : usages) {
    auto& [any, exempt] = parts[usage.part];
    (usage.usual() == quant.format ? any : exempt) = true;
  }
  const bool none_exempt = std::all_of(parts.begin(), parts.end(), [](const auto& p) { return !p.second.second; });
  if (none_exempt) return;
  const bool by_part =
      std::all_of(parts.begin(), parts.end(), [](const auto& p) { return p.second.first != p.second.second; });
  const bool some = std::any_of(parts.begin(), parts.end(), [](const auto& p) { return p.second.first; });
  if (by_part && some) {
    for (const auto& [part, state] : parts)
      if (state.first) quant.parts.emplace_back(word_of(part));
    return;
  }
  for (const auto& [role, usage] : usages)
    if (usage.usual() != quant.format) quant.except.emplace_back(word_of(role));
}

// What the words do not say.
void add_rules(const Usages& usages, NativeQuant& quant) {
  for (const auto& [role, usage] : usages) {
    const std::string& usual = usage.usual();
    if (!usual.empty() && usual != quant.format) quant.rules.push_back({std::string(word_of(role)), usual, {}});
    for (const auto& [format, layers] : usage.layers)
      if (format != usual)
        quant.rules.push_back({std::string(word_of(role)), format.empty() ? quant.base : format, layers});
  }
}

void add_table_rules(const QuantMethod& method, NativeQuant& quant) {
  const std::pair<MatrixRole, const char*> tables[] = {{MatrixRole::Head, "lm_head"},
                                                       {MatrixRole::Embedding, "model.embed_tokens"}};
  for (const auto& [role, path] : tables) {
    const std::optional<std::string> format = method.named_format_of(path);
    if (format && !format->empty()) quant.rules.push_back({std::string(word_of(role)), *format, {}});
  }
}

// The tables are quantised only where their parts are listed.
void name_all_parts(const Usages& usages, NativeQuant& quant) {
  for (const auto& [role, usage] : usages) {
    const std::string part(word_of(usage.part));
    if (std::find(quant.parts.begin(), quant.parts.end(), part) == quant.parts.end()) quant.parts.push_back(part);
  }
  for (const Part table : {Part::Embedding, Part::Head}) quant.parts.emplace_back(word_of(table));
}

// Whether nothing of the MTP module is quantised: it stands after the last layer, or apart.
bool keeps_mtp(const ModelSpec& shape, const QuantMethod& method) {
  const std::string last = "model.layers." + std::to_string(expand_layers(shape, Stack::Decoder).size()) + ".";
  bool any = false;
  for (const BlockIndex b : shape.mtp.shape)
    for (const Matrix& m : matrices_of(shape.blocks[b], shape)) {
      if (!m.quantisable) continue;
      any = true;
      if (!format_of(method, m.role, last).empty() && !format_of(method, m.role, "mtp.layers.0.").empty()) return false;
    }
  return any;
}

}  // namespace

void import_base_format(HfReader& config, ModelSpec& model) {
  const std::string dtype = config.dtype();
  if (!dtype.empty()) model.quant.base = dtype;
  config.understand({"quantization_config", "quantization", "compression_config"});
}

void import_quantization(HfReader& config, ModelSpec& model, bool sound, HfReader* beside) {
  NativeQuant& quant = model.quant;
  const std::string dtype = config.dtype();
  if (!dtype.empty()) quant.base = dtype;
  HfReader enclosing = config.outer() == nullptr ? config : *config.outer();
  // MLX repeats its own key under the usual one.
  HfReader* holder = nullptr;
  std::string_view key;
  for (const std::string_view name : {"quantization_config", "quantization"})
    for (HfReader* reader : {&config, &enclosing})
      if (reader->has(name) && holder == nullptr) {
        holder = reader;
        key = name;
      }
  if (holder == nullptr && beside == nullptr) return;
  std::optional<HfReader> inside;
  if (holder != nullptr) inside = holder->object(key);
  // ModelOpt writes both; the file beside says each module.
  const bool by_file = beside != nullptr && (!inside || inside->text_or("quant_method", "") == "modelopt");
  const std::optional<QuantMethod> method = read_quant_method(by_file ? *beside : *inside);
  if (!method || !sound) return;
  const Usages usages = usages_of(model, *method);
  const std::string format = main_format(usages);
  if (format.empty()) return;
  quant.format = format;
  choose_words(usages, quant);
  add_rules(usages, quant);
  if (!method->tables) add_table_rules(*method, quant);
  if (method->tables) name_all_parts(usages, quant);
  if (keeps_mtp(model, *method)) quant.except.emplace_back(word_of(Part::Mtp));
  if (method->own_modules > 0)
    model.note += (model.note.empty() ? "" : " ") + std::to_string(method->own_modules) +
                  " modules have a width of their own; native sizes give all the same.";
}

}  // namespace moeplan
