// SPDX-License-Identifier: Apache-2.0
// The GGUF file llama.cpp would make of a model under a label: names and metadata of its
// converter, types of the label's rules.
#pragma once

#include <string>
#include <variant>

#include "tests/support/gguf_writer.h"

namespace moeplan {

class GgufLike {
 public:
  struct Options {
    bool old_latent = false;   // attn_kv_b in one, before the split
    bool old_experts = false;  // a tensor per expert
    bool fused_qkv = false;
    bool mtp = false;  // also where llama.cpp's converter leaves it out
  };

  GgufLike(const ModelSpec& model, const FormatTable& formats, std::string_view label, std::string architecture,
           Options options, Count words)
      : out(formats),
        model_(model),
        formats_(formats),
        plan_(plan_weights(model, formats, label)),
        arch_(std::move(architecture)),
        options_(options) {
    write_keys(words);
    write_trunk();
    std::vector<std::size_t> next(model.blocks.size(), 0);
    Count layer = 0;
    for (const LayerShape& shape : expand_layers(model, Stack::Decoder)) {
      for (const BlockIndex b : shape) write_block(model.blocks[b], plan_.blocks[b], next[b]++, layer, shape.size());
      ++layer;
    }
    if (model.mtp.modules > 0 && (model.mtp.in_gguf || options.mtp)) write_module(layer);
  }

  GgufWriter out;

 private:
  std::string key(const char* name) const { return arch_ + "." + name; }
  void integer(const char* name, Count value) { out.integer(key(name), value); }

  void write_keys(Count words) {
    out.text("general.architecture", arch_);
    out.text("general.name", model_.name);
    out.integer("general.file_type", 15);
    integer("context_length", model_.max_context);
    integer("embedding_length", model_.hidden);
    integer("block_count", layer_count(model_) + (model_.mtp.in_gguf ? model_.mtp.modules : 0));
    if (model_.mtp.in_gguf) integer("nextn_predict_layers", model_.mtp.modules);
    if (model_.norm == NormKind::Rms)
      out.real(key("attention.layer_norm_rms_epsilon"), 1e-6F);
    else
      out.real(key("attention.layer_norm_epsilon"), 1e-5F);
    bool attention = false, experts = false, linear = false;
    for (const Block& block : model_.blocks) {
      if (const auto* a = std::get_if<SoftmaxAttention>(&block.kind); a != nullptr) {
        if (!attention) write_heads(*a);
        attention = true;
        if (a->window != 0) integer("attention.sliding_window", a->window);
      } else if (const auto* l = std::get_if<LatentAttention>(&block.kind)) {
        write_latent_keys(*l);
      } else if (const auto* m = std::get_if<MoeFfn>(&block.kind); m != nullptr && !experts) {
        experts = true;
        integer("expert_count", m->experts);
        integer("expert_used_count", m->top_k);
        integer("expert_feed_forward_length", m->width);
      } else if (const auto* s = std::get_if<LinearAttention>(&block.kind); s != nullptr && !linear) {
        linear = true;
        integer("ssm.conv_kernel", s->conv_kernel);
        integer("ssm.state_size", s->key_dim);
        integer("ssm.group_count", s->key_heads);
        integer("ssm.time_step_rank", s->value_heads);
        integer("ssm.inner_size", s->value_heads * s->value_dim);
      } else if (const auto* b = std::get_if<MambaMixer>(&block.kind)) {
        integer("ssm.conv_kernel", b->conv_kernel);
        integer("ssm.state_size", b->state);
        integer("ssm.group_count", b->groups);
        integer("ssm.time_step_rank", b->heads);
        integer("ssm.inner_size", b->heads * b->head_dim);
      }
    }
    out.words("tokenizer.ggml.tokens", words);
  }

  void write_heads(const SoftmaxAttention& a) {
    integer("attention.head_count", a.heads);
    integer("attention.head_count_kv", a.kv_heads);
    integer("attention.key_length", a.head_dim);
    integer("attention.value_length", a.value_dim);
  }

