// SPDX-License-Identifier: Apache-2.0
#include "sim/lower/lower.h"

#include <gtest/gtest.h>

#include "sim/program/work.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

struct Lowered {
  ModelPlan plan;
  Program program;
};

Lowered lowered(const char* model, const Layout& layout, Phase phase, const char* runtime_id = "generic",
                const char* weights = "native", std::size_t rank_class = 0) {
  Lowered l{plan_model(catalog().model(model), catalog().formats(), weights), {}};
  const RuntimeSpec runtime = catalog().runtime(runtime_id);
  LowerOptions options;
  options.layout = layout;
  options.kv_format = l.plan.formats.id_of("bf16");
  options.dispatch_tokens = runtime.dispatch_tokens;
  l.program = lower(l.plan, runtime, options, rank_classes(l.plan, layout)[rank_class], phase);
  return l;
}

const Op& op_named(const Program& p, OpName name) {
  for (const Op& op : p.ops())
    if (op.name == name) return op;
  ADD_FAILURE() << "no op " << word_of(name);
  return p.op_array[0];
}

bool has_op(const Program& p, OpName name) {
  for (const Op& op : p.ops())
    if (op.name == name) return true;
  return false;
}

// The worked example of the architecture: one MoE layer of DeepSeek-V3 in decode, EP 64,
// attention DP, 128 tokens per rank, FP8, balanced routing.
class WorkedExample : public testing::Test {
 protected:
  Lowered l = lowered("deepseek-v3", {.tp = 1, .dp = 64, .moe_tp = 1, .ep = 64}, Phase::Decode);
  Binding b = bind(l.program, {{.sequences = 128 * 64, .new_tokens = 1, .context = 4096}});
  Work work(OpName name) { return work_of(op_named(l.program, name), l.program, b); }
};

TEST_F(WorkedExample, EachRankHoldsFourExpertsAndReceives1024Rows) {
  EXPECT_EQ(op_named(l.program, OpName::ExpertGateUp).a, 4);
  EXPECT_DOUBLE_EQ(load_of(op_named(l.program, OpName::ExpertGateUp), b).rows, 1024);  // 8,192 tokens x 8 / 64 ranks
  EXPECT_EQ(op_named(l.program, OpName::ExpertGateUp).repeat, 58);
}

TEST_F(WorkedExample, RouterDoes470MFlop) {
  EXPECT_DOUBLE_EQ(work(OpName::Router).flops, 2.0 * 128 * 256 * 7168);  // 0.47 GFLOP
}

TEST_F(WorkedExample, DispatchSends63Of64Parts) {
  // 128 tokens x 8 copies x (7168 fp8 + 56 scales x 4 B) = 7,569,408 B
  EXPECT_DOUBLE_EQ(work(OpName::Dispatch).sent_bytes, 7'569'408.0 * 63 / 64);
  // 128 x 8 x 7168 x 2 B = 14,680,064 B
  EXPECT_DOUBLE_EQ(work(OpName::Combine).sent_bytes, 14'680'064.0 * 63 / 64);
}

TEST_F(WorkedExample, ExpertsDo90GFlopOver176MBOfWeights) {
  EXPECT_NEAR(work(OpName::ExpertGateUp).flops, 60.1e9, 0.05e9);  // 2 x 1,024 x 4,096 x 7,168
  EXPECT_NEAR(work(OpName::ExpertDown).flops, 30.1e9, 0.05e9);
  // 4 experts x 3 x 7168 x 2048 B and a 4 B scale per 128 x 128 tile, times the share of
  // the 4 experts drawn: 1 - (1 - 8/256)^8192 is 1.
  const double weights = 176'160'768.0 * (1 + 4.0 / 16384);
  EXPECT_NEAR(work(OpName::ExpertGateUp).weight_bytes + work(OpName::ExpertDown).weight_bytes, weights, 1.0);
}

TEST_F(WorkedExample, SharedExpertDoes11GFlopOver44MB) {
  EXPECT_NEAR(work(OpName::SharedGateUp).flops + work(OpName::SharedDown).flops, 11.27e9, 0.01e9);
  EXPECT_NEAR(work(OpName::SharedGateUp).weight_bytes + work(OpName::SharedDown).weight_bytes,
              44'040'192.0 * (1 + 4.0 / 16384), 1.0);
}

