// SPDX-License-Identifier: Apache-2.0
// Every JSON document the program can print obeys the schema it prints for it, and the
// schemas are closed enough to notice a change.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/spec/catalog.h"
#include "tests/schemas/program.h"

namespace moeplan::testing {
namespace {

using nlohmann::json;

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

// The document of a command that answers yes or no.
json document_of(const std::string& words) {
  const Answer answer = run_moeplan(words + " --json");
  EXPECT_TRUE(answer.status == 0 || answer.status == 1) << "moeplan " << words << ": status " << answer.status;
  return json::parse(answer.text, nullptr, false);
}

void expect_valid(const std::string& words) {
  const json document = document_of(words);
  ASSERT_TRUE(document.is_object()) << "moeplan " << words << " prints no JSON object";
  for (const std::string& complaint : schema_complaints(document)) ADD_FAILURE() << words << ": " << complaint;
}

TEST(Schemas, EveryPresetShown) {
  for (const std::string& id : catalog().model_ids()) expect_valid("models show " + id);
}

TEST(Schemas, ModelsShownWithOptions) {
  expect_valid("models show mixtral-8x7b --weights q4_k_m --context 32k --batch 7");
  expect_valid("models show deepseek-v3.2 --kv fp8 --weights int4");
  expect_valid("models show qwen3-next-80b-a3b --context 256k");
}

TEST(Schemas, EveryDeviceAndMachineShown) {
  for (const std::string& id : catalog().device_ids()) expect_valid("hardware show " + id);
  for (const std::string& id : catalog().node_ids()) expect_valid("hardware show " + id);
}

TEST(Schemas, EveryRuntimeShown) {
  for (const std::string& id : catalog().runtime_ids()) expect_valid("runtimes show " + id);
}

// A folder with the header of one layer; with_config: and the config it belongs to.
std::string folder_of_header(const std::string& name, bool with_config) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / name;
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "model.safetensors") << R"({
    "model.embed_tokens.weight": {"dtype": "BF16", "shape": [8, 4], "data_offsets": [0, 64]},
    "model.layers.0.self_attn.qkv_proj.weight": {"dtype": "BF16", "shape": [12, 4], "data_offsets": [64, 160]},
    "model.layers.0.self_attn.o_proj.weight": {"dtype": "BF16", "shape": [4, 4], "data_offsets": [160, 192]},
    "model.layers.0.mlp.gate.weight": {"dtype": "BF16", "shape": [2, 4], "data_offsets": [192, 208]},
    "model.layers.0.mlp.experts.gate_up_proj": {"dtype": "F32", "shape": [2, 4, 4], "data_offsets": [208, 336]},
    "model.layers.0.mlp.experts.down_proj": {"dtype": "BF16", "shape": [2, 4, 2], "data_offsets": [336, 368]},
    "surprise": {"dtype": "U8", "shape": [1], "data_offsets": [368, 369]}})";
  if (with_config)
    std::ofstream(folder / "config.json") << R"({"model_type": "mixtral", "hidden_size": 4, "intermediate_size": 2,
      "num_attention_heads": 1, "num_key_value_heads": 1, "num_hidden_layers": 1, "num_local_experts": 2,
      "num_experts_per_tok": 1, "vocab_size": 8, "max_position_embeddings": 64, "tie_word_embeddings": true})";
  return folder.string();
}

TEST(Schemas, ModelsOfFiles) {
  expect_valid("models show " + folder_of_header("moeplan_schema_model", true));
  expect_valid("models show " + folder_of_header("moeplan_schema_header", false));
  expect_valid("fit " + folder_of_header("moeplan_schema_model", true) + " --memory 4GiB");
}

TEST(Schemas, ListsAndFacts) {
  for (const char* words : {"models list", "hardware list", "hardware detect", "hardware diff rtx-4090-3090 mi300x-x8",
                            "hardware show ib-400g", "hardware show france", "runtimes list", "version", "schema"})
    expect_valid(words);
}

TEST(Schemas, PairsOfModels) {
  for (const char* pair : {"mixtral-8x7b deepseek-v3", "gpt-oss-20b gpt-oss-120b", "switch-base-8 llama-3.1-8b",
                           "qwen3-next-80b-a3b minimax-m1", "mixtral-8x7b mixtral-8x7b"})
    expect_valid(std::string("models diff ") + pair);
}

