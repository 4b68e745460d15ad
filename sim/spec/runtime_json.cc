// SPDX-License-Identifier: Apache-2.0
// Runtime documents (schema: hw_profiles/README.md).
#include <array>

#include <fmt/format.h>

#include "sim/base/json.h"
#include "sim/base/unit_text.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

constexpr CountRange kTokens{0, Count{1} << 30};
constexpr CountRange kPositive{1, Count{1} << 30};

constexpr std::array<std::string_view, 3> kFormatsWords = {"any", "gguf", "tensors"};

// Indexed by StageSplit, Spread and ReserveKind.
constexpr std::array<std::string_view, 5> kStageWords = {"before_last", "last", "first", "with_head", "equal"};
constexpr std::array<std::string_view, 2> kSpreadWords = {"attention", "stage"};
constexpr std::array<std::string_view, 2> kOrderWords = {"tp_dp_pp", "tp_pp_dp"};
constexpr std::array<std::string_view, 3> kReserveWords = {"total", "static", "free"};

template <class Enum, std::size_t N>
Enum choice_or_first(ObjectReader& reader, std::string_view key, const std::array<std::string_view, N>& words) {
  return static_cast<Enum>(reader.choice_or(key, {words.begin(), words.end()}, 0));
}

template <class Enum, std::size_t N>
std::string_view word(Enum value, const std::array<std::string_view, N>& words) {
  return words[static_cast<std::size_t>(value)];
}

LayoutRules read_layouts(ObjectReader reader) {
  LayoutRules rules;
  rules.tensor_parallel = reader.flag("tensor_parallel");
  rules.data_parallel_attention = reader.flag("data_parallel_attention");
  rules.expert_parallel = reader.flag("expert_parallel");
  rules.pipeline_parallel = reader.flag("pipeline_parallel");
  rules.expert_tensor_mix = reader.flag("expert_tensor_mix");
  rules.uneven_experts = reader.flag("uneven_experts");
  rules.context_parallel = reader.flag_or("context_parallel", false);
  rules.sequence_parallel = reader.flag_or("sequence_parallel", false);
  rules.partial_attention_dp = reader.flag_or("partial_attention_dp", true);
  rules.source = reader.text("source");
  reader.finish();
  return rules;
}

ShardingRules read_sharding(ObjectReader reader) {
  ShardingRules rules;
  rules.stages = static_cast<StageSplit>(reader.choice("stages", {kStageWords.begin(), kStageWords.end()}));
  rules.dense = choice_or_first<Spread>(reader, "dense", kSpreadWords);
  rules.shared = choice_or_first<Spread>(reader, "shared", kSpreadWords);
  rules.shared_whole_with_deep_ep = reader.flag_or("shared_whole_with_deep_ep", false);
  rules.head = choice_or_first<Spread>(reader, "head", kSpreadWords);
  rules.order = choice_or_first<RankOrder>(reader, "order", kOrderWords);
  rules.source = reader.text("source");
  reader.finish();
  return rules;
}

AutoReserve read_auto_reserve(ObjectReader reader) {
  AutoReserve a;
  a.fixed = reader.bytes("fixed");
  a.per_chunk_token = reader.bytes("per_chunk_token");
  a.per_rank = reader.bytes("per_rank");
  a.per_graph_sequence = reader.bytes("per_graph_sequence");
  a.per_graph_sequence_dp = reader.bytes("per_graph_sequence_dp");
  a.more_per_graph_sequence_dp = reader.bytes("more_per_graph_sequence_dp");
  a.more_from = reader.count("more_from", kTokens);
  a.per_prefill_graph = reader.bytes("per_prefill_graph");
  a.latent_prefill_graphs = reader.bytes("latent_prefill_graphs");
  a.least = reader.bytes("least");
  a.least_from = reader.bytes("least_from");
  a.draft = reader.bytes("draft");
  reader.finish();
  return a;
}

