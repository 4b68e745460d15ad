// SPDX-License-Identifier: Apache-2.0
// Published layouts, tensor by tensor: their headers give the published sizes, and the
// same bytes by part as the rules that know no header.
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>

#include "sim/base/error.h"
#include "sim/spec/catalog.h"
#include "sim/spec/import/hf_stored.h"
#include "sim/spec/stored_plan.h"
#include "sim/spec/weights.h"
#include "tests/support/hf_checkpoint.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog embedded = Catalog::embedded();
  return embedded;
}

ModelSpec with_file(ModelSpec model, const HeaderText& header) {
  model.stored = std::make_shared<const StoredWeights>(stored_weights_of(header.list(), &model, "model.safetensors"));
  return model;
}

CheckpointSize size_of(const ModelSpec& model, const std::string& label = "native") {
  const FormatTable formats = catalog().formats();
  return checkpoint_size(model, plan_weights(model, formats, label), formats);
}

Bytes sum_of_entries(const StoredWeights& stored) {
  Bytes sum;
  for (const StoredEntry& e : stored.entries) sum += e.bytes;
  return sum;
}

Count elements_of(const StoredWeights& stored, MatrixRole role) {
  Count n = 0;
  for (const StoredEntry& e : stored.entries)
    if (e.role == role) n += e.elements;
  return n;
}

std::string format_of(const StoredWeights& stored, MatrixRole role) {
  for (const StoredEntry& e : stored.entries)
    if (e.role == role) return e.format;
  return "";
}

// The file and the published rules agree in every part, to the byte.
ModelSpec expect_same_as_rules(const ModelSpec& rules, const HeaderText& header) {
  const ModelSpec from_file = with_file(rules, header);
  EXPECT_EQ(from_file.stored->unplaced_tensors, 0) << testing::PrintToString(from_file.stored->unplaced_examples);
  EXPECT_EQ(sum_of_entries(*from_file.stored), header.payload());
  const CheckpointSize by_rules = size_of(rules);
  const CheckpointSize by_file = size_of(from_file);
  EXPECT_EQ(by_file.bytes, by_rules.bytes);
  for (std::size_t part = 0; part < kPartWords.size(); ++part)
    EXPECT_EQ(by_file.by_part[part], by_rules.by_part[part]) << kPartWords[part];
  return from_file;
}

// 61 layers x 256 experts in FP8 with a scale each, MTP layer 61 with its own tables.
TEST(SafetensorsCheckpoint, DeepSeekV3IsExactTensorByTensor) {
  const ModelSpec model = catalog().model("deepseek-v3");
  const HeaderText header = checkpoint_of_model(model, FamilyNames(), store_fp8_block, true);
  EXPECT_EQ(header.payload(), Bytes(688574839360));
  // 58 + 1 MoE layers x 256 experts x 3 matrices x (values, scales) = 90,624 of the tensors.
  EXPECT_GT(header.tensors(), 90624);
  const ModelSpec from_file = expect_same_as_rules(model, header);
  EXPECT_EQ(format_of(*from_file.stored, MatrixRole::ExpertUp), "fp8_block");
  EXPECT_EQ(format_of(*from_file.stored, MatrixRole::Router), "bf16");
  // 59 layers x 256 experts x 7168 x 2048
  EXPECT_EQ(elements_of(*from_file.stored, MatrixRole::ExpertUp), Count{59} * 256 * 7168 * 2048);
  Bytes mtp;
  for (const StoredEntry& e : from_file.stored->entries)
    if (e.layer == 61) {
      EXPECT_EQ(e.part, Part::Mtp);
      mtp += e.bytes;
    }
  EXPECT_EQ(mtp, size_of(model).by_part[static_cast<std::size_t>(Part::Mtp)]);
}

// 1,804,459,584 x 2 B + 19,110,297,600 x 4.25 bit; D10: a byte holds two values.
TEST(SafetensorsCheckpoint, GptOss20bHoldsTwoValuesInAByte) {
  const ModelSpec model = catalog().model("gpt-oss-20b");
  const HeaderText header = gpt_oss_checkpoint(model);
  EXPECT_EQ(header.payload(), Bytes(2 * Count{1804459584} + Count{19110297600} / 32 * 17));
  const ModelSpec from_file = expect_same_as_rules(model, header);
  // 24 layers x 32 experts x 2880 x 2880
  EXPECT_EQ(elements_of(*from_file.stored, MatrixRole::ExpertGate), Count{24} * 32 * 2880 * 2880);
  EXPECT_EQ(format_of(*from_file.stored, MatrixRole::ExpertGate), "mxfp4");
}

