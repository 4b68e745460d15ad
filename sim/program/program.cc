// SPDX-License-Identifier: Apache-2.0
#include "sim/program/program.h"

#include <array>

namespace moeplan {

namespace {

std::string_view draft_kind(TensorClass cls) {
  switch (cls) {
    case TensorClass::Weight: return "draft.weights";
    case TensorClass::Kv: return "draft.kv";
    case TensorClass::State: return "draft.state";
    case TensorClass::Activation: return "draft.activation";
    case TensorClass::Workspace: return "draft.workspace";
    case TensorClass::Comm: return "draft.comm";
    case TensorClass::Runtime: return "draft.runtime";
    case TensorClass::Padding: return "draft.padding";
    case TensorClass::Gradient:
    case TensorClass::Optimizer: break;
  }
  return "";
}

}  // namespace

std::string_view ledger_kind(TensorClass cls, Part part, Owner owner) {
  if (owner == Owner::Draft) return draft_kind(cls);
  if (owner == Owner::Adapter) return "weights.lora";
  switch (cls) {
    case TensorClass::Weight: break;
    case TensorClass::Kv: return "kv";
    case TensorClass::State: return "state";
    case TensorClass::Activation: return "activation";
    case TensorClass::Workspace: return "workspace";
    case TensorClass::Comm: return "comm";
    case TensorClass::Runtime: return "runtime";
    case TensorClass::Padding: return "padding";
    case TensorClass::Gradient: return "gradient";
    case TensorClass::Optimizer: return "optimizer";
  }
  switch (part) {
    case Part::Attention: return "weights.attention";
    case Part::Router: return "weights.router";
    case Part::Experts: return "weights.experts";
    case Part::Shared: return "weights.shared";
    case Part::Dense: return "weights.dense";
    case Part::Embedding: return "weights.embedding";
    case Part::Head: return "weights.head";
    case Part::Norm: return "weights.norm";
    case Part::Mtp: return "weights.mtp";
    case Part::Indexer: return "weights.indexer";
    case Part::Vision: return "weights.vision";
    case Part::State: return "weights.state";
  }
  return "";
}

std::string_view word_of(Place place) {
  switch (place) {
    case Place::Device: return "device";
    case Place::Host: return "host";
    case Place::Ssd: return "ssd";
  }
  return "";
}

std::string_view word_of(OpName name) {
  static constexpr std::array<std::string_view, kOpNames> kWords = {"embedding",
                                                                    "norm",
                                                                    "qkv",
                                                                    "rope",
                                                                    "attention",
                                                                    "attention out",
                                                                    "qkv latent",
                                                                    "latent norm",
                                                                    "q up",
                                                                    "kv up",
                                                                    "index q",
                                                                    "index k",
                                                                    "index weights",
                                                                    "index scores",
                                                                    "linear in",
                                                                    "convolution",
                                                                    "scan",
                                                                    "linear out",
                                                                    "gate+up",
                                                                    "activation",
                                                                    "down",
                                                                    "router",
                                                                    "top-k",
                                                                    "dispatch",
                                                                    "permute",
                                                                    "latent down",
                                                                    "expert gate+up",
                                                                    "expert activation",
                                                                    "expert down",
                                                                    "unpermute",
                                                                    "combine",
                                                                    "latent up",
                                                                    "shared gate+up",
                                                                    "shared activation",
                                                                    "shared down",
                                                                    "shared gate",
                                                                    "add",
                                                                    "all-reduce",
                                                                    "all-gather",
                                                                    "reduce-scatter",
                                                                    "stage send",
                                                                    "final norm",
                                                                    "head",
                                                                    "sampler",
                                                                    "mtp projection",
                                                                    "cross kv",
                                                                    "output gate",
                                                                    "host experts"};
  return kWords[static_cast<std::size_t>(name)];
}

std::string_view word_of(CacheKind kind) {
  static constexpr std::array<std::string_view, 7> kWords = {"none",   "full",    "window", "chunk",
                                                             "latent", "indexer", "cross"};
  return kWords[static_cast<std::size_t>(kind)];
}

std::string_view word_of(OpKind kind) {
  static constexpr std::array<std::string_view, kOpKinds> kWords = {
      "gemm", "moe", "attention", "mla", "scan", "elementwise", "gather", "collective", "copy", "host"};
  return kWords[static_cast<std::size_t>(kind)];
}

}  // namespace moeplan
