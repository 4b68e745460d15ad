// SPDX-License-Identifier: Apache-2.0
// Runtime documents (schema: hw_profiles/README.md).
#include <array>

#include "sim/base/json.h"
#include "sim/base/unit_text.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

constexpr CountRange kTokens{0, Count{1} << 30};
constexpr CountRange kPositive{1, Count{1} << 30};

constexpr std::array<std::string_view, 3> kFormatsWords = {"any", "gguf", "tensors"};

// Indexed by DispatchKind.
constexpr std::array<std::string_view, 2> kDispatchWords = {"all_gather", "deep_ep_low_latency"};

LayoutRules read_layouts(ObjectReader reader) {
  LayoutRules rules;
  rules.tensor_parallel = reader.flag("tensor_parallel");
  rules.data_parallel_attention = reader.flag("data_parallel_attention");
  rules.expert_parallel = reader.flag("expert_parallel");
  rules.pipeline_parallel = reader.flag("pipeline_parallel");
  rules.expert_tensor_mix = reader.flag("expert_tensor_mix");
  rules.uneven_experts = reader.flag("uneven_experts");
  reader.finish();
  return rules;
}

void read_reserve(ObjectReader reader, RuntimeSpec& runtime) {
  runtime.reserve_fixed = reader.bytes("fixed");
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

void read_kv(ObjectReader reader, RuntimeSpec& runtime) {
  runtime.kv_block_tokens = reader.count("block_tokens", kPositive);
  runtime.window_slack_tokens = reader.count("window_slack_tokens", kTokens);
  runtime.default_kv = reader.text("default_format");
  reader.finish();
}

// [{"min_memory": "70 GiB", "sequences": 1024}, ...]
std::vector<SequenceDefault> read_max_sequences(ObjectReader& reader) {
  std::vector<SequenceDefault> tiers;
  const JsonNode* node = reader.node("max_sequences");
  if (node == nullptr) return tiers;
  if (node->kind != JsonKind::Array) {
    reader.complain("max_sequences", "an array of tiers {min_memory, sequences}");
    return tiers;
  }
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    ObjectReader item(node->items[i], reader.path_of("max_sequences") + "/" + std::to_string(i), reader.complaints());
    tiers.push_back({item.bytes("min_memory"), item.count("sequences", kPositive)});
    item.finish();
  }
  return tiers;
}

void read_admission(ObjectReader reader, RuntimeSpec& runtime) {
  runtime.max_sequences = read_max_sequences(reader);
  runtime.chunk_tokens = reader.count("chunk_tokens", kTokens);
  runtime.small_chunk_tokens = reader.count_or("small_chunk_tokens", kTokens, 0);
  runtime.chunk_memory = reader.bytes_or("chunk_memory", Bytes(0));
  runtime.small_devices = reader.texts_or_empty("small_devices");
  reader.finish();
}

void read_sampler(ObjectReader reader, RuntimeSpec& runtime) {
  runtime.sampler_bytes = reader.real("bytes_per_logit", 0.0, 1000.0);
  runtime.logits_for_chunk = reader.flag_or("logits_for_chunk", false);
  runtime.sampler_source = reader.text("source");
  reader.finish();
}

void read_activations(ObjectReader reader, RuntimeSpec& runtime) {
  runtime.activation_bytes = reader.count("bytes_per_element", {1, 16});
  runtime.activation_band = reader.real("band", 0.0, 1.0);
  runtime.mla_workspace_tokens = reader.count_or("mla_workspace_tokens", kTokens, 0);
  reader.finish();
}

void read_dispatch(ObjectReader reader, RuntimeSpec& runtime) {
  runtime.dispatch = static_cast<DispatchKind>(reader.choice("kind", {kDispatchWords.begin(), kDispatchWords.end()}));
  runtime.dispatch_tokens = reader.count("tokens", kPositive);
  reader.finish();
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

void write_tiers(JsonWriter& out, const std::vector<SequenceDefault>& tiers) {
  out.key("max_sequences").begin_array();
  for (const SequenceDefault& tier : tiers) {
    out.compact(true).begin_object().member("min_memory", to_text(tier.min_memory));
    out.member("sequences", tier.sequences).end_object().compact(false);
  }
  out.end_array();
}

}  // namespace

RuntimeSpec read_runtime(std::string text, const std::string& file) {
  const JsonDocument document = parse_json(std::move(text), file);
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
  read_reserve(reader.object("reserve"), runtime);
  read_context(reader.object("context"), runtime);
  read_kv(reader.object("kv"), runtime);
  read_admission(reader.object("admission"), runtime);
  read_sampler(reader.object("sampler"), runtime);
  read_activations(reader.object("activations"), runtime);
  read_dispatch(reader.object("dispatch"), runtime);
  runtime.padding = read_padding(reader);
  runtime.vocab_multiple = reader.count_or("vocab_multiple", kPositive, 1);
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
  out.member("uneven_experts", rules.uneven_experts).end_object();
  out.key("reserve").begin_object();
  out.member("fixed", to_text(runtime.reserve_fixed)).member("fraction", runtime.reserve_fraction);
  out.member("source", runtime.reserve_source).end_object();
  out.key("context").begin_object();
  out.member("single", to_text(runtime.context_bytes));
  out.member("added_when_several", to_text(runtime.context_bytes_multi));
  out.member("band", runtime.context_band).member("source", runtime.context_source).end_object();
  out.key("kv").begin_object();
  out.member("block_tokens", runtime.kv_block_tokens).member("window_slack_tokens", runtime.window_slack_tokens);
  out.member("default_format", runtime.default_kv).end_object();
  out.key("admission").begin_object();
  if (!runtime.max_sequences.empty()) write_tiers(out, runtime.max_sequences);
  out.member("chunk_tokens", runtime.chunk_tokens);
  out.member("small_chunk_tokens", runtime.small_chunk_tokens);
  out.member("chunk_memory", to_text(runtime.chunk_memory));
  write_texts(out, "small_devices", runtime.small_devices);
  out.end_object();
  out.key("sampler").begin_object();
  out.member("bytes_per_logit", runtime.sampler_bytes).member("logits_for_chunk", runtime.logits_for_chunk);
  out.member("source", runtime.sampler_source).end_object();
  out.key("activations").begin_object();
  out.member("bytes_per_element", runtime.activation_bytes).member("band", runtime.activation_band);
  if (runtime.mla_workspace_tokens != 0) out.member("mla_workspace_tokens", runtime.mla_workspace_tokens);
  out.end_object();
  out.key("dispatch").begin_object();
  out.member("kind", kDispatchWords[static_cast<std::size_t>(runtime.dispatch)]);
  out.member("tokens", runtime.dispatch_tokens).end_object();
  if (!runtime.padding.empty()) {
    out.key("padding").begin_array();
    for (const PaddingRule& rule : runtime.padding) {
      out.begin_object().member("format", rule.format).member("multiple", rule.multiple);
      out.member("source", rule.source).end_object();
    }
    out.end_array();
  }
  out.member("vocab_multiple", runtime.vocab_multiple);
  if (runtime.formats != "any") out.member("formats", runtime.formats);
  if (runtime.input_table_on_host) out.member("input_table_on_host", true);
  out.member("host_offload", runtime.host_offload);
  out.member("vision_resident", runtime.vision_resident);
  if (!runtime.note.empty()) out.member("note", runtime.note);
  out.end_object();
  return out.take();
}

}  // namespace moeplan