// Every preset on a device too small, one large enough and a machine: yes, tight and no
// with their solutions.
TEST(Schemas, EveryPresetAskedToFit) {
  for (const std::string& id : catalog().model_ids())
    for (const char* hardware : {"--memory 4GiB --runtime llama.cpp", "--hardware h200", "--hardware h200-x8"})
      expect_valid("fit " + id + " " + hardware);
}

TEST(Schemas, EveryDeviceAskedToHold) {
  for (const std::string& id : catalog().device_ids()) expect_valid("fit qwen3-30b-a3b --hardware " + id);
  for (const std::string& id : catalog().node_ids()) {
    const std::string words = "fit deepseek-v3 --hardware " + id;
    if (run_moeplan(words).status != 2) expect_valid(words);  // 2: no layout of this model is possible there
  }
}

TEST(Schemas, EveryRuntimeAskedToServe) {
  for (const std::string& id : catalog().runtime_ids()) expect_valid("fit gpt-oss-20b --hardware h100 --runtime " + id);
}

TEST(Schemas, LayoutsLoadsAndOffload) {
  for (const char* words :
       {"deepseek-v3 --hardware h200 --gpus 32 --tp 8 --pp 2 --replicas 2 --mtp",
        "deepseek-r1 --hardware h200 --gpus 8 --attention-dp 8 --ep 8 --sequences 64 --explain",
        "deepseek-v3 --hardware h200 --gpus 50 --attention-dp 10 --ep 10 --pp 5 --sequences 13 --explain",
        "deepseek-v3 --hardware b200-x8 --gpus 16 --replicas 2 --tp 8", "deepseek-v3.2 --hardware gb200-nvl72",
        "mixtral-8x7b --weights q4_k_m --hardware rtx-4090 --host-memory 64GiB --n-cpu-moe 8 --explain",
        "mixtral-8x7b --weights q4_k_m --hardware rtx-4090 --host-memory 4GiB --n-cpu-moe 32",
        "mixtral-8x7b --weights q4_k_m --hardware rtx-4090-desktop", "mixtral-8x7b --hardware laptop-16gb",
        "gpt-oss-120b --hardware apple-m4-max --memory 64GB --explain",
        "gpt-oss-120b --hardware h200 --context 131072 --sequences 200 --kv fp8",
        "switch-base-8 --memory 24GiB --explain", "qwen3-next-80b-a3b --hardware h200 --context 256k --explain",
        "nemotron-3-nano-30b-a3b --hardware rtx-5090 --weights q4_k_m", "minimax-m1 --hardware h200-x8 --explain",
        "llama-4-maverick --hardware h200-x8 --weights int4", "qwen3-30b-a3b --hardware h100 --strict-margin --verbose",
        "mixtral-8x7b --memory 80GB --reserve 0", "llama-3.1-8b --memory 1GiB --runtime generic"})
    expect_valid(std::string("fit ") + words);
}

TEST(Schemas, MachinesAskedWhatTheyRun) {
  for (const char* id : {"rtx-4090", "h200", "laptop-16gb", "apple-m4-max", "rtx-4090-desktop"})
    expect_valid(std::string("fit --all --hardware ") + id);
  for (const char* words :
       {"--memory 24GiB --runtime llama.cpp --host-memory 128GiB --top 3", "--hardware h200-x8 --sequences 64",
        "--memory 1MB", "--hardware rtx-4090 --weights q4_k_m --min-tokens-per-s 50", "--hardware h200 --context 1M"})
    expect_valid(std::string("fit ") + words);
}

std::string file_of_measurements(const std::string& name) {
  const std::string path = ::testing::TempDir() + name;
  std::ofstream(path) << "gpu,stack,kernel,dtype,m,n,k,latency_us\n"
                         "H100,trtllm-1.3.0,torch_flow,bfloat16,64,4096,4096,15.5\n"
                         "H100,trtllm-1.3.0,torch_flow,bfloat16,128,4096,4096,17.5\n";
  return path;
}

std::string file_of_runs(const std::string& name) {
  const std::string path = ::testing::TempDir() + name;
  std::ofstream(path)
      << "model,hardware,num_gpus,runtime,phase,attention_tp,attention_dp,moe_tp,moe_ep,pp,replicas,weights,kv,"
         "isl,osl,concurrency,metric,value\n"
         "mixtral-8x7b,h200,2,vllm,aggregated,2,1,2,1,1,1,bf16,,1024,1024,32,output_tokens_per_s,1500\n";
  return path;
}