void read_reserve(ObjectReader reader, RuntimeSpec& runtime) {
  runtime.reserve = choice_or_first<ReserveKind>(reader, "kind", kReserveWords);
  runtime.reserve_fixed = reader.bytes_or("fixed", Bytes(0));
  if (runtime.reserve == ReserveKind::Static)
    runtime.auto_reserve = read_auto_reserve(reader.object("auto"));
  else
    runtime.reserve_fraction = reader.real("fraction", 0.0, 0.9);
  runtime.reserve_source = reader.text("source");
  reader.finish();
}

void read_context(ObjectReader reader, RuntimeSpec& runtime) {
  runtime.context_bytes = reader.bytes("single");
  runtime.context_bytes_multi = reader.bytes("added_when_several");
  runtime.context_band = reader.real("band", 0.0, 1.0);
  runtime.context_source = reader.text("source");
  reader.finish();
}

// [{"weights": "nvfp4", "cache": "fp8"}]
std::vector<CheckpointCache> read_checkpoint_caches(ObjectReader& reader) {
  std::vector<CheckpointCache> caches;
  const JsonNode* node = reader.node("of_checkpoints");
  if (node == nullptr) return caches;
  if (node->kind != JsonKind::Array) {
    reader.complain("of_checkpoints", "an array of {weights, cache}");
    return caches;
  }
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    ObjectReader item(node->items[i], reader.path_of("of_checkpoints") + "/" + std::to_string(i), reader.complaints());
    caches.push_back({item.text("weights"), item.text("cache")});
    item.finish();
  }
  return caches;
}

void read_kv(ObjectReader reader, RuntimeSpec& runtime) {
  runtime.kv_block_tokens = reader.count("block_tokens", kPositive);
  runtime.window_slack_tokens = reader.count("window_slack_tokens", kTokens);
  runtime.default_kv = reader.text("default_format");
  runtime.cache_formats = reader.texts_or_empty("formats");
  runtime.checkpoint_caches = read_checkpoint_caches(reader);
  runtime.kv_source = reader.text_or("source", "");
  reader.finish();
}

// [{"min_memory": "70 GiB", "sequences": 1024, "chunk_tokens": 8192}, ...]
std::vector<AdmissionTier> read_tiers(ObjectReader& reader) {
  std::vector<AdmissionTier> tiers;
  const JsonNode* node = reader.node("tiers");
  if (node == nullptr || node->kind != JsonKind::Array) {
    reader.complain("tiers", "an array of tiers {min_memory, sequences, chunk_tokens, ...}");
    return tiers;
  }
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    ObjectReader item(node->items[i], reader.path_of("tiers") + "/" + std::to_string(i), reader.complaints());
    AdmissionTier tier;
    tier.min_memory = item.bytes("min_memory");
    tier.sequences = item.count_or("sequences", kTokens, 0);
    tier.chunk_tokens = item.count_or("chunk_tokens", kTokens, 0);
    tier.context = item.count_or("context", kTokens, 0);
    tier.graph_sequences = item.count_or("graph_sequences", kTokens, 0);
    tier.graph_sequences_wide = item.count_or("graph_sequences_wide", kTokens, tier.graph_sequences);
    tier.prefill_graphs = item.count_or("prefill_graphs", kTokens, 0);
    item.finish();
    tiers.push_back(tier);
  }
  return tiers;
}

void read_admission(ObjectReader reader, RuntimeSpec& runtime) {
  runtime.tiers = read_tiers(reader);
  runtime.small_devices = reader.texts_or_empty("small_devices");
  runtime.admits_whole_length = reader.flag_or("whole_length", false);
  runtime.chunk_over_dp = reader.flag_or("chunk_over_dp", false);
  runtime.admission_source = reader.text("source");
  reader.finish();
}

void read_sampler(ObjectReader reader, RuntimeSpec& runtime) {
  runtime.sampler_bytes = reader.real("bytes_per_logit", 0.0, 1000.0);
  runtime.logits_for_limit = reader.flag_or("logits_for_limit", true);
  runtime.logits_for_chunk = reader.flag_or("logits_for_chunk", false);
  runtime.sampler_source = reader.text("source");
  reader.finish();
}

