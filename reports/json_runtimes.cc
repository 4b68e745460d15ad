// SPDX-License-Identifier: Apache-2.0
#include "reports/runtimes.h"
#include "sim/base/json.h"

namespace moeplan {
namespace {

void write_layouts(JsonWriter& out, const LayoutRules& rules) {
  out.key("layouts").begin_object();
  out.member("tensor_parallel", rules.tensor_parallel).member("data_parallel_attention", rules.data_parallel_attention);
  out.member("expert_parallel", rules.expert_parallel).member("pipeline_parallel", rules.pipeline_parallel);
  out.member("expert_tensor_mix", rules.expert_tensor_mix).member("uneven_experts", rules.uneven_experts);
  out.end_object();
}

void write_memory(JsonWriter& out, const RuntimeSpec& r) {
  out.key("reserve").begin_object();
  out.member("fixed_bytes", r.reserve_fixed.count())
      .member("fraction", r.reserve_fraction)
      .member("source", r.reserve_source);
  out.end_object();
  out.key("context").begin_object();
  out.member("bytes", r.context_bytes.count()).member("added_when_several_bytes", r.context_bytes_multi.count());
  out.member("band", r.context_band).member("source", r.context_source).end_object();
  out.key("sampler").begin_object();
  out.member("bytes_per_logit", r.sampler_bytes)
      .member("logits_for_chunk", r.logits_for_chunk)
      .member("source", r.sampler_source);
  out.end_object();
}

void write_admission(JsonWriter& out, const RuntimeSpec& r) {
  out.key("admission").begin_object().key("max_sequences").begin_array();
  for (const SequenceDefault& tier : r.max_sequences) {
    out.compact(true).begin_object();
    out.member("min_memory_bytes", tier.min_memory.count()).member("sequences", tier.sequences);
    out.end_object().compact(false);
  }
  out.end_array().member("chunk_tokens", r.chunk_tokens).end_object();
}

void write_runtime(JsonWriter& out, const RuntimeSpec& r) {
  out.member("id", r.id)
      .member("name", r.name)
      .member("version", r.version)
      .member("as_of", r.as_of)
      .member("source", r.source);
  write_layouts(out, r.layouts);
  write_memory(out, r);
  write_admission(out, r);
  out.member("kv_block_tokens", r.kv_block_tokens).member("default_kv", r.default_kv);
  out.member("dispatch_tokens", r.dispatch_tokens).member("vocab_multiple", r.vocab_multiple);
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