TEST(Routing, DistinctExpertsOfDeepSeekV3) {
  // 256 x (1 - (1 - 8/256)^B)
  EXPECT_NEAR(balanced_load(256, 8, 256, 1).distinct, 8.0, 1e-9);
  EXPECT_NEAR(balanced_load(256, 8, 256, 8).distinct, 57.4, 0.05);
  EXPECT_NEAR(balanced_load(256, 8, 256, 32).distinct, 163.3, 0.05);
  EXPECT_NEAR(balanced_load(256, 8, 256, 128).distinct, 251.6, 0.05);
  EXPECT_NEAR(balanced_load(128, 4, 128, 32).distinct, 81.7, 0.05);
  EXPECT_NEAR(balanced_load(384, 8, 384, 128).distinct, 358.1, 0.05);
  EXPECT_NEAR(balanced_load(8, 2, 8, 8).distinct, 7.2, 0.05);
}

TEST(Routing, OneDecodeTokenTouchesTopKExpertsButTheLedgerCountsAll) {
  const Lowered l = lowered("mixtral-8x7b", {}, Phase::Decode);
  const Binding b = bind(l.program, {{.sequences = 1, .new_tokens = 1, .context = 100}});
  const Op& op = op_named(l.program, OpName::ExpertDown);
  const double all =
      work_of(op, l.program, bind(l.program, {{.sequences = 100000, .new_tokens = 1, .context = 1}})).weight_bytes;
  EXPECT_NEAR(work_of(op, l.program, b).weight_bytes / all, 2.0 / 8, 1e-9);
}

TEST(AttendedPairs, CountsFullWindowedChunkedAndBidirectional) {
  // 3 new tokens after 4: 5 + 6 + 7
  EXPECT_DOUBLE_EQ(attended_pairs({1, 3, 4}, 0, 0, true), 18);
  EXPECT_DOUBLE_EQ(attended_pairs({1, 3, 4}, 6, 0, true), 17);   // 5 + 6 + 6
  EXPECT_DOUBLE_EQ(attended_pairs({1, 3, 4}, 0, 5, true), 8);    // 5, then 1 and 2 of the next chunk
  EXPECT_DOUBLE_EQ(attended_pairs({1, 3, 4}, 0, 0, false), 21);  // 3 x 7
  EXPECT_DOUBLE_EQ(attended_pairs({1, 1, 0}, 128, 0, true), 1);
}

TEST(Mla, PrefillExpandsTheCachedContextAgainInEachChunk) {
  const Lowered l = lowered("deepseek-v3", {}, Phase::Prefill);
  const Op& up = op_named(l.program, OpName::KvB);
  const Binding fresh = bind(l.program, {{.sequences = 1, .new_tokens = 512, .context = 0}});
  const Binding later = bind(l.program, {{.sequences = 1, .new_tokens = 512, .context = 4096}});
  const double per_token = 2.0 * 512 * 128 * (128 + 128) * 61;  // 2.05 GFLOP over 61 layers
  EXPECT_NEAR(per_token, 2.05e9, 0.01e9);
  EXPECT_DOUBLE_EQ((work_of(up, l.program, later).flops - work_of(up, l.program, fresh).flops) * up.repeat,
                   per_token * 4096);
}

TEST(Mla, DecodeIsAbsorbed) {
  const Lowered l = lowered("deepseek-v3", {}, Phase::Decode);
  const Op& attend = op_named(l.program, OpName::Attention);
  EXPECT_EQ(attend.n, 576);
  EXPECT_EQ(attend.k, 512);
}

TEST(StageLayers, RemainderGoesBeforeTheLastStage) {
  EXPECT_EQ(stage_layers(61, 1), (std::vector<Count>{61}));
  EXPECT_EQ(stage_layers(61, 2), (std::vector<Count>{31, 30}));
  EXPECT_EQ(stage_layers(61, 4), (std::vector<Count>{15, 15, 16, 15}));
  EXPECT_EQ(stage_layers(63, 4), (std::vector<Count>{16, 16, 16, 15}));
}