void read_activations(ObjectReader reader, RuntimeSpec& runtime) {
  runtime.activation_bytes = reader.count("bytes_per_element", {1, 16});
  runtime.activation_band = reader.real("band", 0.0, 1.0);
  runtime.flash_choice = reader.flag_or("flash_choice", false);
  runtime.mla_workspace_tokens = reader.count_or("mla_workspace_tokens", kTokens, 0);
  reader.finish();
}

std::vector<std::string> dispatch_words() {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < kDispatchKinds; ++i) words.emplace_back(word_of(static_cast<DispatchKind>(i)));
  return words;
}

void read_dispatch(ObjectReader reader, RuntimeSpec& runtime) {
  const std::vector<std::string> words = dispatch_words();
  const std::size_t kind = reader.choice("kind", words);
  runtime.dispatch = static_cast<DispatchKind>(kind);
  runtime.dispatch_rack = static_cast<DispatchKind>(reader.choice_or("rack", words, kind));
  runtime.dispatch_across = static_cast<DispatchKind>(reader.choice_or("across", words, kind));
  for (const std::string& other : reader.texts_or_empty("others")) {
    if (const std::optional<DispatchKind> known = dispatch_named(other))
      runtime.dispatch_others.push_back(*known);
    else
      reader.complain("others", fmt::format("names of ways to exchange tokens: {}", fmt::join(words, ", ")));
  }
  runtime.dispatch_source = reader.text_or("source", "");
  runtime.dispatch_tokens = reader.count("tokens", kPositive);
  reader.finish();
}

AdapterRules read_adapters(std::optional<ObjectReader> reader) {
  AdapterRules rules;
  if (!reader) return rules;
  rules.supported = true;
  rules.every_module = reader->flag_or("every_module", false);
  rules.whole_head = reader->flag_or("whole_head", false);
  rules.saves_modules = reader->flag_or("saves_modules", false);
  rules.ranks = reader->counts_or_empty("ranks", kPositive);
  rules.format = reader->text_or("format", "auto");
  rules.source = reader->text("source");
  reader->finish();
  return rules;
}

DraftRules read_drafts(std::optional<ObjectReader> reader) {
  DraftRules rules;
  if (!reader) return rules;
  rules.supported = true;
  rules.every_stage = reader->flag_or("every_stage", false);
  rules.own_buffers = reader->flag_or("own_buffers", false);
  rules.own_cache_format = reader->flag_or("own_cache_format", false);
  rules.with_attention_dp = reader->flag_or("with_attention_dp", true);
  rules.tokens = reader->count("tokens", kPositive);
  rules.vocab_slack = reader->count_or("vocab_slack", kTokens, 0);
  rules.reserve = reader->bytes_or("reserve", Bytes(0));
  rules.source = reader->text("source");
  reader->finish();
  return rules;
}

std::vector<PaddingRule> read_padding(ObjectReader& reader) {
  std::vector<PaddingRule> rules;
  const JsonNode* node = reader.node("padding");
  if (node == nullptr) return rules;
  if (node->kind != JsonKind::Array) {
    reader.complain("padding", "an array of rules {format, multiple, source}");
    return rules;
  }
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    ObjectReader item(node->items[i], reader.path_of("padding") + "/" + std::to_string(i), reader.complaints());
    rules.push_back({item.text("format"), item.count("multiple", kPositive), item.text("source")});
    item.finish();
  }
  return rules;
}

void write_texts(JsonWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  out.key(key).compact(true).begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array().compact(false);
}

std::vector<KernelRule> read_kernels(ObjectReader& reader) {
  std::vector<KernelRule> rules;
  const JsonNode* node = reader.node("kernels");
  if (node == nullptr) return rules;
  if (node->kind != JsonKind::Array) {
    reader.complain("kernels", "an array of rules {op, format, architecture, kernel, source}");
    return rules;
  }
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    ObjectReader item(node->items[i], reader.path_of("kernels") + "/" + std::to_string(i), reader.complaints());
    rules.push_back({item.text("op"), item.text_or("format", ""), item.text_or("architecture", ""), item.text("kernel"),
                     item.text("source")});
    item.finish();
  }
  return rules;
}