std::string file_of_study(const std::string& name) {
  const std::string path = ::testing::TempDir() + name;
  std::ofstream(path) << R"({"id": "test", "question": "?", "source": "a test", "as_of": "2026-11",
    "models": ["mixtral-8x7b"], "isl_tokens": 1024, "osl_tokens": 1024, "speeds": [20, 100],
    "sides": [{"name": "a", "change": "none", "any_of": [{"options": "--hardware h200 --gpus 2 --tp 2"}]},
              {"name": "b", "change": "units", "rival": true,
               "any_of": [{"options": "--hardware h200 --gpus 2 --tp 2", "prefill": "--gpus 1 --tp 1"}]}]})";
  return path;
}

// What a sweep writes beside its rows.
json manifest_of(const std::string& words) {
  const std::filesystem::path directory = std::filesystem::path(::testing::TempDir()) / "moeplan_schema_sweep";
  std::filesystem::remove_all(directory);
  run_moeplan(words + " --out " + directory.string());
  std::ifstream in(directory / "manifest.json");
  return json::parse(in, nullptr, false);
}

TEST(Schemas, EverySchemaIsUsedAndNamedByItsDocument) {
  const json list = json::parse(run_moeplan("schema --json").text);
  for (const json& entry : list.at("schemas")) {
    const std::string name = entry.at("name");
    const json schema = json::parse(run_moeplan("schema " + name).text);
    EXPECT_EQ(schema.at("$id"), entry.at("document"));
    EXPECT_EQ(schema.at("properties").at("schema").at("const"), entry.at("document"));
    std::string words = entry.at("command");
    for (const auto& [placeholder, value] :
         {std::pair<std::string, std::string>{"NAME NAME", "mixtral-8x7b deepseek-v3"},
          {"models show NAME", "models show mixtral-8x7b"},
          {"models show HEADER", "models show " + folder_of_header("moeplan_schema_header", false)},
          {"hardware show NAME", "hardware show h200"},
          {"hardware show FABRIC", "hardware show nvlink-4-x8"},
          {"hardware diff A B", "hardware diff b200 h200-x8"},
          {"runtimes show NAME", "runtimes show vllm"},
          {"--topology SPEC --matrix SPEC", "--topology star:n=4,bw=1e9,lat=1e-6 --matrix uniform:1MB"},
          {"simulate MODEL", "simulate mixtral-8x7b --hardware h200"},
          {"[MODEL...] --study NAME", "--study " + file_of_study("moeplan_schema_study.json")},
          {"sweep [STUDY]", "sweep batch"},
          {" --out DIR", ""},
          {"--compare WHAT", "--compare dense"},
          {"--prefill OPTIONS", "--prefill \"--gpus 2\""},
          {"--effects NAME", "--effects mtp"},
          {"--against RUNS", "--against " + file_of_runs("moeplan_schema_runs.csv")},
          {"--against FILE", "--against " + file_of_measurements("moeplan_schema_gemm.csv")},
          {"fit MODEL", "fit mixtral-8x7b --hardware h200"}}) {
      const std::size_t at = words.find(placeholder);
      if (at != std::string::npos) words.replace(at, placeholder.size(), value);
    }
    if (words == "fit") words = "fit --hardware rtx-4090";
    const json document = name == "sweep.manifest" ? manifest_of(words) : document_of(words);
    EXPECT_EQ(document.at("schema"), entry.at("document")) << words;
  }
}

TEST(Schemas, Sweeps) {
  for (const char* words : {"sweep batch", "sweep batch --dry-run", "sweep laptop-16gb --best 3", "sweep expert-width",
                            "sweep --model mixtral-8x7b --hardware h200 --axis tp=1,3 --axis batch=1,100000",
                            "sweep expert-count --hardware laptop-16gb --law"})
    expect_valid(words);
  const json manifest = manifest_of("sweep batch");
  for (const std::string& complaint : schema_complaints(manifest)) ADD_FAILURE() << complaint;
}

TEST(Schemas, StepsAndSteadyLoadsThatFitAndThatDoNot) {
  for (const char* load : {"--phase prefill --prefix 1k --mixed 4", "--isl 1k --osl 1k --concurrency 8",
                           "--isl 1k --osl 1k --concurrency 100000", "--batch 100000", "--routing gini:0.2"})
    expect_valid(std::string("simulate mixtral-8x7b --hardware h200 --gpus 2 ") + load);
}

