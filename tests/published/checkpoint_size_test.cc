// SPDX-License-Identifier: Apache-2.0
// Do our checkpoint sizes agree with published files? Native files to the byte where
// the tensor bytes are known; GGUF labels against files made by llama.cpp and others.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "sim/spec/catalog.h"
#include "sim/spec/weights.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog embedded = Catalog::embedded();
  return embedded;
}

CheckpointSize size_of(const std::string& model, const std::string& label) {
  const FormatTable formats = catalog().formats();
  const ModelSpec m = catalog().model(model);
  return checkpoint_size(m, plan_weights(m, formats, label), formats);
}

// F8 680,571,043,840 x 1 + BF16 3,918,786,560 x 2 + F32 41,555,600 x 4
// (block scales 41,540,496 = sum of ceil(r/128) x ceil(c/128); router biases 59 x 256).
TEST(CheckpointSize, DeepSeekV3IsExactToTheByte) {
  EXPECT_EQ(size_of("deepseek-v3", "native").bytes.count(),
            680571043840 + 2 * Count{3918786560} + 4 * Count{41540496 + 59 * 256});
  EXPECT_EQ(size_of("deepseek-v3", "native").bytes.count(), 688574839360);
}

// 1,804,459,584 x 2 B + 19,110,297,600 x 4.25 bit = 13.76 GB = 12.82 GiB
TEST(CheckpointSize, GptOss20bIsExactToTheByte) {
  EXPECT_EQ(size_of("gpt-oss-20b", "native").bytes.count(), 2 * Count{1804459584} + Count{19110297600} / 32 * 17);
  EXPECT_NEAR(in_gib(size_of("gpt-oss-20b", "native").bytes), 12.82, 0.005);
}

TEST(CheckpointSize, GptOss120bIsTheSumOfItsSafetensorsHeaders) {
  EXPECT_EQ(size_of("gpt-oss-120b", "native").bytes.count(), 65248815744);
}

// 46,702,792,704 x 2 B
TEST(CheckpointSize, Mixtral8x7bIsTheIndexTotal) {
  EXPECT_EQ(size_of("mixtral-8x7b", "native").bytes.count(), 93405585408);
}

// 30,532,122,624 x 2 B
TEST(CheckpointSize, Qwen330bIsTheIndexTotal) {
  EXPECT_EQ(size_of("qwen3-30b-a3b", "native").bytes.count(), 61064245248);
}

// FP8 tiles, and the router in F32: 62 x 256 x 3072 x 2 B more than in BF16.
TEST(CheckpointSize, MiniMaxM2IsTheSumOfItsSafetensorsHeaders) {
  EXPECT_EQ(size_of("minimax-m2", "native").bytes.count(), 230121630720);
}

// INT4 experts in groups of 32 with BF16 scales, 8 B of shape for each of the 60 x 384 x 3
// packed matrices, and the vision tower (471,143,920 x 2 B).
TEST(CheckpointSize, KimiK26IsTheIndexTotal) { EXPECT_EQ(size_of("kimi-k2.6", "native").bytes.count(), 595148192736); }

struct FileSize {
  std::string model;
  std::string label;
  double published;  // bytes
  double header;     // what a file holds besides tensors, relative
};

// Sums of whole files: 0.01 % of headers at most.
TEST(CheckpointSize, NativeFilesAreWithinTheirHeaders) {
  const FileSize files[] = {
      {"deepseek-v3", "native", 688586727753.0, 1e-4},
      {"deepseek-r1", "native", 688586727753.0, 1e-4},
      {"kimi-k2", "native", 1029190981272.0, 1e-4},
      {"llama-4-scout", "native", 217283738720.0, 1e-4},
      {"qwen3-235b-a22b", "native", 470191875096.0, 1e-4},
      {"mistral-small-3.2-24b", "native", 44.76 * 1073741824.0, 1e-3},  // resident in vLLM, two decimals
  };
  for (const FileSize& file : files) {
    SCOPED_TRACE(file.model);
    EXPECT_NEAR(static_cast<double>(size_of(file.model, file.label).bytes.count()) / file.published, 1.0, file.header);
  }
}

constexpr double kGib = 1073741824.0;
constexpr double kGb = 1e9;

struct LabelledFile {
  std::string model;
  std::string label;
  double bytes;
  double rounding;  // of the published figure, relative
};

