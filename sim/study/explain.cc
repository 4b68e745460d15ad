// SPDX-License-Identifier: Apache-2.0
#include "sim/study/explain.h"

#include <algorithm>

#include "sim/spec/stored.h"

namespace moeplan {
namespace {

std::string times(Count count, const std::string& noun) {
  return grouped(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string tensor_formula(const FitResult& f, const RankResult& r, const Tensor& t) {
  const std::string layers = times(t.repeat, "layer");
  switch (t.cls) {
    case TensorClass::Kv: {
      const bool cut = t.window != 0 && t.window < r.residency.context;
      const Count kept = cut ? t.window : r.residency.context;
      return layers + " x " + grouped(t.per_token) + " B x " + times(kept, "token") + (cut ? " (window)" : "") + " x " +
             times(r.residency.sequences, "sequence");
    }
    case TensorClass::State:
      return layers + " x " + grouped(t.per_sequence) + " B x " + times(r.residency.sequences, "sequence");
    case TensorClass::Activation: {
      std::string text;
      if (t.per_token != 0) text = grouped(t.per_token) + " B x " + times(r.residency.step_tokens, "step token");
      if (t.per_sequence != 0) {
        if (!text.empty()) text += " + ";
        text += grouped(t.per_sequence) + " B x " + times(r.residency.logit_rows, "logit row");
      }
      return text;
    }
    case TensorClass::Workspace:
      if (t.per_token != 0)
        return grouped(t.per_token) + " B x " +
               times(t.window != 0 ? std::min<Count>(r.residency.context, t.window) : r.residency.context, "token");
      return grouped(t.fixed) + " B by capacity";
    case TensorClass::Comm: return grouped(t.fixed) + " B by capacity";
    case TensorClass::Weight:
    case TensorClass::Padding: {
      const QuantFormat& format = f.question.formats[t.format];
      std::string text = (t.repeat == 1 ? std::string() : layers + " x ") + grouped(t.elements) + " " + format.id +
                         " weights = " + grouped(t.fixed) + " B";
      if (t.repeat > 1) text += " each";
      if (t.replicas > 1) text += ", on each of " + std::to_string(t.replicas) + " ranks";
      return text;
    }
    case TensorClass::Runtime:
    case TensorClass::Gradient:
    case TensorClass::Optimizer: break;
  }
  return grouped(t.repeat * t.fixed) + " B";
}

std::string tensor_name(const RankResult& r, const Tensor& t) {
  switch (t.cls) {
    case TensorClass::Kv: return std::string(word_of(t.cache)) + " cache";
    case TensorClass::State: return "recurrent state";
    case TensorClass::Activation: {
      const Op& op = r.program.op_array[t.first_op];
      return t.last_op == kNone ? "residual stream" : "from " + std::string(word_of(op.name));
    }
    case TensorClass::Workspace:
      if (t.role == MatrixRole::Q) return "attention scores and mask";
      return t.per_token != 0 ? "re-expanded latent" : "masked expert outputs";
    case TensorClass::Comm: return "dispatch and combine buffers";
    case TensorClass::Padding: return "padding of " + std::string(word_of(t.role));
    case TensorClass::Weight: {
      const std::string role(word_of(t.role));
      if (t.owner != Owner::Adapter || t.half == AdapterHalf::Whole) return role;
      return (t.half == AdapterHalf::A ? "A of " : "B of ") + role;
    }
    case TensorClass::Runtime: return "runtime";
    case TensorClass::Gradient: return "gradient";
    case TensorClass::Optimizer: return "optimizer";
  }
  return "";
}

// "61 layers x 70,272 B x 8,192 tokens" when one tensor makes the line, else a sum.
std::string cache_formula(const FitResult& f, const RankResult& r, const LedgerLine& line) {
  std::string text;
  for (const Tensor& t : r.program.tensors()) {
    if (!belongs(t, line)) continue;
    if (!text.empty()) text += " + ";
    text += tensor_formula(f, r, t);
  }
  return text;
}

// What the bytes of a weight line come from: a file, the published rules, or a label.
Explanation explain_weights(const FitQuestion& q, const RankResult& r, const LedgerLine& line) {
  Count elements = 0;
  for (const Tensor& t : r.program.tensors())
    if (belongs(t, line)) elements += t.elements * t.repeat;
  const std::string weights = grouped(elements) + " weights";
  if (line.owner == Owner::Draft)
    return {q.draft->weights == "native" ? "native" : "label " + q.draft->weights, weights + " of " + q.draft->model.id,
            ""};
  if (line.owner == Owner::Adapter) {
    const AdapterSpec& a = *q.adapter;
    const std::string slots = a.slots == 1 ? "" : times(a.slots, "slot") + ", ";
    return {"formula", slots + "rank " + std::to_string(a.rank) + ": " + weights, q.runtime.adapters.source};
  }
  if (q.weights != "native") return {"label " + q.weights, weights, ""};
  if (q.model.stored == nullptr) return {"native", weights, ""};
  Count tensors = 0;
  for (const StoredEntry& e : q.model.stored->entries) tensors += e.part == line.part ? e.tensors : 0;
  return {"file", weights + " in " + times(tensors, "tensor") + " of " + file_name(q.model.stored->file), ""};
}

std::string buffer_source(DispatchKind kind, const RuntimeSpec& runtime) {
  switch (kind) {
    case DispatchKind::AllGather: return runtime.source;
    case DispatchKind::DeepEpLowLatency:
    case DispatchKind::DeepEpNormal:
    case DispatchKind::DeepEp: return "deepseek-ai/DeepEP csrc/config.hpp";
    case DispatchKind::NvlinkOneSided:
    case DispatchKind::NvlinkTwoSided: return "NVIDIA/TensorRT-LLM tensorrt_llm/_torch/modules/fused_moe/communication";
  }
  return "";
}

}  // namespace

std::string grouped(Count value) {
  std::string digits = std::to_string(value < 0 ? -value : value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return value < 0 ? "-" + digits : digits;
}

Explanation explain_line(const FitResult& f, const RankResult& r, const LedgerLine& line) {
  const RuntimeSpec& runtime = f.question.runtime;
  switch (line.cls) {
    case TensorClass::Weight: return explain_weights(f.question, r, line);
    case TensorClass::Padding: return {"runtime", "kernel and vocabulary padding", runtime.source};
    case TensorClass::Kv:
    case TensorClass::State: return {"formula", cache_formula(f, r, line), ""};
    case TensorClass::Activation: {
      if (line.owner == Owner::Draft)
        return {"formula", times(r.residency.step_tokens, "step token") + " through the draft", runtime.drafts.source};
      const Op& op = r.program.op_array[r.ledger.peak_op];
      const bool sampler = op.name == OpName::Sampler;
      std::string text =
          "peak at " + std::string(word_of(op.name)) + ": " + times(r.residency.step_tokens, "step token");
      if (sampler && !runtime.logits_for_chunk) text += ", " + times(r.residency.logit_rows, "logit row");
      return {"formula", text, sampler ? runtime.sampler_source : "liveness of the step's activations"};
    }
    case TensorClass::Workspace: return {"formula", cache_formula(f, r, line), runtime.source};
    case TensorClass::Comm: {
      return {"capacity", cache_formula(f, r, line), buffer_source(exchange_of(f.question), runtime)};
    }
    case TensorClass::Runtime: return {"profile", "context of " + runtime.name, runtime.context_source};
    case TensorClass::Gradient:
    case TensorClass::Optimizer: break;
  }
  return {"formula", "", ""};
}

std::vector<ExplainedTensor> explain_tensors(const FitResult& f, const RankResult& r, const LedgerLine& line) {
  std::vector<ExplainedTensor> result;
  for (const Tensor& t : r.program.tensors()) {
    if (!belongs(t, line)) continue;
    const Bytes bytes = bytes_at(t, r.residency, r.ledger.peak_op);
    if (bytes == Bytes(0)) continue;
    result.push_back({tensor_name(r, t), bytes, tensor_formula(f, r, t)});
  }
  return result;
}

}  // namespace moeplan
