// SPDX-License-Identifier: Apache-2.0
#include "sim/study/engine_flags.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

EngineDeployment read(const char* command, const char* model = "deepseek-v3") {
  return read_engine_flags(command, engine_of(command), catalog().model(model), catalog().formats());
}

// What a refusal says, all problems; "" when nothing is refused.
std::string refusal(const char* command, const char* model = "deepseek-v3") {
  try {
    read(command, model);
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    return error.what();
  }
  return "";
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

FitQuestion base_question(const char* model, const char* runtime) {
  FitQuestion q;
  q.model = catalog().model(model);
  q.formats = catalog().formats();
  q.runtime = catalog().runtime(runtime);
  q.device.capacity = 140 * kGiB;
  if (q.runtime.reserve == ReserveKind::Total)
    q.device.reserve = std::max(q.runtime.reserve_fixed, scaled(q.device.capacity, q.runtime.reserve_fraction));
  q.device.host = 2000 * kGiB;
  return q;
}

TEST(EngineOf, TheProgramIsTheFirstWordThatNamesOne) {
  EXPECT_EQ(engine_of("vllm serve deepseek-ai/DeepSeek-V3 -tp 8"), "vllm");
  EXPECT_EQ(engine_of("python3 -m vllm.entrypoints.openai.api_server --model x"), "vllm");
  EXPECT_EQ(engine_of("CUDA_VISIBLE_DEVICES=0,1 python -m sglang.launch_server --tp 2"), "sglang");
  EXPECT_EQ(engine_of("trtllm-serve serve x --tp_size 8"), "trtllm");
  EXPECT_EQ(engine_of("./build/bin/llama-server -m x.gguf"), "llama.cpp");
  EXPECT_EQ(engine_of("-c 8192 -ngl 99"), "");
}

TEST(VllmFlags, ExpertParallelismSpansTensorTimesData) {
  EngineDeployment d = read("vllm serve x --tensor-parallel-size 4 -dp 2 --enable-expert-parallel");
  EXPECT_EQ(d.tp, 4);
  EXPECT_EQ(d.dp, 2);
  EXPECT_EQ(d.ep, 8);
  EXPECT_EQ(d.moe_tp, 1);
  d = read("vllm serve x -tp 4 -dp 2");
  EXPECT_EQ(d.ep, 1);
  EXPECT_EQ(d.moe_tp, 8);
}

TEST(VllmFlags, DataParallelismOfADenseModelIsCopies) {
  const EngineDeployment d = read("vllm serve x -dp 4", "llama-3.1-8b");
  EXPECT_EQ(d.replicas, 4);
  EXPECT_FALSE(d.dp.has_value());
}

TEST(VllmFlags, CountsTakeItsSuffixes) {
  EXPECT_EQ(read("vllm serve x --max-model-len 32k").context, 32'000);
  EXPECT_EQ(read("vllm serve x --max-model-len=32K").context, 32'768);
  EXPECT_EQ(read("vllm serve x --max_num_batched_tokens 16384").chunk_tokens, 16'384);
  EXPECT_TRUE(mentions(refusal("vllm serve x --max-model-len auto"), "--max-model-len"));
}

TEST(VllmFlags, AdmissionIsPerDataParallelEngine) {
  const EngineDeployment d = read("vllm serve x -tp 2 -dp 4 --max-num-seqs 64");
  EXPECT_EQ(d.admitted, 64);
  EXPECT_EQ(d.sequences, 256);
}

TEST(VllmFlags, QuantizationIsOnlyAFormatOfPlainCheckpoints) {
  EXPECT_EQ(read("vllm serve x --quantization fp8", "mixtral-8x7b").weights, "fp8");
  EXPECT_FALSE(read("vllm serve x --quantization fp8", "deepseek-v3").weights.has_value());  // fp8 already
  EXPECT_FALSE(read("vllm serve x --quantization awq_marlin", "mixtral-8x7b").weights.has_value());
}

TEST(VllmFlags, ASpeculativeConfigurationIsReadAsJson) {
  const char* mtp = R"(vllm serve x --speculative-config '{"method": "mtp", "num_speculative_tokens": 2}')";
  EXPECT_TRUE(read(mtp).load_mtp);
  EXPECT_TRUE(mentions(refusal(mtp, "mixtral-8x7b"), "no multi-token-prediction module"));
  EXPECT_TRUE(mentions(refusal(R"(vllm serve x --speculative-config '{"model": "y"}')"), "draft model"));
  EXPECT_TRUE(mentions(refusal("vllm serve x --speculative-config {broken"), "JSON"));
  EXPECT_FALSE(read(R"(vllm serve x --speculative-config '{"method":"ngram"}')").load_mtp);
}

TEST(SglangFlags, TpCountsTheRanksOfAStage) {
  const EngineDeployment d =
      read("python -m sglang.launch_server --model-path x --tp 16 --dp 4 --enable-dp-attention --ep 8");
  EXPECT_EQ(d.tp, 4);
  EXPECT_EQ(d.dp, 4);
  EXPECT_EQ(d.ep, 8);
  EXPECT_EQ(d.moe_tp, 2);
  EXPECT_TRUE(mentions(refusal("sglang serve --tp 8 --dp 3 --enable-dp-attention"), "divisor of --tp-size 8"));
  EXPECT_TRUE(mentions(refusal("sglang serve --tp 8 --ep 3"), "divisor of the 8 ranks"));
}

TEST(SglangFlags, DpWithoutAttentionIsCopies) {
  const EngineDeployment d = read("sglang serve x --tp 8 --dp 2");
  EXPECT_EQ(d.tp, 8);
  EXPECT_EQ(d.replicas, 2);
}

TEST(SglangFlags, DenseWeightsFollowTheirFlags) {
  const EngineDeployment d =
      read("sglang serve --tp 8 --dp 8 --enable-dp-attention --moe-dense-tp-size 1 --enable-dp-lm-head");
  EXPECT_EQ(d.dense, Spread::Attention);
  EXPECT_EQ(d.head, Spread::Attention);
  EXPECT_TRUE(mentions(refusal("sglang serve --tp 8 --moe-dense-tp-size 1"), "--moe-dense-tp-size"));
}

// _handle_data_parallelism: chunked_prefill_size // dp_size.
TEST(SglangFlags, TheChunkIsOfAllDataParallelRanks) {
  EXPECT_EQ(read("sglang serve --tp 32 --dp 32 --enable-dp-attention --chunked-prefill-size 524288").chunk_tokens,
            16'384);
  EXPECT_EQ(read("sglang serve --tp 8 --chunked-prefill-size 8192").chunk_tokens, 8192);
}

TEST(SglangFlags, RedundantExpertsAndTheWaysOfDeepEp) {
  const EngineDeployment d = read(
      "sglang serve --tp 72 --dp 72 --enable-dp-attention --ep 72 --moe-a2a-backend deepep --deepep-mode low_latency "
      "--ep-num-redundant-experts 32");
  EXPECT_EQ(d.redundant, 32);
  EXPECT_EQ(d.exchange, DispatchKind::DeepEpLowLatency);
  EXPECT_EQ(read("sglang serve --tp 8 --moe-a2a-backend deepep --deepep-mode auto").exchange, DispatchKind::DeepEp);
  EXPECT_TRUE(mentions(refusal("sglang serve --tp 8 --deepep-mode fast"), "normal or low_latency"));
}

TEST(TrtllmFlags, AttentionDpTakesAllRanks) {
  const EngineDeployment d = read("trtllm-serve x --tp_size 8 --ep_size 4 --enable_attention_dp --max_batch_size 32");
  EXPECT_EQ(d.tp, 1);
  EXPECT_EQ(d.dp, 8);
  EXPECT_EQ(d.ep, 4);
  EXPECT_EQ(d.moe_tp, 2);
  EXPECT_EQ(d.sequences, 256);
  EXPECT_EQ(read("trtllm-serve x --kv-cache-free-gpu-memory-fraction 0.8").memory_fraction, 0.8);
}

TEST(LlamaCppFlags, SlotsShareTheContextTheirNumberDivides) {
  EngineDeployment d = read("llama-server -m x.gguf -c 32768 -np 4", "mixtral-8x7b");
  EXPECT_EQ(d.context, 8'192);
  EXPECT_EQ(d.sequences, 4);
  d = read("llama-server -m x.gguf -c 32768 -np 4 --kv-unified", "mixtral-8x7b");
  EXPECT_EQ(d.context, 32'768);
  EXPECT_FALSE(d.sequences.has_value());
}

TEST(LlamaCppFlags, AFileNamesItsFormat) {
  EXPECT_EQ(read("llama-server -m /models/Mixtral-8x7B-Instruct-v0.1-Q4_K_M.gguf", "mixtral-8x7b").weights, "q4_k_m");
  EXPECT_EQ(read("llama-server -hf someone/Mixtral-GGUF:Q5_K_M", "mixtral-8x7b").weights, "q5_k_m");
  EXPECT_FALSE(read("llama-server -m mixtral.gguf", "mixtral-8x7b").weights.has_value());
}

TEST(LlamaCppFlags, OverridesOfAllExpertsAreLayersOnTheHost) {
  const auto layers = [](const std::string& pattern) {
    FitQuestion q = base_question("mixtral-8x7b", "llama.cpp");
    q.layout = {.pp = 1};
    const EngineDeployment d = read(("llama-server -ot '" + pattern + "'").c_str(), "mixtral-8x7b");
    EXPECT_TRUE(place(d.placement, placement_origins(), q).empty()) << pattern;
    return q.host_expert_layers;
  };
  EXPECT_EQ(layers(".ffn_.*_exps.=CPU"), 32);
  EXPECT_EQ(layers("exps=CPU"), 32);
  EXPECT_EQ(layers("blk\\.[0-6]\\.ffn_(gate|up|down)_exps.*=CPU"), 7);
  EXPECT_EQ(read("llama-server --cpu-moe", "mixtral-8x7b").host_expert_layers, 32);
  EXPECT_TRUE(mentions(refusal("llama-server -ot '(=CPU'", "mixtral-8x7b"), "-ot"));
}

TEST(LlamaCppFlags, KeysAndValuesHaveOneFormat) {
  EXPECT_EQ(read("llama-server -ctk q8_0 -ctv q8_0", "mixtral-8x7b").kv, "q8_0");
  EXPECT_TRUE(mentions(refusal("llama-server -ctk q8_0", "mixtral-8x7b"), "one format for keys and values"));
}

TEST(EngineFlags, HarmlessAndUnknownFlagsAreListed) {
  const EngineDeployment d =
      read("HF_HOME=/x vllm serve x --port 8000 --trust-remote-code --served-model-name y --no-such-thing");
  EXPECT_EQ(d.ignored, (std::vector<std::string>{"HF_HOME=/x", "--port 8000", "--trust-remote-code",
                                                 "--served-model-name y", "--no-such-thing"}));
}

TEST(EngineFlags, FlagsThatChangeMemoryUnseenAreRefusedTogether) {
  const std::string said = refusal("vllm serve x --cpu-offload-gb 20 --enable-eplb --dtype float32 -tp x");
  for (const char* flag : {"--cpu-offload-gb", "--enable-eplb", "--dtype", "-tp"})
    EXPECT_TRUE(mentions(said, flag)) << said;
  EXPECT_TRUE(mentions(refusal("llama-server -ngl 20", "mixtral-8x7b"), "-ngl"));
  EXPECT_TRUE(mentions(refusal("llama-server -sm row", "mixtral-8x7b"), "-sm"));
  EXPECT_TRUE(mentions(refusal("llama-server -ts 3,x", "mixtral-8x7b"), "-ts"));
}

TEST(EngineFlags, ContradictionsAndLooseEndsAreRefused) {
  EXPECT_TRUE(mentions(refusal("vllm serve x -tp 4 --tensor-parallel-size 8"), "it once"));
  EXPECT_TRUE(mentions(refusal("vllm serve x --max-model-len"), "nothing after it"));
  EXPECT_TRUE(mentions(refusal("vllm serve 'x"), "a quote that is not closed"));
  EXPECT_TRUE(mentions(refusal("vllm serve x --gpu-memory-utilization 1.5"), "at most 1"));
  EXPECT_TRUE(mentions(refusal("-c 8192"), "no known engine"));
}

TEST(EngineFlags, EveryFlagWrittenIsReadToTheSameSetting) {
  for (const char* engine : {"llama.cpp", "vllm", "sglang", "trtllm"}) {
    const std::vector<FlagRule> rules = flag_rules(engine);
    ASSERT_FALSE(rules.empty());
    std::vector<std::string> names;
    for (const FlagRule& rule : rules) {
      std::string_view rest = rule.names;
      while (!rest.empty()) {
        const std::size_t space = std::min(rest.find(' '), rest.size());
        names.emplace_back(rest.substr(0, space));
        rest.remove_prefix(std::min(space + 1, rest.size()));
      }
    }
    std::sort(names.begin(), names.end());
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end()) << engine;
  }
}

// ---- round trips ----

// The question a command line asks: its own words, and the load it leaves open.
FitQuestion asked_again(const FitQuestion& q, const std::string& flags) {
  FitQuestion again = base_question(q.model.id.c_str(), q.runtime.id.c_str());
  const EngineDeployment d = read_engine_flags(flags, again.runtime.command_line, again.model, again.formats);
  EXPECT_TRUE(d.ignored.empty()) << flags;
  apply(d, again);
  if (d.adapter) again.adapter = resident_adapter(*d.adapter, again.runtime, again.model);
  again.weights = d.weights.value_or("native");
  again.kv = d.kv.value_or("");
  again.workload.context = d.context.value_or(0);
  again.workload.sequences = d.admitted ? q.workload.sequences : d.sequences.value_or(q.workload.sequences);
  again.host_expert_layers = d.host_expert_layers.value_or(0);
  again.mixed = q.mixed;
  Layout& l = again.layout;
  l = {.tp = d.tp.value_or(1),
       .dp = d.dp.value_or(1),
       .cp = d.cp.value_or(1),
       .pp = d.pp.value_or(1),
       .redundant = d.redundant.value_or(0)};
  l.ep = d.ep.value_or(1);
  l.moe_tp = d.moe_tp.value_or(l.ranks_per_stage());
  EXPECT_TRUE(place(d.placement, placement_origins(), again).empty()) << flags;
  return again;
}

void expect_round_trip(const FitQuestion& q) {
  const FitResult f = evaluate(q);
  const std::string flags = runtime_flags(f);
  const FitQuestion again = asked_again(q, flags);
  const std::string where = q.runtime.id + " " + q.model.id + ": " + flags;
  EXPECT_EQ(describe(again.layout), describe(q.layout)) << where;
  EXPECT_EQ(again.workload, q.workload) << where;
  EXPECT_EQ(again.weights, q.weights) << where;
  EXPECT_EQ(again.host_expert_layers, q.host_expert_layers) << where;
  EXPECT_EQ(again.memory_fraction, q.memory_fraction) << where;
  EXPECT_EQ(again.chunk_tokens, q.chunk_tokens) << where;
  EXPECT_EQ(again.load_mtp, q.load_mtp) << where;
  const FitResult g = evaluate(again);
  EXPECT_EQ(g.kv_format, f.kv_format) << where;
  EXPECT_EQ(g.verdict, f.verdict) << where;
  EXPECT_EQ(g.margin, f.margin) << where;
  EXPECT_EQ(g.ranks.front().ledger.total, f.ranks.front().ledger.total) << where;
  EXPECT_EQ(runtime_flags(g), flags) << where;
}

TEST(RoundTrip, EveryLayoutOfEveryEngine) {
  Count cases = 0;
  for (const char* model : {"mixtral-8x7b", "deepseek-v3", "gpt-oss-120b", "llama-3.1-70b"}) {
    for (const char* runtime : {"llama.cpp", "vllm", "vllm-0.19", "sglang", "trtllm"}) {
      for (const Count gpus : {1, 2, 8}) {
        const FitQuestion base = base_question(model, runtime);
        for (const Layout& layout : legal_layouts(base.model, base.runtime, gpus)) {
          FitQuestion q = base;
          q.layout = layout;
          q.workload = {.context = 8192 + gpus * 256, .sequences = 1};
          expect_round_trip(q);
          ++cases;
        }
      }
    }
  }
  EXPECT_GT(cases, 100);
}

TEST(RoundTrip, ContextParallelismOfTensorRtLlm) {
  for (const Layout& layout : {Layout{.cp = 8, .ep = 8}, Layout{.tp = 2, .cp = 4, .ep = 8},
                               Layout{.tp = 4, .cp = 2, .moe_tp = 4, .ep = 2, .pp = 2}}) {
    FitQuestion q = base_question("deepseek-v3", "trtllm");
    q.layout = layout;
    q.workload = {.context = 131072, .sequences = 1};
    expect_round_trip(q);
  }
}

TEST(RoundTrip, EverySettingOfEveryEngine) {
  const Layout wide{.tp = 8, .moe_tp = 8};
  for (const char* runtime : {"llama.cpp", "vllm", "sglang", "trtllm"}) {
    const bool llama = std::string(runtime) == "llama.cpp";
    const bool trtllm = std::string(runtime) == "trtllm";
    for (const char* model : {"mixtral-8x7b", "deepseek-v3"}) {
      for (const Count sequences : {1, 3, 64, 5000}) {
        for (const char* kv : {"", llama ? "q8_0" : "fp8"}) {
          for (const double fraction : {0.0, 0.85, 0.9375}) {
            FitQuestion q = base_question(model, runtime);
            q.layout = llama ? Layout{.pp = 8} : wide;
            q.workload = {.context = 4096, .sequences = sequences};
            q.kv = kv;
            if (fraction > 0 && !llama) q.memory_fraction = fraction;
            if (fraction > 0.9) q.chunk_tokens = 1024;
            if (fraction > 0.9 && !llama && !trtllm) q.kv_block_tokens = 64;
            if (llama && fraction > 0) q.host_expert_layers = 5;
            if (llama && fraction > 0) q.weights = "q4_k_m";
            if (!llama && !trtllm && fraction > 0) q.load_mtp = q.model.mtp.modules > 0;
            expect_round_trip(q);
          }
        }
      }
    }
  }
}

// llama.cpp's line names files; their shape is in them.
TEST(RoundTrip, AdaptersOfVllmAndSglang) {
  for (const char* runtime : {"vllm", "sglang"}) {
    for (const char* targets : {"", "q_proj", "attention", "experts", "all"}) {
      FitQuestion q = base_question("mixtral-8x7b", runtime);
      q.layout = {.tp = 2, .moe_tp = 2};
      q.workload = {.context = 8192, .sequences = 1};
      AdapterSpec adapter;
      adapter.rank = 64;
      adapter.slots = 3;
      adapter.targets = roles_of_module(targets);
      if (adapter.targets.any()) adapter.modules = {targets};
      adapter.fully_sharded = std::string(runtime) == "vllm";
      q.adapter = resident_adapter(adapter, q.runtime, q.model);
      expect_round_trip(q);
    }
  }
}

TEST(RoundTrip, OnlineFp8OfAPlainCheckpoint) {
  for (const char* runtime : {"vllm", "sglang"}) {
    FitQuestion q = base_question("mixtral-8x7b", runtime);
    q.weights = "fp8";
    q.workload = {.context = 8192, .sequences = 1};
    expect_round_trip(q);
  }
}

TEST(RoundTrip, SglangsDenseFlags) {
  FitQuestion q = base_question("deepseek-v3", "sglang");
  q.layout = {.dp = 8, .moe_tp = 1, .ep = 8};
  q.workload = {.context = 8192, .sequences = 64};
  q.runtime.sharding.dense = Spread::Attention;
  q.runtime.sharding.head = Spread::Attention;
  q.graph_sequences = 128;
  expect_round_trip(q);
}

TEST(RoundTrip, SglangAcrossNodes) {
  FitQuestion q = base_question("deepseek-v3", "sglang");
  q.layout = {.dp = 72, .moe_tp = 1, .ep = 72, .redundant = 32};
  q.workload = {.context = 8192, .sequences = 72};
  q.exchange = DispatchKind::DeepEpLowLatency;
  q.runtime.sharding.dense = Spread::Attention;
  q.runtime.sharding.head = Spread::Attention;
  q.chunk_tokens = 1024;
  q.memory_fraction = 0.8;
  expect_round_trip(q);
}

TEST(RoundTrip, AReserveInBytesNeverGivesTheEngineMore) {
  for (const char* runtime : {"vllm", "sglang", "trtllm"}) {
    FitQuestion q = base_question("mixtral-8x7b", runtime);
    q.layout = {.tp = 2, .moe_tp = 2};
    q.workload = {.context = 8192, .sequences = 4};
    q.device.reserve = 20 * kGiB;
    q.device.reserve_asked = true;
    const FitResult f = evaluate(q);
    const FitQuestion again = asked_again(q, runtime_flags(f));
    ASSERT_TRUE(again.memory_fraction.has_value()) << runtime;
    const FitResult g = evaluate(again);
    EXPECT_LE(g.cache_room, f.cache_room) << runtime;
    // A thousandth of the device at most is lost to rounding.
    EXPECT_LE(f.cache_room - g.cache_room, scaled(q.device.capacity, 0.0015)) << runtime;
  }
}

}  // namespace
}  // namespace moeplan