  void write_latent_keys(const LatentAttention& a) {
    integer("attention.head_count", a.heads);
    integer("attention.head_count_kv", options_.old_latent ? a.heads : 1);
    integer("attention.kv_lora_rank", a.kv_lora);
    if (a.q_lora != 0) integer("attention.q_lora_rank", a.q_lora);
    integer("attention.key_length", options_.old_latent ? a.nope_dim + a.rope_dim : a.kv_lora + a.rope_dim);
    integer("attention.value_length", options_.old_latent ? a.value_dim : a.kv_lora);
    if (options_.old_latent) return;
    integer("attention.key_length_mla", a.nope_dim + a.rope_dim);
    integer("attention.value_length_mla", a.value_dim);
  }

  void write_trunk() {
    out.tensor("token_embd.weight", {model_.hidden, model_.vocab}, format_of(plan_.embedding, 0));
    if (!model_.tied_embeddings) out.tensor("output.weight", {model_.hidden, model_.vocab}, format_of(plan_.head, 0));
    if (model_.head_bias) out.tensor("output.bias", {model_.vocab}, "fp32");
    norm("output_norm");
    for (const ExtraTensor& extra : model_.extras)
      if (extra.part == "embedding")
        out.tensor("position_embd.weight", {model_.hidden, extra.elements / model_.hidden}, "fp32");
  }

  void norm(const std::string& name) {
    out.tensor(name + ".weight", {model_.hidden}, "fp32");
    if (model_.norm == NormKind::Layer) out.tensor(name + ".bias", {model_.hidden}, "fp32");
  }

  std::string format_of(const MatrixPlan& m, std::size_t instance) const {
    std::size_t share = 0;
    for (std::size_t s = 0; m.share_count > 1 && s < m.share_count; ++s)
      if (m.shares[s].instances.test(instance)) share = s;
    return formats_[m.shares[share].format].id;
  }

  // One block as it stands in the file; where a role is absent nothing is written.
  struct Place {
    const BlockPlan& plan;
    std::size_t instance;
    std::string prefix;
  };

  const MatrixPlan* find(const Place& at, MatrixRole role) const {
    for (const MatrixPlan& m : at.plan.matrices)
      if (m.matrix.role == role) return &m;
    return nullptr;
  }

  void matrix(const Place& at, MatrixRole role, const std::string& stem) {
    const MatrixPlan* m = find(at, role);
    if (m == nullptr) return;
    const std::string format = format_of(*m, at.instance);
    const Matrix& x = m->matrix;
    if (x.copies > 1 && options_.old_experts) {
      for (Count e = 0; e < x.copies; ++e)
        out.tensor(at.prefix + stem.substr(0, stem.find("_exps")) + "." + std::to_string(e) + ".weight",
                   {x.cols, x.rows}, format);
    } else if (x.copies > 1) {
      out.tensor(at.prefix + stem + ".weight", {x.cols, x.rows, x.copies}, format);
    } else {
      out.tensor(at.prefix + stem + ".weight", {x.cols, x.rows}, format);
    }
  }
  void vector(const Place& at, MatrixRole role, const std::string& name) {
    if (const MatrixPlan* m = find(at, role)) out.tensor(at.prefix + name, {m->matrix.elements()}, "fp32");
  }

  void norms(const Place& at, Count count, std::initializer_list<const char*> names) {
    auto name = names.begin();
    for (Count i = 0; i < count; ++i) norm(at.prefix + *name++);
  }

  void write_block(const Block& block, const BlockPlan& plan, std::size_t instance, Count layer, std::size_t blocks) {
    const Place at{plan, instance, "blk." + std::to_string(layer) + "."};
    const bool alone = blocks == 1;
    if (const auto* a = std::get_if<SoftmaxAttention>(&block.kind))
      softmax(at, *a);
    else if (const auto* l = std::get_if<LatentAttention>(&block.kind))
      latent(at, *l);
    else if (const auto* s = std::get_if<LinearAttention>(&block.kind))
      linear(at, *s);
    else if (const auto* m = std::get_if<MambaMixer>(&block.kind))
      mamba(at, *m);
    else if (const auto* f = std::get_if<DenseFfn>(&block.kind))
      dense(at, *f);
    else if (const auto* e = std::get_if<MoeFfn>(&block.kind))
      moe(at, *e);
    const bool ffn = std::holds_alternative<DenseFfn>(block.kind) || std::holds_alternative<MoeFfn>(block.kind);
    if (ffn && !alone)
      norms(at, block.norms, {"ffn_norm", "post_ffw_norm"});
    else
      norms(at, block.norms, {"attn_norm", "post_attention_norm"});
  }

