// SPDX-License-Identifier: Apache-2.0
// Vision towers beside a language model. Counted only where the modeling file fixes
// every tensor; otherwise the model's note says that the tower is left out.
#include <string>

#include "sim/spec/import/hf_families.h"

namespace moeplan {
namespace {

void add_tower(ShapeBuilder& out, Count elements, const std::string& source) {
  out.model.extras.push_back({"vision tower and projector", "vision", elements, false, source});
}

}  // namespace

// transformers modeling_llama4.py: Llama4VisionModel (34 layers of 1408), pixel-shuffle
// MLP and projector. With the defaults: 871,932,416 elements.
void import_llama4_vision(HfReader& in, ShapeBuilder& out) {
  const JsonNode* given = in.node("vision_config");
  if (given != nullptr && given->kind != JsonKind::Object) return in.complain("vision_config", "an object");
  JsonNode defaults;
  defaults.kind = JsonKind::Object;
  HfReader vision(given == nullptr ? defaults : *given, in.path_of("vision_config"), in.complaints());
  const Count h = vision.size_or("hidden_size", 1408);
  const Count f = vision.size_or("intermediate_size", 5632);
  const Count layers = vision.size_or("num_hidden_layers", 34);
  const Count patch = vision.size_or("patch_size", 14);
  const Count image = vision.size_or("image_size", 336);
  const Count middle = vision.size_or("projector_input_dim", 4096);
  const Count output = vision.size_or("projector_output_dim", 4096);
  const Count vision_output = vision.size_or("vision_output_dim", 4096);
  constexpr Count kLimit = Count{1} << 16;
  for (Count v : {h, f, layers, patch, image, middle, output, vision_output})
    if (v > kLimit) return in.complain("vision_config", "sizes up to 65536");
  const Count side = image / patch;
  const Count layer = 4 * h * h + 4 * h + 2 * h * f + f + h + 4 * h;  // attention, MLP and two layer norms, with biases
  const Count embeddings = 3 * patch * patch * h + h + (side * side + 1) * h;  // patches, class, positions
  const Count ends = 2 * 2 * h;                                                // layer norms before and after
  const Count projector = f * middle + middle * output + vision_output * out.model.hidden;
  add_tower(out, layers * layer + embeddings + ends + projector, "vision_config, modeling_llama4.py");
}

// MoonViT tower and patch-merger projector (modeling_kimi_k25.py): 471,143,920 elements,
// which closes the published size of the Kimi-K2.6 files (tests/published).
void import_kimi_vision(HfReader& in, ShapeBuilder& out) {
  if (!in.has("vision_config")) return;
  HfReader vision = in.object("vision_config");
  const Count h = vision.size("vt_hidden_size");
  const Count f = vision.size("vt_intermediate_size");
  const Count layers = vision.size("vt_num_hidden_layers");
  const Count patch = vision.size("patch_size");
  const Count height = vision.size("init_pos_emb_height");
  const Count width = vision.size("init_pos_emb_width");
  const Count merged = 4 * h;  // merge_kernel_size 2 x 2
  if (vision.counts("merge_kernel_size") != std::vector<Count>{2, 2}) vision.complain("merge_kernel_size", "[2, 2]");
  constexpr Count kLimit = Count{1} << 14;
  for (Count v : {h, f, layers, patch, height, width})
    if (v > kLimit) return in.complain("vision_config", "sizes up to 16384");
  const Count layer = 4 * h * h + 4 * h + 2 * h * f + f + h + 4 * h;  // attention, MLP and two layer norms, with biases
  const Count embeddings = 3 * patch * patch * h + h + height * width * h;
  const Count norms = 2 * 2 * h;  // after the tower, before the projector
  const Count projector = merged * merged + merged + merged * out.model.hidden + out.model.hidden;
  add_tower(out, layers * layer + embeddings + norms + projector, "vision_config, modeling_kimi_k25.py");
}

// Pixtral tower with the Mistral-3 projector (modeling_pixtral.py, modeling_mistral3.py).
// Mistral-Small-3.2: 24 layers of 1024: 438,958,080 elements.
void import_mistral3_vision(HfReader& in, ShapeBuilder& out) {
  HfReader vision = in.object("vision_config");
  const Count h = vision.size("hidden_size");
  const Count f = vision.size("intermediate_size");
  const Count layers = vision.size("num_hidden_layers");
  const Count patch = vision.size("patch_size");
  const Count merge = in.size_or("spatial_merge_size", 2);
  in.understand({"vision_feature_layer", "projector_hidden_act"});
  in.expect_flag("multimodal_projector_bias", false, "a projector bias is not modelled");
  constexpr Count kLimit = Count{1} << 16;
  for (Count v : {h, f, layers, patch, merge})
    if (v > kLimit) return in.complain("vision_config", "sizes up to 65536");
  const Count layer = 4 * h * h + 3 * h * f + 2 * h;
  const Count ends = 3 * patch * patch * h + h;  // patches, norm
  const Count text = out.model.hidden;
  const Count projector = h + merge * merge * h * h + h * text + text * text;
  add_tower(out, layers * layer + ends + projector, "vision_config, modeling_pixtral.py, modeling_mistral3.py");
}

// transformers modeling_qwen3_5_moe.py (Qwen3-VL's tower without deepstack mergers): two
// frames a patch, learned positions, one merger. 456,010,480 elements for 397B-A17B, which
// closes the published MLX files to the byte (tests/published).
void import_qwen35_vision(HfReader& in, ShapeBuilder& out) {
  if (!in.has("vision_config")) return;
  HfReader vision = in.object("vision_config");
  const Count h = vision.size("hidden_size");
  const Count f = vision.size("intermediate_size");
  const Count layers = vision.size("depth");
  const Count patch = vision.size("patch_size");
  const Count frames = vision.size_or("temporal_patch_size", 2);
  const Count channels = vision.size_or("in_channels", 3);
  const Count positions = vision.size("num_position_embeddings");
  const Count merge = vision.size_or("spatial_merge_size", 2);
  const Count output = vision.size("out_hidden_size");
  if (!vision.counts("deepstack_visual_indexes").empty()) vision.complain("deepstack_visual_indexes", "[]");
  constexpr Count kLimit = Count{1} << 14;
  for (Count v : {h, f, layers, patch, frames, channels, positions, merge, output})
    if (v > kLimit) return in.complain("vision_config", "sizes up to 16384");
  const Count layer = 4 * h * h + 4 * h + 2 * h * f + f + h + 4 * h;  // attention, MLP and two layer norms, with biases
  const Count embeddings = channels * frames * patch * patch * h + h + positions * h;
  const Count merged = merge * merge * h;
  const Count merger = 2 * h + merged * merged + merged + merged * output + output;
  add_tower(out, layers * layer + embeddings + merger, "vision_config, modeling_qwen3_5_moe.py");
}

// transformers modeling_gemma4.py: gated MLP, four norms a layer, q and k norms, two
// position tables, standardisation vectors, a projector without bias. 26B-A4B: 572,794,416
// elements; with 30 x 129 scalars of the text model they close the published MLX files.
void import_gemma4_vision(HfReader& in, ShapeBuilder& out) {
  if (!in.has("vision_config")) return;
  HfReader vision = in.object("vision_config");
  const Count h = vision.size("hidden_size");
  const Count f = vision.size("intermediate_size");
  const Count layers = vision.size("num_hidden_layers");
  const Count heads = vision.size("num_attention_heads");
  const Count kv_heads = vision.size("num_key_value_heads");
  const Count head_dim = vision.size("head_dim");
  const Count patch = vision.size("patch_size");
  const Count positions = vision.size("position_embedding_size");
  constexpr Count kLimit = Count{1} << 14;
  for (Count v : {h, f, layers, heads, kv_heads, head_dim, patch, positions})
    if (v > kLimit) return in.complain("vision_config", "sizes up to 16384");
  const Count attention = 2 * (heads + kv_heads) * head_dim * h + 2 * head_dim;
  const Count layer = attention + 3 * h * f + 4 * h;
  const Count embeddings = 3 * patch * patch * h + 2 * positions * h;
  const Count standardise = vision.flag_or("standardize", false) ? 2 * h : 0;
  add_tower(out, layers * layer + embeddings + standardise + h * out.model.hidden, "vision_config, modeling_gemma4.py");
}

void remark_vision(HfReader& in, ShapeBuilder& out) {
  if (in.has("vision_config")) out.remark("The vision tower is not counted.");
}

}  // namespace moeplan