void write_count(JsonWriter& out, std::string_view key, Count value) {
  if (value != 0) out.member(key, value);
}

void write_admission(JsonWriter& out, const RuntimeSpec& runtime) {
  out.key("admission").begin_object().key("tiers").begin_array();
  for (const AdmissionTier& tier : runtime.tiers) {
    out.compact(true).begin_object().member("min_memory", to_text(tier.min_memory));
    write_count(out, "sequences", tier.sequences);
    write_count(out, "chunk_tokens", tier.chunk_tokens);
    write_count(out, "context", tier.context);
    write_count(out, "graph_sequences", tier.graph_sequences);
    if (tier.graph_sequences_wide != tier.graph_sequences)
      out.member("graph_sequences_wide", tier.graph_sequences_wide);
    write_count(out, "prefill_graphs", tier.prefill_graphs);
    out.end_object().compact(false);
  }
  out.end_array();
  write_texts(out, "small_devices", runtime.small_devices);
  if (runtime.admits_whole_length) out.member("whole_length", true);
  if (runtime.chunk_over_dp) out.member("chunk_over_dp", true);
  out.member("source", runtime.admission_source).end_object();
}

void write_sharding(JsonWriter& out, const ShardingRules& rules) {
  out.key("sharding").begin_object();
  out.member("stages", word(rules.stages, kStageWords)).member("dense", word(rules.dense, kSpreadWords));
  out.member("shared", word(rules.shared, kSpreadWords)).member("head", word(rules.head, kSpreadWords));
  if (rules.shared_whole_with_deep_ep) out.member("shared_whole_with_deep_ep", true);
  if (rules.order != RankOrder::TensorDataStage) out.member("order", word(rules.order, kOrderWords));
  out.member("source", rules.source).end_object();
}

void write_reserve(JsonWriter& out, const RuntimeSpec& runtime) {
  out.key("reserve").begin_object().member("kind", word(runtime.reserve, kReserveWords));
  if (runtime.reserve == ReserveKind::Total) out.member("fixed", to_text(runtime.reserve_fixed));
  if (runtime.reserve == ReserveKind::Static) {
    const AutoReserve& a = runtime.auto_reserve;
    out.key("auto").begin_object();
    out.member("fixed", to_text(a.fixed)).member("per_chunk_token", to_text(a.per_chunk_token));
    out.member("per_rank", to_text(a.per_rank)).member("per_graph_sequence", to_text(a.per_graph_sequence));
    out.member("per_graph_sequence_dp", to_text(a.per_graph_sequence_dp));
    out.member("more_per_graph_sequence_dp", to_text(a.more_per_graph_sequence_dp)).member("more_from", a.more_from);
    out.member("per_prefill_graph", to_text(a.per_prefill_graph));
    out.member("latent_prefill_graphs", to_text(a.latent_prefill_graphs));
    out.member("least", to_text(a.least)).member("least_from", to_text(a.least_from));
    out.member("draft", to_text(a.draft)).end_object();
  } else {
    out.member("fraction", runtime.reserve_fraction);
  }
  out.member("source", runtime.reserve_source).end_object();
}

void write_adapters(JsonWriter& out, const AdapterRules& rules) {
  if (!rules.supported) return;
  out.key("adapters").begin_object();
  if (rules.every_module) out.member("every_module", true);
  if (rules.whole_head) out.member("whole_head", true);
  if (rules.saves_modules) out.member("saves_modules", true);
  if (!rules.ranks.empty()) {
    out.key("ranks").compact(true).begin_array();
    for (const Count rank : rules.ranks) out.value(rank);
    out.end_array().compact(false);
  }
  out.member("format", rules.format).member("source", rules.source).end_object();
}