  void softmax(const Place& at, const SoftmaxAttention& a) {
    const Count q_rows = a.heads * a.head_dim * (a.output_gate ? 2 : 1);
    const Count kv = a.kv_heads * a.head_dim;
    const Count v = a.kv_heads * a.value_dim;
    if (options_.fused_qkv) {
      out.tensor(at.prefix + "attn_qkv.weight", {model_.hidden, q_rows + kv + v},
                 format_of(*find(at, MatrixRole::Q), at.instance));
      if (a.qkv_bias) out.tensor(at.prefix + "attn_qkv.bias", {q_rows + kv + v}, "fp32");
    } else {
      matrix(at, MatrixRole::Q, "attn_q");
      matrix(at, MatrixRole::K, "attn_k");
      matrix(at, MatrixRole::V, "attn_v");
      if (a.qkv_bias) {
        out.tensor(at.prefix + "attn_q.bias", {q_rows}, "fp32");
        out.tensor(at.prefix + "attn_k.bias", {kv}, "fp32");
        out.tensor(at.prefix + "attn_v.bias", {v}, "fp32");
      }
    }
    matrix(at, MatrixRole::O, "attn_output");
    matrix(at, MatrixRole::Gate, "attn_gate");
    if (a.out_bias) out.tensor(at.prefix + "attn_output.bias", {model_.hidden}, "fp32");
    vector(at, MatrixRole::Sinks, "attn_sinks.weight");
    vector(at, MatrixRole::QNorm, "attn_q_norm.weight");
    vector(at, MatrixRole::KNorm, "attn_k_norm.weight");
  }

  // attn_k_b is stored transposed: its rows have nope_dim values.
  void latent(const Place& at, const LatentAttention& a) {
    matrix(at, MatrixRole::QA, "attn_q_a");
    vector(at, MatrixRole::QANorm, "attn_q_a_norm.weight");
    matrix(at, MatrixRole::QB, "attn_q_b");
    matrix(at, MatrixRole::Q, "attn_q");
    matrix(at, MatrixRole::KvA, "attn_kv_a_mqa");
    vector(at, MatrixRole::KvANorm, "attn_kv_a_norm.weight");
    if (options_.old_latent) {
      matrix(at, MatrixRole::KvB, "attn_kv_b");
    } else {
      out.tensor(at.prefix + "attn_k_b.weight", {a.nope_dim, a.kv_lora, a.heads}, "q8_0");
      out.tensor(at.prefix + "attn_v_b.weight", {a.kv_lora, a.value_dim, a.heads}, "q8_0");
    }
    matrix(at, MatrixRole::O, "attn_output");
  }

  void linear(const Place& at, const LinearAttention& a) {
    const Count keys = a.key_heads * a.key_dim, values = a.value_heads * a.value_dim;
    const std::string format = format_of(*find(at, MatrixRole::LinearQkvz), at.instance);
    out.tensor(at.prefix + "attn_qkv.weight", {model_.hidden, 2 * keys + values}, format);
    out.tensor(at.prefix + "attn_gate.weight", {model_.hidden, values}, format);
    matrix(at, MatrixRole::LinearBa, "ssm_ba");
    out.tensor(at.prefix + "ssm_conv1d.weight", {a.conv_kernel, 2 * keys + values}, "fp32");
    out.tensor(at.prefix + "ssm_a", {a.value_heads}, "fp32");
    out.tensor(at.prefix + "ssm_dt.bias", {a.value_heads}, "fp32");
    vector(at, MatrixRole::LinearNorm, "ssm_norm.weight");
    matrix(at, MatrixRole::LinearOut, "ssm_out");
  }