TEST(RankClasses, UnevenExpertsMakeATypicalAndAHottestRank) {
  // 256 experts on 72 ranks: 40 ranks hold 4, 32 hold 3.
  const ModelPlan plan = plan_model(catalog().model("deepseek-v3"), catalog().formats(), "native");
  const std::vector<RankClass> classes = rank_classes(plan, {.tp = 1, .dp = 72, .moe_tp = 1, .ep = 72});
  ASSERT_EQ(classes.size(), 2U);
  EXPECT_TRUE(classes[0].hottest);
  EXPECT_EQ(classes[0].ranks, 40);
  EXPECT_FALSE(classes[1].hottest);
  EXPECT_EQ(classes[1].ranks, 32);
}

TEST(RankClasses, EqualMiddleStagesAreOneClass) {
  const ModelPlan plan = plan_model(catalog().model("llama-3.1-8b"), catalog().formats(), "native");
  const std::vector<RankClass> classes = rank_classes(plan, {.tp = 1, .dp = 1, .moe_tp = 1, .ep = 1, .pp = 8});
  ASSERT_EQ(classes.size(), 3U);
  EXPECT_EQ(classes[1].ranks, 6);
}

TEST(Lowering, HostExpertsRunOnTheHostLane) {
  Lowered l{plan_model(catalog().model("mixtral-8x7b"), catalog().formats(), "native"), {}};
  const RuntimeSpec runtime = catalog().runtime("llama.cpp");
  LowerOptions options;
  options.kv_format = l.plan.formats.id_of("fp16");
  options.host_expert_layers = 7;
  l.program = lower(l.plan, runtime, options, rank_classes(l.plan, {}).front(), Phase::Decode);
  const Op& host = op_named(l.program, OpName::HostExperts);
  EXPECT_EQ(host.repeat, 7);
  EXPECT_EQ(host.lane, Lane::Host);
  EXPECT_EQ(op_named(l.program, OpName::ExpertGateUp).repeat, 25);
  const Binding b = bind(l.program, {{.sequences = 1, .new_tokens = 1, .context = 1}});
  // 2 experts x 3 matrices of 4096 x 14336, 2 FLOPs each
  EXPECT_DOUBLE_EQ(work_of(host, l.program, b).flops, 2.0 * 2 * 3 * 4096 * 14336);
  EXPECT_DOUBLE_EQ(work_of(host, l.program, b).weight_bytes, 2.0 * 3 * 4096 * 14336 * 2);
}

TEST(Lowering, HostLayersCountFromTheFirstLayerAsInLlamaCpp) {
  // DeepSeek-V3 begins with 3 dense layers: the experts of layers 0..9 are those of 7 MoE layers.
  Lowered l{plan_model(catalog().model("deepseek-v3"), catalog().formats(), "native"), {}};
  EXPECT_EQ(moe_layers_within(l.plan, 3), 0);
  EXPECT_EQ(moe_layers_within(l.plan, 10), 7);
  LowerOptions options;
  options.kv_format = l.plan.formats.id_of("fp16");
  options.host_expert_layers = 10;
  l.program = lower(l.plan, catalog().runtime("llama.cpp"), options, rank_classes(l.plan, {}).front(), Phase::Decode);
  EXPECT_EQ(op_named(l.program, OpName::HostExperts).repeat, 7);
}

TEST(Lowering, MtpModulesBringTheirOwnCacheLayerAndHead) {
  Lowered l{plan_model(catalog().model("deepseek-v3"), catalog().formats(), "native"), {}};
  LowerOptions options;
  options.kv_format = l.plan.formats.id_of("bf16");
  Count per_token[2] = {0, 0};
  double flops[2] = {0, 0};
  for (const bool mtp : {false, true}) {
    options.load_mtp = mtp;
    const Program p =
        lower(l.plan, catalog().runtime("generic"), options, rank_classes(l.plan, {}).front(), Phase::Decode);
    for (const Tensor& t : p.tensors())
      if (t.cls == TensorClass::Kv) per_token[mtp] += t.per_token * t.repeat;
    flops[mtp] = total_work(p, bind(p, {{.sequences = 1, .new_tokens = 1, .context = 0}})).flops;
  }
  EXPECT_EQ(per_token[0], 61 * 1152);
  EXPECT_EQ(per_token[1], 62 * 1152);
  // One layer (0.6 B active), the projection (0.1 B) and the head again (0.9 B), 2 FLOPs each: 3.3 GFLOP.
  EXPECT_GT(flops[1] - flops[0], 2.0e9);
  EXPECT_LT(flops[1] - flops[0], 4.0e9);
}

