// SPDX-License-Identifier: Apache-2.0
// Layouts: AutoGPTQ and GPTQModel QuantLinear, AutoAWQ WQLinear_GEMM, compressed-tensors
// compressors, vLLM model_executor/layers/quantization (modelopt.py, fp8.py), mlx.
#include "sim/spec/import/hf_quant_method.h"

#include <algorithm>
#include <array>

namespace moeplan {
namespace {

constexpr std::size_t kMostEntries = 4096;
constexpr std::size_t kMostModules = 200'000;
constexpr std::string_view kGiveTheFiles = "put the .safetensors files beside the config, their headers say every byte";

std::string otherwise(std::string_view what) { return std::string(what) + ": " + std::string(kGiveTheFiles); }

void read_list(HfReader& quant, std::string_view key, ModuleList& list) {
  const std::vector<std::string> entries = quant.texts(key);
  if (entries.size() > kMostEntries) return quant.complain(key, "at most 4096 entries");
  for (const std::string& entry : entries) list.add(entry, quant, key);
}

void quantise_all(QuantMethod& method, std::string format) {
  QuantMethod::Group& group = method.groups.emplace_back();
  group.every_linear = true;
  group.format = std::move(format);
}

// ---- fp8, bitsandbytes, MLX ----

// [128, 128] or absent.
std::string fp8_format(HfReader& quant) {
  const std::vector<Count> block = quant.counts("weight_block_size");
  if (block.empty()) return "fp8";
  if (block == std::vector<Count>{128, 128}) return "fp8_block";
  quant.complain("weight_block_size", "[128, 128]", otherwise("other tiles are not modelled"));
  return "fp8_block";
}

std::string bitsandbytes_format(HfReader& quant) {
  if (quant.flag_or("load_in_8bit", false) || quant.flag_or("_load_in_8bit", false)) return "int8";
  if (!quant.flag_or("load_in_4bit", false) && !quant.flag_or("_load_in_4bit", false))
    quant.complain("load_in_4bit", "load_in_4bit or load_in_8bit");
  if (quant.text_or("bnb_4bit_quant_type", "nf4") != "nf4" && quant.text_or("bnb_4bit_quant_type", "") != "fp4")
    quant.complain("bnb_4bit_quant_type", "nf4 or fp4");
  return quant.flag_or("bnb_4bit_use_double_quant", false) ? "nf4_dq" : "nf4";
}

// MLX writes {"group_size": 64, "bits": 4} without a method's name, and modules that
// differ under their own names: {"model.layers.0.mlp.gate": {"group_size": 64, "bits": 8}}.
std::string mlx_format(HfReader& quant, QuantMethod& method) {
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

// ---- GPTQ, AWQ ----

// -1 or none is one group per output.
std::optional<Count> group_of(HfReader& quant, Count fallback) {
  const JsonNode* node = quant.node("group_size");
  const Count size = node == nullptr ? fallback : node->integer;
  const bool whole = node == nullptr || node->kind == JsonKind::Integer;
  if (whole && (size == -1 || size == 32 || size == 64 || size == 128)) return size;
  quant.complain("group_size", "-1, 32, 64 or 128", otherwise("other groups are not modelled"));
  return std::nullopt;
}

std::string group_word(Count group) { return group == -1 ? "channel" : "g" + std::to_string(group); }

// Every file lists g_idx, whether desc_act reorders the inputs or not.
std::string gptq_format(HfReader& quant, Count bits, Count fallback_group) {
  static_cast<void>(quant.flag_or("desc_act", false));
  bits = quant.size_or("bits", bits);
  const std::optional<Count> group = group_of(quant, fallback_group);
  const bool known = bits == 2 || bits == 3 || bits == 4 || bits == 8;
  if (!known) quant.complain("bits", "2, 3, 4 or 8", otherwise("GPTQ files have no other width"));
  if (!known || !group) return "int4_g128_gptq";
  return "int" + std::to_string(bits) + "_" + group_word(*group) + "_gptq";
}

// GPTQModel's own modules: {"-:re": {}, "+:re": {"bits": 8}, "re": {...}}, the first that holds.
void read_gptq_dynamic(HfReader& quant, QuantMethod& method, Count bits, Count group) {
  const JsonNode* dynamic = quant.node("dynamic");
  if (dynamic == nullptr) return;
  if (dynamic->kind != JsonKind::Object || dynamic->members.size() > kMostEntries)
    return quant.complain("dynamic", "an object of at most 4096 expressions");
  for (const auto& [key, node] : dynamic->members) {
    QuantMethod::Group& own = method.groups.emplace_back();
    const bool negative = key.starts_with("-:");
    own.targets.add("re:" + key.substr(negative || key.starts_with("+:") ? 2 : 0), quant, "dynamic");
    if (negative) continue;
    HfReader reader(node, quant.path_of("dynamic") + "/" + key, quant.complaints());
    if (node.kind != JsonKind::Object)
      quant.complain("dynamic", "an object of options for each expression");
    else
      own.format = gptq_format(reader, bits, group);
  }
}

// Names in lists of lists: the modules of a layer that are quantised at all.
void read_blocks_to_quantise(HfReader& quant, ModuleList& list) {
  const JsonNode* node = quant.node("modules_in_block_to_quantize");
  if (node == nullptr) return;
  for (const JsonNode& names : node->items)
    for (const JsonNode& name : names.items)
      if (name.kind == JsonKind::String) list.add(name.text, quant, "modules_in_block_to_quantize");
}

void read_gptq(HfReader& quant, QuantMethod& method) {
  const std::string format = gptq_format(quant, 4, 128);
  const JsonNode* group = quant.node("group_size");
  read_gptq_dynamic(quant, method, quant.size_or("bits", 4), group == nullptr ? 128 : group->integer);
  if (quant.flag_or("lm_head", false)) {
    QuantMethod::Group& head = method.groups.emplace_back();
    head.targets.add("lm_head", quant, "lm_head");
    head.format = format;
  }
  ModuleList only;
  read_blocks_to_quantise(quant, only);
  quantise_all(method, format);
  if (only.empty()) return;
  method.groups.back().every_linear = false;
  method.groups.back().targets = std::move(only);
}

std::string awq_format(HfReader& quant) {
  if (quant.size_or("bits", 4) != 4) quant.complain("bits", "4", otherwise("AutoAWQ writes no other width"));
  const std::string version = quant.text_or("version", "gemm");
  // gemv pads its scales to whole words: sizes without a closed form in rows and columns.
  if (version == "gemv" || version == "gemv_fast")
    quant.complain("version", "gemm, exllama, marlin or ipex", otherwise("gemv pads its zero points and scales"));
  const std::optional<Count> group = group_of(quant, 128);
  if (!group || *group == 128) return "int4_g128";
  return *group == 64 ? "int4_g64" : *group == 32 ? "int4_g32_zp" : "int4_channel_awq";
}

// ---- compressed-tensors ----

std::string packed_int(HfReader& weights, Count bits, Count group, bool symmetric) {
  const std::string order = weights.text_or("actorder", "");
  const bool listed = order == "group" || order == "dynamic";
  const std::string width = "int" + std::to_string(bits) + "_";
  if (group == -1 && symmetric && !listed) return width + "channel_sym";
  const bool known = group == 32 || group == 64 || group == 128;
  if (known && !symmetric && !listed) return width + group_word(group) + "_asym";
  if (known && symmetric && listed && bits == 4) return width + group_word(group) + "_sym_act";
  if (known && symmetric && !listed) return bits == 4 && group == 32 ? "int4_g32" : width + group_word(group) + "_sym";
  weights.complain("group_size", "32, 64 or 128, or one group per output",
                   otherwise("this combination of group, zero points and order is not modelled"));
  return "int4_g128_sym";
}

std::string float_format(HfReader& weights, Count bits, Count group, const std::string& strategy, bool activations) {
  if (bits == 4 && group == 16) return activations ? "nvfp4_static" : "nvfp4";
  if (bits == 4 && group == 32) return "mxfp4";
  if (bits == 8 && group == 32) return "mxfp8";
  if (bits == 8 && strategy == "tensor") return "fp8";
  if (bits == 8 && strategy == "channel") return "fp8_channel";
  if (bits == 8 && strategy == "block" && weights.counts("block_structure") == std::vector<Count>{128, 128})
    return "fp8_block";
  return "";
}

// One group: how its weights are stored. packing: the word of this group or of the whole.
std::string scheme_format(HfReader& weights, const std::string& packing, bool activations) {
  const Count bits = weights.size("num_bits");
  const std::string type = weights.text_or("type", "int");
  const std::string strategy = weights.text_or("strategy", "tensor");
  const bool symmetric = weights.flag_or("symmetric", true);
  const JsonNode* size = weights.node("group_size");
  const Count group = strategy == "channel" ? -1 : size == nullptr ? 0 : size->integer;
  if (type == "float") {
    const std::string format = float_format(weights, bits, group, strategy, activations);
    if (!format.empty()) return format;
  } else if (type == "int" && (bits == 4 || bits == 8)) {
    if (bits == 8 && strategy == "channel" && packing != "pack-quantized") return "int8";
    if (strategy == "group" || strategy == "channel") return packed_int(weights, bits, group, symmetric);
  }
  weights.complain("num_bits", "a scheme that is modelled",
                   "int 4 or 8 in groups of 32, 64 or 128 or per channel, float 4 in groups of 16 or 32, float 8 per "
                   "tensor, channel or 128 x 128 block");
  return "fp8";
}

void read_compressed(HfReader& quant, QuantMethod& method) {
  const JsonNode* groups = quant.node("config_groups");
  if (groups == nullptr || groups->kind != JsonKind::Object || groups->members.empty())
    return quant.complain("config_groups", "an object with a group of weights");
  const std::string packing = quant.text_or("format", "");
  for (const auto& [name, node] : groups->members) {
    const std::string path = quant.path_of("config_groups") + "/" + name;
    if (node.kind != JsonKind::Object) {
      quant.complaints().add(node, path, what_is(node), "an object");
      continue;
    }
    HfReader group(node, path, quant.complaints());
    if (!group.has("weights")) continue;  // activations or the cache alone
    HfReader weights = group.object("weights");
    QuantMethod::Group& own = method.groups.emplace_back();
    own.format = scheme_format(weights, group.text_or("format", packing), group.has("input_activations"));
    for (const std::string& target : group.texts("targets"))
      if (target == "Linear")
        own.every_linear = true;
      else
        own.targets.add(target, group, "targets");
    if (own.targets.empty()) own.every_linear = true;
  }
  // Names decide before classes of modules.
  std::stable_sort(method.groups.begin(), method.groups.end(),
                   [](const auto& a, const auto& b) { return a.every_linear < b.every_linear; });
}

// ---- ModelOpt ----

struct Algorithm {
  std::string_view name, format;
};

// Source: vLLM model_executor/layers/quantization/modelopt.py.
constexpr std::array<Algorithm, 6> kAlgorithms = {{
    {"FP8", "fp8_static"},
    {"FP8_PB_WO", "fp8_block"},
    {"FP8_PER_CHANNEL_PER_TOKEN", "fp8_channel_f32"},
    {"NVFP4", "nvfp4_static"},
    {"W4A16_NVFP4", "nvfp4"},
    {"MXFP8", "mxfp8"},
}};

std::string algorithm_format(HfReader& reader) {
  std::string name = reader.text_or("quant_algo", "");
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  if (name == "UNQUANTIZED") return "";
  const auto* found =
      std::find_if(kAlgorithms.begin(), kAlgorithms.end(), [&](const Algorithm& a) { return a.name == name; });
  if (found != kAlgorithms.end()) return std::string(found->format);
  reader.complain("quant_algo",
                  "FP8, FP8_PB_WO, FP8_PER_CHANNEL_PER_TOKEN, NVFP4, W4A16_NVFP4, MXFP8 or MIXED_PRECISION",
                  otherwise("other algorithms are not modelled"));
  return "fp8_static";
}

// Which module has which algorithm, one by one.
void read_modelopt(HfReader& quant, QuantMethod& method) {
  const std::string whole = quant.text_or("quant_algo", "");
  if (whole != "MIXED_PRECISION") return quantise_all(method, algorithm_format(quant));
  const JsonNode* layers = quant.node("quantized_layers");
  if (layers == nullptr || layers->kind != JsonKind::Object)
    return quant.complain("quantized_layers", "an object of modules and their algorithms",
                          "hf_quant_config.json beside the config has it");
  if (layers->members.size() > kMostModules) return quant.complain("quantized_layers", "at most 200,000 modules");
  for (const auto& [name, node] : layers->members) {
    const std::string path = quant.path_of("quantized_layers") + "/" + name;
    if (node.kind != JsonKind::Object) {
      quant.complaints().add(node, path, what_is(node), "an object with quant_algo");
      continue;
    }
    HfReader reader(node, path, quant.complaints());
    method.modules.insert_or_assign(plain_module_path(name), algorithm_format(reader));
  }
}

constexpr std::array<std::string_view, 5> kIgnoreKeys = {"modules_to_not_convert", "ignore", "ignored_layers",
                                                         "exclude_modules", "llm_int8_skip_modules"};

}  // namespace

std::string plain_module_path(std::string path) {
  for (const std::string_view prefix : {"language_model.model.", "model.language_model.", "backbone."})
    if (path.starts_with(prefix)) return "model." + path.substr(prefix.size());
  return path;
}

void ModuleList::add(const std::string& entry, HfReader& where, std::string_view key) {
  std::optional<ModulePattern> pattern = ModulePattern::parse(plain_module_path(entry));
  if (pattern) return patterns_.push_back(std::move(*pattern));
  where.complain(key, "module names, globs or simple regular expressions", "not understood: \"" + entry + "\"");
}

bool ModuleList::holds(std::string_view path) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const ModulePattern& p) { return p.matches(path); });
}

