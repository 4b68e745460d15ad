// SPDX-License-Identifier: Apache-2.0
// Rows of measured runs become the questions they say, in their own units.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "sim/base/error.h"
#include "validate/e2e_fit.h"
#include "validate/e2e_offload.h"
#include "validate/e2e_settings.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

constexpr const char* kHeader =
    "model,hardware,num_gpus,runtime,phase,attention_tp,attention_dp,moe_tp,moe_ep,pp,replicas,weights,kv,isl,osl,"
    "concurrency,metric,value,mtp,offload\n";

E2eTable table_of(const std::string& lines) { return read_e2e_rows(CsvTable(kHeader + lines, "runs.csv")); }
E2eRow row_of(const std::string& line) { return table_of(line + "\n").rows.front(); }
E2eQuestion asked_of(const std::string& line) { return question_of(catalog(), catalog().formats(), row_of(line)); }

constexpr const char* kEight =
    "deepseek-v3,h200,8,sglang,aggregated,1,8,1,8,1,1,fp8,bf16,1024,2048,256,output_tokens_per_s,1000,,";

TEST(E2eRows, ColumnsTellThem) {
  EXPECT_TRUE(is_e2e(CsvTable(kHeader, "runs.csv")));
  EXPECT_FALSE(is_e2e(CsvTable("gpu,stack,kernel,dtype,m,n,k,latency_us\n", "gemm.csv")));
}

TEST(E2eRows, MissingColumnsAreAllNamed) {
  try {
    read_e2e_rows(CsvTable("model,hardware,phase,attention_tp\n", "runs.csv"));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_GT(error.problems().size(), 10u);
    EXPECT_EQ(error.problems().front().expected, "the column num_gpus of an end-to-end run");
  }
}

TEST(E2eRows, UnknownPhasesAreRefusedWithTheirLine) {
  try {
    row_of("deepseek-v3,h200,8,sglang,serving,1,8,1,8,1,1,fp8,,1024,2048,256,output_tokens_per_s,1000,,");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.problems().front().line, 2);
    EXPECT_EQ(error.problems().front().path, "phase");
  }
}

TEST(E2eRows, LayoutColumnsAreDegrees) {
  const E2eRow row =
      row_of("deepseek-v3,h200,16,vllm,aggregated,4,2,1,8,2,1,fp8,,1000,1000,max,output_tokens_per_s,9,,");
  EXPECT_EQ(row.layout, (Layout{.tp = 4, .dp = 2, .moe_tp = 1, .ep = 8, .pp = 2, .replicas = 1}));
  EXPECT_EQ(row.concurrency, 0);  // max
}

TEST(E2eRows, LayoutsThatAreNotSaidAreNotGuessed) {
  EXPECT_EQ(row_of("deepseek-v3,h200,8,vllm,prefill,,,1,8,1,1,fp8,,2000,,max,input_tokens_per_s,9,,").refused,
            "layout not said: attention_tp, attention_dp");
}

TEST(E2eRows, DegreesMustMultiplyToTheDevices) {
  EXPECT_EQ(row_of("deepseek-v3,h200,16,vllm,decode,1,8,1,8,1,1,fp8,,2000,,8,output_tokens_per_s,9,,").refused,
            "layout: its degrees do not multiply to num_gpus");
  EXPECT_EQ(row_of("deepseek-v3,h200,8,vllm,decode,1,8,1,4,1,1,fp8,,2000,,8,output_tokens_per_s,9,,").refused,
            "layout: attention_tp x attention_dp is not moe_tp x moe_ep");
}

TEST(E2eQuestion, AnAggregatedRunIsASteadyLoad) {
  const E2eQuestion asked = asked_of(kEight);
  ASSERT_EQ(asked.refused, "");
  ASSERT_TRUE(asked.steady);
  EXPECT_EQ(asked.steady->isl, 1024);
  EXPECT_EQ(asked.steady->osl, 2048);
  EXPECT_EQ(asked.steady->concurrency, 256);
  EXPECT_FALSE(asked.fills);
}