// One module drafts n tokens: once over the n + 1 tokens that are verified, then again on each
// token it drafted itself.
TEST(Lowering, OneMtpModuleRunsAsOftenAsItDrafts) {
  Lowered l{plan_model(catalog().model("deepseek-v3"), catalog().formats(), "native"), {}};
  LowerOptions options;
  options.kv_format = l.plan.formats.id_of("bf16");
  options.load_mtp = true;
  const Program p =
      lower(l.plan, catalog().runtime("generic"), options, rank_classes(l.plan, {}).front(), Phase::Decode);
  const auto first = static_cast<std::size_t>(p.first_draft);
  EXPECT_EQ(p.op_array[first].name, OpName::MtpProjection);
  for (const Count drafts : {1, 3, 5}) {
    const Binding b = bind(p, {{.sequences = 4, .new_tokens = 1 + drafts, .context = 100}});
    EXPECT_EQ(runs_of(first, p, b).whole, 1);
    EXPECT_EQ(runs_of(first, p, b).single, drafts - 1);
    EXPECT_EQ(runs_of(0, p, b).single, 0);
    EXPECT_EQ(one_token_each(b).tokens, 4);
  }
}

TEST(Lowering, EachDraftOfOneModuleChoosesAToken) {
  Lowered l{plan_model(catalog().model("deepseek-v3"), catalog().formats(), "native"), {}};
  LowerOptions options;
  options.layout = {.tp = 8, .moe_tp = 8};
  options.kv_format = l.plan.formats.id_of("bf16");
  options.load_mtp = true;
  const Program p =
      lower(l.plan, catalog().runtime("generic"), options, rank_classes(l.plan, options.layout).front(), Phase::Decode);
  Count samplers = 0;
  for (Count i = p.first_draft; i < p.op_count; ++i)
    samplers += p.op_array[static_cast<std::size_t>(i)].name == OpName::Sampler ? 1 : 0;
  EXPECT_EQ(samplers, 1);
}

// 256 experts and 32 copies over 72 ranks: 4 slots each, 72 x 128 x 8 pairs over 288 slots.
TEST(Lowering, RedundantExpertsShareTheRowsOfTheirRank) {
  const Lowered l = lowered("deepseek-v3", {.dp = 72, .ep = 72, .redundant = 32}, Phase::Decode);
  const Op& op = op_named(l.program, OpName::ExpertGateUp);
  EXPECT_EQ(op.a, 4);
  EXPECT_DOUBLE_EQ(load_of(op, bind(l.program, {{.sequences = 128 * 72, .new_tokens = 1, .context = 4096}})).rows,
                   1024);
}

TEST(Lowering, TheEncoderIsResidentButDoesNotRunInDecode) {
  const Lowered prefill = lowered("switch-c", {}, Phase::Prefill);
  const Lowered decode = lowered("switch-c", {}, Phase::Decode);
  Count weights[2] = {0, 0};
  for (const Tensor& t : prefill.program.tensors()) weights[0] += t.elements * t.repeat;
  for (const Tensor& t : decode.program.tensors()) weights[1] += t.elements * t.repeat;
  EXPECT_EQ(weights[0], weights[1]);
  const Step one{{.sequences = 1, .new_tokens = 1, .context = 0}};
  EXPECT_LT(total_work(decode.program, bind(decode.program, one)).flops,
            0.7 * total_work(prefill.program, bind(prefill.program, one)).flops);
}