TEST(Schemas, StepsThatArePlayed) {
  for (const char* load :
       {"--engine event", "--engine event --phase prefill", "--routing gini:0.2 --draws 2 --placements",
        "--engine event --overlap two-batch", "--rank-batches 3,9"})
    expect_valid(std::string("simulate mixtral-8x7b --hardware h200 --gpus 2 --attention-dp 2 --ep 2 ") + load);
}

TEST(Schemas, Networks) {
  for (const char* words :
       {"--topology h200 --gpus 16 --matrix random:1MB", "--topology ring:n=5,bw=1e9 --matrix incast:0",
        "--topology star:n=4,bw=1e9 --matrix zipf:1,1MB --mode quantised",
        "--topology star:n=4,bw=1e9 --matrix zipf:1,1MB --mode port"})
    expect_valid(std::string("network ") + words);
}

TEST(Schemas, PublishedEffects) {
  for (const char* effect : {"mtp", "ep-width-decode", "ep-width-prefill", "fp8-kv"})
    expect_valid(std::string("validate --effects ") + effect);
}

TEST(Schemas, ComparedSteadyLoads) {
  expect_valid("simulate mixtral-8x7b --hardware h200 --gpus 2 --isl 1k --osl 1k --compare \"--hardware b200\"");
}

// Applies `change` to every object inside the document, one at a time, and expects a
// complaint about each.
template <class Change>
void expect_noticed(const json& document, const std::string& what, const Change& change) {
  ASSERT_TRUE(schema_complaints(document).empty());
  std::size_t changed = 0;
  const json leaves = document.flatten();
  for (const auto& [pointer, value] : leaves.items()) {
    json mutant = document;
    if (!change(mutant, json::json_pointer(pointer))) continue;
    ++changed;
    EXPECT_FALSE(schema_complaints(mutant).empty()) << what << " at " << pointer << " goes unnoticed";
  }
  EXPECT_GT(changed, 3U);
}

const char* const kSamples[] = {
    "fit mixtral-8x7b --weights q4_k_m --hardware rtx-4090 --host-memory 64GiB --n-cpu-moe 4",
    "models show gpt-oss-20b",
    "models diff mixtral-8x7b mixtral-8x22b",
    "hardware show h200-x8",
    "runtimes show vllm",
    "version"};

// Objects keyed by names of formats take any name; everything else is closed.
bool is_open(const std::string& pointer) { return pointer.find("peaks_flop_per_s") != std::string::npos; }

TEST(Schemas, AnUnknownKeyIsNoticedInEveryObject) {
  for (const char* words : kSamples)
    expect_noticed(document_of(words), "a new key", [](json& mutant, json::json_pointer at) {
      at.pop_back();
      if (!mutant.at(at).is_object() || is_open(at.to_string())) return false;
      mutant.at(at)["surprise"] = 1;
      return true;
    });
}

TEST(Schemas, ANumberWrittenAsTextIsNoticed) {
  for (const char* words : kSamples) {
    if (std::string(words).starts_with("models diff")) continue;  // its values are of any kind
    expect_noticed(document_of(words), "a number as text", [](json& mutant, const json::json_pointer& at) {
      if (!mutant.at(at).is_number()) return false;
      mutant.at(at) = "12";
      return true;
    });
  }
}

TEST(Schemas, BytesWithAFractionAreNoticed) {
  expect_noticed(document_of(kSamples[0]), "half a byte", [](json& mutant, const json::json_pointer& at) {
    if (!at.back().ends_with("_bytes") || !mutant.at(at).is_number()) return false;
    mutant.at(at) = 0.5;
    return true;
  });
}

TEST(Schemas, AMissingKeyIsNoticed) {
  // Keys that only some documents have.
  const std::vector<std::string> optional = {"source", "place", "host_total_bytes"};
  expect_noticed(document_of(kSamples[0]), "a key left out", [&optional](json& mutant, json::json_pointer at) {
    const std::string key = at.back();
    at.pop_back();
    if (key == "schema") return false;  // nothing to hold it against without
    if (!mutant.at(at).is_object() || std::find(optional.begin(), optional.end(), key) != optional.end()) return false;
    mutant.at(at).erase(key);
    return true;
  });
}

}  // namespace
}  // namespace moeplan::testing
