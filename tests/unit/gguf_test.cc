// SPDX-License-Identifier: Apache-2.0
// GGUF files of known models: the spec of the preset, and the bytes of the file.
#include "sim/spec/import/gguf.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sim/spec/catalog.h"
#include "sim/spec/stored.h"
#include "sim/study/model_report.h"
#include "tests/support/gguf_like.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}
const FormatTable& formats() {
  static const FormatTable kFormats = catalog().formats();
  return kFormats;
}

ModelSpec imported(const GgufWriter& file, const std::string& name = "model.gguf") {
  std::vector<GgufHeader> shards;
  shards.push_back(read_gguf_bytes(file.header(), file.file_size(), name, formats()));
  return import_gguf_headers(shards, name);
}

// The messages of the refusal; "" when there is none.
std::string refusal(const GgufWriter& file) {
  try {
    imported(file);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct KnownModel {
  const char* id;
  const char* architecture;
  const char* label;
  GgufLike::Options options = {};
};

class KnownModels : public testing::TestWithParam<KnownModel> {};

ModelSpec preset_as_file_has_it(const KnownModel& known) {
  ModelSpec preset = catalog().model(known.id);
  const bool mtp = preset.mtp.in_gguf || known.options.mtp;
  if (!mtp) preset.mtp = {};
  std::erase_if(preset.extras, [](const ExtraTensor& e) { return e.part == "vision"; });
  return preset;
}

TEST_P(KnownModels, HaveTheParametersOfThePreset) {
  const ModelSpec preset = preset_as_file_has_it(GetParam());
  const ModelSpec file = imported(gguf_like(catalog().model(GetParam().id), formats(), GetParam().label,
                                            GetParam().architecture, GetParam().options));
  const ParameterCounts expected = count_parameters(preset);
  const ParameterCounts found = count_parameters(file);
  EXPECT_EQ(found.total_with_mtp, expected.total_with_mtp);
  EXPECT_EQ(found.checkpoint_elements, expected.checkpoint_elements);
  EXPECT_EQ(found.active, expected.active);
  EXPECT_EQ(found.by_part, expected.by_part);
}

TEST_P(KnownModels, CacheWhatThePresetCaches) {
  const ModelSpec preset = preset_as_file_has_it(GetParam());
  const ModelSpec file = imported(gguf_like(catalog().model(GetParam().id), formats(), GetParam().label,
                                            GetParam().architecture, GetParam().options));
  const ModelReport expected = report_model(preset, formats(), "fp16", "fp16", 1 << 15, 1);
  const ModelReport found = report_model(file, formats(), "fp16", "fp16", 1 << 15, 1);
  EXPECT_EQ(found.kv_per_token, expected.kv_per_token);
  EXPECT_EQ(found.kv_marginal_per_token, expected.kv_marginal_per_token);
  EXPECT_EQ(found.kv_at_context, expected.kv_at_context);
  EXPECT_EQ(found.state_bytes, expected.state_bytes);
}

TEST_P(KnownModels, HoldEveryByteOfTheFile) {
  const GgufWriter file = gguf_like(catalog().model(GetParam().id), formats(), GetParam().label,
                                    GetParam().architecture, GetParam().options);
  const ModelSpec model = imported(file);
  const CheckpointSize size = checkpoint_size(model, plan_weights(model, formats(), "native"), formats());
  EXPECT_EQ(size.bytes, file.payload());
  EXPECT_EQ(size.low, file.payload());
  EXPECT_EQ(model.stored->payload, file.payload());
  EXPECT_EQ(model.stored->tensors, file.tensors());
  EXPECT_EQ(model.stored->unplaced_tensors, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Gguf, KnownModels,
    testing::Values(
        KnownModel{"mixtral-8x7b", "llama", "q4_k_m"},
        KnownModel{"mixtral-8x7b", "llama", "q4_k_m", {.old_experts = true}},
        KnownModel{"deepseek-v3", "deepseek2", "q4_k_m"},
        KnownModel{"deepseek-v3", "deepseek2", "q4_k_m", {.old_latent = true}},
        KnownModel{"deepseek-v2-lite", "deepseek2", "q4_k_m"}, KnownModel{"kimi-k2", "deepseek2", "iq2_xs"},
        KnownModel{"gpt-oss-20b", "gpt-oss", "mxfp4_moe"}, KnownModel{"qwen3-30b-a3b", "qwen3moe", "q4_k_m"},
        KnownModel{"qwen3-next-80b-a3b", "qwen3next", "q4_k_m"},
        KnownModel{"qwen3-next-80b-a3b", "qwen3next", "q4_k_m", {.mtp = true}},
        KnownModel{"glm-4.5-air", "glm4moe", "q4_k_m"}, KnownModel{"llama-4-scout", "llama4", "q4_k_m"},
        KnownModel{"gpt2", "gpt2", "q8_0", {.fused_qkv = true}}, KnownModel{"qwen1.5-moe-a2.7b", "qwen2moe", "q4_k_m"},
        KnownModel{"olmoe-1b-7b", "olmoe", "q4_k_m"}, KnownModel{"minimax-m2", "minimax-m2", "q4_k_m"},
        KnownModel{"phi-3.5-moe", "phimoe", "q4_k_m"}, KnownModel{"llama-3.1-8b", "llama", "q6_k"},
        KnownModel{"llama-2-7b", "llama", "q4_0"}, KnownModel{"qwen3-32b", "qwen3", "q5_k_m"},
        KnownModel{"nemotron-3-nano-30b-a3b", "nemotron_h_moe", "q4_k_m"},
        KnownModel{"nemotron-3-super-120b-a12b", "nemotron_h_moe", "q4_k_m"},
        KnownModel{"ling-mini-2.0", "bailingmoe2", "q4_k_m"}, KnownModel{"hunyuan-a13b", "hunyuan-moe", "q4_k_m"},
        KnownModel{"deepseek-moe-16b", "deepseek", "q4_k_m"},
        KnownModel{"granite-3.0-1b-a400m", "granitemoe", "q4_k_m"},
        KnownModel{"ernie-4.5-21b-a3b", "ernie4_5-moe", "q4_k_m"},
        KnownModel{"dbrx", "dbrx", "q4_k_m", {.fused_qkv = true}}),
    [](const testing::TestParamInfo<KnownModel>& known) {
      std::string name = std::to_string(known.index) + "_" + known.param.id;
      for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
      return name;
    });

// ---- what is unusual ----

GgufWriter small(const char* architecture = "llama") {
  GgufWriter file(formats());
  const std::string prefix = std::string(architecture) + ".";
  file.text("general.architecture", architecture);
  file.text("general.name", "Tiny Test 1B");
  file.integer(prefix + "context_length", 4096);
  file.integer(prefix + "embedding_length", 256);
  file.integer(prefix + "block_count", 1);
  file.integer(prefix + "attention.head_count", 4);
  file.integer(prefix + "attention.head_count_kv", 2);
  file.tensor("token_embd.weight", {256, 1000}, "q6_k");
  file.tensor("output_norm.weight", {256}, "fp32");
  file.tensor("blk.0.attn_norm.weight", {256}, "fp32");
  file.tensor("blk.0.attn_q.weight", {256, 256}, "q4_k");
  file.tensor("blk.0.attn_k.weight", {256, 128}, "q4_k");
  file.tensor("blk.0.attn_v.weight", {256, 128}, "q6_k");
  file.tensor("blk.0.attn_output.weight", {256, 256}, "q4_k");
  file.tensor("blk.0.ffn_norm.weight", {256}, "fp32");
  return file;
}

void add_ffn(GgufWriter& file) {
  file.tensor("blk.0.ffn_gate.weight", {256, 512}, "q4_k");
  file.tensor("blk.0.ffn_up.weight", {256, 512}, "q4_k");
  file.tensor("blk.0.ffn_down.weight", {512, 256}, "q4_k");
}

TEST(Gguf, ATinyModelIsRead) {
  GgufWriter file = small();
  add_ffn(file);
  const ModelSpec model = imported(file);
  EXPECT_EQ(model.id, "tiny-test-1b");
  EXPECT_TRUE(model.tied_embeddings);
  EXPECT_EQ(count_parameters(model).total, 256 * 1000 + 3 * 256 + 256 * (256 + 128 + 128 + 256) + 3 * 256 * 512);
}

TEST(Gguf, RopeFactorsAreBytesAndNoParameters) {
  GgufWriter file = small();
  add_ffn(file);
  const Count parameters = count_parameters(imported(file)).total;
  file.tensor("rope_freqs.weight", {32}, "fp32");
  const ModelSpec model = imported(file);
  EXPECT_EQ(count_parameters(model).total, parameters);
  EXPECT_EQ(checkpoint_size(model, plan_weights(model, formats(), "native"), formats()).bytes, file.payload());
}

TEST(Gguf, ATensorNobodyKnowsIsAnExtraAndCounted) {
  GgufWriter file = small();
  add_ffn(file);
  const Count parameters = count_parameters(imported(file)).total;
  file.tensor("blk.0.ffn_novelty.weight", {256, 4}, "fp16");
  const ModelSpec model = imported(file);
  EXPECT_EQ(count_parameters(model).total, parameters + 1024);
  EXPECT_EQ(model.stored->unplaced_examples, std::vector<std::string>{"blk.0.ffn_novelty.weight"});
}

TEST(Gguf, AVisionTowerInTheFileIsVision) {
  GgufWriter file = small();
  add_ffn(file);
  file.tensor("v.blk.0.attn_q.weight", {256, 256}, "fp16");
  const ModelSpec model = imported(file);
  EXPECT_EQ(checkpoint_size(model, plan_weights(model, formats(), "native"), formats())
                .by_part[static_cast<std::size_t>(Part::Vision)],
            Bytes(256 * 256 * 2));
}

TEST(Gguf, FusedGateAndUpAreTwoMatrices) {
  GgufWriter file = small("phi3");
  file.tensor("blk.0.ffn_up.weight", {256, 1024}, "q4_k");
  file.tensor("blk.0.ffn_down.weight", {512, 256}, "q4_k");
  const ModelSpec model = imported(file);
  EXPECT_EQ(count_parameters(model).by_part[static_cast<std::size_t>(Part::Dense)], 3 * 256 * 512);
}

// D3: head_dim is not hidden / heads when the file says so.
TEST(Gguf, D3HeadDimsComeFromTheFile) {
  const ModelSpec model = imported(gguf_like(catalog().model("qwen3-30b-a3b"), formats(), "q4_k_m", "qwen3moe"));
  const auto& a = std::get<SoftmaxAttention>(model.blocks.front().kind);
  EXPECT_EQ(a.head_dim, 128);
  EXPECT_EQ(model.hidden / a.heads, 64);
}

TEST(Gguf, ThePublishedSizeOfDeepSeekV3IsThatOfTheLabelWithoutTheSplitOfItsLatent) {
  const GgufWriter file =
      gguf_like(catalog().model("deepseek-v3"), formats(), "q4_k_m", "deepseek2", {.old_latent = true});
  EXPECT_NEAR(in_gib(file.payload()), 376.65, 0.05);
}

// ---- disagreements ----

TEST(Gguf, AnUnknownArchitectureIsRefusedWithTheKnownOnes) {
  const std::string text = refusal(small("llama9"));
  EXPECT_TRUE(contains(text, "\"llama9\"")) << text;
  EXPECT_TRUE(contains(text, "qwen3moe")) << text;
}

TEST(Gguf, AKnownArchitectureThatIsNotModelledSaysWhy) {
  EXPECT_TRUE(contains(refusal(small("lfm2moe")), "short convolutions"));
}

TEST(Gguf, ATensorThatContradictsTheHeadsIsNamed) {
  GgufWriter file = small();
  add_ffn(file);
  file.integer("llama.attention.key_length", 80);
  const std::string text = refusal(file);
  EXPECT_TRUE(contains(text, "tensor blk.0.attn_q.weight: found 256 (256 x 256), expected 320")) << text;
}

TEST(Gguf, AMissingTensorIsNamed) {
  const std::string text = refusal([] {
    GgufWriter file = small();
    file.tensor("blk.0.ffn_gate.weight", {256, 512}, "q4_k");
    file.tensor("blk.0.ffn_down.weight", {512, 256}, "q4_k");
    return file;
  }());
  EXPECT_TRUE(contains(text, "blk.0: ffn_up (dense): found no tensor, expected 131072 values")) << text;
}

TEST(Gguf, AWrongWidthIsNamedWithItsKey) {
  GgufWriter file = small();
  add_ffn(file);
  file.integer("llama.feed_forward_length", 768);
  const std::string text = refusal(file);
  EXPECT_TRUE(contains(text,
                       "tensor blk.0.ffn_down.weight: found 512 (256 x 512), expected 768 by "
                       "llama.feed_forward_length"))
      << text;
}

TEST(Gguf, LayersThatAreNotThereAreNamed) {
  GgufWriter file = small();
  add_ffn(file);
  file.tensor("blk.2.attn_norm.weight", {256}, "fp32");
  const std::string text = refusal(file);
  EXPECT_TRUE(contains(text, "llama.block_count")) << text;
  EXPECT_TRUE(contains(text, "blk.1")) << text;
}

TEST(Gguf, AVocabularyThatDisagreesIsNamed) {
  GgufWriter file = small();
  add_ffn(file);
  file.integer("llama.vocab_size", 32000);
  EXPECT_TRUE(contains(refusal(file), "tensor token_embd.weight: found 1000, expected 32000 by llama.vocab_size"));
}

// ---- files ----

class GgufFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("moeplan-gguf-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + "-" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name() + "-" +
               std::to_string(static_cast<long>(::getpid())));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // The data is a hole.
  std::string write(const std::string& name, const GgufWriter& file) {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << file.header();
    std::filesystem::resize_file(path, file.file_size());
    return path.string();
  }

  std::string refusal_of(const std::string& path) {
    try {
      import_gguf(path, formats());
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_;
};

GgufWriter shard(Count number, Count shards, Count tensors) {
  GgufWriter file(formats());
  if (number == 0) {
    file = small();
  } else {
    add_ffn(file);
  }
  file.integer("split.no", number);
  file.integer("split.count", shards);
  file.integer("split.tensors.count", tensors);
  return file;
}

TEST_F(GgufFiles, ALargeSparseFileIsReadByItsHeader) {
  GgufWriter file = small();
  file.tensor("blk.0.ffn_gate.weight", {256, 1 << 21}, "fp16");
  file.tensor("blk.0.ffn_up.weight", {256, 1 << 21}, "fp16");
  file.tensor("blk.0.ffn_down.weight", {1 << 21, 256}, "fp16");
  const std::string path = write("large.gguf", file);
  EXPECT_GT(std::filesystem::file_size(path), 3U << 30);
  EXPECT_EQ(import_gguf(path, formats()).stored->payload, file.payload());
}

TEST_F(GgufFiles, AnyShardStandsForAll) {
  const GgufWriter first = shard(0, 2, 11), second = shard(1, 2, 11);
  const std::string a = write("tiny-00001-of-00002.gguf", first);
  const std::string b = write("tiny-00002-of-00002.gguf", second);
  const ModelSpec model = import_gguf(b, formats());
  EXPECT_EQ(model.stored->payload, first.payload() + second.payload());
  EXPECT_EQ(model.stored->shards, 2);
  EXPECT_EQ(import_gguf(a, formats()).stored->entries, model.stored->entries);
}

TEST_F(GgufFiles, AMissingShardIsNamed) {
  const std::string path = write("tiny-00001-of-00003.gguf", shard(0, 3, 11));
  const std::string text = refusal_of(path);
  EXPECT_TRUE(contains(text, "tiny-00002-of-00003.gguf: found no such file, expected shard 2 of 3")) << text;
  EXPECT_TRUE(contains(text, "tiny-00003-of-00003.gguf")) << text;
}

TEST_F(GgufFiles, AShardOfAnotherModelIsNamed) {
  write("tiny-00002-of-00002.gguf", shard(1, 3, 11));
  EXPECT_TRUE(contains(refusal_of(write("tiny-00001-of-00002.gguf", shard(0, 2, 11))), "expected 1 of 2"));
}

TEST_F(GgufFiles, AShardThatLostItsNumberIsRefused) {
  EXPECT_TRUE(contains(refusal_of(write("renamed.gguf", shard(0, 2, 11))), "-00001-of-00002.gguf"));
}

TEST_F(GgufFiles, TensorsMissingFromAllShardsAreNoticed) {
  write("tiny-00002-of-00002.gguf", shard(1, 2, 12));
  const std::string text = refusal_of(write("tiny-00001-of-00002.gguf", shard(0, 2, 12)));
  EXPECT_TRUE(contains(text, "found 11 tensors in all shards, expected 12")) << text;
}

TEST_F(GgufFiles, ATruncatedDownloadIsRefusedWithTheByteItNeeds) {
  GgufWriter file = small();
  add_ffn(file);
  const std::string path = write("cut.gguf", file);
  std::filesystem::resize_file(path, file.file_size() - 200'000);
  const std::string text = refusal_of(path);
  EXPECT_TRUE(contains(text, "tensor \"blk.0.ffn_down.weight\"")) << text;
  EXPECT_TRUE(contains(text, "an incomplete download?")) << text;
}

TEST_F(GgufFiles, NoFileAndAFolderAreRefused) {
  EXPECT_TRUE(contains(refusal_of((folder_ / "none.gguf").string()), "no such file"));
  EXPECT_TRUE(contains(refusal_of(folder_.string()), "not a regular file"));
}

}  // namespace
}  // namespace moeplan