void write_drafts(JsonWriter& out, const DraftRules& rules) {
  if (!rules.supported) return;
  out.key("drafts").begin_object();
  if (rules.every_stage) out.member("every_stage", true);
  if (rules.own_buffers) out.member("own_buffers", true);
  if (rules.own_cache_format) out.member("own_cache_format", true);
  if (!rules.with_attention_dp) out.member("with_attention_dp", false);
  out.member("tokens", rules.tokens);
  if (rules.vocab_slack != 0) out.member("vocab_slack", rules.vocab_slack);
  if (rules.reserve != Bytes(0)) out.member("reserve", to_text(rules.reserve));
  out.member("source", rules.source).end_object();
}

void write_rules(JsonWriter& out, const RuntimeSpec& runtime) {
  write_adapters(out, runtime.adapters);
  write_drafts(out, runtime.drafts);
  if (!runtime.padding.empty()) {
    out.key("padding").begin_array();
    for (const PaddingRule& rule : runtime.padding) {
      out.begin_object().member("format", rule.format).member("multiple", rule.multiple);
      out.member("source", rule.source).end_object();
    }
    out.end_array();
  }
  if (runtime.vector_rows > 0)
    out.key("vector_products")
        .begin_object()
        .member("rows", runtime.vector_rows)
        .member("source", runtime.vector_source)
        .end_object();
  if (runtime.kernels.empty()) return;
  out.key("kernels").begin_array();
  for (const KernelRule& rule : runtime.kernels) {
    out.begin_object().member("op", rule.op);
    if (!rule.format.empty()) out.member("format", rule.format);
    if (!rule.architecture.empty()) out.member("architecture", rule.architecture);
    out.member("kernel", rule.kernel).member("source", rule.source).end_object();
  }
  out.end_array();
}

}  // namespace

RuntimeSpec read_runtime(std::string text, const std::string& file) {
  return read_runtime(parse_json(std::move(text), file));
}

RuntimeSpec read_runtime(const JsonDocument& document) {
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  RuntimeSpec runtime;
  runtime.id = reader.text("id");
  runtime.name = reader.text("name");
  runtime.aliases = reader.texts_or_empty("aliases");
  runtime.version = reader.text("version");
  runtime.as_of = reader.text("as_of");
  runtime.source = reader.text("source");
  runtime.layouts = read_layouts(reader.object("layouts"));
  runtime.sharding = read_sharding(reader.object("sharding"));
  read_reserve(reader.object("reserve"), runtime);
  read_context(reader.object("context"), runtime);
  read_kv(reader.object("kv"), runtime);
  read_admission(reader.object("admission"), runtime);
  read_sampler(reader.object("sampler"), runtime);
  read_activations(reader.object("activations"), runtime);
  read_dispatch(reader.object("dispatch"), runtime);
  runtime.adapters = read_adapters(reader.object_if_present("adapters"));
  runtime.drafts = read_drafts(reader.object_if_present("drafts"));
  runtime.padding = read_padding(reader);
  runtime.kernels = read_kernels(reader);
  if (std::optional<ObjectReader> products = reader.object_if_present("vector_products")) {
    runtime.vector_rows = products->count("rows", kPositive);
    runtime.vector_source = products->text("source");
    products->finish();
  }
  runtime.vocab_multiple = reader.count_or("vocab_multiple", kPositive, 1);
  runtime.vocab_per_rank = reader.flag_or("vocab_per_rank", false);
  runtime.command_line = reader.text_or("command_line", "");
  runtime.formats = kFormatsWords[reader.choice_or("formats", {kFormatsWords.begin(), kFormatsWords.end()}, 0)];
  runtime.input_table_on_host = reader.flag_or("input_table_on_host", false);
  runtime.host_offload = reader.flag_or("host_offload", false);
  runtime.vision_resident = reader.flag_or("vision_resident", true);
  runtime.note = reader.text_or("note", "");
  reader.finish();
  if (complaints.empty()) {
    for (const std::string& sentence : violations(runtime)) complaints.add(document.root, "", "", "", sentence);
  }
  complaints.throw_if_any();
  return runtime;
}

