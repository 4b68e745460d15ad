// SPDX-License-Identifier: Apache-2.0
// Two steps: the method and its options name a format; the ignore list and the
// targets say which matrices have it. Module names are those of the transformers
// modeling files.
#include "sim/spec/import/hf_quantization.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "sim/spec/import/module_pattern.h"
#include "sim/spec/matrices.h"

namespace moeplan {
namespace {

constexpr std::size_t kMostEntries = 4096;
constexpr std::string_view kGiveTheFiles = "put the .safetensors files beside the config, their headers say every byte";

struct ModuleNames {
  MatrixRole role;
  std::vector<std::string_view> names;  // below "model.layers.N."
};

const std::vector<ModuleNames>& module_names() {
  static const std::vector<ModuleNames> kNames = {
      {MatrixRole::Q, {"self_attn.q_proj"}},
      {MatrixRole::QA, {"self_attn.q_a_proj"}},
      {MatrixRole::QB, {"self_attn.q_b_proj"}},
      {MatrixRole::K, {"self_attn.k_proj"}},
      {MatrixRole::V, {"self_attn.v_proj"}},
      {MatrixRole::KvA, {"self_attn.kv_a_proj_with_mqa"}},
      {MatrixRole::KvB, {"self_attn.kv_b_proj"}},
      {MatrixRole::O, {"self_attn.o_proj"}},
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

// The ignore list (or the targets), parsed.
class ModuleList {
 public:
  void add(const std::string& entry, HfReader& where, std::string_view key) {
    // Multimodal checkpoints put the language model under a prefix.
    std::string plain = entry;
    for (std::string_view prefix : {"language_model.model.", "model.language_model."})
      if (plain.starts_with(prefix)) plain = "model." + plain.substr(prefix.size());
    std::optional<ModulePattern> pattern = ModulePattern::parse(plain);
    if (pattern) return patterns_.push_back(std::move(*pattern));
    where.complain(key, "module names, globs or simple regular expressions", "not understood: \"" + entry + "\"");
  }
  bool holds(std::string_view path) const {
    return std::any_of(patterns_.begin(), patterns_.end(), [&](const ModulePattern& p) { return p.matches(path); });
  }
  bool holds(MatrixRole role, Count layer) const {
    const ModuleNames* names = names_of(role);
    if (names == nullptr) return false;
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    return std::any_of(names->names.begin(), names->names.end(),
                       [&](std::string_view name) { return holds(prefix + std::string(name)); });
  }
  bool empty() const { return patterns_.empty(); }

 private:
  std::vector<ModulePattern> patterns_;
};

struct Method {
  std::string format;
  ModuleList ignored;
  ModuleList targets;     // empty = every linear layer
  bool tables = false;    // embedding and head too
  Count own_modules = 0;  // with a width of their own
};

void read_list(HfReader& quant, std::string_view key, ModuleList& list) {
  const std::vector<std::string> entries = quant.texts(key);
  if (entries.size() > kMostEntries) return quant.complain(key, "at most 4096 entries");
  for (const std::string& entry : entries) list.add(entry, quant, key);
}

// [128, 128] or absent.
std::string fp8_format(HfReader& quant) {
  const std::vector<Count> block = quant.counts("weight_block_size");
  if (block.empty()) return "fp8";
  if (block == std::vector<Count>{128, 128}) return "fp8_block";
  quant.complain("weight_block_size", "[128, 128]",
                 std::string("other tiles are not modelled: ") + std::string(kGiveTheFiles));
  return "fp8_block";
}

std::string group_format(HfReader& quant, std::string_view method) {
  if (quant.size_or("bits", 4) != 4)
    quant.complain("bits", "4",
                   std::string("other widths of this method are not modelled: ") + std::string(kGiveTheFiles));
  const JsonNode* group = quant.node("group_size");
  const Count size = group == nullptr ? 128 : group->integer;
  if (size == 128) return "int4_g128";
  if (size == 64) return "int4_g64";
  if (size == 32) return "int4_g32_zp";
  quant.complain("group_size", "32, 64 or 128",
                 "other groups of " + std::string(method) + " are not modelled: " + std::string(kGiveTheFiles));
  return "int4_g128";
}

std::string bitsandbytes_format(HfReader& quant) {
  if (quant.flag_or("load_in_8bit", false) || quant.flag_or("_load_in_8bit", false)) return "int8";
  if (!quant.flag_or("load_in_4bit", false) && !quant.flag_or("_load_in_4bit", false))
    quant.complain("load_in_4bit", "load_in_4bit or load_in_8bit");
  if (quant.text_or("bnb_4bit_quant_type", "nf4") != "nf4" && quant.text_or("bnb_4bit_quant_type", "") != "fp4")
    quant.complain("bnb_4bit_quant_type", "nf4 or fp4");
  return quant.flag_or("bnb_4bit_use_double_quant", false) ? "nf4_dq" : "nf4";
}

std::string modelopt_format(HfReader& quant) {
  const std::string algorithm = quant.text_or("quant_algo", "");
  if (algorithm == "NVFP4") return "nvfp4";
  if (algorithm == "FP8") return "fp8";
  quant.complain("quant_algo", "NVFP4 or FP8",
                 std::string("other algorithms are not modelled: ") + std::string(kGiveTheFiles));
  return "fp8";
}

// One group of compressed-tensors: how its weights are stored.
std::string scheme_format(HfReader& weights) {
  const Count bits = weights.size("num_bits");
  const std::string type = weights.text_or("type", "int");
  const std::string strategy = weights.text_or("strategy", "tensor");
  const bool symmetric = weights.flag_or("symmetric", true);
  const Count group = weights.has("group_size") ? weights.size("group_size") : 0;
  if (type == "int" && bits == 4 && strategy == "group" && symmetric) {
    if (group == 32) return "int4_g32";
    if (group == 128) return "int4_g128_sym";
  }
  if (type == "int" && bits == 4 && strategy == "group" && group == 128) return "int4_g128";
  if (type == "float" && bits == 4 && group == 16) return "nvfp4";
  if (type == "float" && bits == 4 && group == 32) return "mxfp4";
  if (type == "float" && bits == 8 && strategy == "tensor") return "fp8";
  if (type == "float" && bits == 8 && strategy == "channel") return "fp8_channel";
  if (type == "float" && bits == 8 && strategy == "block" &&
      weights.counts("block_structure") == std::vector<Count>{128, 128})
    return "fp8_block";
  if (type == "int" && bits == 8 && strategy == "channel") return "int8";
  weights.complain("num_bits", "a scheme that is modelled",
                   "int 4 in groups of 32 or 128, float 4 in groups of 16 or 32, float 8 per tensor, channel or "
                   "128 x 128 block, int 8 per channel");
  return "fp8";
}

std::string compressed_format(HfReader& quant, Method& method) {
  const JsonNode* groups = quant.node("config_groups");
  std::string format;
  if (groups == nullptr || groups->kind != JsonKind::Object || groups->members.empty()) {
    quant.complain("config_groups", "an object with a group of weights");
    return "fp8";
  }
  for (const auto& [name, node] : groups->members) {
    const std::string path = quant.path_of("config_groups") + "/" + name;
    if (node.kind != JsonKind::Object) {
      quant.complaints().add(node, path, what_is(node), "an object");
      continue;
    }
    HfReader group(node, path, quant.complaints());
    HfReader weights = group.object("weights");
    const std::string found = scheme_format(weights);
    if (!format.empty() && format != found)
      group.complain("weights", "the same scheme in every group",
                     std::string("mixed schemes are not modelled: ") + std::string(kGiveTheFiles));
    format = found;
    for (const std::string& target : group.texts("targets"))
      if (target != "Linear")
        method.targets.add(target, group, "targets");
      else
        method.targets.add("re:.*", group, "targets");
  }
  return format;
}

// MLX writes {"group_size": 64, "bits": 4} without a method's name, and modules that
// differ under their own names: {"model.layers.0.mlp.gate": {"group_size": 64, "bits": 8}}.
std::string mlx_format(HfReader& quant, Method& method) {
  const Count bits = quant.size("bits");
  const Count group = quant.size("group_size");
  for (const JsonMember& member : quant.self().members)
    if (member.node.kind == JsonKind::Object || member.node.kind == JsonKind::Bool) ++method.own_modules;
  const std::string mode = quant.text_or("mode", "affine");
  if (mode == "mxfp4" && bits == 4 && group == 32) return "mxfp4";
  if (mode == "nvfp4" && bits == 4 && group == 16) return "nvfp4";
  if (mode != "affine") quant.complain("mode", "affine, mxfp4 or nvfp4", std::string(kGiveTheFiles));
  if (group == 32 && bits == 4) return "mlx_4bit_g32";
  if (group != 64) quant.complain("group_size", "64, or 32 with 4 bits", std::string(kGiveTheFiles));
  if (bits == 3 || bits == 4 || bits == 5 || bits == 6 || bits == 8) return "mlx_" + std::to_string(bits) + "bit";
  quant.complain("bits", "3, 4, 5, 6 or 8", std::string(kGiveTheFiles));
  return "mlx_4bit";
}

bool is_mlx(const JsonNode& quant) {
  return quant.find("quant_method") == nullptr && quant.find("bits") != nullptr && quant.find("group_size") != nullptr;
}

std::optional<Method> read_method(HfReader& quant) {
  Method method;
  if (is_mlx(quant.self())) {
    method.tables = true;
    method.format = mlx_format(quant, method);
    return method;
  }
  const std::string name = quant.text_or("quant_method", "");
  if (name == "fp8")
    method.format = fp8_format(quant);
  else if (name == "mxfp4")
    method.format = "mxfp4";
  else if (name == "compressed-tensors" || name == "compressed_tensors")
    method.format = compressed_format(quant, method);
  else if (name == "awq" || name == "gptq")
    method.format = group_format(quant, name);
  else if (name == "bitsandbytes")
    method.format = bitsandbytes_format(quant);
  else if (name == "modelopt")
    method.format = modelopt_format(quant);
  else {
    quant.complain("quant_method", "fp8, mxfp4, compressed-tensors, awq, gptq, bitsandbytes or modelopt",
                   "other methods are not modelled: " + std::string(kGiveTheFiles));
    return std::nullopt;
  }
  for (std::string_view key :
       {"modules_to_not_convert", "ignore", "ignored_layers", "exclude_modules", "llm_int8_skip_modules"})
    read_list(quant, key, method.ignored);
  return method;
}

// How many of a role's matrices are quantised.
struct Usage {
  Part part = Part::Attention;
  Count quantised = 0;
  Count all = 0;
};

using Usages = std::map<MatrixRole, Usage>;

Usages usages_of(const ModelSpec& shape, const Method& method) {
  Usages usages;
  const std::vector<LayerShape> layers = expand_layers(shape, Stack::Decoder);
  for (std::size_t l = 0; l < layers.size(); ++l)
    for (BlockIndex b : layers[l])
      for (const Matrix& m : matrices_of(shape.blocks[b], shape)) {
        if (!m.quantisable) continue;
        Usage& usage = usages[m.role];
        usage.part = m.part;
        ++usage.all;
        const Count layer = static_cast<Count>(l);
        const bool targeted = method.targets.empty() || method.targets.holds(m.role, layer);
        if (targeted && !method.ignored.holds(m.role, layer)) ++usage.quantised;
      }
  return usages;
}

// Layers that differ are rounded to what most of them do.
bool mostly_quantised(const Usage& usage) { return 2 * usage.quantised > usage.all; }

std::string remark_on_mixed(const Usages& usages) {
  for (const auto& [role, usage] : usages)
    if (usage.quantised > 0 && usage.quantised < usage.all)
      return "Some layers are exempt from quantisation (" + std::string(word_of(role)) + ": " +
             std::to_string(usage.all - usage.quantised) + " of " + std::to_string(usage.all) +
             "); native sizes treat all layers like most of them.";
  return "";
}

// Parts when they say it exactly, else the exempt roles.
void choose_words(const Usages& usages, NativeQuant& quant) {
  std::map<Part, std::pair<bool, bool>> parts;  // any quantised, any exempt
  for (const auto& [role, usage] : usages) {
    auto& [any, exempt] = parts[usage.part];
    (mostly_quantised(usage) ? any : exempt) = true;
  }
  const bool none_exempt = std::all_of(parts.begin(), parts.end(), [](const auto& p) { return !p.second.second; });
  if (none_exempt) return;
  const bool by_part =
      std::all_of(parts.begin(), parts.end(), [](const auto& p) { return p.second.first != p.second.second; });
  if (by_part) {
    for (const auto& [part, state] : parts)
      if (state.first) quant.parts.emplace_back(word_of(part));
    return;
  }
  for (const auto& [role, usage] : usages)
    if (!mostly_quantised(usage)) quant.except.emplace_back(word_of(role));
}

// The tables are quantised only where their parts are listed.
void name_all_parts(const Usages& usages, NativeQuant& quant) {
  for (const auto& [role, usage] : usages) {
    const std::string part(word_of(usage.part));
    if (std::find(quant.parts.begin(), quant.parts.end(), part) == quant.parts.end()) quant.parts.push_back(part);
  }
  for (const Part table : {Part::Embedding, Part::Head}) quant.parts.emplace_back(word_of(table));
}

}  // namespace

void import_base_format(HfReader& config, ModelSpec& model) {
  const std::string dtype = config.dtype();
  if (!dtype.empty()) model.quant.base = dtype;
  config.understand({"quantization_config", "quantization", "compression_config"});
}

void import_quantization(HfReader& config, ModelSpec& model, bool sound) {
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
  if (holder == nullptr) return;
  HfReader reader = holder->object(key);
  const std::optional<Method> method = read_method(reader);
  if (!method || !sound) return;
  const Usages usages = usages_of(model, *method);
  const bool any = std::any_of(usages.begin(), usages.end(), [](const auto& u) { return mostly_quantised(u.second); });
  if (!any) return;
  quant.format = method->format;
  choose_words(usages, quant);
  if (method->tables) name_all_parts(usages, quant);
  std::string mixed = remark_on_mixed(usages);
  if (method->own_modules > 0)
    mixed = std::to_string(method->own_modules) + " modules have a width of their own; native sizes give all the same.";
  if (!mixed.empty()) model.note += (model.note.empty() ? "" : " ") + mixed;
}

}  // namespace moeplan
