// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "sim/base/error.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

RuntimeSpec sound_runtime() {
  RuntimeSpec r;
  r.id = "test";
  r.name = "Test";
  r.aliases = {"tst"};
  r.version = "1";
  r.as_of = "2026-11";
  r.source = "a document";
  r.reserve_fixed = 512 * kMiB;
  r.reserve_fraction = 0.02;
  r.reserve_source = "a document";
  r.context_bytes = Bytes(123456789);
  r.context_bytes_multi = 430 * kMiB;
  r.context_source = "a document";
  r.kv_block_tokens = 16;
  r.window_slack_tokens = 512;
  r.layouts.source = "a document";
  r.layouts.partial_attention_dp = false;
  r.layouts.context_parallel = true;
  r.layouts.sequence_parallel = true;
  r.sharding = {StageSplit::First,          Spread::Stage, Spread::Attention, true, Spread::Stage,
                RankOrder::TensorStageData, "a document"};
  r.cache_formats = {"bf16", "fp8"};
  r.checkpoint_caches = {{"nvfp4", "fp8"}};
  r.vector_rows = 8;
  r.admits_whole_length = true;
  r.vector_source = "a document";
  r.kv_source = "a document";
  r.chunk_over_dp = true;
  r.tiers = {{.min_memory = Bytes(0), .sequences = 256, .chunk_tokens = 2048},
             {.min_memory = 70 * kGiB,
              .sequences = 1024,
              .chunk_tokens = 8192,
              .context = 4096,
              .graph_sequences = 8,
              .graph_sequences_wide = 16,
              .prefill_graphs = 42}};
  r.small_devices = {"a100-80"};
  r.admission_source = "a document";
  r.logits_for_limit = false;
  r.kernels = {{"moe", "fp8", "hopper", "triton", "a document"}, {"moe", "", "", "cutlass", "a document"}};
  r.vocab_per_rank = true;
  r.command_line = "vllm";
  r.sampler_bytes = 38.23;
  r.sampler_source = "a document";
  r.dispatch = DispatchKind::DeepEpLowLatency;
  r.dispatch_rack = DispatchKind::NvlinkOneSided;
  r.dispatch_across = DispatchKind::DeepEp;
  r.dispatch_others = {DispatchKind::DeepEpNormal, DispatchKind::AllGather};
  r.dispatch_source = "a document";
  r.padding = {{"mxfp4", 256, "a document"}};
  r.vocab_multiple = 64;
  r.formats = "gguf";
  r.input_table_on_host = true;
  r.note = "a note";
  return r;
}

std::string only_violation(const RuntimeSpec& runtime) {
  std::string all;
  for (const std::string& sentence : violations(runtime)) all += sentence + "\n";
  if (!all.empty()) all.pop_back();
  return all;
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string reading_says(const std::string& text) {
  try {
    read_runtime(text, "test.json");
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::InvalidInput);
    return error.what();
  }
  return "";
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " in " << text;
  return text.replace(at, from.size(), to);
}

TEST(RuntimeJson, WritingThenReadingGivesAnEqualSpec) {
  RuntimeSpec runtime = sound_runtime();
  EXPECT_EQ(read_runtime(write_runtime(runtime), "again"), runtime);
  runtime.aliases.clear();
  runtime.padding.clear();
  runtime.layouts = {false, false, false, true, false, false, false, false, true, "a document"};
  runtime.kernels.clear();
  runtime.cache_formats.clear();
  runtime.reserve = ReserveKind::Static;
  runtime.reserve_fixed = Bytes(0);
  runtime.reserve_fraction = 0;
  runtime.auto_reserve = {.fixed = kMiB, .per_chunk_token = kKiB, .more_from = 7, .least = kGiB, .draft = Bytes(3)};
  runtime.dispatch = DispatchKind::AllGather;
  runtime.logits_for_chunk = true;
  runtime.host_offload = true;
  runtime.vision_resident = false;
  runtime.activation_bytes = 4;
  EXPECT_EQ(read_runtime(write_runtime(runtime), "again"), runtime);
}

TEST(RuntimeJson, UnknownDispatchNamesTheKnownOnes) {
  const std::string said = reading_says(with(write_runtime(sound_runtime()), "deep_ep_low_latency", "deepep"));
  EXPECT_TRUE(mentions(said, "dispatch/kind")) << said;
  EXPECT_TRUE(mentions(said, "all_gather")) << said;
}

