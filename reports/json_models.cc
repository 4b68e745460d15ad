// SPDX-License-Identifier: Apache-2.0
#include "reports/models.h"
#include "reports/models_figures.h"
#include "reports/stored.h"
#include "reports/words.h"
#include "sim/base/json.h"

namespace moeplan {
namespace {

void write_parameters(JsonWriter& out, const ModelReport& report) {
  const ParameterCounts& p = report.parameters;
  out.key("parameters").begin_object();
  out.member("total", p.total).member("active", p.active);
  out.member("active_convention", active_convention(report.model));
  out.member("active_no_embedding", p.active_no_embedding);
  out.member("active_no_embedding_head", p.active_no_embedding_head);
  out.member("total_with_mtp", p.total_with_mtp);
  out.key("by_part").begin_object();
  for (std::size_t i = 0; i < p.by_part.size(); ++i) out.member(parameter_key(static_cast<Part>(i)), p.by_part[i]);
  out.end_object().end_object();
}

void write_checkpoint(JsonWriter& out, const ModelReport& report) {
  const CheckpointSize& c = report.checkpoint;
  out.key("checkpoint").begin_object();
  out.member("elements", report.parameters.checkpoint_elements).member("bytes", c.bytes.count());
  out.member("low_bytes", c.low.count()).member("high_bytes", c.high.count());
  out.member("format", report.weights == "native" ? describe_native(report.model) : report.weights);
  out.member("weights", report.weights);
  // Named as the lines of fit are.
  out.key("bytes_by_kind").begin_object();
  for (std::size_t i = 0; i < c.by_part.size(); ++i)
    if (c.by_part[i] != Bytes(0))
      out.member(ledger_kind(TensorClass::Weight, static_cast<Part>(i)), c.by_part[i].count());
  out.end_object();
  if (report.model.stored != nullptr) write_stored(out, *report.model.stored);
  out.end_object();
}

void write_cache(JsonWriter& out, const ModelReport& report, const FormatTable& formats) {
  out.key("kv_cache").begin_object();
  out.member("format", formats[report.kv_format].id);
  out.member("context_tokens", report.context).member("batch", report.batch);
  out.member("bytes_per_token", report.kv_per_token.count());
  out.member("marginal_bytes_per_token", report.kv_marginal_per_token.count());
  out.member("bytes_at_context", report.kv_at_context.count());
  out.member("state_bytes", report.state_bytes.count());
  out.key("layers").begin_array();
  for (const CacheLayer& layer : report.layers) {
    out.compact(true).begin_object();
    out.member("kind", word_of(layer.kind)).member("count", layer.count);
    out.member("bytes_per_token", layer.bytes_per_token.count());
    out.key("window");
    if (layer.window != 0)
      out.value(layer.window);
    else
      out.null();
    out.end_object().compact(false);
  }
  out.end_array().end_object();
}

void write_flops(JsonWriter& out, const FlopsPerToken& f) {
  out.key("flops_per_token").begin_object();
  out.member("weights", f.weights).member("decode_attention", f.decode_attention);
  out.member("decode_total", f.decode_total).member("prefill_attention_mean", f.prefill_attention_mean);
  out.member("prefill_mean_total", f.prefill_mean_total).end_object();
}

void write_published(JsonWriter& out, const ModelReport& report) {
  out.key("published").begin_array();
  for (const PublishedCheck& check : check_published(report)) {
    out.begin_object();
    out.member("quantity", check.published.quantity).member("value", check.published.value);
    out.member("tolerance", check.published.tolerance).member("source", check.published.source);
    out.key("ours");
    if (check.known)
      out.value(check.ours);
    else
      out.null();
    out.member("agrees", check.agrees).end_object();
  }
  out.end_array();
}

void write_summary(JsonWriter& out, const ModelSpec& model) {
  const MoeFfn moe = moe_of(model).value_or(MoeFfn{});
  out.member("id", model.id).member("name", model.name);
  out.key("aliases").compact(true).begin_array();
  for (const std::string& alias : model.aliases) out.value(alias);
  out.end_array().compact(false);
  out.member("layers", layer_count(model)).member("hidden", model.hidden).member("vocab", model.vocab);
  out.member("max_context_tokens", model.max_context).member("attention", describe_attention(model));
  out.member("experts", moe.experts).member("top_k", moe.top_k);
  out.member("basis", describe_basis(model.basis));
}

}  // namespace

std::string json_of_model(const ModelReport& report, const FormatTable& formats) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.models/1");
  write_summary(out, report.model);
  write_parameters(out, report);
  write_checkpoint(out, report);
  write_cache(out, report, formats);
  write_flops(out, report.flops);
  write_published(out, report);
  out.member("source", report.model.source).member("note", report.model.note).end_object();
  return out.take();
}

std::string json_of_models(const std::vector<ModelSpec>& models) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.models.list/1").key("models").begin_array();
  for (const ModelSpec& model : models) {
    const ParameterCounts counts = count_parameters(model);
    out.begin_object();
    write_summary(out, model);
    out.member("total_parameters", counts.total).member("active_parameters", counts.active).end_object();
  }
  out.end_array().end_object();
  return out.take();
}

}  // namespace moeplan
