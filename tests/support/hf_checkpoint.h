// SPDX-License-Identifier: Apache-2.0
// Headers of checkpoints that nobody has to download: the matrices of a model under the
// names of its family, stored as the publishers store them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/base/error.h"
#include "sim/spec/import/safetensors.h"
#include "sim/spec/matrices.h"

namespace moeplan {

// A safetensors header in the making; tensors lie one behind the other.
class HeaderText {
 public:
  void add(const std::string& name, const std::string& dtype, const std::vector<Count>& shape) {
    Count bits = bits_of_dtype(dtype);
    std::string sides;
    for (const Count side : shape) {
      bits *= side;
      sides += (sides.empty() ? "" : ",") + std::to_string(side);
    }
    text_ += (text_.empty() ? "{\"" : ",\"") + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + sides +
             "],\"data_offsets\":[" + std::to_string(end_) + "," + std::to_string(end_ + bits / 8) + "]}";
    end_ += bits / 8;
    ++tensors_;
  }
  std::string json() const { return text_.empty() ? "{}" : text_ + "}"; }
  Bytes payload() const { return Bytes(end_); }
  Count tensors() const { return tensors_; }
  TensorList list() const { return read_safetensors_header(json(), "model.safetensors", payload()); }

 private:
  std::string text_;
  Count end_ = 0;
  Count tensors_ = 0;
};

// Names of a family's modules below "model.layers.N.".
struct FamilyNames {
  std::string layers = "model.layers.";
  std::string attention = "self_attn.";
  std::string dense = "mlp.";
  std::string router = "mlp.gate";
  std::string experts = "mlp.experts.";
  std::string shared = "mlp.shared_experts.";
  std::string gate = "gate_proj", up = "up_proj", down = "down_proj";
};

inline FamilyNames mixtral_names() {
  FamilyNames names;
  names.router = "block_sparse_moe.gate";
  names.experts = "block_sparse_moe.experts.";
  names.gate = "w1";
  names.up = "w3";
  names.down = "w2";
  return names;
}

// Stores one rows x cols matrix under a module's name.
using StoreMatrix = std::function<void(HeaderText&, const std::string& module, Count rows, Count cols)>;

inline void store_bf16(HeaderText& out, const std::string& module, Count rows, Count cols) {
  out.add(module + ".weight", "BF16", {rows, cols});
}

// DeepSeek: 128 x 128 tiles.
inline void store_fp8_block(HeaderText& out, const std::string& module, Count rows, Count cols) {
  out.add(module + ".weight", "F8_E4M3", {rows, cols});
  out.add(module + ".weight_scale_inv", "F32", {ceil_div(rows, 128), ceil_div(cols, 128)});
}

// compressed-tensors pack-quantized, symmetric: eight values in an I32 along the row.
inline StoreMatrix store_packed_int4(Count group) {
  return [group](HeaderText& out, const std::string& module, Count rows, Count cols) {
    out.add(module + ".weight_packed", "I32", {rows, cols / 8});
    out.add(module + ".weight_scale", "BF16", {rows, cols / group});
    out.add(module + ".weight_shape", "I32", {2});
  };
}

// GPTQ: packed along the input, zero points along the output, a group index per input.
inline StoreMatrix store_gptq(Count bits, Count group) {
  return [bits, group](HeaderText& out, const std::string& module, Count rows, Count cols) {
    out.add(module + ".qweight", "I32", {cols * bits / 32, rows});
    out.add(module + ".qzeros", "I32", {cols / group, rows * bits / 32});
    out.add(module + ".scales", "F16", {cols / group, rows});
    out.add(module + ".g_idx", "I32", {cols});
  };
}

// AWQ: packed along the output.
inline StoreMatrix store_awq(Count group) {
  return [group](HeaderText& out, const std::string& module, Count rows, Count cols) {
    out.add(module + ".qweight", "I32", {cols, rows / 8});
    out.add(module + ".qzeros", "I32", {cols / group, rows / 8});
    out.add(module + ".scales", "F16", {cols / group, rows});
  };
}

// NVIDIA ModelOpt: two 4-bit values in a byte, a scale per 16, two per tensor.
inline void store_nvfp4(HeaderText& out, const std::string& module, Count rows, Count cols) {
  out.add(module + ".weight", "U8", {rows, cols / 2});
  out.add(module + ".weight_scale", "F8_E4M3", {rows, cols / 16});
  out.add(module + ".weight_scale_2", "F32", {});
  out.add(module + ".input_scale", "F32", {});
}

inline StoreMatrix store_mlx(Count bits, Count group) {
  return [bits, group](HeaderText& out, const std::string& module, Count rows, Count cols) {
    out.add(module + ".weight", "U32", {rows, cols * bits / 32});
    out.add(module + ".scales", "BF16", {rows, cols / group});
    out.add(module + ".biases", "BF16", {rows, cols / group});
  };
}

// bitsandbytes NF4 with double quantisation: flat, an absmax byte per 64 values.
inline void store_nf4(HeaderText& out, const std::string& module, Count rows, Count cols) {
  const Count blocks = ceil_div(rows * cols, 64);
  out.add(module + ".weight", "U8", {rows * cols / 2, 1});
  out.add(module + ".weight.absmax", "U8", {blocks});
  out.add(module + ".weight.quant_map", "F32", {16});
  out.add(module + ".weight.nested_absmax", "F32", {ceil_div(blocks, 256)});
  out.add(module + ".weight.nested_quant_map", "F32", {256});
  out.add(module + ".weight.quant_state.bitsandbytes__nf4", "U8", {80});
}

// Writes the transformers names of softmax and latent attention, dense and MoE layers.
class CheckpointWriter {
 public:
  CheckpointWriter(const ModelSpec& model, FamilyNames names, StoreMatrix quantised, bool attention_too)
      : model_(model), names_(std::move(names)), quantised_(std::move(quantised)), attention_too_(attention_too) {}