TEST(RuntimeJson, MissingLayoutRulesAreReportedByPath) {
  const std::string said = reading_says(with(write_runtime(sound_runtime()), "\"uneven_experts\"", "\"uneven\""));
  EXPECT_TRUE(mentions(said, "layouts")) << said;
  EXPECT_TRUE(mentions(said, "uneven")) << said;
}

TEST(RuntimeJson, ReserveFractionIsAFractionNotAPercentage) {
  EXPECT_TRUE(mentions(reading_says(with(write_runtime(sound_runtime()), "0.02", "2")), "reserve/fraction"));
}

TEST(RuntimeChecks, SoundRuntimeHasNoViolations) { EXPECT_EQ(only_violation(sound_runtime()), ""); }

TEST(RuntimeChecks, AdmissionTiersStartAtZeroAndRise) {
  RuntimeSpec r = sound_runtime();
  r.tiers[0].min_memory = Bytes(1);
  EXPECT_TRUE(mentions(only_violation(r), "must hold from 0 B"));
  r = sound_runtime();
  r.tiers[1].min_memory = Bytes(0);
  EXPECT_TRUE(mentions(only_violation(r), "must rise"));
  r.tiers.clear();
  EXPECT_EQ(only_violation(r), "admission has no tier");
}

TEST(RuntimeChecks, AReserveHasOneKindOfRule) {
  RuntimeSpec r = sound_runtime();
  r.reserve = ReserveKind::Free;
  EXPECT_EQ(only_violation(r), "a fixed reserve belongs to reserve kind total only");
  r.reserve_fixed = Bytes(0);
  EXPECT_EQ(only_violation(r), "");
  r.auto_reserve.fixed = kMiB;
  EXPECT_EQ(only_violation(r), "an auto rule belongs to reserve kind static only");
  r.reserve = ReserveKind::Static;
  EXPECT_EQ(only_violation(r), "reserve kind static follows its auto rule, fraction must be 0");
}

TEST(RuntimeChecks, KernelRulesNameAKnownOperator) {
  RuntimeSpec r = sound_runtime();
  r.kernels[0].op = "conv";
  EXPECT_TRUE(mentions(only_violation(r), "must be one of gemm, moe, attention, mla, dispatch"));
}

TEST(RuntimeTiers, TheLastTierADeviceReachesHolds) {
  const RuntimeSpec r = sound_runtime();
  EXPECT_EQ(tier_of(r, "h100", 70 * kGiB).chunk_tokens, 8192);
  EXPECT_EQ(tier_of(r, "h100", 70 * kGiB - Bytes(1)).chunk_tokens, 2048);
  EXPECT_EQ(tier_of(r, "a100-80", 80 * kGiB).chunk_tokens, 2048);  // one of small_devices
}

TEST(RuntimeKernels, TheFirstRuleThatMatchesHolds) {
  const Catalog catalog = Catalog::embedded();
  const RuntimeSpec vllm = catalog.runtime("vllm");
  const auto kernel = [](const RuntimeSpec& r, const char* op, const char* format, const char* architecture) {
    const KernelRule* rule = kernel_of(r, op, format, architecture);
    return rule != nullptr ? rule->kernel : "none";
  };
  EXPECT_EQ(kernel(vllm, "moe", "mxfp4", "hopper"), "triton_oai");
  EXPECT_EQ(kernel(vllm, "moe", "mxfp4", "ada"), "marlin");
  EXPECT_EQ(kernel(vllm, "moe", "int4_g128", "blackwell-ultra"), "marlin");  // int4 is a prefix
  EXPECT_EQ(kernel(vllm, "moe", "bf16", "ada"), "triton");
  EXPECT_EQ(kernel(catalog.runtime("trtllm"), "moe", "fp8_block", "blackwell"), "deepgemm");
  EXPECT_EQ(kernel(catalog.runtime("sglang"), "mla", "bf16", "blackwell"), "trtllm_mla");
  EXPECT_EQ(kernel(catalog.runtime("generic"), "moe", "bf16", "hopper"), "none");
}

TEST(RuntimeChecks, ReserveFractionStaysBelowNineTenths) {
  RuntimeSpec r = sound_runtime();
  r.reserve_fraction = 0.9;
  EXPECT_EQ(only_violation(r), "");
  r.reserve_fraction = 0.91;
  EXPECT_TRUE(mentions(only_violation(r), "reserve_fraction is 0.91"));
}

