// SPDX-License-Identifier: Apache-2.0
// A deployment in the settings of its engine: the writing half of engine_flags.h.
#include <algorithm>
#include <array>
#include <cmath>

#include "sim/base/text.h"
#include "sim/spec/stored.h"
#include "sim/study/drafts.h"
#include "sim/study/engine_flags.h"

namespace moeplan {
namespace {

using Values = std::vector<FlagValue>;

void say(Values& values, EngineSetting setting, Count value) { values.emplace_back(setting, std::to_string(value)); }
void say_degree(Values& values, EngineSetting setting, Count value) {
  if (value > 1) say(values, setting, value);
}
void say_if(Values& values, EngineSetting setting, bool on) {
  if (on) values.emplace_back(setting, "");
}
void say_size(Values& values, EngineSetting setting, Count value) {
  if (value != 0) say(values, setting, value);
}

// The shortest decimal that reads back as the same number.
std::string shortest(double value) {
  std::array<char, 32> text{};
  for (int digits = 1; digits < 18; ++digits) {
    std::snprintf(text.data(), text.size(), "%.*g", digits, value);
    if (std::stod(text.data()) == value) break;
  }
  return text.data();
}

// The engine's share of the memory, where it is not the default. Of a reserve in bytes it
// is rounded down to thousandths, so that the engine never takes more than was counted.
void say_fraction(Values& values, const FitResult& f) {
  const FitQuestion& q = f.question;
  if (q.memory_fraction) {
    values.emplace_back(EngineSetting::Fraction, shortest(*q.memory_fraction));
    return;
  }
  if (q.device.capacity == Bytes(0)) return;
  double share = memory_fraction_of(q);
  if (q.runtime.reserve == ReserveKind::Total &&
      q.device.reserve == scaled(q.device.capacity, q.runtime.reserve_fraction))
    return;
  if (q.runtime.reserve != ReserveKind::Total && !q.device.reserve_asked) return;
  // TensorRT-LLM's share is of what the caches could have.
  if (q.runtime.reserve == ReserveKind::Free && f.cache_room > Bytes(0))
    share = f.cache_room.size() / (f.cache_room + q.device.reserve).size();
  values.emplace_back(EngineSetting::Fraction, shortest(std::floor(std::clamp(share, 0.0, 1.0) * 1000) / 1000));
}

// Sequences of one engine where it must admit other than its default.
void say_admitted(Values& values, const FitResult& f, Count engines) {
  const FitQuestion& q = f.question;
  const Count needed = ceil_div(q.workload.sequences, q.layout.dp);
  const Count admitted = q.admitted != 0 ? std::max(q.admitted, needed) : needed;
  if (q.admitted != 0 || (f.sequence_limit > 0 && q.workload.sequences > f.sequence_limit))
    say(values, EngineSetting::Sequences, admitted * engines);
}

std::string cache_word(const FitResult& f) { return f.question.formats[f.kv_format].id; }

// Whether the cache is another than without a flag.
bool names_cache(const FitResult& f) {
  const RuntimeSpec& r = f.question.runtime;
  return cache_word(f) != (r.default_kv == "auto" ? f.question.model.quant.base : r.default_kv);
}

std::string upper_case(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

// Of a split model llama.cpp wants the first shard, "-00001-of-00003.gguf".
std::string first_shard(const StoredWeights& stored) {
  constexpr std::size_t kEnding = 20;  // "00002-of-00003.gguf" and its hyphen
  std::string file = stored.file;
  if (stored.shards > 1 && file.size() >= kEnding) file.replace(file.size() - kEnding + 1, 5, "00001");
  return file;
}

// One file after the other; what is in them their names do not say.
void say_adapter_files(Values& values, const FitQuestion& q) {
  if (!q.adapter) return;
  std::string files = "ADAPTER.gguf";
  for (Count i = 2; i <= q.adapter->slots; ++i) files += ",ADAPTER" + std::to_string(i) + ".gguf";
  values.emplace_back(EngineSetting::LoraFiles, files);
}

// A set of digits as a pattern has it: "7", "[3-9]", "[0-257]".
std::string digit_class(unsigned digits) {
  std::string text;
  int members = 0;
  for (int d = 0; d < 10; ++d) {
    if ((digits >> d & 1U) == 0) continue;
    int last = d;
    while (last < 9 && (digits >> (last + 1) & 1U) != 0) ++last;
    members += last - d + 1;
    text += static_cast<char>('0' + d);
    if (last > d + 1) text += '-';
    if (last > d) text += static_cast<char>('0' + last);
    d = last;
  }
  return members == 1 ? text : "[" + text + "]";
}

// Numbers as alternatives of a pattern, tens with the same last digits together:
// "[3-9]|[1-4][0-9]|5[0-4]|57" of 3 to 54 and 57.
std::string number_pattern(const std::vector<Count>& numbers) {
  constexpr std::size_t kMostTens = 103;  // layers below 1,030: kMaxInstances
  std::array<unsigned, kMostTens> last_digits{};
  for (const Count n : numbers) last_digits.at(static_cast<std::size_t>(n / 10)) |= 1U << (n % 10);
  std::string text;
  for (std::size_t tens = 0; tens < kMostTens; ++tens) {
    if (last_digits[tens] == 0) continue;
    std::string prefix = tens == 0 ? "" : std::to_string(tens);
    if (tens > 0 && tens < 10) {
      unsigned alike = 1U << tens;
      while (tens + 1 < 10 && last_digits[tens + 1] == last_digits[tens]) alike |= 1U << ++tens;
      prefix = digit_class(alike);
    }
    text += (text.empty() ? "" : "|") + prefix + digit_class(last_digits[tens]);
  }
  return text;
}

// --override-tensor for what lies off the device of its layer: for each place, the layers
// of which the same matrices lie there. A file may hold gate and up as one tensor; patterns
// end without .weight so that biases go along.
std::string overrides_of(const Placement& placement, Count devices) {
  constexpr std::array<const char*, 8> kNames = {"",     "gate",        "up",        "(gate|up|gate_up)",
                                                 "down", "(gate|down)", "(up|down)", "(gate|up|gate_up|down)"};
  std::string list;
  for (Count place = kOnHost; place < devices; ++place) {
    const Home home = static_cast<Home>(place);
    if (home == kAtHome) continue;
    for (std::size_t kind = kNames.size() - 1; kind > 0; --kind) {
      std::vector<Count> layers;
      for (std::size_t l = 0; l < placement.experts.size(); ++l) {
        std::size_t here = 0;
        for (std::size_t m = 0; m < kExpertMatrices; ++m)
          if (placement.experts[l].of[m] == home) here |= std::size_t{1} << m;
        if (here == kind) layers.push_back(static_cast<Count>(l));
      }
      if (layers.empty()) continue;
      const std::string buffer = home == kOnHost ? "CPU" : "CUDA" + std::to_string(home);
      list += (list.empty() ? "" : ",") + ("blk\\.(" + number_pattern(layers) + ")\\.ffn_") + kNames[kind] +
              "_exps=" + buffer;
    }
  }
  return list;
}

// Layers by device, the head counting as one more of the last: llama.cpp divides L + 1
// places in these proportions, so whole numbers that add up to L + 1 come out as they are.
void say_placement(Values& v, const FitQuestion& asked) {
  constexpr Count kMostDevices = 16;  // llama_max_devices()
  FitQuestion q = asked;
  simplify_placement(q);
  const std::vector<Count>& stages = q.placement.stage_layers;
  std::string shares;
  for (Count s = 0; s < q.layout.pp; ++s) {
    const Count head = s + 1 == q.layout.pp ? 1 : 0;
    shares += (s == 0 ? "" : ",") + std::to_string(stages.empty() ? 1 : stages[static_cast<std::size_t>(s)] + head);
  }
  if (q.layout.pp > 1 && q.layout.pp <= kMostDevices) v.emplace_back(EngineSetting::TensorSplit, shares);
  say_size(v, EngineSetting::HostExperts, q.host_expert_layers);
  const std::string overrides = overrides_of(q.placement, q.layout.pp);
  if (!overrides.empty()) v.emplace_back(EngineSetting::Override, overrides);
}

Values llama_cpp_values(const FitResult& f) {
  const FitQuestion& q = f.question;
  Values v;
  if (q.weights != "native")
    v.emplace_back(EngineSetting::Model, "MODEL-" + upper_case(q.weights) + ".gguf");
  else if (q.model.stored != nullptr && q.model.stored->gguf)
    v.emplace_back(EngineSetting::Model, first_shard(*q.model.stored));
  say(v, EngineSetting::Context, q.workload.context * q.workload.sequences);
  say_degree(v, EngineSetting::Slots, q.workload.sequences);
  v.emplace_back(EngineSetting::GpuLayers, "99");
  say_placement(v, q);
  if (names_cache(f)) {
    const std::string id = cache_word(f);
    const std::string word = id == "fp32" ? "f32" : id == "fp16" ? "f16" : id;
    v.emplace_back(EngineSetting::Kv, word);
    v.emplace_back(EngineSetting::KvValues, word);
  }
  say_size(v, EngineSetting::Chunk, q.chunk_tokens);
  if (!q.flash_attention) v.emplace_back(EngineSetting::FlashAttention, "off");
  if (q.draft) {
    const bool native = q.draft->weights == "native";
    v.emplace_back(EngineSetting::DraftModelPath,
                   "DRAFT" + (native ? std::string() : "-" + upper_case(q.draft->weights)) + ".gguf");
    v.emplace_back(EngineSetting::DraftGpuLayers, "99");
    say(v, EngineSetting::DraftTokens, draft_tokens_of(q));
  }
  say_adapter_files(v, q);
  return v;
}

// Slots for adapters; their modules where they were named.
void say_adapters(Values& values, const FitQuestion& q) {
  if (!q.adapter) return;
  say_if(values, EngineSetting::Lora, true);
  say(values, EngineSetting::LoraSlots, q.adapter->slots);
  say(values, EngineSetting::LoraRank, q.adapter->rank);
  say_if(values, EngineSetting::LoraSharded, q.adapter->fully_sharded);
  // SGLang wants them named, or the adapters at start.
  if (q.adapter->modules.empty() && q.runtime.adapters.every_module) return;
  std::string modules;
  for (const std::string& name : modules_of(q.adapter->targets, q.model))
    modules += (modules.empty() ? "" : " ") + name;
  values.emplace_back(EngineSetting::LoraModules, modules);
}

// How tokens reach their experts, where the engine would not do so by itself.
void say_exchange(Values& values, const FitQuestion& q) {
  const DispatchKind kind = exchange_of(q);
  if (q.layout.token_groups() == 1 || q.layout.moe_tp > 1 || kind == q.runtime.dispatch) return;
  const bool vllm = q.runtime.command_line == "vllm";
  std::string_view word;
  switch (kind) {
    case DispatchKind::AllGather: word = vllm ? "allgather_reducescatter" : "none"; break;
    case DispatchKind::DeepEpLowLatency: word = vllm ? "deepep_low_latency" : "deepep"; break;
    case DispatchKind::DeepEpNormal: word = vllm ? "deepep_high_throughput" : "deepep"; break;
    // A decode server's; one that reads prompts takes deepep_high_throughput.
    case DispatchKind::DeepEp: word = vllm ? "deepep_low_latency" : "deepep"; break;
    case DispatchKind::NvlinkOneSided: word = "flashinfer_nvlink_one_sided"; break;
    case DispatchKind::NvlinkTwoSided: word = "flashinfer_nvlink_two_sided"; break;
  }
  values.emplace_back(EngineSetting::Exchange, std::string(word));
}

Values vllm_values(const FitResult& f) {
  const FitQuestion& q = f.question;
  Values v;
  say(v, EngineSetting::Context, q.workload.context);
  say_degree(v, EngineSetting::Tp, q.layout.tp);
  say_degree(v, EngineSetting::Dp, q.layout.dp);
  say_degree(v, EngineSetting::Pp, q.layout.pp);
  say_if(v, EngineSetting::ExpertParallel, q.layout.ep > 1);
  say_exchange(v, q);
  if (q.weights == "fp8") v.emplace_back(EngineSetting::Quantization, "fp8");
  const std::string kv = cache_word(f);
  if (names_cache(f)) v.emplace_back(EngineSetting::Kv, kv == "bf16" ? "bfloat16" : kv == "fp16" ? "float16" : kv);
  say_admitted(v, f, 1);
  say_size(v, EngineSetting::Chunk, q.chunk_tokens);
  say_size(v, EngineSetting::Block, q.kv_block_tokens);
  say_fraction(v, f);
  const std::string tokens = std::to_string(std::max<Count>(draft_tokens_of(q), 1));
  if (q.draft)
    v.emplace_back(EngineSetting::Draft, R"({"method":"draft_model","model":")" + q.draft->model.id +
                                             (q.draft->weights == "fp8" ? R"(","quantization":"fp8)" : "") +
                                             R"(","num_speculative_tokens":)" + tokens + "}");
  if (q.load_mtp && q.model.mtp.modules > 0)
    v.emplace_back(EngineSetting::Draft, R"({"method":"mtp","num_speculative_tokens":)" + tokens + "}");
  say_adapters(v, q);
  return v;
}

Values sglang_values(const FitResult& f) {
  const FitQuestion& q = f.question;
  Values v;
  say(v, EngineSetting::Context, q.workload.context);
  say_degree(v, EngineSetting::Tp, q.layout.ranks_per_stage());
  say_degree(v, EngineSetting::Dp, q.layout.dp);
  const bool dp = q.layout.dp > 1;
  say_if(v, EngineSetting::AttentionDp, dp);
  if (dp && q.runtime.sharding.dense == Spread::Attention) v.emplace_back(EngineSetting::DenseTp, "1");
  say_if(v, EngineSetting::DpHead, dp && q.runtime.sharding.head == Spread::Attention);
  say_exchange(v, q);
  if (dp && q.exchange == DispatchKind::DeepEpNormal) v.emplace_back(EngineSetting::ExchangeMode, "normal");
  if (dp && q.exchange == DispatchKind::DeepEpLowLatency) v.emplace_back(EngineSetting::ExchangeMode, "low_latency");
  say_size(v, EngineSetting::RedundantExperts, q.layout.redundant);
  say_degree(v, EngineSetting::Ep, q.layout.ep);
  say_degree(v, EngineSetting::Pp, q.layout.pp);
  if (q.weights == "fp8") v.emplace_back(EngineSetting::Quantization, "fp8");
  const std::string kv = cache_word(f);
  if (names_cache(f)) v.emplace_back(EngineSetting::Kv, kv == "fp8" ? "fp8_e4m3" : kv == "fp16" ? "float16" : kv);
  say_admitted(v, f, q.layout.dp);
  say_size(v, EngineSetting::Chunk, q.chunk_tokens * q.layout.dp);
  say_size(v, EngineSetting::Block, q.kv_block_tokens);
  say_size(v, EngineSetting::Graph, q.graph_sequences);
  say_fraction(v, f);
  if (q.draft || (q.load_mtp && q.model.mtp.modules > 0)) {
    const Count tokens = std::max<Count>(draft_tokens_of(q), 1);
    v.emplace_back(EngineSetting::Draft, q.draft ? "STANDALONE" : "EAGLE");
    if (q.draft) v.emplace_back(EngineSetting::DraftModelPath, q.draft->model.id);
    say(v, EngineSetting::DraftSteps, tokens);
    v.emplace_back(EngineSetting::DraftTopK, "1");
    say(v, EngineSetting::DraftTokens, tokens + 1);
  }
  say_adapters(v, q);
  return v;
}

Values trtllm_values(const FitResult& f) {
  const FitQuestion& q = f.question;
  Values v;
  say(v, EngineSetting::Context, q.workload.context);
  say_degree(v, EngineSetting::Tp, q.layout.tp * q.layout.dp);
  say_if(v, EngineSetting::AttentionDp, q.layout.dp > 1);
  say_degree(v, EngineSetting::Cp, q.layout.cp);
  say_degree(v, EngineSetting::Ep, q.layout.ep);
  say_degree(v, EngineSetting::Pp, q.layout.pp);
  const std::string kv = cache_word(f);
  if (names_cache(f)) v.emplace_back(EngineSetting::Kv, kv);
  say_admitted(v, f, 1);
  say_size(v, EngineSetting::Chunk, q.chunk_tokens);
  say_fraction(v, f);
  return v;
}

}  // namespace

std::string runtime_flags(const FitResult& result) {
  const std::string& engine = result.question.runtime.command_line;
  if (engine == "llama.cpp") return write_flags(engine, llama_cpp_values(result));
  if (engine == "vllm") return write_flags(engine, vllm_values(result));
  if (engine == "sglang") return write_flags(engine, sglang_values(result));
  if (engine == "trtllm") return write_flags(engine, trtllm_values(result));
  return "";
}

}  // namespace moeplan
