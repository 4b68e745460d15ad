// SPDX-License-Identifier: Apache-2.0
#include "sim/study/drafts.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"

namespace moeplan {
namespace {

// Each data-parallel rank drafts for its own sequences.
Layout draft_layout(const FitQuestion& q) {
  const Count tp = q.layout.tp;
  return {.tp = tp, .moe_tp = tp, .pp = q.runtime.drafts.every_stage ? q.layout.pp : 1};
}

FormatId draft_kv_format(const ModelPlan& draft, const FitQuestion& q) {
  if (!q.draft->kv.empty()) return draft.formats.id_of(q.draft->kv);
  if (q.runtime.drafts.own_cache_format || q.kv.empty()) return default_kv_format(draft, q.runtime);
  return draft.formats.id_of(q.kv);
}

// Every activation of the draft lives at an operator of its own behind the model's, so the
// two peaks never add; with buffers of its own it lives throughout, so they always do.
void add_activations(Program& p, const Program& draft, bool own_buffers) {
  const ActivationProfile profile = activation_profile(draft);
  Tensor t;
  t.cls = TensorClass::Activation;
  t.owner = Owner::Draft;
  for (std::size_t i = 0; i < profile.size; ++i) {
    const ActivationForm& form = profile.forms[i];
    if (own_buffers) {
      t.fixed = std::max<Count>(t.fixed, form.fixed);
      t.per_token = std::max<Count>(t.per_token, form.per_token);
      t.per_sequence = std::max<Count>(t.per_sequence, form.per_row);
      continue;
    }
    CHECK(p.op_count < static_cast<Count>(kMaxOps));
    Op op = draft.op_array[form.op];
    op.repeat = op.layers = 0;  // a place to live, nothing to run
    t.first_op = t.last_op = static_cast<std::uint16_t>(p.op_count);
    p.op_array[static_cast<std::size_t>(p.op_count++)] = op;
    t.fixed = form.fixed;
    t.per_token = form.per_token;
    t.per_sequence = form.per_row;
    CHECK(p.tensor_count < static_cast<Count>(kMaxTensors));
    p.tensor_array[static_cast<std::size_t>(p.tensor_count++)] = t;
  }
  if (!own_buffers) return;
  CHECK(p.tensor_count < static_cast<Count>(kMaxTensors));
  p.tensor_array[static_cast<std::size_t>(p.tensor_count++)] = t;
}

void add_draft(Program& p, const Program& draft, bool own_buffers) {
  for (const Tensor& tensor : draft.tensors()) {
    if (tensor.cls == TensorClass::Activation) continue;
    Tensor t = tensor;
    t.owner = Owner::Draft;
    CHECK(p.tensor_count < static_cast<Count>(kMaxTensors));
    p.tensor_array[static_cast<std::size_t>(p.tensor_count++)] = t;
  }
  add_activations(p, draft, own_buffers);
}

Program lower_draft(const ModelPlan& draft, const FitQuestion& q, const LowerOptions& options, Count stage) {
  const Placement by_stage;  // every stage is a class of its own
  LowerOptions d;
  d.layout = draft_layout(q);
  d.kv_format = draft_kv_format(draft, q);
  d.input_table_on_host = options.input_table_on_host;
  d.dispatch_tokens = options.dispatch_tokens;
  d.score_tokens = options.score_tokens;
  d.placement = &by_stage;
  for (const RankClass& c : rank_classes(draft, d.layout, q.runtime.sharding.stages, d.placement))
    if (c.first_stage == stage) return lower(draft, q.runtime, d, c, Phase::Prefill);
  CHECK(false);
  return {};
}

}  // namespace

ModelPlan plan_question(const FitQuestion& q, std::string_view weights) {
  ModelPlan plan = plan_model(q.model, q.formats, weights);
  if (q.draft) plan.draft = std::make_shared<const ModelPlan>(plan_model(q.draft->model, q.formats, q.draft->weights));
  return plan;
}

Program lower_question(const ModelPlan& plan, const FitQuestion& q, const LowerOptions& options, const RankClass& c) {
  Program p = lower(plan, q.runtime, options, c, Phase::Prefill);
  const DraftRules& rules = q.runtime.drafts;
  if (!q.draft || plan.draft == nullptr || (!rules.every_stage && !c.last)) return p;
  add_draft(p, lower_draft(*plan.draft, q, options, rules.every_stage ? c.first_stage : 0), rules.own_buffers);
  return p;
}

bool draft_splits_stages(const FitQuestion& q) { return q.draft && q.runtime.drafts.every_stage && q.layout.pp > 1; }

Count draft_tokens_of(const FitQuestion& q) {
  if (!q.draft) return q.draft_tokens;
  return q.draft_tokens != 0 ? q.draft_tokens : q.runtime.drafts.tokens;
}

Count step_tokens_per_sequence(const FitQuestion& q) { return draft_tokens_of(q) + 1; }

bool vocabularies_differ(const FitQuestion& q) { return q.draft && q.draft->model.vocab != q.model.vocab; }

std::vector<std::string> draft_violations(const FitQuestion& q) {
  const DraftRules& rules = q.runtime.drafts;
  if (!rules.supported) return {"how " + q.runtime.id + " runs a draft model is not in its data"};
  std::vector<std::string> out;
  const Count difference = q.draft->model.vocab - q.model.vocab;
  if (std::max(difference, -difference) > rules.vocab_slack)
    out.push_back(fmt::format(
        "{} has a vocabulary of {} and {} one of {}: a draft speaks the tokens of its model{}", q.draft->model.id,
        q.draft->model.vocab, q.model.id, q.model.vocab,
        rules.vocab_slack == 0 ? "" : fmt::format("; {} bridges {} entries", q.runtime.id, rules.vocab_slack)));
  if (q.layout.dp > 1 && !rules.with_attention_dp)
    out.push_back(q.runtime.id + " runs no draft model with data-parallel attention");
  for (const std::string& sentence : violations(draft_layout(q), q.draft->model, q.runtime))
    out.push_back("the draft: " + sentence);
  return out;
}

}  // namespace moeplan