TEST(RuntimeChecks, FittedConstantsNeedASource) {
  RuntimeSpec r = sound_runtime();
  r.sampler_source = "";
  r.padding[0].source = "";
  r.reserve_source = "";
  EXPECT_EQ(violations(r).size(), 3U);
}

TEST(RuntimeChecks, WorkspaceIsNothingOrSomeTokens) {
  RuntimeSpec r = sound_runtime();
  r.mla_workspace_tokens = 8;
  EXPECT_EQ(only_violation(r), "");
  r.mla_workspace_tokens = 7;
  EXPECT_TRUE(mentions(only_violation(r), "mla_workspace_tokens")) << only_violation(r);
}

TEST(RuntimeChecks, UnknownKindOfFilesIsNamed) {
  RuntimeSpec r = sound_runtime();
  r.formats = "onnx";
  EXPECT_EQ(only_violation(r), "formats is \"onnx\", must be any, gguf or tensors");
}

bool holds(const RuntimeSpec& runtime, std::string_view weights, std::string_view cache) {
  static const FormatTable table = Catalog::embedded().formats();
  return format_violations(runtime, table, weights, cache).empty();
}

TEST(RuntimeFormats, GgufEngineTakesGgufTypesAndPlainFloats) {
  const RuntimeSpec r = Catalog::embedded().runtime("llama.cpp");
  for (const char* label :
       {"native", "q4_k_m", "Q4_K_M", "q8_0", "iq4_nl", "bf16", "F16", "fp32", "mxfp4", "mxfp4_moe"})
    EXPECT_TRUE(holds(r, label, "")) << label;
  for (const char* label : {"fp8", "fp8_block", "nvfp4", "awq", "nf4", "mlx_4bit", "int8"})
    EXPECT_FALSE(holds(r, label, "")) << label;
}

TEST(RuntimeFormats, TensorEngineTakesAllButGguf) {
  const RuntimeSpec r = Catalog::embedded().runtime("vllm");
  for (const char* label : {"native", "fp8", "nvfp4", "AWQ", "nf4", "bf16", "mxfp4"})
    EXPECT_TRUE(holds(r, label, "")) << label;
  for (const char* label : {"q4_k_m", "Q8_0", "iq4_nl", "q4_k", "mxfp4_moe"})
    EXPECT_FALSE(holds(r, label, "")) << label;
}

TEST(RuntimeFormats, CacheFormatsAreThoseOfTheEngine) {
  const RuntimeSpec llama = Catalog::embedded().runtime("llama.cpp");
  for (const char* kv : {"", "fp32", "F16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"})
    EXPECT_TRUE(holds(llama, "native", kv)) << kv;
  EXPECT_FALSE(holds(llama, "native", "fp8"));
  const RuntimeSpec vllm = Catalog::embedded().runtime("vllm");
  for (const char* kv : {"", "bf16", "fp16", "FP8_E4M3"}) EXPECT_TRUE(holds(vllm, "native", kv)) << kv;
  for (const char* kv : {"q8_0", "fp32"}) EXPECT_FALSE(holds(vllm, "native", kv)) << kv;
}

TEST(RuntimeFormats, CacheFormatsOfGgufEnginesMayHoldACache) {
  const FormatTable table = Catalog::embedded().formats();
  for (const char* kv : {"fp32", "fp16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"})
    EXPECT_TRUE(table[table.id_of(kv)].for_kv) << kv;
}

TEST(RuntimeFormats, GenericRuntimeTakesEverything) {
  const RuntimeSpec r = Catalog::embedded().runtime("generic");
  for (const char* label : {"fp8", "q4_k_m", "mlx_4bit"}) EXPECT_TRUE(holds(r, label, "q8_0")) << label;
}

TEST(RuntimeFormats, RefusalNamesTheEngineAndTheFormat) {
  const Catalog catalog = Catalog::embedded();
  const std::vector<std::string> said = format_violations(catalog.runtime("vllm"), catalog.formats(), "q4_k_m", "q8_0");
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0], "vllm reads no GGUF files, and q4_k_m is a GGUF type");
  EXPECT_EQ(said[1], "vllm keeps no cache in q8_0 (one of bf16, fp16, fp8)");
}

TEST(RuntimeChecks, MixedExpertCutNeedsExpertParallelism) {
  RuntimeSpec r = sound_runtime();
  r.layouts.expert_parallel = false;
  EXPECT_TRUE(mentions(only_violation(r), "expert_tensor_mix"));
}

}  // namespace
}  // namespace moeplan