// Made by llama.cpp's own rules without an importance matrix: ours must be the same to
// the two decimals that were printed.
TEST(CheckpointSize, GgufFilesOfPlainRulesAgreeToTheirLastDecimal) {
  const LabelledFile files[] = {
      {"deepseek-v3", "q4_k_m", 376.65 * kGib, 2e-4},    {"deepseek-v3", "q5_k_m", 442.74 * kGib, 2e-4},
      {"deepseek-v2-lite", "q4_k_m", 9.65 * kGib, 1e-3}, {"qwen3-235b-a22b", "q3_k_s", 94.47 * kGib, 2e-4},
      {"qwen3-30b-a3b", "q4_k_m", 17.28 * kGib, 5e-4},   {"qwen3-30b-a3b", "q8_0", 32.48 * kGb, 5e-4},
      {"qwen3-30b-a3b", "q5_k_m", 21.74 * kGb, 2e-3},    {"qwen3-30b-a3b", "q5_k_s", 21.10 * kGb, 2e-3},
      {"mixtral-8x7b", "q4_k_m", 26.49 * kGib, 5e-4},    {"mixtral-8x7b", "q8_0", 46.22 * kGib, 5e-4},
      {"mixtral-8x22b", "q2_k", 52.10 * kGb, 5e-4},      {"mixtral-8x22b", "iq4_nl", 80.47 * kGb, 5e-4},
      {"mixtral-8x22b", "q5_k_m", 99.96 * kGb, 5e-4},    {"mixtral-8x22b", "q5_k_s", 96.97 * kGb, 5e-4},
      {"llama-4-scout", "q3_k_m", 48.19 * kGib, 5e-4},   {"llama-4-scout", "q4_k_m", 60.86 * kGib, 5e-4},
      {"minimax-m2", "q4_k_s", 121.10 * kGib, 2e-4},     {"gpt-oss-120b", "mxfp4_moe", 59.02 * kGib, 5e-4},
      {"gpt-oss-20b", "mxfp4_moe", 11.27 * kGib, 5e-4},  {"gpt-oss-120b", "q2_k", 58.27 * kGib, 5e-4},
      {"gpt-oss-120b", "q4_k_m", 58.46 * kGib, 5e-4},    {"gpt-oss-120b", "q8_0", 59.03 * kGib, 5e-4},
      {"gpt-oss-20b", "q6_k", 12.04 * kGb, 2e-3},        {"kimi-k2", "q8_0", 1.09e12, 5e-3},
      {"glm-4.5-air", "q4_k_m", 67.96 * kGib, 1e-3},
  };
  for (const LabelledFile& file : files) {
    SCOPED_TRACE(file.model + " " + file.label);
    EXPECT_NEAR(static_cast<double>(size_of(file.model, file.label).bytes.count()) / file.bytes, 1.0, file.rounding);
  }
}

struct BitsPerWeight {
  std::string label;
  double bits;
};

// llama.cpp quantize README, Llama-3.1-8B.
TEST(CheckpointSize, Llama31BitsPerWeightAreThoseOfTheQuantizeReadme) {
  const double weights = 8030261248.0;
  const BitsPerWeight rows[] = {{"q2_k", 3.16},   {"q3_k_s", 3.64}, {"q3_k_l", 4.30},
                                {"iq4_xs", 4.46}, {"q4_k_s", 4.67}, {"q4_k_m", 4.89},
                                {"q5_k_m", 5.70}, {"q6_k", 6.56},   {"q8_0", 8.50}};
  for (const BitsPerWeight& row : rows) {
    SCOPED_TRACE(row.label);
    EXPECT_NEAR(8.0 * static_cast<double>(size_of("llama-3.1-8b", row.label).bytes.count()) / weights, row.bits,
                0.0051);
  }
}

// 6,979,321,856 projection weights in 4.127 bit and 2 x 525,336,576 table entries and 266,240
// norms in BF16: the 5.7 GB of published bitsandbytes files of Llama-3.1-8B.
TEST(CheckpointSize, BitsandbytesDoubleQuantisationTakes4127BitsAWeight) {
  const Count weights = 6979321856;
  const Count tensors = 32 * 7;
  const Count quantised = weights / 64 * 33 + weights / 16384 * 4 + tensors * 1088;
  EXPECT_EQ(size_of("llama-3.1-8b", "nf4_dq").bytes.count(), quantised + 2 * (2 * Count{525336576} + 266240));
  EXPECT_NEAR(8.0 * static_cast<double>(quantised) / static_cast<double>(weights), 4.127, 0.0005);
  EXPECT_NEAR(static_cast<double>(size_of("llama-3.1-8b", "nf4_dq").bytes.count()) / 5.7e9, 1.0, 0.005);
}

TEST(CheckpointSize, PartsSumToTheBytes) {
  for (const char* label : {"native", "q4_k_m", "fp8"}) {
    const CheckpointSize size = size_of("deepseek-v3", label);
    Bytes sum;
    for (Bytes part : size.by_part) sum += part;
    EXPECT_EQ(sum, size.bytes) << label;
  }
}

TEST(CheckpointSize, EveryPublishedFileSizeInAPresetHolds) {
  for (const std::string& id : catalog().model_ids()) {
    const ModelSpec m = catalog().model(id);
    for (const PublishedTotal& p : m.published) {
      if (p.quantity != "checkpoint_bytes") continue;
      SCOPED_TRACE(id);
      const double ours = static_cast<double>(size_of(id, "native").bytes.count());
      EXPECT_NEAR(ours / static_cast<double>(p.value), 1.0, std::max(p.tolerance, 1e-15));
    }
  }
}

// Smallest labels first, so that a list of choices reads in the order of their sizes.
TEST(CheckpointSize, LabelsAreListedFromSmallToLarge) {
  double before = 0.0;
  for (const std::string& label : mixture_labels()) {
    if (label == "mxfp4_moe") continue;  // differs from the others by what is quantised, not how
    const double now = static_cast<double>(size_of("llama-3.1-70b", label).bytes.count());
    EXPECT_GE(now, before) << label;
    before = now;
  }
}

}  // namespace
}  // namespace moeplan