std::optional<std::string> QuantMethod::named_format_of(std::string_view path) const {
  if (ignored.holds(path)) return "";
  for (std::string parent(path); !modules.empty() && !parent.empty();) {
    if (const auto found = modules.find(parent); found != modules.end()) return found->second;
    const std::size_t dot = parent.rfind('.');
    parent.resize(dot == std::string::npos ? 0 : dot);
  }
  for (const Group& group : groups)
    if (group.targets.holds(path)) return group.format;
  return std::nullopt;
}

std::string QuantMethod::format_of_every_linear() const {
  const auto found = std::find_if(groups.begin(), groups.end(), [](const Group& g) { return g.every_linear; });
  return found == groups.end() ? "" : found->format;
}

std::optional<QuantMethod> read_quant_method(HfReader& quant) {
  QuantMethod method;
  if (is_mlx(quant.self())) {
    method.tables = true;
    quantise_all(method, mlx_format(quant, method));
    return method;
  }
  // hf_quant_config.json: {"producer": {...}, "quantization": {"quant_algo": ...}}.
  if (quant.has("quantization") && !quant.has("quant_algo")) {
    HfReader inner = quant.object("quantization");
    read_modelopt(inner, method);
    for (const std::string_view key : kIgnoreKeys) read_list(inner, key, method.ignored);
    return method;
  }
  const std::string name = quant.text_or("quant_method", "");
  if (name == "fp8")
    quantise_all(method, fp8_format(quant));
  else if (name == "mxfp4")
    quantise_all(method, "mxfp4");
  else if (name == "compressed-tensors" || name == "compressed_tensors")
    read_compressed(quant, method);
  else if (name == "gptq" || name == "gptqmodel")
    read_gptq(quant, method);
  else if (name == "awq")
    quantise_all(method, awq_format(quant));
  else if (name == "bitsandbytes")
    quantise_all(method, bitsandbytes_format(quant));
  else if (name == "modelopt" || name == "modelopt_fp4")
    read_modelopt(quant, method);
  else {
    quant.complain("quant_method", "fp8, mxfp4, compressed-tensors, awq, gptq, bitsandbytes or modelopt",
                   otherwise("other methods are not modelled"));
    return std::nullopt;
  }
  for (const std::string_view key : kIgnoreKeys) read_list(quant, key, method.ignored);
  return method;
}

}  // namespace moeplan
