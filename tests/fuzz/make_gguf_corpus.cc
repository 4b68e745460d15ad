// SPDX-License-Identifier: Apache-2.0
// Writes the seeds of fuzz_gguf into a folder: headers of presets shrunk to a few layers
// of small widths, and files that lie. Usage: make_gguf_corpus FOLDER
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

#include "sim/spec/catalog.h"
#include "tests/support/gguf_like.h"

namespace moeplan {
namespace {

struct Shrink {
  void operator()(SoftmaxAttention& a) const {
    a.kv_heads = a.kv_heads == a.heads ? 4 : 2;
    a.heads = 4;
    a.head_dim = a.value_dim = 32;
  }
  void operator()(LatentAttention& a) const {
    a.heads = 4;
    a.q_lora = a.q_lora > 0 ? 64 : 0;
    a.kv_lora = 64;
    a.nope_dim = a.value_dim = 32;
    a.rope_dim = 16;
  }
  void operator()(LinearAttention& a) const {
    a.key_heads = 2;
    a.value_heads = 4;
    a.key_dim = a.value_dim = 16;
  }
  void operator()(MambaMixer& m) const {
    m.heads = 4;
    m.head_dim = m.state = 16;
    m.groups = 2;
  }
  void operator()(DenseFfn& f) const { f.width = 256; }
  template <class Other>
  void operator()(Other&) const {}  // not among the seeds
  void operator()(MoeFfn& f) const {
    f.experts = 8;
    f.top_k = 2;
    f.width = 128;
    f.groups = f.top_groups = 1;
    if (f.shared_width > 0) f.shared_width = 128;
    if (f.latent > 0) f.latent = 64;
  }
};

ModelSpec shrunk(ModelSpec model) {
  model.hidden = 128;
  model.vocab = 64;
  for (Block& block : model.blocks) std::visit(Shrink(), block.kind);
  for (LayerRun& run : model.runs) run.repeat = 1;
  for (ExtraTensor& extra : model.extras) extra.elements = 128 * 16;
  return model;
}

// The size the file pretends to have stands before it.
void write(const std::string& path, std::uint64_t file_size, const std::string& header) {
  std::string bytes;
  put<std::uint64_t>(bytes, file_size);
  std::ofstream(path, std::ios::binary) << bytes << header;
}

void write_all(const std::string& folder) {
  const Catalog catalog = Catalog::embedded();
  const FormatTable formats = catalog.formats();
  struct Seed {
    const char* model;
    const char* architecture;
    GgufLike::Options options = {};
  };
  for (const Seed& seed :
       {Seed{"mixtral-8x7b", "llama"}, Seed{"mixtral-8x7b", "llama", {.old_experts = true}},
        Seed{"deepseek-v3", "deepseek2"}, Seed{"deepseek-v3", "deepseek2", {.old_latent = true}},
        Seed{"gpt-oss-20b", "gpt-oss"}, Seed{"qwen3-next-80b-a3b", "qwen3next", {.mtp = true}},
        Seed{"glm-4.5-air", "glm4moe"}, Seed{"nemotron-3-nano-30b-a3b", "nemotron_h_moe"},
        Seed{"llama-4-scout", "llama4"}, Seed{"gpt2", "gpt2", {.fused_qkv = true}}, Seed{"minimax-m2", "minimax-m2"}}) {
    const ModelSpec model = shrunk(catalog.model(seed.model));
    const GgufWriter file = gguf_like(model, formats, "fp16", seed.architecture, seed.options, 3);
    const bool variant = seed.options.old_experts || seed.options.old_latent;
    write(folder + "/" + seed.model + (variant ? "-old" : "") + ".bin", file.file_size(), file.header());
  }
  std::string many = "GGUF";
  put<std::uint32_t>(many, 3);
  put<std::uint64_t>(many, std::uint64_t{1} << 60);
  put<std::uint64_t>(many, 0);
  write(folder + "/many-tensors.bin", std::uint64_t{1} << 40, many);
  GgufWriter overlap(formats);
  overlap.tensor_at("a", {64}, 0, 0);
  overlap.tensor_at("b", {64}, 0, 128);
  write(folder + "/overlap.bin", 1 << 20, overlap.header());
}

}  // namespace
}  // namespace moeplan

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_gguf_corpus FOLDER\n", stderr);
    return 2;
  }
  moeplan::write_all(argv[1]);
  return 0;
}
