// SPDX-License-Identifier: Apache-2.0
// The flags of the engines: one table each, read and written. Sources: llama.cpp
// tools/server/README.md; vLLM docs.vllm.ai configuration/engine_args; SGLang
// server_args.py; TensorRT-LLM commands/serve.py.
#include "sim/study/engine_flags.h"

#include <algorithm>

namespace moeplan {
namespace {

constexpr FlagKind kHarmless = FlagKind::Harmless;
constexpr FlagKind kRefused = FlagKind::Refused;

std::vector<FlagRule> llama_cpp_rules() {
  using enum EngineSetting;
  std::vector<FlagRule> rules = {{"-m --model", Model},
                                 {"-hf -hfr --hf-repo", Model},
                                 {"-c --ctx-size", Context},
                                 {"-np --parallel", Slots},
                                 {"-kvu --kv-unified", UnifiedKv, false},
                                 {"-ngl --gpu-layers --n-gpu-layers", GpuLayers},
                                 {"-sm --split-mode", SplitMode},
                                 {"-ts --tensor-split", TensorSplit},
                                 {"--n-cpu-moe -ncmoe", HostExperts},
                                 {"--cpu-moe -cmoe", AllHostExperts, false},
                                 {"-ot --override-tensor", Override},
                                 {"-ctk --cache-type-k", Kv},
                                 {"-ctv --cache-type-v", KvValues},
                                 {"-ub --ubatch-size", Chunk},
                                 {"-fa --flash-attn", FlashAttention},
                                 {"-md --model-draft --spec-draft-model", DraftModelPath},
                                 {"-ngld --gpu-layers-draft --n-gpu-layers-draft --spec-draft-ngl", DraftGpuLayers},
                                 {"--draft-max --draft --draft-n --spec-draft-n-max", DraftTokens},
                                 {"-ctkd --cache-type-k-draft --spec-draft-type-k", DraftKv},
                                 {"-ctvd --cache-type-v-draft --spec-draft-type-v", DraftKvValues},
                                 {"--lora", LoraFiles}};
  for (const char* name : {"-nkvo --no-kv-offload", "--swa-full", "--no-op-offload"})
    rules.push_back({name, Model, false, kRefused});
  for (const char* name : {"--lora-scaled", "--control-vector", "-mm --mmproj", "--rpc", "-ncffn --n-cpu-ffn",
                           "--moe-cache-mib", "-dev --device", "-mg --main-gpu", "--override-kv"})
    rules.push_back({name, Model, true, kRefused});
  for (const char* name : {"--jinja", "--no-mmap", "--mlock", "--metrics", "--no-webui", "-cb --cont-batching",
                           "-v --verbose", "--no-warmup", "--embedding", "--no-mmproj"})
    rules.push_back({name, Model, false, kHarmless});
  return rules;
}

std::vector<FlagRule> vllm_rules() {
  using enum EngineSetting;
  std::vector<FlagRule> rules = {{"--max-model-len", Context},
                                 {"--tensor-parallel-size -tp", Tp},
                                 {"--data-parallel-size -dp", Dp},
                                 {"--pipeline-parallel-size -pp", Pp},
                                 {"--enable-expert-parallel -ep", ExpertParallel, false},
                                 {"--quantization -q", Quantization},
                                 {"--kv-cache-dtype", Kv},
                                 {"--max-num-seqs", Sequences},
                                 {"--max-num-batched-tokens", Chunk},
                                 {"--block-size", Block},
                                 {"--gpu-memory-utilization", Fraction},
                                 {"--speculative-config", Draft},
                                 {"--enable-lora", Lora, false},
                                 {"--max-loras", LoraSlots},
                                 {"--max-lora-rank", LoraRank},
                                 {"--fully-sharded-loras", LoraSharded, false},
                                 {"--lora-target-modules", LoraModules, true, FlagKind::Says, true},
                                 {"--lora-dtype", LoraFormat},
                                 {"--dtype", Dtype},
                                 {"--all2all-backend", Exchange},
                                 {"--model", Model}};
  rules.push_back({"--lora-modules", Model, true, kHarmless, true});  // which; how many and how large is above
  rules.push_back({"--max-cpu-loras", Model, true, kHarmless});
  for (const char* name : {"--enable-eplb", "--enable-dbo"}) rules.push_back({name, Model, false, kRefused});
  for (const char* name :
       {"--cpu-offload-gb", "--kv-cache-memory-bytes", "--kv-cache-memory", "--num-gpu-blocks-override",
        "--decode-context-parallel-size", "--prefill-context-parallel-size", "--num-redundant-experts"})
    rules.push_back({name, Model, true, kRefused});
  for (const char* name : {"--trust-remote-code", "--enforce-eager", "--enable-prefix-caching",
                           "--no-enable-prefix-caching", "--enable-chunked-prefill", "--async-scheduling",
                           "--disable-log-requests", "--enable-auto-tool-choice", "--headless"})
    rules.push_back({name, Model, false, kHarmless});
  return rules;
}

std::vector<FlagRule> sglang_rules() {
  using enum EngineSetting;
  std::vector<FlagRule> rules = {{"--model-path --model", Model},
                                 {"--context-length", Context},
                                 {"--tp-size --tp --tensor-parallel-size", Tp},
                                 {"--dp-size --dp --data-parallel-size", Dp},
                                 {"--enable-dp-attention", AttentionDp, false},
                                 {"--moe-dense-tp-size", DenseTp},
                                 {"--enable-dp-lm-head", DpHead, false},
                                 {"--ep-size --ep --expert-parallel-size", Ep},
                                 {"--pp-size --pp --pipeline-parallel-size", Pp},
                                 {"--quantization", Quantization},
                                 {"--kv-cache-dtype", Kv},
                                 {"--max-running-requests", Sequences},
                                 {"--chunked-prefill-size", Chunk},
                                 {"--page-size", Block},
                                 {"--cuda-graph-max-bs", Graph},
                                 {"--mem-fraction-static", Fraction},
                                 {"--speculative-algorithm --speculative-algo", Draft},
                                 {"--speculative-draft-model-path --speculative-draft-model", DraftModelPath},
                                 {"--speculative-num-steps", DraftSteps},
                                 {"--speculative-eagle-topk", DraftTopK},
                                 {"--speculative-num-draft-tokens", DraftTokens},
                                 {"--enable-lora", Lora, false},
                                 {"--max-loras-per-batch", LoraSlots},
                                 {"--max-lora-rank", LoraRank},
                                 {"--lora-target-modules", LoraModules, true, FlagKind::Says, true},
                                 {"--dtype", Dtype},
                                 {"--moe-a2a-backend", Exchange},
                                 {"--deepep-mode", ExchangeMode},
                                 {"--ep-num-redundant-experts", RedundantExperts}};
  rules.push_back({"--lora-paths", Model, true, kHarmless, true});
  for (const char* name : {"--enable-eplb", "--enable-two-batch-overlap", "--enable-symm-mem", "--enable-memory-saver",
                           "--enable-hierarchical-cache"})
    rules.push_back({name, Model, false, kRefused});
  for (const char* name :
       {"--cpu-offload-gb", "--max-total-tokens", "--attention-context-parallel-size", "--disaggregation-mode"})
    rules.push_back({name, Model, true, kRefused});
  for (const char* name :
       {"--trust-remote-code", "--disable-radix-cache", "--enable-metrics", "--disable-cuda-graph-padding",
        "--disable-overlap-schedule", "--enable-mixed-chunk", "--skip-server-warmup"})
    rules.push_back({name, Model, false, kHarmless});
  return rules;
}

std::vector<FlagRule> trtllm_rules() {
  using enum EngineSetting;
  std::vector<FlagRule> rules = {{"--max_seq_len", Context},
                                 {"--tp_size --tensor_parallel_size", Tp},
                                 {"--enable_attention_dp", AttentionDp, false},
                                 {"--cp_size --context_parallel_size", Cp},
                                 {"--ep_size --moe_expert_parallel_size", Ep},
                                 {"--pp_size --pipeline_parallel_size", Pp},
                                 {"--kv_cache_dtype", Kv},
                                 {"--max_batch_size", Sequences},
                                 {"--max_num_tokens", Chunk},
                                 {"--kv_cache_free_gpu_memory_fraction --free_gpu_memory_fraction", Fraction},
                                 {"--model", Model}};
  for (const char* name :
       {"--extra_llm_api_options", "--config", "--moe_cluster_parallel_size", "--cluster_size", "--max_beam_width"})
    rules.push_back({name, Model, true, kRefused});
  for (const char* name : {"--trust_remote_code", "--enable_chunked_prefill"})
    rules.push_back({name, Model, false, kHarmless});
  return rules;
}

// As a shell reads it back.
std::string quoted(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+=:,@").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain && !text.empty()) return text;
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

}  // namespace

std::vector<FlagRule> flag_rules(std::string_view engine) {
  if (engine == "llama.cpp") return llama_cpp_rules();
  if (engine == "vllm") return vllm_rules();
  if (engine == "sglang") return sglang_rules();
  if (engine == "trtllm") return trtllm_rules();
  return {};
}

std::string write_flags(std::string_view engine, const std::vector<FlagValue>& values) {
  std::string text;
  std::vector<bool> written(values.size(), false);
  for (const FlagRule& rule : flag_rules(engine)) {
    if (rule.kind != FlagKind::Says) continue;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (written[i] || values[i].first != rule.setting) continue;
      written[i] = true;
      text += (text.empty() ? "" : " ") + std::string(rule.names.substr(0, rule.names.find(' ')));
      if (rule.takes_value) text += " " + (rule.several ? values[i].second : quoted(values[i].second));
      break;
    }
  }
  return text;
}

}  // namespace moeplan