  HeaderText write() {
    out_.add("model.embed_tokens.weight", "BF16", {model_.vocab, model_.hidden});
    const std::vector<LayerShape> layers = expand_layers(model_, Stack::Decoder);
    Count number = 0;
    for (const LayerShape& layer : layers) write_layer(number++, layer);
    for (Count i = 0; i < model_.mtp.modules; ++i) {
      const std::string at = names_.layers + std::to_string(number) + ".";
      write_layer(number++, model_.mtp.shape);
      out_.add(at + "enorm.weight", "BF16", {model_.hidden});
      out_.add(at + "hnorm.weight", "BF16", {model_.hidden});
      out_.add(at + "eh_proj.weight", "BF16", {model_.hidden, 2 * model_.hidden});
      out_.add(at + "shared_head.norm.weight", "BF16", {model_.hidden});
      if (model_.mtp.in_file_copies == 0) continue;
      out_.add(at + "embed_tokens.weight", "BF16", {model_.vocab, model_.hidden});
      out_.add(at + "shared_head.head.weight", "BF16", {model_.vocab, model_.hidden});
    }
    out_.add("model.norm.weight", "BF16", {model_.hidden});
    if (!model_.tied_embeddings) out_.add("lm_head.weight", "BF16", {model_.vocab, model_.hidden});
    return out_;
  }

 private:
  void write_layer(Count number, const LayerShape& layer) {
    const std::string at = names_.layers + std::to_string(number) + ".";
    Count norms = 0;
    for (const BlockIndex b : layer)
      for (const Matrix& m : matrices_of(model_.blocks[b], model_)) {
        if (m.role == MatrixRole::Norm)
          out_.add(at + (norms++ == 0 ? "input_layernorm.weight" : "post_attention_layernorm.weight"), "BF16",
                   {m.rows});
        else
          write(at, m);
      }
  }