TEST(E2eQuestion, TheCheckpointsOwnFormatIsNative) {
  EXPECT_EQ(asked_of(kEight).question.deployment.weights, "native");  // fp8 in blocks
  EXPECT_EQ(weights_label(row_of("qwen3-235b-a22b,h200,4,trtllm,aggregated,1,4,1,4,1,1,fp8,,1,2,max,"
                                 "output_tokens_per_s,9,,"),
                          catalog().model("qwen3-235b-a22b")),
            "fp8");
}

TEST(E2eQuestion, FilesOfLlamaCppAreNamedByTheNearestLabel) {
  const ModelSpec model = catalog().model("gpt-oss-120b");
  E2eRow row;
  row.runtime = "llama.cpp";
  row.weights = "mxfp4";
  EXPECT_EQ(weights_label(row, model), "mxfp4_moe");
  row.weights = "q4_k_xl";
  EXPECT_EQ(weights_label(row, model), "q4_k_m");
}

TEST(E2eQuestion, ASingleStreamDecodesAtItsMeanContext) {
  const E2eQuestion asked = asked_of(
      "gpt-oss-120b,dgx-spark,1,llama.cpp,single_stream,1,1,1,1,1,1,mxfp4,f16,4096,32,1,tokens_per_s_per_user,9,,");
  ASSERT_EQ(asked.refused, "");
  EXPECT_EQ(asked.question.load.batch, 1);
  EXPECT_EQ(asked.question.load.context, 4112);  // 4096 + 32 / 2
}

TEST(E2eQuestion, DraftsAreThoseOfTheModule) {
  const E2eQuestion asked =
      asked_of("deepseek-r1,b200,8,trtllm,single_stream,8,1,4,2,1,1,nvfp4,bf16,1024,2048,1,tokens_per_s_per_user,9,3,");
  ASSERT_EQ(asked.refused, "");
  EXPECT_TRUE(asked.question.deployment.load_mtp);
  EXPECT_EQ(asked.question.load.drafts, 3);
  EXPECT_EQ(asked.question.load.accepted, accepted_tokens(3));
}

TEST(E2eQuestion, PromptsThatFillAStepAreAsManyAsItsChunkHolds) {
  const E2eQuestion asked =
      asked_of("deepseek-v3,h200,8,trtllm,prefill,1,8,1,8,1,1,fp8,,2048,,max,input_tokens_per_s,9,,");
  ASSERT_EQ(asked.refused, "");
  EXPECT_TRUE(asked.fills);
  EXPECT_EQ(asked.question.load.batch, 32);  // 8 ranks x 8,192 tokens of a step / 2,048
}

TEST(E2eQuestion, SequencesOfAReplicaAreItsShare) {
  const E2eQuestion asked =
      asked_of("llama-3.1-8b,h200,4,vllm,decode,1,1,1,1,1,4,bf16,,1024,256,64,output_tokens_per_s,9,,");
  ASSERT_EQ(asked.refused, "");
  EXPECT_EQ(asked.question.load.batch, 16);  // 64 over 4 replicas
}

TEST(E2eQuestion, EveryRefusalHasItsReason) {
  EXPECT_EQ(asked_of("deepseek-v3,h200,8,abacus,decode,8,1,8,1,1,1,fp8,,64,,1,output_tokens_per_s,9,,").refused,
            "unknown runtime: abacus");
  EXPECT_EQ(asked_of("nobody-1b,h200,8,vllm,decode,8,1,8,1,1,1,fp8,,64,,1,output_tokens_per_s,9,,").refused,
            "unknown model: nobody-1b");
  EXPECT_EQ(asked_of("deepseek-v3,abacus,8,vllm,decode,8,1,8,1,1,1,fp8,,64,,1,output_tokens_per_s,9,,").refused,
            "unknown hardware: abacus");
  EXPECT_EQ(
      asked_of("deepseek-v3,h200,8,vllm,decode,8,1,8,1,1,1,fp8,,64,,1,output_tokens_per_s,9,,experts on CPU").refused,
      "offload: the host's memory is not said");
  EXPECT_EQ(row_of("deepseek-v3,h100,64,megatron,training,1,64,1,64,1,1,fp8,,4096,,8,tokens_per_s_per_gpu,9,,").refused,
            "training is not simulated yet");
}