TEST(Lowering, LlamaCppKeepsTheInputTableOnTheHost) {
  const auto resident = [](const char* model, bool host, Place place) {
    Lowered l{plan_model(catalog().model(model), catalog().formats(), "native"), {}};
    LowerOptions options;
    options.kv_format = l.plan.formats.id_of("fp16");
    options.input_table_on_host = host;
    l.program = lower(l.plan, catalog().runtime("llama.cpp"), options, rank_classes(l.plan, {}).front(), Phase::Decode);
    Count bytes = 0;
    for (const Tensor& t : l.program.tensors())
      if (t.cls == TensorClass::Weight && t.place == place) bytes += t.fixed * t.repeat;
    return bytes;
  };
  // Llama-3.1-8B: 128,256 x 4,096 x 2 B move. GPT-2 ties its head: the device keeps a copy.
  EXPECT_EQ(resident("llama-3.1-8b", true, Place::Host), Count{128256} * 4096 * 2);
  EXPECT_EQ(resident("llama-3.1-8b", false, Place::Device) - resident("llama-3.1-8b", true, Place::Device),
            Count{128256} * 4096 * 2);
  EXPECT_EQ(resident("gpt2", true, Place::Device), resident("gpt2", false, Place::Device));
}

TEST(Lowering, EachMoeBlockHasItsOwnLoad) {
  // 64 experts top-8 in one layer, 8 experts top-1 in the next.
  ModelSpec m = catalog().model("mixtral-8x7b");
  Block small = m.blocks[1];
  small.name = "small";
  std::get<MoeFfn>(small.kind).experts = 64;
  std::get<MoeFfn>(small.kind).top_k = 8;
  std::get<MoeFfn>(m.blocks[1].kind).top_k = 1;
  m.blocks.push_back(small);
  m.runs = {{.stack = Stack::Decoder, .repeat = 1, .layers = {{0, 1}, {0, 2}}}};
  const ModelPlan plan = plan_model(m, catalog().formats(), "native");
  LowerOptions options;
  options.kv_format = plan.formats.id_of("bf16");
  const Program p = lower(plan, catalog().runtime("generic"), options, rank_classes(plan, {}).front(), Phase::Decode);
  const Binding b = bind(p, {{.sequences = 10, .new_tokens = 1, .context = 0}});
  std::vector<double> rows;
  for (const Op& op : p.ops())
    if (op.name == OpName::ExpertDown) rows.push_back(load_of(op, b).rows);
  EXPECT_EQ(rows, (std::vector<double>{10, 80}));
}

TEST(Lowering, GatheringRuntimesExchangeEveryToken) {
  // vLLM's default gathers: each rank sends its tokens to the 7 others, in bf16.
  const Lowered l = lowered("deepseek-v3", {.tp = 1, .dp = 8, .moe_tp = 1, .ep = 8}, Phase::Decode, "vllm");
  const Binding b = bind(l.program, {{.sequences = 8 * 16, .new_tokens = 1, .context = 0}});
  EXPECT_DOUBLE_EQ(work_of(op_named(l.program, OpName::Dispatch), l.program, b).sent_bytes, 16.0 * 7168 * 2 * 7);
}

TEST(Lowering, Mxfp4ExpertsArePaddedUnderVllmOnly) {
  const auto padding = [](const Program& p) {
    Count bytes = 0;
    for (const Tensor& t : p.tensors())
      if (t.cls == TensorClass::Padding && t.part == Part::Experts) bytes += t.fixed * t.repeat;
    return bytes;
  };
  // 24 layers x 32 experts x 3 matrices x 192 x 2880 weights at 4.25 bit
  EXPECT_EQ(padding(lowered("gpt-oss-20b", {}, Phase::Decode, "vllm").program),
            Count{24} * 32 * 3 * 192 * 2880 * 17 / 32);
  EXPECT_EQ(padding(lowered("gpt-oss-20b", {}, Phase::Decode, "generic").program), 0);
}

TEST(Lowering, TensorParallelismAddsAllReducesAndExpertParallelismAnExchange) {
  const Lowered tp = lowered("deepseek-v3", {.tp = 8, .dp = 1, .moe_tp = 8, .ep = 1}, Phase::Decode);
  EXPECT_TRUE(has_op(tp.program, OpName::AllReduce));
  EXPECT_FALSE(has_op(tp.program, OpName::Dispatch));
  const Lowered ep = lowered("deepseek-v3", {.tp = 1, .dp = 8, .moe_tp = 1, .ep = 8}, Phase::Decode);
  EXPECT_FALSE(has_op(ep.program, OpName::AllReduce));
  EXPECT_TRUE(has_op(ep.program, OpName::Dispatch));
}

}  // namespace
}  // namespace moeplan
