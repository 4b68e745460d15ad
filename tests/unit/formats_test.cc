// SPDX-License-Identifier: Apache-2.0
// The catalogue of formats against the published block layouts.
#include <gtest/gtest.h>

#include <string>

#include "sim/base/error.h"
#include "sim/spec/catalog.h"
#include "sim/spec/weights.h"

namespace moeplan {
namespace {

const FormatTable& formats() {
  static const FormatTable table = Catalog::embedded().formats();
  return table;
}

Count bytes(const std::string& format, Count rows, Count cols) {
  return bytes_of(formats()[formats().id_of(format)], rows, cols).count();
}

struct BlockLayout {
  std::string id;
  Count elements, bytes;
};

// GGUF blocks: ggml-common.h; MXFP4: OCP MX specification.
TEST(Formats, BlockBytesAreThoseOfTheirDefinition) {
  const BlockLayout rows[] = {{"q2_k", 256, 84},    {"q3_k", 256, 110},   {"q4_k", 256, 144}, {"q5_k", 256, 176},
                              {"q6_k", 256, 210},   {"q4_0", 32, 18},     {"q4_1", 32, 20},   {"q5_0", 32, 22},
                              {"q5_1", 32, 24},     {"q8_0", 32, 34},     {"iq1_s", 256, 50}, {"iq1_m", 256, 56},
                              {"iq2_xxs", 256, 66}, {"iq2_xs", 256, 74},  {"iq2_s", 256, 82}, {"iq3_xxs", 256, 98},
                              {"iq3_s", 256, 110},  {"iq4_xs", 256, 136}, {"iq4_nl", 32, 18}, {"tq1_0", 256, 54},
                              {"tq2_0", 256, 66},   {"mxfp4", 32, 17}};
  for (const BlockLayout& row : rows) EXPECT_EQ(bytes(row.id, 3, 2 * row.elements), 3 * 2 * row.bytes) << row.id;
}

// 16 elements: 8 B of values and one FP8 scale; one FP32 for the tensor. 4.5 bit.
TEST(Formats, Nvfp4HasAScalePer16AndOnePerTensor) { EXPECT_EQ(bytes("nvfp4", 128, 256), 128 * 256 / 16 * 9 + 4); }

// ceil(2048/128) x ceil(7168/128) = 16 x 56 scales of 4 B
TEST(Formats, Fp8TilesHaveAnF32ScaleEach) { EXPECT_EQ(bytes("fp8_block", 2048, 7168), 2048 * 7168 + 16 * 56 * 4); }

// Tiles at the edge are whole: kv_a has 576 rows, 4.5 tiles.
TEST(Formats, PartTilesCountAsTiles) { EXPECT_EQ(bytes("fp8_block", 576, 7168), 576 * 7168 + 5 * 56 * 4); }

// Per group of 128: 64 B, an FP16 scale, a 4-bit zero point: 4 + 16/128 + 4/128 = 4.15625 bit.
TEST(Formats, AwqIs4_15625Bits) {
  EXPECT_EQ(bytes("awq", 4096, 4096) * 32 * 8, 4096 * 4096 * Count{133});
  // 1408 = 11 groups: rows x 11 x 66 B, and half a byte per group and row.
  EXPECT_EQ(bytes("int4_g128", 2048, 1408), 2048 * 11 * 66 + 2048 * 11 / 2);
}

// 32 elements: 16 B and a BF16 scale; 8 B of shape.
TEST(Formats, CompressedTensorsInt4Is4_5BitsAndAShape) {
  EXPECT_EQ(bytes("int4_g32", 2048, 7168), 2048 * 7168 / 32 * 18 + 8);
}

// Group 64: FP16 scale and bias: 4.5 and 8.5 bit.
TEST(Formats, MlxGroupsHaveScaleAndBias) {
  EXPECT_EQ(bytes("mlx_4bit", 64, 128) * 8 * 2, 64 * 128 * 9);
  EXPECT_EQ(bytes("mlx_8bit", 64, 128) * 8 * 2, 64 * 128 * 17);
}

TEST(Formats, NamesAreFoundByAliasAndInAnyCase) {
  EXPECT_EQ(formats().id_of("BF16"), formats().id_of("bfloat16"));
  EXPECT_EQ(formats().id_of("f16"), formats().id_of("half"));
}

TEST(Formats, AnUnknownNameSuggestsTheNearest) {
  try {
    formats().id_of("nvfp5");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::UnknownName);
    EXPECT_NE(std::string(error.what()).find("nvfp4"), std::string::npos);
  }
}

TEST(Formats, EveryFormatHasASource) {
  for (const QuantFormat& f : formats().formats) EXPECT_FALSE(f.source.empty()) << f.id;
}

TEST(Formats, TheKvFormatsAreThere) {
  for (const char* id : {"bf16", "fp16", "fp8", "q8_0", "q4_0", "fp32"})
    EXPECT_TRUE(formats()[formats().id_of(id)].for_kv) << id;
}

// llama.cpp tensor_type_fallback; every chain ends in a format for any row.
TEST(Formats, FallbacksEndInAFormatForAnyRow) {
  EXPECT_EQ(formats()[formats().id_of("q4_k")].fallback, "q5_0");
  EXPECT_EQ(formats()[formats().id_of("q5_k")].fallback, "q5_1");
  EXPECT_EQ(formats()[formats().id_of("q6_k")].fallback, "q8_0");
  EXPECT_EQ(formats()[formats().id_of("q2_k")].fallback, "iq4_nl");
  for (const QuantFormat& f : formats().formats) {
    const QuantFormat* at = &f;
    for (int step = 0; at->whole_groups; ++step) {
      ASSERT_LT(step, 4) << f.id;
      at = &formats()[formats().id_of(at->fallback)];
    }
  }
}

std::string complaint(const std::string& text) {
  try {
    read_formats(text, "formats.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ReadFormats, WrongFilesAreRefusedByName) {
  const auto one = [](const std::string& fields) {
    return R"({"formats": [{"id": "a", "source": "s", "group_bytes": 2, "math": "bf16")" + fields + "}]}";
  };
  EXPECT_EQ(complaint(one("")), "");
  EXPECT_NE(complaint(one(R"(, "tile_rows": 2)")).find("tile_bytes"), std::string::npos);
  EXPECT_NE(complaint(one(R"(, "whole_groups": true)")).find("fallback"), std::string::npos);
  EXPECT_NE(complaint(one(R"(, "whole_groups": true, "fallback": "b")")).find("fallback"), std::string::npos);
  EXPECT_NE(complaint(one(R"(, "whole_groups": true, "fallback": "a")")).find("smaller groups"), std::string::npos);
  EXPECT_NE(complaint(one(R"(, "aliases": ["a"])")).find("twice"), std::string::npos);
  EXPECT_NE(complaint(one(R"(, "colour": "red")")).find("colour"), std::string::npos);
  EXPECT_NE(complaint(R"({"formats": 3})").find("array"), std::string::npos);
  EXPECT_NE(complaint(R"({"formats": [3]})").find("object"), std::string::npos);
}

}  // namespace
}  // namespace moeplan
