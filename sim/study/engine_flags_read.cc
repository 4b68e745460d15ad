// SPDX-License-Identifier: Apache-2.0
// The reading half of engine_flags.h: words -> settings by the engine's table -> a
// deployment. Every problem of a command line is reported at once.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/base/text.h"
#include "sim/spec/gguf_recipe.h"
#include "sim/spec/stored.h"
#include "sim/study/engine_flags.h"

namespace moeplan {
namespace {

constexpr std::string_view kOption = "--engine-flags";
constexpr Count kMostCount = Count{1} << 40;

Problem problem_of(std::string_view flag, std::string found, std::string expected, std::string hint = "") {
  Problem p;
  p.file = kOption;
  p.path = flag;
  p.found = std::move(found);
  p.expected = std::move(expected);
  p.hint = std::move(hint);
  return p;
}

// Words as a shell would see them: quotes and backslashes, no expansion.
std::vector<std::string> shell_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else if (c == '\\' && quote == '"' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) {
        word += text[++i];
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      open = true;
    } else if (c == '\\' && i + 1 < text.size()) {
      ++i;
      if (text[i] != '\n') word += text[i];
      open = open || text[i] != '\n';
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (open) words.push_back(word);
      word.clear();
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (quote != 0) throw InputError(ErrorKind::Usage, problem_of("", "a quote that is not closed", "quotes in pairs"));
  if (open) words.push_back(word);
  return words;
}

std::string_view basename_of(std::string_view path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view engine_of_word(std::string_view word) {
  const std::string_view name = basename_of(word);
  if (name == "vllm" || name == "vllm.entrypoints.openai.api_server") return "vllm";
  if (name == "sglang" || name == "sglang.launch_server") return "sglang";
  if (name == "trtllm-serve") return "trtllm";
  if (name == "llama-server" || name == "llama-cli") return "llama.cpp";
  return "";
}

bool is_assignment(std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == 0 || equals == std::string_view::npos) return false;
  return std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals),
                     [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
}

bool is_flag(std::string_view word) {
  return word.size() > 1 && word[0] == '-' && !(word[1] >= '0' && word[1] <= '9') && word[1] != '.';
}

// Words before the first flag: the launcher ("python -m module" is one) and the model.
struct Command {
  std::string engine;
  std::vector<std::string> environment;
  std::vector<std::string> flags;
};

Command split_command(std::string_view text) {
  Command command;
  const std::vector<std::string> words = shell_words(text);
  std::size_t i = 0;
  while (i < words.size() && is_assignment(words[i])) command.environment.push_back(words[i++]);
  while (i < words.size() &&
         (!is_flag(words[i]) || (i > 0 && words[i] == "-m" && basename_of(words[i - 1]).starts_with("python")))) {
    if (command.engine.empty()) command.engine = engine_of_word(words[i]);
    ++i;
  }
  command.flags.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
  return command;
}

// Engines take "-" and "_" in long names for each other.
std::string spelled(std::string_view name) {
  std::string text(name);
  if (text.starts_with("--")) std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

const FlagRule* find_rule(const std::vector<FlagRule>& rules, std::string_view name) {
  const std::string wanted = spelled(name);
  for (const FlagRule& rule : rules) {
    std::string_view rest = rule.names;
    while (!rest.empty()) {
      const std::size_t space = std::min(rest.find(' '), rest.size());
      if (spelled(rest.substr(0, space)) == wanted) return &rule;
      rest.remove_prefix(std::min(space + 1, rest.size()));
    }
  }
  return nullptr;
}

bool has_experts(const ModelSpec& model) {
  return std::any_of(model.blocks.begin(), model.blocks.end(),
                     [](const Block& b) { return std::holds_alternative<MoeFfn>(b.kind); });
}

class Reader {
 public:
  Reader(std::string engine, const ModelSpec& model, const FormatTable& formats) : model_(model), formats_(formats) {
    d_.engine = std::move(engine);
  }

  EngineDeployment read(const Command& command) {
    d_.ignored = command.environment;
    collect(command.flags);
    if (d_.engine == "llama.cpp") read_llama_cpp();
    if (d_.engine == "vllm") read_vllm();
    if (d_.engine == "sglang") read_sglang();
    if (d_.engine == "trtllm") read_trtllm();
    if (!problems_.empty()) throw InputError(ErrorKind::Usage, problems_);
    return d_;
  }

 private:
  struct Given {
    std::string flag;  // as it stood
    std::string value;
  };

  void collect(const std::vector<std::string>& words) {
    const std::vector<FlagRule> rules = flag_rules(d_.engine);
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (!is_flag(words[i])) {
        d_.ignored.push_back(words[i]);
        continue;
      }
      const std::size_t equals = words[i].starts_with("--") ? words[i].find('=') : std::string::npos;
      const std::string name = words[i].substr(0, equals);
      const FlagRule* rule = find_rule(rules, name);
      const bool takes_value = rule != nullptr ? rule->takes_value : i + 1 < words.size() && !is_flag(words[i + 1]);
      Given given{name, ""};
      if (equals != std::string::npos) {
        given.value = words[i].substr(equals + 1);
      } else if (takes_value) {
        if (i + 1 >= words.size()) {
          problems_.push_back(problem_of(name, "nothing after it", "a value"));
          return;
        }
        given.value = words[++i];
        while (rule != nullptr && rule->several && i + 1 < words.size() && !is_flag(words[i + 1]))
          given.value += " " + words[++i];
      }
      take(rule, given);
    }
  }

  void take(const FlagRule* rule, const Given& given) {
    if (rule != nullptr && rule->kind == FlagKind::Refused) {
      refuse(given);
    } else if (rule == nullptr || rule->kind == FlagKind::Harmless) {
      if (given.flag.starts_with("--speculative-config.")) return refuse(given, "give --speculative-config as JSON");
      ignore(given);
    } else if (rule->setting == EngineSetting::Override) {
      overrides_.push_back(given);
    } else if (const auto [at, fresh] = given_.emplace(rule->setting, given);
               !fresh && at->second.value != given.value) {
      problems_.push_back(problem_of(given.flag, fmt::format("{} after {}", given.value, at->second.value), "it once"));
    } else if (fresh &&
               (rule->setting == EngineSetting::HostExperts || rule->setting == EngineSetting::AllHostExperts)) {
      before_host_experts_ = std::min(before_host_experts_, overrides_.size());
    }
  }

  void ignore(const Given& given) {
    d_.ignored.push_back(given.value.empty() ? given.flag : given.flag + " " + given.value);
  }
  void refuse(const Given& given, const std::string& hint = "") {
    problems_.push_back(
        problem_of(given.flag, given.value.empty() ? "it" : in_quotes(given.value), "flags whose memory is followed",
                   hint.empty() ? "it changes what lies in memory in a way that is not modelled" : hint));
  }

  const Given* given(EngineSetting setting) const {
    const auto at = given_.find(setting);
    return at == given_.end() ? nullptr : &at->second;
  }

  // A count; vLLM's take suffixes, k = 1,000 and K = 1,024 (FlexibleArgumentParser).
  std::optional<Count> count(EngineSetting setting, Count least = 1) {
    const Given* g = given(setting);
    if (g == nullptr) return std::nullopt;
    Count value = 0;
    const char* const end = g->value.data() + g->value.size();
    const auto [at, error] = std::from_chars(g->value.data(), end, value);
    Count unit = at == end ? 1 : 0;
    if (d_.engine == "vllm" && at + 1 == end) unit = *at == 'k' ? 1000 : *at == 'K' ? 1024 : 0;
    if (error == std::errc() && unit != 0 && value >= least && value <= kMostCount / unit) return value * unit;
    problems_.push_back(
        problem_of(g->flag, in_quotes(g->value), fmt::format("a whole number from {} to {}", least, kMostCount)));
    return std::nullopt;
  }

  std::optional<double> fraction() {
    const Given* g = given(EngineSetting::Fraction);
    if (g == nullptr) return std::nullopt;
    double value = 0;
    const char* const end = g->value.data() + g->value.size();
    const auto [at, error] = std::from_chars(g->value.data(), end, value);
    if (error == std::errc() && at == end && value > 0 && value <= 1) return value;
    problems_.push_back(problem_of(g->flag, in_quotes(g->value), "a fraction above 0 and at most 1"));
    return std::nullopt;
  }

  std::optional<std::string> cache_format(EngineSetting setting) {
    const Given* g = given(setting);
    if (g == nullptr || g->value == "auto") return std::nullopt;
    const QuantFormat* format = formats_.find(lower_case(g->value));
    if (format != nullptr && format->for_kv) return format->id;
    problems_.push_back(problem_of(g->flag, in_quotes(g->value), "the name of a format a cache can have, or auto"));
    return std::nullopt;
  }

  void read_dtype() {
    const Given* g = given(EngineSetting::Dtype);
    if (g == nullptr) return;
    static constexpr std::array<std::string_view, 5> kTwoBytes = {"auto", "half", "float16", "bfloat16", "bf16"};
    if (std::find(kTwoBytes.begin(), kTwoBytes.end(), g->value) == kTwoBytes.end()) return refuse(*g);
    ignore(*g);
  }

  using ExchangeWord = std::pair<std::string_view, DispatchKind>;
  void read_exchange(std::initializer_list<ExchangeWord> followed) {
    const Given* g = given(EngineSetting::Exchange);
    if (g == nullptr) return;
    for (const ExchangeWord& word : followed)
      if (word.first == g->value) d_.exchange = word.second;
    if (!d_.exchange) refuse(*g);
  }

  // Of a checkpoint that is quantised already the flag only says how to read it.
  void read_quantization() {
    const Given* g = given(EngineSetting::Quantization);
    if (g == nullptr) return;
    const bool plain = model_.quant.format.empty() || model_.quant.format == model_.quant.base;
    if (plain && g->value == "fp8")
      d_.weights = "fp8";
    else if (plain && g->value == "bitsandbytes")
      d_.weights = "nf4";
    else
      ignore(*g);
  }

  void read_common() {
    d_.context = count(EngineSetting::Context);
    d_.kv = cache_format(EngineSetting::Kv);
    d_.chunk_tokens = count(EngineSetting::Chunk);
    d_.kv_block_tokens = count(EngineSetting::Block);
    d_.memory_fraction = fraction();
    read_dtype();
    read_quantization();
    if (const Given* g = given(EngineSetting::Model)) ignore(*g);
  }

  // `ranks` of a stage, cut for experts by ep.
  void cut_experts(Count ranks, Count ep, std::string_view flag) {
    if (!has_experts(model_)) return;
    if (ranks % ep != 0) {
      problems_.push_back(
          problem_of(flag, std::to_string(ep), fmt::format("a divisor of the {} ranks of a stage", ranks)));
      return;
    }
    d_.ep = ep;
    d_.moe_tp = ranks / ep;
  }

  void read_vllm() {
    read_common();
    read_exchange({{"allgather_reducescatter", DispatchKind::AllGather},
                   {"naive", DispatchKind::AllGather},
                   {"deepep_high_throughput", DispatchKind::DeepEpNormal},
                   {"deepep_low_latency", DispatchKind::DeepEpLowLatency},
                   {"flashinfer_nvlink_one_sided", DispatchKind::NvlinkOneSided},
                   {"flashinfer_nvlink_two_sided", DispatchKind::NvlinkTwoSided},
                   {"flashinfer_all2allv", DispatchKind::NvlinkTwoSided}});
    d_.tp = count(EngineSetting::Tp).value_or(1);
    d_.pp = count(EngineSetting::Pp).value_or(1);
    const Count dp = count(EngineSetting::Dp).value_or(1);
    if (has_experts(model_))
      d_.dp = dp;
    else
      d_.replicas = dp;  // engines of their own
    const Count ranks = *d_.tp * d_.dp.value_or(1);
    cut_experts(ranks, given(EngineSetting::ExpertParallel) != nullptr ? ranks : 1, "--enable-expert-parallel");
    d_.admitted = count(EngineSetting::Sequences);
    if (d_.admitted) d_.sequences = *d_.admitted * d_.dp.value_or(1);
    if (const Given* g = given(EngineSetting::Draft)) read_speculative_json(*g);
    constexpr Count kSlots = 1;  // vllm/config/lora.py
    constexpr Count kRank = 16;
    read_adapters(kSlots, kRank);
  }

  void read_speculative_json(const Given& g) {
    std::string method;
    EngineDeployment::Draft own;
    try {
      const JsonDocument document = parse_json(g.value, std::string(kOption));
      if (const JsonNode* node = document.root.find("method")) method = node->text;
      if (const JsonNode* node = document.root.find("model")) own.model = node->text;
      if (const JsonNode* node = document.root.find("quantization")) own.weights = node->text;
      if (const JsonNode* node = document.root.find("num_speculative_tokens");
          node != nullptr && node->kind == JsonKind::Integer && node->integer > 0)
        d_.draft_tokens = node->integer;
    } catch (const InputError&) {
      problems_.push_back(problem_of(g.flag, in_quotes(g.value), "a JSON object with a method"));
      return;
    }
    if (method == "ngram" || method == "suffix") return ignore(g);
    if (method == "draft_model" && !own.model.empty()) {
      d_.draft = own;
    } else if (method == "mtp" || method.ends_with("_mtp")) {
      draft(g);
    } else {
      refuse(g, "draft_model with its model, and mtp, are followed; another draft model is not");
    }
  }

  void draft(const Given& g) {
    if (model_.mtp.modules == 0)
      refuse(g, model_.id + " has no multi-token-prediction module");
    else
      d_.load_mtp = true;
  }

  // Adapter slots and the rank room is made for; `slots` and `rank` are the engine's defaults.
  void read_adapters(Count slots, Count rank) {
    if (given(EngineSetting::Lora) == nullptr) return;
    AdapterSpec adapter;
    adapter.slots = count(EngineSetting::LoraSlots).value_or(slots);
    adapter.rank = count(EngineSetting::LoraRank).value_or(rank);
    adapter.fully_sharded = given(EngineSetting::LoraSharded) != nullptr;
    if (const Given* g = given(EngineSetting::LoraFormat); g != nullptr && g->value != "auto") {
      if (formats_.find(lower_case(g->value)) == nullptr) return refuse(*g, "auto, float16 or bfloat16");
      adapter.format = formats_.find(lower_case(g->value))->id;
    }
    if (const Given* g = given(EngineSetting::LoraModules)) read_modules(*g, adapter);
    d_.adapter = adapter;
  }

  void read_modules(const Given& g, AdapterSpec& adapter) {
    for (std::size_t begin = 0; begin < g.value.size();) {
      const std::size_t end = std::min(g.value.find(' ', begin), g.value.size());
      const std::string name = g.value.substr(begin, end - begin);
      const RoleSet roles = roles_of_module(name);
      if (roles.none()) problems_.push_back(problem_of(g.flag, in_quotes(name), "module names such as q_proj"));
      adapter.targets |= roles;
      adapter.modules.push_back(name);
      begin = end + 1;
    }
  }

  void read_sglang() {
    read_common();
    read_exchange({{"none", DispatchKind::AllGather}, {"deepep", DispatchKind::DeepEp}});
    read_deepep_mode();
    d_.redundant = count(EngineSetting::RedundantExperts, 0);
    const Count ranks = count(EngineSetting::Tp).value_or(1);
    const Count dp = count(EngineSetting::Dp).value_or(1);
    const bool attention = given(EngineSetting::AttentionDp) != nullptr;
    if (attention && ranks % dp != 0) {
      problems_.push_back(problem_of("--dp-size", std::to_string(dp), fmt::format("a divisor of --tp-size {}", ranks)));
      return;
    }
    d_.tp = attention ? ranks / dp : ranks;
    if (attention) d_.dp = dp;
    if (!attention) d_.replicas = dp;
    if (attention && d_.chunk_tokens) d_.chunk_tokens = std::max<Count>(1, *d_.chunk_tokens / dp);  // of all ranks
    d_.pp = count(EngineSetting::Pp).value_or(1);
    cut_experts(ranks, count(EngineSetting::Ep).value_or(1), "--ep-size");
    if (const Given* g = given(EngineSetting::DenseTp)) {
      if (g->value != "1" || *d_.tp != 1)
        refuse(*g, "only 1, with as many data-parallel ranks as --tp-size");
      else
        d_.dense = Spread::Attention;
    }
    if (given(EngineSetting::DpHead) != nullptr) d_.head = Spread::Attention;
    d_.graph_sequences = count(EngineSetting::Graph);
    if (const std::optional<Count> n = count(EngineSetting::Sequences)) {
      d_.sequences = n;
      d_.admitted = ceil_div(*n, d_.dp.value_or(1));
    }
    read_sglang_draft();
    constexpr Count kSlots = 8;  // server_args.py, max_loras_per_batch; the rank is that of the adapters
    read_adapters(kSlots, 0);
  }

  // One of DeepEP's ways for prompts and answers alike; "auto" is both.
  void read_deepep_mode() {
    const Given* g = given(EngineSetting::ExchangeMode);
    if (g == nullptr || g->value == "auto") return;
    if (g->value != "normal" && g->value != "low_latency")
      problems_.push_back(problem_of(g->flag, in_quotes(g->value), "auto, normal or low_latency"));
    else if (d_.exchange == DispatchKind::DeepEp)
      d_.exchange = g->value == "normal" ? DispatchKind::DeepEpNormal : DispatchKind::DeepEpLowLatency;
  }

  void read_sglang_draft() {
    const Given* g = given(EngineSetting::Draft);
    if (g == nullptr) return;
    if (g->value == "NGRAM") return ignore(*g);
    const Given* path = given(EngineSetting::DraftModelPath);
    if (const std::optional<Count> verified = count(EngineSetting::DraftTokens, 2)) d_.draft_tokens = *verified - 1;
    if (g->value == "STANDALONE" && path != nullptr)
      d_.draft = EngineDeployment::Draft{path->value, std::nullopt, std::nullopt};
    else if ((g->value == "EAGLE" || g->value == "NEXTN") && path == nullptr)
      draft(*g);
    else
      refuse(*g, "STANDALONE with its draft model, and the module of the model itself, are followed");
  }

  void read_trtllm() {
    read_common();
    const Count ranks = count(EngineSetting::Tp).value_or(1);
    const bool attention = given(EngineSetting::AttentionDp) != nullptr;
    d_.tp = attention ? 1 : ranks;
    d_.dp = attention ? ranks : 1;
    d_.cp = count(EngineSetting::Cp).value_or(1);
    d_.pp = count(EngineSetting::Pp).value_or(1);
    cut_experts(ranks * *d_.cp, count(EngineSetting::Ep).value_or(1), "--ep_size");
    d_.admitted = count(EngineSetting::Sequences);
    if (d_.admitted) d_.sequences = *d_.admitted * *d_.dp;
  }

  void read_llama_cpp() {
    const std::optional<Count> total = count(EngineSetting::Context, 0);
    const std::optional<Count> slots = count(EngineSetting::Slots);
    d_.chunk_tokens = count(EngineSetting::Chunk);
    if (total && *total > 0) d_.context = total;
    // Slots share one cache unless their number is named.
    if (slots && given(EngineSetting::UnifiedKv) == nullptr) {
      d_.sequences = slots;
      const Count all = d_.context.value_or(model_.max_context);
      if (all / *slots < 1)
        problems_.push_back(problem_of("-np", std::to_string(*slots), fmt::format("at most the {} tokens of -c", all)));
      else
        d_.context = all / *slots;
    }
    read_llama_cache();
    read_llama_devices();
    read_llama_host();
    read_llama_file();
    if (const Given* g = given(EngineSetting::LoraFiles))
      d_.adapter_files = 1 + static_cast<Count>(std::count(g->value.begin(), g->value.end(), ','));
    if (const Given* g = given(EngineSetting::FlashAttention)) {
      if (g->value == "off" || g->value == "0")
        d_.flash_attention = false;
      else
        ignore(*g);
    }
    read_llama_draft();
  }

  // "-md draft-Q8_0.gguf": the file says its shape, its name at most the format.
  void read_llama_draft() {
    const Given* g = given(EngineSetting::DraftModelPath);
    if (g == nullptr) return;
    const EngineDeployment::Draft draft{"", label_in(g->value), cache_format(EngineSetting::DraftKv)};
    const std::optional<std::string> values = cache_format(EngineSetting::DraftKvValues);
    if (draft.kv.value_or("fp16") != values.value_or("fp16"))
      problems_.push_back(problem_of("-ctkd, -ctvd", draft.kv.value_or("fp16") + " and " + values.value_or("fp16"),
                                     "one format for keys and values"));
    if (const Given* layers = given(EngineSetting::DraftGpuLayers);
        layers != nullptr && layers->value != "all" && layers->value != "auto" && layers->value != "99")
      refuse(*layers, "all layers go to the devices here: 99 or all");
    d_.draft_tokens = count(EngineSetting::DraftTokens);
    d_.draft = draft;
  }

  // The last part of a file's name that is a format.
  std::optional<std::string> label_in(const std::string& file) const {
    std::string name = lower_case(file);
    if (name.ends_with(".gguf")) name.resize(name.size() - 5);
    for (std::size_t i = 0; i < name.size(); ++i) {
      if (name[i] != '-' && name[i] != '.' && name[i] != ':') continue;
      const std::string tail = name.substr(i + 1);
      if (find_gguf_label(tail) != nullptr || formats_.find(tail) != nullptr) return tail;
    }
    return std::nullopt;
  }

  void read_llama_cache() {
    const std::optional<std::string> keys = cache_format(EngineSetting::Kv);
    const std::optional<std::string> values = cache_format(EngineSetting::KvValues);
    if (!keys && !values) return;
    if (keys.value_or("fp16") != values.value_or("fp16")) {
      problems_.push_back(problem_of("-ctk, -ctv", keys.value_or("fp16") + " and " + values.value_or("fp16"),
                                     "one format for keys and values"));
      return;
    }
    d_.kv = keys.value_or("fp16");
  }

  void read_llama_devices() {
    if (const Given* g = given(EngineSetting::GpuLayers); g != nullptr && g->value != "all" && g->value != "auto") {
      const std::optional<Count> layers = count(EngineSetting::GpuLayers, 0);
      if (layers && *layers < layer_count(model_)) refuse(*g, "all layers go to the devices here: 99 or all");
    }
    if (const Given* g = given(EngineSetting::SplitMode)) {
      if (g->value == "none")
        d_.pp = 1;
      else if (g->value != "layer")
        refuse(*g);
    }
    if (const Given* g = given(EngineSetting::TensorSplit)) {
      d_.placement.shares = read_shares(g->value, problem_of(g->flag, "", ""), problems_);
      if (!d_.placement.shares.empty()) d_.pp = static_cast<Count>(d_.placement.shares.size());
    }
  }

  void read_llama_host() {
    d_.host_expert_layers = count(EngineSetting::HostExperts, 0);
    if (given(EngineSetting::AllHostExperts) != nullptr) d_.host_expert_layers = layer_count(model_);
    if (overrides_.empty()) return;
    for (std::size_t i = 0; i <= overrides_.size(); ++i) {
      if (i == before_host_experts_ && d_.host_expert_layers.value_or(0) > 0)
        d_.placement.overrides.push_back(first_layers(*d_.host_expert_layers));
      if (i == overrides_.size()) break;
      const std::vector<TensorOverride> read =
          read_overrides(overrides_[i].value, problem_of(overrides_[i].flag, "", ""), problems_);
      d_.placement.overrides.insert(d_.placement.overrides.end(), read.begin(), read.end());
    }
    d_.host_expert_layers.reset();
  }

  // What llama.cpp makes of --n-cpu-moe among its overrides: one pattern per layer.
  TensorOverride first_layers(Count layers) const {
    std::string list = "0";
    for (Count l = 1; l < std::min(layers, layer_count(model_)); ++l) list += fmt::format("|{}", l);
    return {fmt::format("blk\\.({})\\.ffn_(up|down|gate|gate_up)_(ch|)exps", list), "CPU"};
  }

  // "model-Q4_K_M.gguf", "user/model:Q4_K_M": the last part that is a label.
  void read_llama_file() {
    const Given* g = given(EngineSetting::Model);
    if (g == nullptr) return;
    if (model_.stored != nullptr && model_.stored->gguf) return ignore(*g);  // its bytes are known already
    d_.weights = label_in(g->value);
    if (!d_.weights) ignore(*g);
  }

  const ModelSpec& model_;
  const FormatTable& formats_;
  EngineDeployment d_;
  std::map<EngineSetting, Given> given_;
  std::vector<Given> overrides_;                                    // --override-tensor adds up, first match first
  std::size_t before_host_experts_ = static_cast<std::size_t>(-1);  // of these, before --n-cpu-moe
  std::vector<Problem> problems_;
};

}  // namespace

std::string engine_of(std::string_view command) { return split_command(command).engine; }

EngineDeployment read_engine_flags(std::string_view command, const std::string& engine, const ModelSpec& model,
                                   const FormatTable& formats) {
  if (flag_rules(engine).empty())
    throw InputError(ErrorKind::Usage, problem_of("", "flags of " + (engine.empty() ? "no known engine" : engine),
                                                  "a command line of llama-server, vllm serve, sglang or trtllm-serve",
                                                  "begin with the program, or name the engine with --runtime"));
  return Reader(engine, model, formats).read(split_command(command));
}

PlacementOrigins placement_origins() { return {problem_of("-ts", "", ""), problem_of("-ot", "", "")}; }

void apply(const EngineDeployment& d, FitQuestion& q) {
  if (d.memory_fraction) q.memory_fraction = d.memory_fraction;
  if (d.chunk_tokens) q.chunk_tokens = *d.chunk_tokens;
  if (d.kv_block_tokens) q.kv_block_tokens = *d.kv_block_tokens;
  if (d.graph_sequences) q.graph_sequences = *d.graph_sequences;
  if (d.admitted) q.admitted = *d.admitted;
  if (d.dense) q.runtime.sharding.dense = *d.dense;
  if (d.head) q.runtime.sharding.head = *d.head;
  if (d.exchange) q.exchange = d.exchange;
  q.load_mtp = q.load_mtp || d.load_mtp;
}

}  // namespace moeplan
