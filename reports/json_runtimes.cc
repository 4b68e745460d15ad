// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "reports/runtimes.h"
#include "sim/base/json.h"

namespace moeplan {
namespace {

void write_layouts(JsonWriter& out, const LayoutRules& rules) {
  out.key("layouts").begin_object();
  out.member("tensor_parallel", rules.tensor_parallel).member("data_parallel_attention", rules.data_parallel_attention);
  out.member("expert_parallel", rules.expert_parallel).member("pipeline_parallel", rules.pipeline_parallel);
  out.member("expert_tensor_mix", rules.expert_tensor_mix).member("uneven_experts", rules.uneven_experts);
  out.member("context_parallel", rules.context_parallel).member("sequence_parallel", rules.sequence_parallel);
  out.member("partial_attention_dp", rules.partial_attention_dp).member("source", rules.source);
  out.end_object();
}

void write_reserve(JsonWriter& out, const RuntimeSpec& r) {
  static constexpr std::array<std::string_view, 3> kKinds = {"total", "static", "free"};
  out.key("reserve").begin_object().member("kind", kKinds[static_cast<std::size_t>(r.reserve)]);
  out.member("fixed_bytes", r.reserve_fixed.count()).member("fraction", r.reserve_fraction);
  if (r.reserve == ReserveKind::Static) {
    const AutoReserve& a = r.auto_reserve;
    out.key("auto").begin_object().member("fixed_bytes", a.fixed.count());
    out.member("per_chunk_token_bytes", a.per_chunk_token.count()).member("per_rank_bytes", a.per_rank.count());
    out.member("per_graph_sequence_bytes", a.per_graph_sequence.count());
    out.member("per_graph_sequence_dp_bytes", a.per_graph_sequence_dp.count());
    out.member("more_per_graph_sequence_dp_bytes", a.more_per_graph_sequence_dp.count());
    out.member("more_from_sequences", a.more_from).member("per_prefill_graph_bytes", a.per_prefill_graph.count());
    out.member("latent_prefill_graphs_bytes", a.latent_prefill_graphs.count());
    out.member("least_bytes", a.least.count()).member("least_from_bytes", a.least_from.count());
    out.member("draft_bytes", a.draft.count()).end_object();
  }
  out.member("source", r.reserve_source).end_object();
}

void write_memory(JsonWriter& out, const RuntimeSpec& r) {
  write_reserve(out, r);
  out.key("context").begin_object();
  out.member("bytes", r.context_bytes.count()).member("added_when_several_bytes", r.context_bytes_multi.count());
  out.member("band", r.context_band).member("source", r.context_source).end_object();
  out.key("sampler").begin_object();
  out.member("bytes_per_logit", r.sampler_bytes).member("logits_for_limit", r.logits_for_limit);
  out.member("logits_for_chunk", r.logits_for_chunk).member("source", r.sampler_source);
  out.end_object();
}

void write_admission(JsonWriter& out, const RuntimeSpec& r) {
  out.key("admission").begin_object().key("tiers").begin_array();
  for (const AdmissionTier& tier : r.tiers) {
    out.compact(true).begin_object();
    out.member("min_memory_bytes", tier.min_memory.count()).member("sequences", tier.sequences);
    out.member("chunk_tokens", tier.chunk_tokens).member("context_tokens", tier.context);
    out.member("graph_sequences", tier.graph_sequences).member("graph_sequences_wide", tier.graph_sequences_wide);
    out.member("prefill_graphs", tier.prefill_graphs).end_object().compact(false);
  }
  out.end_array().member("source", r.admission_source).end_object();
}

void write_sharding(JsonWriter& out, const ShardingRules& rules) {
  static constexpr std::array<std::string_view, 5> kStages = {"before_last", "last", "first", "with_head", "equal"};
  const auto word = [](Spread spread) { return spread == Spread::Stage ? "stage" : "attention"; };
  out.key("sharding").begin_object().member("stages", kStages[static_cast<std::size_t>(rules.stages)]);
  out.member("dense", word(rules.dense)).member("shared", word(rules.shared)).member("head", word(rules.head));
  out.member("source", rules.source).end_object();
}

void write_kernels(JsonWriter& out, const RuntimeSpec& r) {
  out.key("kernels").begin_array();
  for (const KernelRule& rule : r.kernels) {
    out.compact(true).begin_object().member("op", rule.op).member("format", rule.format);
    out.member("architecture", rule.architecture).member("kernel", rule.kernel).member("source", rule.source);
    out.end_object().compact(false);
  }
  out.end_array();
}

// null: not supported, or not known.
void write_adapters(JsonWriter& out, const AdapterRules& rules) {
  out.key("adapters");
  if (!rules.supported) {
    out.null();
    return;
  }
  out.begin_object().member("every_module", rules.every_module).member("whole_head", rules.whole_head);
  out.member("saves_modules", rules.saves_modules).key("ranks").compact(true).begin_array();
  for (const Count rank : rules.ranks) out.value(rank);
  out.end_array().compact(false);
  out.member("format", rules.format).member("source", rules.source).end_object();
}

void write_drafts(JsonWriter& out, const DraftRules& rules) {
  out.key("drafts");
  if (!rules.supported) {
    out.null();
    return;
  }
  out.begin_object().member("every_stage", rules.every_stage).member("own_buffers", rules.own_buffers);
  out.member("own_cache_format", rules.own_cache_format).member("with_attention_dp", rules.with_attention_dp);
  out.member("tokens", rules.tokens).member("vocab_slack", rules.vocab_slack);
  out.member("reserve_bytes", rules.reserve.count()).member("source", rules.source).end_object();
}

void write_runtime(JsonWriter& out, const RuntimeSpec& r) {
  out.member("id", r.id)
      .member("name", r.name)
      .member("version", r.version)
      .member("as_of", r.as_of)
      .member("source", r.source);
  write_layouts(out, r.layouts);
  write_sharding(out, r.sharding);
  write_memory(out, r);
  write_admission(out, r);
  out.member("kv_block_tokens", r.kv_block_tokens).member("default_kv", r.default_kv);
  out.key("cache_formats").compact(true).begin_array();
  for (const std::string& format : r.cache_formats) out.value(format);
  out.end_array().compact(false);
  write_kernels(out, r);
  write_adapters(out, r.adapters);
  write_drafts(out, r.drafts);
  out.member("flash_choice", r.flash_choice);
  out.member("exchange", word_of(r.dispatch)).member("exchange_rack", word_of(r.dispatch_rack));
  out.member("exchange_across", word_of(r.dispatch_across));
  out.member("dispatch_tokens", r.dispatch_tokens).member("vocab_multiple", r.vocab_multiple);
  out.member("vocab_per_rank", r.vocab_per_rank);
  out.member("command_line", r.command_line);
  out.member("formats", r.formats).member("input_table_on_host", r.input_table_on_host);
  out.member("host_offload", r.host_offload).member("vision_resident", r.vision_resident).member("note", r.note);
}

}  // namespace

std::string json_of_runtime(const RuntimeSpec& runtime) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.runtimes/1");
  write_runtime(out, runtime);
  out.end_object();
  return out.take();
}

std::string json_of_runtimes(const std::vector<RuntimeSpec>& runtimes) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.runtimes.list/1").key("runtimes").begin_array();
  for (const RuntimeSpec& runtime : runtimes) {
    out.begin_object();
    write_runtime(out, runtime);
    out.end_object();
  }
  out.end_array().end_object();
  return out.take();
}

}  // namespace moeplan
