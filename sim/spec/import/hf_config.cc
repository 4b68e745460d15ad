// SPDX-License-Identifier: Apache-2.0
// The table of families, and the steps every import takes: family, quantisation,
// unknown keys, rules of the model.
#include "sim/spec/import/hf_config.h"

#include <algorithm>
#include <utility>

#include "sim/base/text.h"
#include "sim/spec/import/hf_families.h"
#include "sim/spec/import/hf_quantization.h"
#include "sim/spec/import/mistral_params.h"

namespace moeplan {
namespace {

struct Family {
  std::string_view type;
  ImportFunction import;
  std::string_view help;
};

constexpr Family kFamilies[] = {
    {"llama", import_llama, "Llama 1 to 3: dense, grouped-query attention"},
    {"mistral", import_llama, "Mistral: Llama with an optional window"},
    {"qwen2", import_qwen2, "Qwen2, Qwen2.5: biases on q, k, v"},
    {"qwen3", import_qwen3, "Qwen3: norms on q and k"},
    {"gpt2", import_gpt2, "GPT-2: learned positions, tied table"},
    {"mixtral", import_mixtral, "Mixtral"},
    {"qwen2_moe", import_qwen2_moe, "Qwen1.5-MoE, Qwen2-MoE: gated shared expert"},
    {"qwen3_moe", import_qwen3_moe, "Qwen3-MoE, Qwen3-Coder"},
    {"qwen3_next", import_qwen3_next, "Qwen3-Next: gated delta rule and softmax"},
    {"qwen3_5_moe_text", import_qwen3_next, "Qwen3.5-MoE text model"},
    {"olmoe", import_olmoe, "OLMoE"},
    {"phimoe", import_phimoe, "Phi-3.5-MoE, Phi-mini-MoE"},
    {"granitemoe", import_granitemoe, "Granite 3 MoE"},
    {"dbrx", import_dbrx, "DBRX"},
    {"grok-1", import_grok1, "Grok-1"},
    {"arctic", import_arctic, "Snowflake Arctic: experts beside a dense residual"},
    {"deepseek", import_deepseek_moe, "DeepSeekMoE-16B"},
    {"deepseek_v2", import_deepseek_latent, "DeepSeek-V2: latent attention"},
    {"deepseek_v3", import_deepseek_latent, "DeepSeek-V3, R1, Moonlight"},
    {"deepseek_v32", import_deepseek_latent, "DeepSeek-V3.2: sparse indexer"},
    {"kimi_k2", import_deepseek_latent, "Kimi K2"},
    {"mistral4", import_deepseek_latent, "Mistral Large 3"},
    {"glm4_moe", import_glm4_moe, "GLM-4.5, GLM-4.6"},
    {"glm_moe_dsa", import_glm_moe_dsa, "GLM-5: latent attention, shared indexers"},
    {"gpt_oss", import_gpt_oss, "gpt-oss: windows, sinks, biases"},
    {"bailing_moe_v2", import_bailing_v2, "Ling 2.0"},
    {"ernie4_5_moe", import_ernie4_5, "ERNIE 4.5 MoE"},
    {"minimax_m1", import_minimax_m1, "MiniMax-M1: lightning attention"},
    {"minimax_m2", import_minimax_m2, "MiniMax-M2"},
    {"minimax_m3", import_minimax_m3, "MiniMax-M3: block-sparse attention"},
    {"hunyuan", import_hunyuan, "Hunyuan-Large: cross-layer attention"},
    {"hunyuan_v1_moe", import_hunyuan, "Hunyuan-A13B"},
    {"step3p7", import_step3p7, "Step-3.7"},
    {"llama4_text", import_llama4, "Llama 4 text model"},
    {"gemma4_text", import_gemma4, "Gemma 4 MoE text model"},
    {"longcat_flash", import_longcat, "LongCat-Flash: zero-computation experts"},
    {"nemotron_h", import_nemotron_h, "Nemotron 3: Mamba-2, experts, attention"},
    {"switch_transformers", import_switch, "Switch Transformers"},
};

// Multimodal: the language model is under text_config.
constexpr Family kWrappers[] = {
    {"kimi_k25", import_kimi_vision, "Kimi K2.5"},           {"llama4", import_llama4_vision, "Llama 4"},
    {"qwen3_5_moe", import_qwen35_vision, "Qwen3.5-MoE"},    {"gemma4", import_gemma4_vision, "Gemma 4"},
    {"mistral3", import_mistral3_vision, "Mistral Small 3"},
};

struct Refused {
  std::string_view type;
  std::string_view why;
};

constexpr Refused kRefused[] = {
    // Totals: the tensor list of llama.cpp's loader (src/models/deepseek4.cpp) with the published
    // configs, 0.01 % from the bytes of the MLX files; active as the model card says.
    {"deepseek_v4",
     "its weights are public (Flash 284.33 B parameters, 13 B active; Pro 1,573.00 B, 49 B active), but not modelled "
     "here are its cache (a window of 128 keys beside keys compressed 4 and 128 times, each with a state), the "
     "selection over compressed keys and the four residual streams; \"moeplan models make --total 284B --active 13B\" "
     "(Flash) approximates the weights, not the cache"},
    {"kimi_k3",
     "no source read here fixes the gates and the state of its delta attention (69 of 93 layers), the output gate of "
     "its latent attention, the attention residuals and the normalised latent of its 896 experts; \"moeplan models "
     "make\" approximates given totals"},
    {"kimi_linear", "Kimi delta attention has no published closed form"},
};

template <std::size_t N>
const Family* find_family(const Family (&table)[N], std::string_view type) {
  const Family* found = std::find_if(table, table + N, [&](const Family& f) { return f.type == type; });
  return found == table + N ? nullptr : found;
}

void refuse_type(const JsonNode& where, const std::string& path, const std::string& type, Complaints& complaints) {
  const std::string why = why_not_modelled(type);
  if (!why.empty()) return complaints.add(where, path, in_quotes(type), "a supported model_type", why);
  std::vector<std::string> known;
  for (const Family& f : kFamilies) known.emplace_back(f.type);
  for (const Family& f : kWrappers) known.emplace_back(f.type);
  const std::string near = nearest_name(type, known);
  complaints.add(where, path, in_quotes(type), "a supported model_type",
                 in_quotes(type) + " is unknown and its shapes are not guessed" +
                     (near.empty() ? "" : "; the nearest known is " + in_quotes(near)));
}

// "dir/mixtral-8x7b.config.json" -> "mixtral-8x7b"; "Mixtral-8x7B/config.json" -> "Mixtral-8x7B".
std::string stem_of(const std::string& file) {
  std::vector<std::string> parts(1);
  for (char c : file) {
    if (c == '/' || c == '\\')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  std::string stem = parts.back();
  if (stem == "config.json" || stem == "params.json")
    return parts.size() > 1 && !parts[parts.size() - 2].empty() ? parts[parts.size() - 2] : "imported";
  for (std::string_view suffix : {".json", ".config", ".params"})
    if (stem.ends_with(suffix)) stem.resize(stem.size() - suffix.size());
  return stem;
}

std::string id_from(const std::string& name) {
  std::string id;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z')
      id += static_cast<char>(c - 'A' + 'a');
    else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_')
      id += c;
    else if (c == ' ')
      id += '-';
  }
  return id.find_first_not_of("._-") == std::string::npos ? "imported" : id;
}

// The last part of _name_or_path ("deepseek-ai/DeepSeek-V3"), else the file's name.
void name_model(HfReader& root, const std::string& file, ModelSpec& model) {
  std::string name = root.text_or("_name_or_path", "");
  while (name.ends_with('/')) name.pop_back();
  name = name.substr(name.find_last_of('/') == std::string::npos ? 0 : name.find_last_of('/') + 1);
  if (name.empty()) name = stem_of(file);
  model.name = printable(name);
  model.id = id_from(name);
  model.source = "imported from " + stem_of(file);
}

// What all imports do after the family has spoken.
ModelSpec complete(HfReader& root, HfReader& text, std::string_view type, const std::string& file,
                   WeightFormats formats, HfReader* beside, ShapeBuilder& out) {
  ModelSpec model = out.finish();
  name_model(root, file, model);
  const std::vector<std::string> broken = violations(model);
  if (formats == WeightFormats::FromFile)
    import_base_format(text, model);
  else
    import_quantization(text, model, broken.empty() && root.complaints().empty(), beside);
  text.refuse_unknown(type);
  if (&text != &root) {
    root.understand({"quantization_config", "quantization", "text_config", "vision_config", "tie_word_embeddings"});
    root.refuse_unknown(root.text_or("model_type", ""));
  }
  if (root.complaints().empty())
    for (const std::string& sentence : broken) root.complaints().add(root.self(), "", "", "", sentence);
  root.complaints().throw_if_any();
  return model;
}

ModelSpec import_wrapped(HfReader& root, const Family& wrapper, const std::string& file, WeightFormats formats,
                         HfReader* beside) {
  ShapeBuilder out;
  HfReader text = root.object("text_config");
  const std::string type = text.text_or("model_type", "");
  const Family* family = find_family(kFamilies, type);
  if (family == nullptr) {
    const JsonNode* where = text.self().find("model_type");
    if (!type.empty())
      refuse_type(*where, text.path_of("model_type"), type, root.complaints());
    else if (where == nullptr && root.has("text_config"))
      text.complain("model_type", "the model_type of the language model");
    root.complaints().throw_if_any();
  }
  family->import(text, out);
  wrapper.import(root, out);
  return complete(root, text, type, file, formats, beside, out);
}

}  // namespace

std::string why_not_modelled(std::string_view type) {
  for (const Refused& refused : kRefused)
    if (refused.type == type) return std::string(type) + " is known and not modelled: " + std::string(refused.why);
  return "";
}

bool is_hf_config(const std::string& text) {
  try {
    const JsonDocument document = parse_json(text, "", JsonDialect::PythonConstants);
    return document.root.find("model_type") != nullptr || document.root.find("architectures") != nullptr ||
           is_mistral_params(document.root);
  } catch (const InputError&) {
    return false;
  }
}

namespace {

ModelSpec import_document(const JsonDocument& document, const std::string& file, WeightFormats formats,
                          HfReader* beside) {
  Complaints complaints(document);
  HfReader root(document.root, "", complaints);
  ShapeBuilder out;
  if (is_mistral_params(document.root)) {
    import_mistral_params(root, out);
    return complete(root, root, "params.json", file, formats, beside, out);
  }
  const std::string type = root.text_or("model_type", "");
  if (type.empty()) {
    if (complaints.empty()) root.complain("model_type", "the model_type of the model");
    complaints.throw_if_any();
  }
  if (const Family* wrapper = find_family(kWrappers, type))
    return import_wrapped(root, *wrapper, file, formats, beside);
  const Family* family = find_family(kFamilies, type);
  if (family == nullptr) {
    refuse_type(*document.root.find("model_type"), "model_type", type, complaints);
    complaints.throw_if_any();
  }
  family->import(root, out);
  return complete(root, root, type, file, formats, beside, out);
}

}  // namespace

ModelSpec import_hf_config(std::string text, const std::string& file, WeightFormats formats, BesideConfig beside) {
  const JsonDocument document = parse_json(std::move(text), file, JsonDialect::PythonConstants);
  if (beside.text.empty() || formats == WeightFormats::FromFile)
    return import_document(document, file, formats, nullptr);
  const JsonDocument quant = parse_json(std::move(beside.text), beside.file, JsonDialect::PythonConstants);
  Complaints complaints(quant);
  HfReader reader(quant.root, "", complaints);
  ModelSpec model = import_document(document, file, formats, &reader);
  complaints.throw_if_any();
  return model;
}

std::vector<std::string> supported_model_types() {
  std::vector<std::string> types;
  for (const Family& f : kFamilies) types.push_back(std::string(f.type) + ": " + std::string(f.help));
  for (const Family& f : kWrappers) types.push_back(std::string(f.type) + ": " + std::string(f.help));
  for (const Refused& r : kRefused) types.push_back(std::string(r.type) + ": refused, " + std::string(r.why));
  return types;
}

}  // namespace moeplan