  void mamba(const Place& at, const MambaMixer& m) {
    const Count channels = m.heads * m.head_dim + 2 * m.groups * m.state;
    matrix(at, MatrixRole::LinearQkvz, "ssm_in");
    out.tensor(at.prefix + "ssm_conv1d.weight", {m.conv_kernel, channels}, "fp32");
    if (m.conv_bias) out.tensor(at.prefix + "ssm_conv1d.bias", {channels}, "fp32");
    out.tensor(at.prefix + "ssm_a", {1, m.heads}, "fp32");
    out.tensor(at.prefix + "ssm_d", {1, m.heads}, "fp32");
    out.tensor(at.prefix + "ssm_dt.bias", {m.heads}, "fp32");
    vector(at, MatrixRole::LinearNorm, "ssm_norm.weight");
    matrix(at, MatrixRole::LinearOut, "ssm_out");
  }

  void dense(const Place& at, const DenseFfn& f) {
    matrix(at, MatrixRole::FfnGate, "ffn_gate");
    matrix(at, MatrixRole::FfnUp, "ffn_up");
    matrix(at, MatrixRole::FfnDown, "ffn_down");
    if (!f.bias) return;
    out.tensor(at.prefix + "ffn_up.bias", {f.width}, "fp32");
    out.tensor(at.prefix + "ffn_down.bias", {model_.hidden}, "fp32");
  }

  void moe(const Place& at, const MoeFfn& f) {
    matrix(at, MatrixRole::Router, "ffn_gate_inp");
    vector(at, MatrixRole::RouterBias, "ffn_gate_inp.bias");
    vector(at, MatrixRole::CorrectionBias, "exp_probs_b.bias");
    matrix(at, MatrixRole::LatentDown, "ffn_latent_down");
    matrix(at, MatrixRole::LatentUp, "ffn_latent_up");
    matrix(at, MatrixRole::ExpertGate, "ffn_gate_exps");
    matrix(at, MatrixRole::ExpertUp, "ffn_up_exps");
    matrix(at, MatrixRole::ExpertDown, "ffn_down_exps");
    if (f.expert_bias) {
      out.tensor(at.prefix + "ffn_gate_exps.bias", {f.width, f.experts}, "fp32");
      out.tensor(at.prefix + "ffn_up_exps.bias", {f.width, f.experts}, "fp32");
      out.tensor(at.prefix + "ffn_down_exps.bias", {model_.hidden, f.experts}, "fp32");
    }
    matrix(at, MatrixRole::SharedGate, "ffn_gate_shexp");
    matrix(at, MatrixRole::SharedUp, "ffn_up_shexp");
    matrix(at, MatrixRole::SharedDown, "ffn_down_shexp");
    vector(at, MatrixRole::SharedScalar, "ffn_gate_inp_shexp.weight");
  }

  void write_module(Count layer) {
    const MtpModule& mtp = model_.mtp;
    for (Count i = 0; i < mtp.modules; ++i) {
      for (std::size_t p = 0; p < mtp.shape.size(); ++p)
        write_block(model_.blocks[mtp.shape[p]], plan_.mtp_blocks[p], 0, layer + i, mtp.shape.size());
      const std::string prefix = "blk." + std::to_string(layer + i) + ".nextn.";
      out.tensor(prefix + "eh_proj.weight", {2 * model_.hidden, model_.hidden}, format_of(plan_.mtp_projection, 0));
      for (const char* name : {"enorm", "hnorm", "shared_head_norm"}) norm(prefix + name);
      if (mtp.in_file_copies == 0) continue;
      out.tensor(prefix + "embed_tokens.weight", {model_.hidden, model_.vocab}, format_of(plan_.embedding, 0));
      out.tensor(prefix + "shared_head_head.weight", {model_.hidden, model_.vocab}, format_of(plan_.head, 0));
    }
  }

  const ModelSpec& model_;
  const FormatTable& formats_;
  WeightPlan plan_;
  std::string arch_;
  Options options_;
};

inline GgufWriter gguf_like(const ModelSpec& model, const FormatTable& formats, std::string_view label,
                            const std::string& architecture, GgufLike::Options options = {}, Count words = 1000) {
  return GgufLike(model, formats, label, architecture, options, words).out;
}

}  // namespace moeplan