  void write(const std::string& at, const Matrix& m) {
    using R = MatrixRole;
    const auto plain = [&](const std::string& name) { store_bf16(out_, at + name, m.rows, m.cols); };
    const auto vector = [&](const std::string& name) { out_.add(at + name, m.f32 ? "F32" : "BF16", {m.rows}); };
    const auto attention = [&](const std::string& name) {
      (attention_too_ ? quantised_ : store_bf16)(out_, at + names_.attention + name, m.rows, m.cols);
    };
    const auto experts = [&](const std::string& leaf) {
      for (Count e = 0; e < m.copies; ++e)
        quantised_(out_, at + names_.experts + std::to_string(e) + "." + leaf, m.rows, m.cols);
    };
    switch (m.role) {
      case R::Q: return attention("q_proj");
      case R::K: return attention("k_proj");
      case R::V: return attention("v_proj");
      case R::O: return attention("o_proj");
      case R::QA: return attention("q_a_proj");
      case R::QB: return attention("q_b_proj");
      case R::KvA: return attention("kv_a_proj_with_mqa");
      case R::KvB: return attention("kv_b_proj");
      case R::QNorm: return vector(names_.attention + "q_norm.weight");
      case R::KNorm: return vector(names_.attention + "k_norm.weight");
      case R::QANorm: return vector(names_.attention + "q_a_layernorm.weight");
      case R::KvANorm: return vector(names_.attention + "kv_a_layernorm.weight");
      case R::FfnGate: return quantised_dense(at + names_.dense + names_.gate, m);
      case R::FfnUp: return quantised_dense(at + names_.dense + names_.up, m);
      case R::FfnDown: return quantised_dense(at + names_.dense + names_.down, m);
      case R::SharedGate: return quantised_dense(at + names_.shared + names_.gate, m);
      case R::SharedUp: return quantised_dense(at + names_.shared + names_.up, m);
      case R::SharedDown: return quantised_dense(at + names_.shared + names_.down, m);
      case R::ExpertGate: return experts(names_.gate);
      case R::ExpertUp: return experts(names_.up);
      case R::ExpertDown: return experts(names_.down);
      case R::Router: return plain(names_.router);
      case R::CorrectionBias: return vector(names_.router + ".e_score_correction_bias");
      default: CHECK(false);
    }
  }

  void quantised_dense(const std::string& module, const Matrix& m) {
    (attention_too_ ? quantised_ : store_bf16)(out_, module, m.rows, m.cols);
  }

  const ModelSpec& model_;
  FamilyNames names_;
  StoreMatrix quantised_;
  bool attention_too_;  // and dense and shared matrices; else only routed experts
  HeaderText out_;
};

inline HeaderText checkpoint_of_model(const ModelSpec& model, const FamilyNames& names, const StoreMatrix& quantised,
                                      bool attention_too) {
  return CheckpointWriter(model, names, quantised, attention_too).write();
}

// gpt-oss: all experts of a layer in one tensor, blocks of 16 bytes (32 values) and a
// scale each; biases everywhere.
inline HeaderText gpt_oss_checkpoint(const ModelSpec& model) {
  HeaderText out;
  out.add("model.embed_tokens.weight", "BF16", {model.vocab, model.hidden});
  Count number = 0;
  for (const LayerShape& layer : expand_layers(model, Stack::Decoder)) {
    const std::string at = "model.layers." + std::to_string(number++) + ".";
    const auto& a = std::get<SoftmaxAttention>(model.blocks[layer[0]].kind);
    const auto& f = std::get<MoeFfn>(model.blocks[layer[1]].kind);
    const Count h = model.hidden;
    const auto linear = [&](const std::string& name, Count rows, Count cols) {
      out.add(at + name + ".weight", "BF16", {rows, cols});
      out.add(at + name + ".bias", "BF16", {rows});
    };
    linear("self_attn.q_proj", a.heads * a.head_dim, h);
    linear("self_attn.k_proj", a.kv_heads * a.head_dim, h);
    linear("self_attn.v_proj", a.kv_heads * a.head_dim, h);
    linear("self_attn.o_proj", h, a.heads * a.head_dim);
    out.add(at + "self_attn.sinks", "BF16", {a.heads});
    linear("mlp.router", f.experts, h);
    const auto experts = [&](const std::string& name, Count rows, Count cols) {
      out.add(at + "mlp.experts." + name + "_blocks", "U8", {f.experts, rows, cols / 32, 16});
      out.add(at + "mlp.experts." + name + "_scales", "U8", {f.experts, rows, cols / 32});
      out.add(at + "mlp.experts." + name + "_bias", "BF16", {f.experts, rows});
    };
    experts("gate_up_proj", 2 * f.width, h);
    experts("down_proj", h, f.width);
    out.add(at + "input_layernorm.weight", "BF16", {h});
    out.add(at + "post_attention_layernorm.weight", "BF16", {h});
  }
  out.add("model.norm.weight", "BF16", {model.hidden});
  out.add("lm_head.weight", "BF16", {model.vocab, model.hidden});
  return out;
}

}  // namespace moeplan
