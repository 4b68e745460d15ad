// SPDX-License-Identifier: Apache-2.0
// Headers against a config: what disagrees is named, what is unknown is kept and said.
#include "sim/spec/import/hf_stored.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/base/error.h"
#include "tests/support/hf_checkpoint.h"

namespace moeplan {
namespace {

// Two layers, four experts.
ModelSpec small_model() {
  ModelSpec m;
  m.id = m.name = "small";
  m.hidden = 64;
  m.vocab = 100;
  m.max_context = 128;
  m.blocks = {{"attention", 1, SoftmaxAttention{.heads = 4, .kv_heads = 2, .head_dim = 16, .value_dim = 16}},
              {"moe", 1, MoeFfn{.experts = 4, .top_k = 2, .width = 32}}};
  m.runs = {{Stack::Decoder, 2, {{0, 1}}}};
  return m;
}

HeaderText small_header(const ModelSpec& model) {
  return checkpoint_of_model(model, mixtral_names(), store_bf16, true);
}

std::string error_of(const ModelSpec& model, const std::string& json) {
  const TensorList list = read_safetensors_header(json, "small.safetensors");
  try {
    static_cast<void>(stored_weights_of(list, &model, "small.safetensors"));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

// With one more tensor.
std::string with(const HeaderText& header, const std::string& name, const std::string& dtype,
                 const std::vector<Count>& shape) {
  HeaderText copy = header;
  copy.add(name, dtype, shape);
  return copy.json();
}

std::string renamed(std::string json, const std::string& from, const std::string& to) {
  const std::size_t at = json.find("\"" + from + "\"");
  EXPECT_NE(at, std::string::npos) << from;
  return json.replace(at, from.size() + 2, "\"" + to + "\"");
}

const StoredEntry* find(const StoredWeights& stored, Count layer, MatrixRole role) {
  for (const StoredEntry& e : stored.entries)
    if (e.layer == layer && e.role == role) return &e;
  return nullptr;
}

TEST(StoredTensors, AreSummedByLayerAndRole) {
  const ModelSpec model = small_model();
  const StoredWeights stored = stored_weights_of(small_header(model).list(), &model, "small.safetensors");
  const StoredEntry* up = find(stored, 1, MatrixRole::ExpertUp);
  ASSERT_NE(up, nullptr);
  EXPECT_EQ(up->elements, 4 * 32 * 64);
  EXPECT_EQ(up->bytes, Bytes(4 * 32 * 64 * 2));
  EXPECT_EQ(up->tensors, 4);
  EXPECT_EQ(up->format, "bf16");
  EXPECT_EQ(find(stored, -1, MatrixRole::Embedding)->bytes, Bytes(100 * 64 * 2));
  // Both norms of a layer are one entry.
  EXPECT_EQ(find(stored, 0, MatrixRole::Norm)->bytes, Bytes(2 * 64 * 2));
}

TEST(StoredTensors, AFusedTensorDividesLikeItsMatrices) {
  const ModelSpec model = small_model();
  HeaderText header;
  for (const char* layer : {"model.layers.0.", "model.layers.1."}) {
    const std::string at = layer;
    header.add(at + "self_attn.qkv_proj.weight", "BF16", {(4 + 2 + 2) * 16, 64});
    header.add(at + "self_attn.o_proj.weight", "BF16", {64, 64});
    header.add(at + "mlp.gate.weight", "BF16", {4, 64});
    header.add(at + "mlp.experts.gate_up_proj", "BF16", {4, 64, 2 * 32});
    header.add(at + "mlp.experts.down_proj", "BF16", {4, 32, 64});
  }
  header.add("model.embed_tokens.weight", "BF16", {100, 64});
  header.add("lm_head.weight", "BF16", {100, 64});
  const StoredWeights stored = stored_weights_of(header.list(), &model, "small.safetensors");
  EXPECT_EQ(find(stored, 0, MatrixRole::Q)->bytes, Bytes(4 * 16 * 64 * 2));
  EXPECT_EQ(find(stored, 0, MatrixRole::V)->bytes, Bytes(2 * 16 * 64 * 2));
  EXPECT_EQ(find(stored, 1, MatrixRole::ExpertGate)->elements, 4 * 32 * 64);
}

TEST(StoredTensors, AnotherShapeIsAComplaintWithBoth) {
  ModelSpec model = small_model();
  const std::string json = small_header(model).json();
  std::get<MoeFfn>(model.blocks[1].kind).width = 48;
  const std::string error = error_of(model, json);
  EXPECT_NE(error.find("model.layers.0.block_sparse_moe.experts.0.w1.weight: found 4 of [32, 64] BF16, expected 4 "
                       "experts of 48 x 64 for expert_gate by the config"),
            std::string::npos)
      << error;
}

// 64 x 64 values are 4096 both ways: the sides tell.
TEST(StoredTensors, AsManyValuesOfOtherSidesAreAComplaint) {
  ModelSpec model = small_model();
  HeaderText header;
  std::string json = small_header(model).json();
  const std::string from = R"("model.layers.0.self_attn.o_proj.weight":{"dtype":"BF16","shape":[64,64])";
  const std::size_t at = json.find(from);
  ASSERT_NE(at, std::string::npos);
  json.replace(at, from.size(), R"("model.layers.0.self_attn.o_proj.weight":{"dtype":"BF16","shape":[32,128])");
  EXPECT_NE(error_of(model, json).find("found [32, 128] BF16, expected 64 x 64 for o"), std::string::npos);
}

TEST(StoredTensors, AMissingExpertIsCounted) {
  const ModelSpec model = small_model();
  const std::string json =
      renamed(small_header(model).json(), "model.layers.1.block_sparse_moe.experts.3.w2.weight", "other.weight");
  EXPECT_NE(error_of(model, json).find("found 3 of [64, 32] BF16, expected 4 experts of 64 x 32"), std::string::npos)
      << error_of(model, json);
}

TEST(StoredTensors, AMissingMatrixIsNamed) {
  const ModelSpec model = small_model();
  const std::string json = renamed(small_header(model).json(), "model.layers.1.self_attn.q_proj.weight", "q.weight");
  EXPECT_NE(error_of(model, json).find("layer 1: found no q, expected 64 x 64"), std::string::npos);
  const std::string headless = renamed(small_header(model).json(), "lm_head.weight", "q.weight");
  EXPECT_NE(error_of(model, headless).find("head: found nothing, expected 100 x 64"), std::string::npos);
}

TEST(StoredTensors, TheUnknownKeepsItsBytesAndIsSaid) {
  const ModelSpec model = small_model();
  const std::string json = with(small_header(model), "model.layers.1.self_attn.rotary_emb.inv_freq", "F32", {8});
  const TensorList list = read_safetensors_header(json, "small.safetensors");
  const StoredWeights stored = stored_weights_of(list, &model, "small.safetensors");
  EXPECT_EQ(stored.unplaced_tensors, 1);
  EXPECT_EQ(stored.unplaced_bytes, Bytes(32));
  EXPECT_EQ(stored.unplaced_examples,
            std::vector<std::string>{"model.layers.1.self_attn.rotary_emb.inv_freq (attention)"});
  Bytes sum;
  for (const StoredEntry& e : stored.entries) sum += e.bytes;
  EXPECT_EQ(sum, list.payload);
}

// A bias the config does not have, and a head where it ties the table.
TEST(StoredTensors, WhatTheConfigDoesNotHaveIsUnexplainedNotLost) {
  ModelSpec model = small_model();
  const HeaderText header = small_header(model);
  model.tied_embeddings = true;
  const TensorList list =
      read_safetensors_header(with(header, "model.layers.0.self_attn.q_proj.bias", "BF16", {64}), "small.safetensors");
  const StoredWeights stored = stored_weights_of(list, &model, "small.safetensors");
  EXPECT_EQ(stored.unplaced_tensors, 2);
  EXPECT_EQ(stored.unplaced_bytes, Bytes(100 * 64 * 2 + 64 * 2));
}

// Quantisers often drop it.
TEST(StoredTensors, AFileWithoutTheMtpModuleIsComplete) {
  ModelSpec model = small_model();
  const HeaderText header = small_header(model);
  model.mtp.modules = 1;
  model.mtp.shape = {0, 1};
  const StoredWeights stored = stored_weights_of(header.list(), &model, "small.safetensors");
  EXPECT_EQ(stored.payload, header.payload());
}

TEST(StoredTensors, MixedTypesAreCountedTensorByTensor) {
  const ModelSpec model = small_model();
  std::string json = small_header(model).json();
  const StoredWeights stored = stored_weights_of(
      read_safetensors_header(with(small_header(model), "model.layers.9.x.weight", "F32", {2}), "x"), &model, "x");
  EXPECT_EQ(stored.types.front().dtype, "BF16");
  EXPECT_EQ(stored.types.back().dtype, "F32");
  EXPECT_EQ(stored.types.back().bytes, Bytes(8));
}

TEST(StoredTensors, WithoutAConfigALayerWithAProjectionOfTwoStatesIsMtp) {
  ModelSpec model = small_model();
  model.mtp.modules = 1;
  model.mtp.shape = {0, 1};
  const StoredWeights stored = stored_weights_of(small_header(model).list(), nullptr, "small.safetensors");
  for (const StoredEntry& e : stored.entries) {
    if (e.layer >= 0) {
      EXPECT_EQ(e.part == Part::Mtp, e.layer == 2) << e.layer;
    }
  }
}

TEST(StoredTensors, AnIndexAloneCountsTensorsByPart) {
  const TensorList list = read_safetensors_index(
      R"({"metadata": {"total_size": 10}, "weight_map": {"model.layers.0.mlp.experts.0.w1.weight": "a",
          "model.layers.0.mlp.experts.1.w1.weight": "a", "lm_head.weight": "b"}})",
      "x");
  const StoredWeights stored = stored_weights_of(list, nullptr, "x");
  EXPECT_EQ(find(stored, 0, MatrixRole::ExpertGate)->tensors, 2);
  EXPECT_EQ(stored.tensors, 3);
}

// Nothing in a name can lead out of the tables.
TEST(StoredTensors, HostileNamesAreOnlyNames) {
  HeaderText header;
  for (const char* name : {"", ".", "*", "layers.*.x", "model.layers.5000.mlp.gate.weight", "model.layers.0.",
                           "model.layers.0.self_attn.99999.q_proj.weight", "....", "model.", "mtp.7.", "experts.*.w1",
                           "model.layers.0.mlp.experts.expert_.w1.weight", ".weight", "_bias"})
    header.add(name, "U8", {3});
  const ModelSpec model = small_model();
  EXPECT_NE(error_of(model, header.json()), "");
  const StoredWeights stored = stored_weights_of(header.list(), nullptr, "x");
  Bytes sum;
  for (const StoredEntry& e : stored.entries) sum += e.bytes;
  EXPECT_EQ(sum, header.payload());
}

}  // namespace
}  // namespace moeplan