constexpr const char* kOffloaded =
    "deepseek-v3,rtx-4090,1,ktransformers,single_stream,1,1,1,1,1,1,q4_k_m,bf16,969,300,1,tokens_per_s_per_user,13.5,,"
    "\"routed experts on CPU: 2x Xeon Gold 6454S, 8-channel DDR5-4800 a socket\"";

TEST(E2eOffload, TheHostIsWhatTheRowSays) {
  const E2eQuestion asked = asked_of(kOffloaded);
  ASSERT_EQ(asked.refused, "");
  ASSERT_TRUE(asked.host);
  EXPECT_EQ(asked.question.deployment.host_expert_layers, 61);
  EXPECT_EQ(asked.host->use, HostUse::Compute);
  EXPECT_EQ(asked.host->sockets, 2);
  EXPECT_EQ(asked.host->cores, 64);  // 2 x 32
  EXPECT_TRUE(asked.host->own_memory);
  // 2 sockets x 8 channels x 8 B x 4800 MT/s
  EXPECT_DOUBLE_EQ(asked.question.deployment.rates.host.peak.base(), 614.4e9);
}

TEST(E2eOffload, ConstantsAreOfRunsOfOtherEngines) {
  EXPECT_EQ(asked_of(kOffloaded).host->core_rate, kCoreRateOfOthers);
  const OffloadedRun paged =
      offload_of("CUDA unified memory, demand paging over PCIe 5, pages kept in host RAM", "llama.cpp", "rtx-5090");
  EXPECT_EQ(paged.host.page_share, kPageShareOfOthers);
  EXPECT_EQ(paged.machine, "rtx-5090-desktop");
}

TEST(E2eOffload, WhatIsNotUnderstoodIsRefused) {
  EXPECT_EQ(offload_of("moon", "vllm", "h200").refused, "offload: not understood");
  EXPECT_EQ(offload_of("experts on CPU: 2x Abacus, 8-channel DDR5-4800 a socket", "llama.cpp", "h200").refused,
            "offload: the host's processors are not known");
}

TEST(E2eOffload, TheCommandSaysTheHost) {
  const E2eQuestion asked = asked_of(kOffloaded);
  EXPECT_THAT(command_of(asked), ::testing::HasSubstr("--cpu-moe --offload compute --host-sockets 2 --host-cores 64 "
                                                      "--numa local --host-bandwidth 614.4GB/s --host-core-rate "
                                                      "5.05GB/s"));
}

constexpr const char* kWithNotes =
    "model,hardware,num_gpus,runtime,phase,attention_tp,attention_dp,moe_tp,moe_ep,pp,replicas,weights,kv,isl,osl,"
    "concurrency,metric,value,mtp,offload,date,note\n";

E2eQuestion asked_with_note(const std::string& line) {
  const E2eTable table = read_e2e_rows(CsvTable(kWithNotes + line + "\n", "runs.csv"));
  return question_of(catalog(), catalog().formats(), table.rows.front());
}

// 256 experts and 32 copies are 288 = 72 x 4; the shared ones stay whole.
TEST(E2eSettings, WideExpertParallelismRunsByItsPublishedCommand) {
  const E2eQuestion asked = asked_with_note(
      "deepseek-v3,h100,72,sglang,decode,1,72,1,72,1,1,fp8,bf16,2000,100,18432,output_tokens_per_s_per_gpu,2785,,,"
      "2025-05-05,");
  ASSERT_EQ(asked.refused, "");
  const FitQuestion& d = asked.question.deployment;
  EXPECT_EQ(d.layout.redundant, 32);
  EXPECT_EQ(d.memory_fraction, 0.835);
  EXPECT_EQ(d.exchange, DispatchKind::DeepEpLowLatency);
  EXPECT_EQ(d.runtime.sharding.dense, Spread::Attention);
  EXPECT_EQ(asked.question.load.overlap, Overlap::TwoBatches);
  EXPECT_THAT(command_of(asked), ::testing::HasSubstr("--engine-flags \"sglang serve --tp-size 72 --dp-size 72"));
}