// D11: experts in one tensor for all are experts too.
TEST(SafetensorsCheckpoint, FusedExpertsAreExpertsWithoutAConfigToo) {
  const ModelSpec model = catalog().model("gpt-oss-20b");
  const StoredWeights alone = stored_weights_of(gpt_oss_checkpoint(model).list(), nullptr, "x.safetensors");
  Bytes experts;
  for (const StoredEntry& e : alone.entries)
    if (e.part == Part::Experts) experts += e.bytes;
  EXPECT_EQ(experts, size_of(model).by_part[static_cast<std::size_t>(Part::Experts)]);
}

TEST(SafetensorsCheckpoint, MixtralIsTheIndexTotal) {
  const ModelSpec model = catalog().model("mixtral-8x7b");
  const HeaderText header = checkpoint_of_model(model, mixtral_names(), store_bf16, true);
  EXPECT_EQ(header.payload(), Bytes(93405585408));
  expect_same_as_rules(model, header);
}

TEST(SafetensorsCheckpoint, Qwen330bIsTheIndexTotal) {
  const ModelSpec model = catalog().model("qwen3-30b-a3b");
  const HeaderText header = checkpoint_of_model(model, FamilyNames(), store_bf16, true);
  EXPECT_EQ(header.payload(), Bytes(61064245248));
  expect_same_as_rules(model, header);
}

// Kimi K2 Thinking: experts packed eight to an I32 in groups of 32, everything else BF16.
TEST(SafetensorsCheckpoint, KimiK2ThinkingPacksEightValuesInAWord) {
  const ModelSpec model = catalog().model("kimi-k2-thinking");
  const HeaderText header = checkpoint_of_model(model, FamilyNames(), store_packed_int4(32), false);
  const ModelSpec from_file = expect_same_as_rules(model, header);
  // 60 MoE layers x 384 experts x 7168 x 2048
  EXPECT_EQ(elements_of(*from_file.stored, MatrixRole::ExpertDown), Count{60} * 384 * 7168 * 2048);
  EXPECT_EQ(format_of(*from_file.stored, MatrixRole::ExpertDown), "int4_g32");
}

struct Packing {
  const char* name;
  StoreMatrix store;
  const char* format;
};

// Whatever packs the values, their number is the matrix's.
TEST(SafetensorsCheckpoint, EveryPackingCountsTheSameValues) {
  ModelSpec model = catalog().model("qwen3-30b-a3b");
  model.runs[0].repeat = 2;
  const Packing packings[] = {
      {"gptq 4 bit", store_gptq(4, 128), "int4_g128"},
      {"gptq 4 bit, group 64", store_gptq(4, 64), "int4_g64"},
      {"awq", store_awq(128), "int4_g128"},
      {"awq, group 32", store_awq(32), "int4_g32_zp"},
      {"compressed-tensors", store_packed_int4(128), "int4_g128_sym"},
      {"nvfp4", store_nvfp4, "nvfp4"},
      {"mlx 4 bit", store_mlx(4, 64), "mlx_4bit"},
      {"mlx 8 bit", store_mlx(8, 64), "mlx_8bit"},
      {"bitsandbytes", store_nf4, "nf4_dq"},
  };
  for (const Packing& p : packings) {
    const HeaderText header = checkpoint_of_model(model, FamilyNames(), p.store, true);
    const ModelSpec from_file = with_file(model, header);
    EXPECT_EQ(sum_of_entries(*from_file.stored), header.payload()) << p.name;
    EXPECT_EQ(from_file.stored->unplaced_tensors, 0) << p.name;
    EXPECT_EQ(elements_of(*from_file.stored, MatrixRole::ExpertUp), Count{2} * 128 * 768 * 2048) << p.name;
    EXPECT_EQ(elements_of(*from_file.stored, MatrixRole::Q), Count{2} * 4096 * 2048) << p.name;
    EXPECT_EQ(format_of(*from_file.stored, MatrixRole::ExpertUp), p.format) << p.name;
  }
}

}  // namespace
}  // namespace moeplan