std::string write_runtime(const RuntimeSpec& runtime) {
  JsonWriter out;
  out.begin_object();
  out.member("id", runtime.id).member("name", runtime.name);
  write_texts(out, "aliases", runtime.aliases);
  out.member("version", runtime.version).member("as_of", runtime.as_of).member("source", runtime.source);
  const LayoutRules& rules = runtime.layouts;
  out.key("layouts").begin_object();
  out.member("tensor_parallel", rules.tensor_parallel);
  out.member("data_parallel_attention", rules.data_parallel_attention);
  out.member("expert_parallel", rules.expert_parallel);
  out.member("pipeline_parallel", rules.pipeline_parallel);
  out.member("expert_tensor_mix", rules.expert_tensor_mix);
  out.member("uneven_experts", rules.uneven_experts);
  out.member("context_parallel", rules.context_parallel);
  out.member("sequence_parallel", rules.sequence_parallel);
  out.member("partial_attention_dp", rules.partial_attention_dp).member("source", rules.source).end_object();
  write_sharding(out, runtime.sharding);
  write_reserve(out, runtime);
  out.key("context").begin_object();
  out.member("single", to_text(runtime.context_bytes));
  out.member("added_when_several", to_text(runtime.context_bytes_multi));
  out.member("band", runtime.context_band).member("source", runtime.context_source).end_object();
  out.key("kv").begin_object();
  out.member("block_tokens", runtime.kv_block_tokens).member("window_slack_tokens", runtime.window_slack_tokens);
  out.member("default_format", runtime.default_kv);
  write_texts(out, "formats", runtime.cache_formats);
  if (!runtime.checkpoint_caches.empty()) {
    out.key("of_checkpoints").begin_array();
    for (const CheckpointCache& rule : runtime.checkpoint_caches)
      out.compact(true)
          .begin_object()
          .member("weights", rule.weights)
          .member("cache", rule.cache)
          .end_object()
          .compact(false);
    out.end_array();
  }
  if (!runtime.kv_source.empty()) out.member("source", runtime.kv_source);
  out.end_object();
  write_admission(out, runtime);
  out.key("sampler").begin_object();
  out.member("bytes_per_logit", runtime.sampler_bytes).member("logits_for_limit", runtime.logits_for_limit);
  out.member("logits_for_chunk", runtime.logits_for_chunk);
  out.member("source", runtime.sampler_source).end_object();
  out.key("activations").begin_object();
  out.member("bytes_per_element", runtime.activation_bytes).member("band", runtime.activation_band);
  if (runtime.flash_choice) out.member("flash_choice", true);
  if (runtime.mla_workspace_tokens != 0) out.member("mla_workspace_tokens", runtime.mla_workspace_tokens);
  out.end_object();
  out.key("dispatch").begin_object();
  out.member("kind", word_of(runtime.dispatch));
  if (runtime.dispatch_rack != runtime.dispatch) out.member("rack", word_of(runtime.dispatch_rack));
  if (runtime.dispatch_across != runtime.dispatch) out.member("across", word_of(runtime.dispatch_across));
  if (!runtime.dispatch_others.empty()) {
    out.key("others").compact(true).begin_array();
    for (const DispatchKind kind : runtime.dispatch_others) out.value(word_of(kind));
    out.end_array().compact(false);
  }
  out.member("tokens", runtime.dispatch_tokens);
  if (!runtime.dispatch_source.empty()) out.member("source", runtime.dispatch_source);
  out.end_object();
  write_rules(out, runtime);
  out.member("vocab_multiple", runtime.vocab_multiple);
  if (runtime.vocab_per_rank) out.member("vocab_per_rank", true);
  if (!runtime.command_line.empty()) out.member("command_line", runtime.command_line);
  if (runtime.formats != "any") out.member("formats", runtime.formats);
  if (runtime.input_table_on_host) out.member("input_table_on_host", true);
  out.member("host_offload", runtime.host_offload);
  out.member("vision_resident", runtime.vision_resident);
  if (!runtime.note.empty()) out.member("note", runtime.note);
  out.end_object();
  return out.take();
}

}  // namespace moeplan