// 524,288 tokens over 32 ranks are 16,384 each: 4 prompts of 4,096.
TEST(E2eSettings, PromptsFillTheChunkOfThePublishedCommand) {
  const E2eQuestion asked = asked_with_note(
      "deepseek-v3,h100,32,sglang,prefill,1,32,1,32,1,1,fp8,bf16,4096,,max,input_tokens_per_s,201208,,,2025-05-05,");
  ASSERT_EQ(asked.refused, "");
  EXPECT_EQ(asked.question.load.batch, 128);
}

TEST(E2eSettings, OfTwoCommandsTheLaterHoldsFromItsDate) {
  const std::string run = "deepseek-v3,gb200-nvl72,48,sglang,decode,1,48,1,48,1,1,fp8,bf16,2000,100,max,";
  const std::string value = "output_tokens_per_s_per_gpu,7583,,,";
  EXPECT_EQ(asked_with_note(run + value + "2025-06-16,").question.deployment.memory_fraction, 0.82);
  EXPECT_EQ(asked_with_note(run + value + "2025-09-25,").question.deployment.memory_fraction, 0.83);
}

TEST(E2eSettings, NotesSayOverlapAndAcceptedDrafts) {
  EXPECT_TRUE(says_two_batches("DeepEP LL; DBO"));
  EXPECT_TRUE(says_two_batches("dual micro-batch overlap; nodes of 8"));
  EXPECT_FALSE(says_two_batches("2.7x vs H100 EP72; no TBO"));
  EXPECT_FALSE(says_two_batches("overlap scheduler on"));
  EXPECT_DOUBLE_EQ(accept_length("accept length 2.18; 2 sequences a GPU"), 2.18);
  EXPECT_EQ(accept_length("accept length not given"), 0);
}

// A rate r with 1 + r + r^2 = 2.18 is 0.6956; "accept length" of the row, not the usual 2.58.
TEST(E2eSettings, TheCommandSaysHowManyDraftsWereRight) {
  const E2eQuestion asked = asked_with_note(
      "deepseek-v3,h200,16,sglang,decode,1,16,1,16,1,1,fp8,,65536,4096,32,output_tokens_per_s_per_gpu,81.5,2,,"
      "2025-07-17,accept length 2.18");
  ASSERT_EQ(asked.refused, "");
  EXPECT_DOUBLE_EQ(asked.question.load.accepted, 2.18);
  EXPECT_THAT(command_of(asked), ::testing::HasSubstr("--acceptance 0.69"));
}

TEST(E2ePrediction, MetricsAreOfTheWholeDeploymentOrOfADevice) {
  const std::string run = "llama-3.1-8b,h200,2,vllm,aggregated,2,1,2,1,1,1,bf16,,1024,1024,8,";
  const E2eTable table = table_of(run + "output_tokens_per_s,1,,\n" + run + "output_tokens_per_s_per_gpu,1,,\n" + run +
                                  "tokens_per_s_per_user,1,,\n" + run + "total_tokens_per_s,1,,\n");
  const std::vector<E2ePrediction> p = predict_e2e(catalog(), table.rows, EngineUse::None);
  EXPECT_DOUBLE_EQ(p[1].value, p[0].value / 2);
  EXPECT_NEAR(p[2].value, p[0].value / 8, 1e-9 * p[0].value);  // 8 in flight
  EXPECT_NEAR(p[3].value, p[0].value * 2, 1e-9 * p[0].value);  // a token in for each out
  EXPECT_NEAR(p[0].tpot, 8 / p[0].value, 1e-12);
}

TEST(E2ePrediction, RequestsThatFindNoRoomWait) {
  const std::string run = "llama-3.1-70b,h200,1,vllm,aggregated,1,1,1,1,1,1,fp8,,8192,1024,";
  const E2eTable table = table_of(run + "max,output_tokens_per_s,1,,\n" + run + "100000,output_tokens_per_s,1,,\n");
  const std::vector<E2ePrediction> p = predict_e2e(catalog(), table.rows, EngineUse::None);
  ASSERT_EQ(p[1].refused, "");
  EXPECT_EQ(p[1].value, p[0].value);
  EXPECT_EQ(p[1].batch, p[0].batch);
  EXPECT_THAT(p[1].command, ::testing::HasSubstr("--concurrency max"));
}

