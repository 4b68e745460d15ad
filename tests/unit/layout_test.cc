// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace moeplan {
namespace {

Block block(std::string name, BlockKind kind) { return {.name = std::move(name), .norms = 1, .kind = std::move(kind)}; }

ModelSpec transformer(std::string id, Count layers, std::vector<Block> blocks) {
  ModelSpec model;
  model.id = std::move(id);
  model.hidden = 4096;
  model.vocab = 32000;
  LayerShape shape;
  for (std::size_t i = 0; i < blocks.size(); ++i) shape.push_back(static_cast<BlockIndex>(i));
  model.blocks = std::move(blocks);
  model.runs = {{.repeat = layers, .layers = {shape}}};
  return model;
}

// 61 layers of MLA with 128 heads and 256 experts of width 2048, shared 2048, dense 18432.
ModelSpec deepseek_v3_like() {
  ModelSpec model = transformer(
      "deepseek-v3-like", 61,
      {block("mla",
             LatentAttention{
                 .heads = 128, .q_lora = 1536, .kv_lora = 512, .nope_dim = 128, .rope_dim = 64, .value_dim = 128}),
       block("dense", DenseFfn{.width = 18432}),
       block("moe", MoeFfn{.experts = 256, .top_k = 8, .width = 2048, .shared_width = 2048})});
  model.runs = {{.repeat = 3, .layers = {{0, 1}}}, {.repeat = 58, .layers = {{0, 2}}}};
  return model;
}

// 32 layers, 32 heads over 8 KV heads, 8 experts of width 14336.
ModelSpec mixtral_like() {
  return transformer("mixtral-like", 32,
                     {block("gqa", SoftmaxAttention{.heads = 32, .kv_heads = 8, .head_dim = 128, .value_dim = 128}),
                      block("moe", MoeFfn{.experts = 8, .top_k = 2, .width = 14336})});
}

// 12 layers, 12 heads, dense width 3072.
ModelSpec gpt2_like() {
  return transformer("gpt2-like", 12,
                     {block("mha", SoftmaxAttention{.heads = 12, .kv_heads = 12, .head_dim = 64, .value_dim = 64}),
                      block("ffn", DenseFfn{.width = 3072, .gated = false})});
}

RuntimeSpec anything_goes() {
  RuntimeSpec runtime;
  runtime.id = "generic";
  return runtime;
}

RuntimeSpec vllm_like() {
  RuntimeSpec runtime;
  runtime.id = "vllm";
  runtime.layouts.expert_tensor_mix = false;
  return runtime;
}

RuntimeSpec llama_cpp_like() {
  RuntimeSpec runtime;
  runtime.id = "llama.cpp";
  runtime.layouts = {.tensor_parallel = false,
                     .data_parallel_attention = false,
                     .expert_parallel = false,
                     .pipeline_parallel = true,
                     .expert_tensor_mix = false,
                     .uneven_experts = true};
  return runtime;
}

Layout tp_only(Count tp) { return {.tp = tp, .moe_tp = tp}; }

// All sentences, one a line; "" = legal.
std::string said(const Layout& layout, const ModelSpec& model, const RuntimeSpec& runtime) {
  std::string all;
  for (const std::string& sentence : violations(layout, model, runtime)) all += sentence + "\n";
  if (!all.empty()) all.pop_back();
  return all;
}

TEST(Describe, NamesOnlyWhatIsCut) {
  EXPECT_EQ(describe(Layout{}), "TP1");
  EXPECT_EQ(describe(tp_only(8)), "TP8");
  EXPECT_EQ(describe(Layout{.dp = 8, .ep = 8}), "DP8+EP8");
  EXPECT_EQ(describe(Layout{.tp = 8, .ep = 8}), "TP8+EP8");
  EXPECT_EQ(describe(Layout{.pp = 2}), "PP2");
  EXPECT_EQ(describe(Layout{.tp = 4, .dp = 2, .ep = 8, .pp = 2, .replicas = 3}), "TP4 DP2 EP8 PP2 x3");
  EXPECT_EQ(describe(Layout{.tp = 8, .moe_tp = 2, .ep = 4}), "TP8 EP4 MoE-TP2");
}

TEST(LayoutRules, SizesAreAtLeastOne) {
  EXPECT_EQ(said(Layout{.tp = 0}, mixtral_like(), anything_goes()), "tp is 0, must be at least 1");
  EXPECT_EQ(violations(Layout{.tp = 0, .dp = -1, .moe_tp = 0, .ep = 0, .pp = 0, .replicas = 0}, mixtral_like(),
                       anything_goes())
                .size(),
            6U);
}

TEST(LayoutRules, AttentionAndExpertsCoverTheSameRanks) {
  EXPECT_EQ(said({.tp = 4, .dp = 2, .ep = 8}, mixtral_like(), anything_goes()), "");
  EXPECT_EQ(said({.tp = 4, .dp = 2, .ep = 4}, mixtral_like(), anything_goes()),
            "tp 4 x dp 2 = 8 ranks for attention but moe_tp 1 x ep 4 = 4 for experts");
}

TEST(LayoutRules, AttentionHeadsDivideByTp) {
  // 12 heads: 4 divides them; 8 does not, nor the 12 KV heads (12 mod 8, 8 mod 12); 3072 / 8 is whole.
  EXPECT_EQ(said(tp_only(4), gpt2_like(), anything_goes()), "");
  EXPECT_EQ(said(tp_only(8), gpt2_like(), anything_goes()),
            "mha: 12 attention heads are not divisible by tp 8\n"
            "mha: 12 kv heads can be neither divided by tp 8 nor replicated evenly over it");
}

TEST(LayoutRules, LatentHeadsDivideByTp) {
  ModelSpec model = deepseek_v3_like();
  std::get<LatentAttention>(model.blocks[0].kind).heads = 100;
  EXPECT_EQ(said({.tp = 4, .ep = 4}, model, anything_goes()), "");
  EXPECT_EQ(said({.tp = 8, .ep = 8}, model, anything_goes()), "mla: 100 attention heads are not divisible by tp 8");
}

TEST(LayoutRules, KvHeadsDivideOrReplicate) {
  // 8 KV heads: tp 8 divides, tp 16 and 32 replicate; 6 KV heads over tp 4 do neither.
  for (const Count tp : {8, 16, 32}) EXPECT_EQ(said(tp_only(tp), mixtral_like(), anything_goes()), "") << tp;
  ModelSpec model = mixtral_like();
  std::get<SoftmaxAttention>(model.blocks[0].kind).kv_heads = 6;
  EXPECT_EQ(said(tp_only(4), model, anything_goes()),
            "gqa: 6 kv heads can be neither divided by tp 4 nor replicated evenly over it");
}

TEST(LayoutRules, LinearHeadsDivideByTp) {
  ModelSpec model = mixtral_like();
  model.blocks[0] =
      block("delta", LinearAttention{.key_heads = 16, .value_heads = 32, .key_dim = 128, .value_dim = 128});
  EXPECT_EQ(said(tp_only(16), model, anything_goes()), "");
  EXPECT_EQ(said(tp_only(32), model, anything_goes()), "delta: 16 linear key heads are not divisible by tp 32");
}

TEST(LayoutRules, MambaHeadsAndGroupsDivide) {
  ModelSpec model = mixtral_like();
  model.blocks[0] = block("mamba", MambaMixer{.heads = 64, .head_dim = 64, .state = 128, .groups = 8});
  EXPECT_EQ(said(tp_only(8), model, anything_goes()), "");
  EXPECT_EQ(said(tp_only(16), model, anything_goes()), "mamba: 8 mamba groups are not divisible by tp 16");
}

TEST(LayoutRules, AStageHasAtMost32768Ranks) {
  ModelSpec model = deepseek_v3_like();
  const Layout most{.tp = 128, .dp = 256, .moe_tp = 128, .ep = 256};
  EXPECT_EQ(said(most, model, anything_goes()), "");
  const Layout twice{.tp = 128, .dp = 512, .moe_tp = 256, .ep = 256};
  EXPECT_EQ(said(twice, model, anything_goes()), "tp 128 x dp 512 = 65536 ranks, must be at most 32768");
  EXPECT_EQ(said({.dp = Count{1} << 62}, model, anything_goes()), "dp is 4611686018427387904, must be at most 32768");
}

TEST(LayoutRules, StagesCutTheDecoderOnly) {
  ModelSpec model = gpt2_like();
  model.runs = {{.stack = Stack::Encoder, .repeat = 12, .layers = {{0, 1}}}, {.repeat = 4, .layers = {{0, 1}}}};
  EXPECT_EQ(said({.pp = 4}, model, anything_goes()), "");
  EXPECT_EQ(said({.pp = 5}, model, anything_goes()), "pp 5 exceeds 4 decoder layers");
}

TEST(LayoutRules, OnlyTheLargestMoeBlockMayHaveUnequalShares) {
  ModelSpec model = transformer("two-moes", 4,
                                {block("large", MoeFfn{.experts = 64, .top_k = 2, .width = 64}),
                                 block("small", MoeFfn{.experts = 16, .top_k = 2, .width = 64})});
  EXPECT_EQ(said({.dp = 8, .ep = 8}, model, anything_goes()), "");
  EXPECT_EQ(said({.dp = 5, .ep = 5}, model, anything_goes()),
            "small: 16 experts are not divisible by ep 5; only the block with the most experts (64) may have unequal "
            "shares");
}

TEST(LayoutRules, WidthsDivideByTheirRanks) {
  ModelSpec model = deepseek_v3_like();
  std::get<DenseFfn>(model.blocks[1].kind).width = 18433;
  EXPECT_EQ(said({.tp = 2, .ep = 2}, model, anything_goes()),
            "dense: 18433 columns of the dense FFN are not divisible by tp 2");
  model = deepseek_v3_like();
  std::get<MoeFfn>(model.blocks[2].kind).shared_width = 2049;
  EXPECT_EQ(said({.tp = 2, .ep = 2}, model, anything_goes()),
            "moe: 2049 columns of the shared experts are not divisible by tp 2");
  model = deepseek_v3_like();
  std::get<MoeFfn>(model.blocks[2].kind).width = 2049;
  EXPECT_EQ(said(tp_only(2), model, anything_goes()), "moe: 2049 columns of an expert are not divisible by moe_tp 2");
  EXPECT_EQ(said({.tp = 2, .ep = 2}, model, anything_goes()), "");  // whole experts per rank
}

// 256 experts and 32 copies are 288 = 72 x 4; 2,048 shared columns are no multiple of 72.
TEST(LayoutRules, SharedExpertsThatStayWholeNeedNotDivide) {
  RuntimeSpec runtime = anything_goes();
  runtime.sharding.shared = Spread::Stage;
  runtime.dispatch_across = DispatchKind::DeepEp;
  const Layout wide{.dp = 72, .ep = 72, .redundant = 32};
  EXPECT_EQ(said(wide, deepseek_v3_like(), runtime),
            "moe: 2048 columns of the shared experts are not divisible by tp x dp 72");
  runtime.sharding.shared_whole_with_deep_ep = true;
  EXPECT_EQ(said(wide, deepseek_v3_like(), runtime), "");
}

TEST(LayoutRules, RedundantExpertsFillEqualShares) {
  EXPECT_EQ(said({.dp = 72, .ep = 72, .redundant = 30}, deepseek_v3_like(), anything_goes()),
            "moe: 256 experts and 30 redundant ones are not divisible by ep 72");
  EXPECT_EQ(said({.tp = 8, .moe_tp = 8, .redundant = 8}, deepseek_v3_like(), anything_goes()),
            "8 redundant experts without expert parallelism, ep is 1");
}

TEST(LayoutRules, PaddingDoesNotExcuseUnequalShards) {
  // 2880 = 64 x 45: moe_tp 64 divides, 128 does not, although a rank's 22.5 would round up.
  RuntimeSpec padded = anything_goes();
  padded.padding = {{"mxfp4", 256, "a source"}};
  ModelSpec model = mixtral_like();
  std::get<SoftmaxAttention>(model.blocks[0].kind) = {.heads = 128, .kv_heads = 8};
  std::get<MoeFfn>(model.blocks[1].kind).width = 2880;
  EXPECT_EQ(said(tp_only(64), model, padded), "");
  EXPECT_EQ(said(tp_only(128), model, padded), "moe: 2880 columns of an expert are not divisible by moe_tp 128");
}

TEST(LayoutRules, ExpertRanksDoNotExceedExperts) {
  EXPECT_EQ(said({.dp = 8, .ep = 8}, mixtral_like(), anything_goes()), "");
  EXPECT_EQ(said({.dp = 16, .ep = 16}, mixtral_like(), anything_goes()), "moe: ep 16 exceeds 8 experts");
}

TEST(LayoutRules, UnevenExpertsDependOnTheRuntime) {
  RuntimeSpec strict = anything_goes();
  strict.layouts.uneven_experts = false;
  EXPECT_EQ(said({.dp = 3, .ep = 3}, mixtral_like(), anything_goes()), "");
  EXPECT_EQ(said({.dp = 3, .ep = 3}, mixtral_like(), strict),
            "moe: 8 experts are not divisible by ep 3, and generic needs equal shares");
  EXPECT_EQ(said({.dp = 4, .ep = 4}, mixtral_like(), strict), "");
}

TEST(LayoutRules, StagesDoNotExceedLayers) {
  EXPECT_EQ(said({.pp = 12}, gpt2_like(), anything_goes()), "");
  EXPECT_EQ(said({.pp = 13}, gpt2_like(), anything_goes()), "pp 13 exceeds 12 layers");
}

TEST(LayoutRules, DenseModelHasNoExpertRanks) {
  EXPECT_EQ(said({.tp = 4, .moe_tp = 4}, gpt2_like(), anything_goes()), "");
  EXPECT_EQ(said({.tp = 4, .moe_tp = 1}, gpt2_like(), anything_goes()),
            "gpt2-like has no experts, moe_tp must be tp x dp = 4, is 1");
  EXPECT_EQ(said({.dp = 2, .moe_tp = 2, .ep = 2}, gpt2_like(), anything_goes()), "gpt2-like has no experts, ep is 2");
}

TEST(LayoutRules, VllmCutsExpertsOneWayOnly) {
  EXPECT_EQ(said({.tp = 8, .moe_tp = 2, .ep = 4}, mixtral_like(), anything_goes()), "");
  EXPECT_EQ(said({.tp = 8, .moe_tp = 2, .ep = 4}, mixtral_like(), vllm_like()),
            "vllm runs experts either with ep 1 or with ep = tp x dp = 8, not moe_tp 2 with ep 4");
  EXPECT_EQ(said({.tp = 8, .ep = 8}, mixtral_like(), vllm_like()), "");
  EXPECT_EQ(said({.tp = 2, .dp = 4, .moe_tp = 8}, mixtral_like(), vllm_like()), "");
}

TEST(LayoutRules, LlamaCppSplitsLayersOnly) {
  EXPECT_EQ(said({.pp = 4}, mixtral_like(), llama_cpp_like()), "");
  EXPECT_EQ(said(tp_only(2), mixtral_like(), llama_cpp_like()),
            "llama.cpp has no tensor parallelism, tp is 2\n"
            "llama.cpp has no tensor parallelism inside an expert, moe_tp is 2");
  EXPECT_EQ(said({.dp = 2, .ep = 2}, mixtral_like(), llama_cpp_like()),
            "llama.cpp has no data-parallel attention, dp is 2\n"
            "llama.cpp has no expert parallelism, ep is 2");
}

TEST(LayoutRules, RuntimeWithoutStagesSaysSo) {
  RuntimeSpec runtime = anything_goes();
  runtime.layouts.pipeline_parallel = false;
  EXPECT_EQ(said({.pp = 2}, gpt2_like(), runtime), "generic has no pipeline parallelism, pp is 2");
}

TEST(LayoutRules, SeveralBrokenRulesAreListedTogether) {
  // heads, expert width is fine (14336 / 5 is not whole), ranks 5 vs 5; pp too deep
  EXPECT_EQ(said({.tp = 5, .moe_tp = 5, .pp = 33}, mixtral_like(), vllm_like()),
            "pp 33 exceeds 32 layers\n"
            "gqa: 32 attention heads are not divisible by tp 5\n"
            "gqa: 8 kv heads can be neither divided by tp 5 nor replicated evenly over it\n"
            "moe: 14336 columns of an expert are not divisible by moe_tp 5");
}

std::vector<std::string> described(const std::vector<Layout>& layouts) {
  std::vector<std::string> words;
  for (const Layout& layout : layouts) words.push_back(describe(layout));
  return words;
}

TEST(LegalLayouts, OneGpuHasOneLayout) {
  EXPECT_EQ(legal_layouts(mixtral_like(), vllm_like(), 1), (std::vector<Layout>{Layout{}}));
  EXPECT_TRUE(legal_layouts(mixtral_like(), vllm_like(), 0).empty());
}

TEST(LegalLayouts, MoeUnderVllmPrefersTpThenTpWithEpThenDpWithEp) {
  const std::vector<std::string> words = described(legal_layouts(deepseek_v3_like(), vllm_like(), 8));
  ASSERT_GE(words.size(), 6U);
  EXPECT_EQ((std::vector<std::string>(words.begin(), words.begin() + 5)),
            (std::vector<std::string>{"TP8", "TP8+EP8", "TP4 DP2 EP8", "TP2 DP4 EP8", "DP8+EP8"}));
  EXPECT_NE(std::find(words.begin(), words.end(), "TP4+PP2"), words.end());
  EXPECT_NE(std::find(words.begin(), words.end(), "PP8"), words.end());
}

TEST(LegalLayouts, DenseModelGetsTensorAndPipelineSplits) {
  // 12 heads: tp 4 and 2 divide, 8 does not
  EXPECT_EQ(described(legal_layouts(gpt2_like(), vllm_like(), 8)),
            (std::vector<std::string>{"TP4+PP2", "TP2+PP4", "PP8"}));
}

TEST(LegalLayouts, LlamaCppGetsTheLayerSplit) {
  EXPECT_EQ(legal_layouts(mixtral_like(), llama_cpp_like(), 4), (std::vector<Layout>{Layout{.pp = 4}}));
}

TEST(LegalLayouts, AreLegalDistinctBoundedAndUseEveryGpu) {
  for (const ModelSpec& model : {deepseek_v3_like(), mixtral_like(), gpt2_like()}) {
    for (const RuntimeSpec& runtime : {anything_goes(), vllm_like(), llama_cpp_like()}) {
      for (const Count gpus : {1, 2, 3, 4, 6, 8, 16, 60, 64, 72, 256, 1024}) {
        const std::vector<Layout> layouts = legal_layouts(model, runtime, gpus);
        EXPECT_LE(layouts.size(), 128U);
        EXPECT_EQ(layouts, legal_layouts(model, runtime, gpus));
        for (std::size_t i = 0; i < layouts.size(); ++i) {
          EXPECT_EQ(layouts[i].gpus(), gpus);
          EXPECT_EQ(said(layouts[i], model, runtime), "");
          EXPECT_EQ(std::find(layouts.begin() + static_cast<std::ptrdiff_t>(i) + 1, layouts.end(), layouts[i]),
                    layouts.end());
        }
      }
    }
  }
}

TEST(Layout, RedundantExpertsMakeUnequalSharesEqual) {
  RuntimeSpec equal;
  equal.id = "equal";
  equal.layouts.uneven_experts = false;
  const ModelSpec model = deepseek_v3_like();
  const auto complains = [&](Count redundant) {
    const Layout layout{.dp = 72, .ep = 72, .redundant = redundant};
    const std::vector<std::string> found = violations(layout, model, equal);
    return std::any_of(found.begin(), found.end(),
                       [](const std::string& s) { return s.find("divisible by ep 72") != std::string::npos; });
  };
  EXPECT_TRUE(complains(0));    // 256 over 72
  EXPECT_TRUE(complains(31));   // 287
  EXPECT_FALSE(complains(32));  // 288 = 4 x 72
}

}  // namespace
}  // namespace moeplan
