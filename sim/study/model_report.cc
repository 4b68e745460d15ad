// SPDX-License-Identifier: Apache-2.0
#include "sim/study/model_report.h"

#include "sim/ledger/ledger.h"

namespace moeplan {
namespace {

// An engine without habits: one device, no padding, no slack, MLA prefill expanded.
RuntimeSpec plain_runtime() {
  RuntimeSpec r;
  r.id = "plain";
  r.default_kv = "auto";
  r.mla_workspace_tokens = 1;
  return r;
}

bool is_attention(const Op& op) {
  return op.kind == OpKind::Attention || op.kind == OpKind::Mla || op.kind == OpKind::Scan;
}

struct SplitFlops {
  double attention = 0;
  double weights = 0;
};

SplitFlops flops_of(const Program& program, const Step& step) {
  const Binding binding = bind(program, step);
  SplitFlops split;
  for (const Op& op : program.ops())
    (is_attention(op) ? split.attention : split.weights) += work_of(op, program, binding).flops * op.repeat;
  return split;
}

void read_caches(const Program& program, ModelReport& report) {
  for (const Tensor& t : program.tensors()) {
    if (t.cls == TensorClass::State) report.state_bytes += Bytes(t.repeat * t.per_sequence);
    if (t.cls != TensorClass::Kv) continue;
    const Bytes all = Bytes(t.repeat * t.per_token);
    report.kv_per_token += all;
    if (t.window == 0) report.kv_marginal_per_token += all;
    report.kv_at_context += bytes_at(t, {.context = report.context, .sequences = report.batch}, 0);
    report.layers.push_back({t.cache, t.repeat, Bytes(t.per_token), t.window});
  }
}

}  // namespace

ModelReport report_model(const ModelSpec& model, const FormatTable& formats, const std::string& weights,
                         const std::string& kv, Count context, Count batch) {
  const ModelPlan plan = plan_model(model, formats, weights);
  const RuntimeSpec runtime = plain_runtime();
  LowerOptions options;
  options.kv_format = kv.empty() ? default_kv_format(plan, runtime) : formats.id_of(kv);
  const RankClass whole = rank_classes(plan, options.layout).front();
  const Program decode = lower(plan, runtime, options, whole, Phase::Decode);
  const Program prefill = lower(plan, runtime, options, whole, Phase::Prefill);

  ModelReport report;
  report.model = model;
  report.parameters = count_parameters(model);
  report.checkpoint = checkpoint_size(model, plan.weights, formats);
  report.weights = weights;
  report.kv_format = options.kv_format;
  report.context = context;
  report.batch = batch;
  read_caches(decode, report);

  // The decoded token is the last of the context; of an encoder alone, a token of the input.
  const SplitFlops one = is_encoder_only(model)
                             ? flops_of(prefill, {{.sequences = 1, .new_tokens = 1, .context = 0}})
                             : flops_of(decode, {{.sequences = 1, .new_tokens = 1, .context = context - 1}});
  const SplitFlops prompt = flops_of(prefill, {{.sequences = 1, .new_tokens = context, .context = 0}});
  report.flops.weights = one.weights;
  report.flops.decode_attention = one.attention;
  report.flops.decode_total = one.weights + one.attention;
  report.flops.prefill_attention_mean = prompt.attention / static_cast<double>(context);
  report.flops.prefill_mean_total = one.weights + report.flops.prefill_attention_mean;
  return report;
}

}  // namespace moeplan