TEST(E2eScore, TheChosenLayoutLosesAgainstTheBest) {
  const std::string header =
      "group_id,model,hardware,num_gpus,runtime,phase,attention_tp,attention_dp,moe_tp,moe_ep,pp,replicas,weights,kv,"
      "isl,"
      "osl,concurrency,tpot_s,ttft_s,output_tokens_per_s_per_gpu\n";
  const std::string row = "g,llama-3.1-8b,h100,1,trtllm,aggregated,1,1,1,1,1,1,bf16,,1024,256,16,";
  const E2eTable table = read_e2e_rows(CsvTable(header + row + "0.01,1,100\n" + row + "0.02,1,80\n", "groups.csv"));
  std::vector<E2ePrediction> p(2);
  p[0] = {.value = 50, .tpot = 0.02};
  p[1] = {.value = 60, .tpot = 0.01};
  const E2eFile file = score_e2e(table, p);
  ASSERT_EQ(file.layouts.size(), 1u);
  const LayoutAccuracy& layouts = file.layouts.front();
  EXPECT_NEAR(layouts.goals[0].median_loss, 0.2, 1e-12);  // 80 of 100 tokens/s
  EXPECT_NEAR(layouts.goals[1].median_loss, 0.5, 1e-12);  // 0.02 s where 0.01 were possible
  EXPECT_EQ(layouts.goals[0].best_found, 0);
  EXPECT_NEAR(layouts.ratio_median, std::log(4.0), 1e-12);  // 2 against 1/2
}

// CUDA's kernels are not those of Vulkan, HIP and Metal; with one model nothing is left to fit to.
TEST(E2eFit, IntegratedDevicesOfNvidiaAreFittedByThemselves) {
  const std::string run = ",1,llama.cpp,single_stream,1,1,1,1,1,1,mxfp4,f16,0,32,1,tokens_per_s_per_user,40,,\n";
  const E2eTable table =
      table_of("gpt-oss-120b,dgx-spark" + run + "gpt-oss-120b,strix-halo" + run + "gpt-oss-20b,strix-halo" + run);
  const std::vector<FittedEngine> engines = fit_engines(catalog(), table.rows, {});
  ASSERT_EQ(engines.size(), 2u);
  EXPECT_EQ(engines[0].hardware, "blackwell");
  EXPECT_FALSE(engines[0].of_class);
  EXPECT_EQ(engines[1].hardware, "integrated_gpu");
  const std::vector<EngineProfiles> files = profiles_of(catalog(), engines);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].profiles.front().hardware, "blackwell");
  EXPECT_EQ(fitted_constants(files[0].profiles.front().constants), 0);
}

TEST(E2eFit, ConstantsThatMadeTheRunsComeBack) {
  const std::string run = "h100,1,trtllm,aggregated,1,1,1,1,1,1,bf16,,1024,256,";
  std::string lines;
  for (const char* model : {"llama-3.1-8b", "qwen3-8b"})
    for (const char* load : {"4", "16", "64", "256"})
      lines += std::string(model) + "," + run + load + ",output_tokens_per_s,1,,\n";
  E2eTable table = table_of(lines);
  const FormatTable formats = catalog().formats();
  PricingCache pricing(catalog(), formats);
  for (E2eRow& row : table.rows) {
    const E2eQuestion asked = question_of(catalog(), formats, row);
    Kernels kernels = pricing.of(asked).kernels;
    kernels.engine = {.step_s = 2e-3};
    row.value = predict_run(row, asked, kernels, {}).value;
  }
  const std::vector<FittedEngine> engines = fit_engines(catalog(), table.rows, {});
  ASSERT_EQ(engines.size(), 1u);
  EXPECT_NEAR(engines[0].profile.constants.step_s, 2e-3, 2e-5);
  EXPECT_EQ(fitted_constants(engines[0].profile.constants), 1);
  EXPECT_LT(engines[0].profile.left_out.p90, 0.02);
}

}  // namespace
}  // namespace moeplan
