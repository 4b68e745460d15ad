// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/gguf_types.h"

#include <algorithm>
#include <array>

namespace moeplan {
namespace {

constexpr std::string_view kRemoved = "was removed from GGUF";
constexpr std::string_view kRepacked = "was removed from GGUF (files of Q4_0 are repacked when loaded)";
constexpr std::string_view kFork = "is a type of ik_llama.cpp whose size is not modelled";

constexpr std::array<GgmlType, 98> kTypes = {{
    {0, "F32", "fp32", ""},
    {1, "F16", "fp16", ""},
    {2, "Q4_0", "q4_0", ""},
    {3, "Q4_1", "q4_1", ""},
    {4, "Q4_2", "", kRemoved},
    {5, "Q4_3", "", kRemoved},
    {6, "Q5_0", "q5_0", ""},
    {7, "Q5_1", "q5_1", ""},
    {8, "Q8_0", "q8_0", ""},
    {9, "Q8_1", "q8_1", ""},
    {10, "Q2_K", "q2_k", ""},
    {11, "Q3_K", "q3_k", ""},
    {12, "Q4_K", "q4_k", ""},
    {13, "Q5_K", "q5_k", ""},
    {14, "Q6_K", "q6_k", ""},
    {15, "Q8_K", "q8_k", ""},
    {16, "IQ2_XXS", "iq2_xxs", ""},
    {17, "IQ2_XS", "iq2_xs", ""},
    {18, "IQ3_XXS", "iq3_xxs", ""},
    {19, "IQ1_S", "iq1_s", ""},
    {20, "IQ4_NL", "iq4_nl", ""},
    {21, "IQ3_S", "iq3_s", ""},
    {22, "IQ2_S", "iq2_s", ""},
    {23, "IQ4_XS", "iq4_xs", ""},
    {24, "I8", "i8", ""},
    {25, "I16", "i16", ""},
    {26, "I32", "i32", ""},
    {27, "I64", "i64", ""},
    {28, "F64", "f64", ""},
    {29, "IQ1_M", "iq1_m", ""},
    {30, "BF16", "bf16", ""},
    {31, "Q4_0_4_4", "", kRepacked},
    {32, "Q4_0_4_8", "", kRepacked},
    {33, "Q4_0_8_8", "", kRepacked},
    {34, "TQ1_0", "tq1_0", ""},
    {35, "TQ2_0", "tq2_0", ""},
    {36, "IQ4_NL_4_4", "", kRemoved},
    {37, "IQ4_NL_4_8", "", kRemoved},
    {38, "IQ4_NL_8_8", "", kRemoved},
    {39, "MXFP4", "mxfp4", ""},
    {40, "NVFP4", "nvfp4_ggml", ""},
    {41, "Q1_0", "q1_0", ""},
    {42, "Q2_0", "q2_0", ""},
    {97, "Q8_0_X4", "", kFork},
    {98, "Q8_1_X4", "", kFork},
    {99, "Q8_2_X4", "", kFork},
    {133, "Q6_0", "q6_0", ""},
    {134, "IQ1_BN", "", kFork},
    {135, "IQ2_BN", "", kFork},
    {136, "Q8_K64", "", kFork},
    {137, "IQ2_K", "iq2_k", ""},
    {138, "IQ3_K", "iq3_k", ""},
    {139, "IQ4_K", "iq4_k", ""},
    {140, "IQ5_K", "iq5_k", ""},
    {141, "IQ6_K", "iq6_k", ""},
    {144, "IQ4_KS", "", kFork},
    {145, "IQ2_KS", "", kFork},
    {146, "IQ4_KSS", "", kFork},
    {147, "Q8_K16", "", kFork},
    {148, "Q8_K32", "", kFork},
    {149, "Q8_KR8", "", kFork},
    {150, "Q8_K128", "", kFork},
    {151, "Q8_KV", "", kFork},
    {152, "IQ5_KS", "", kFork},
    {153, "IQ2_KT", "", kFork},
    {154, "IQ3_KT", "", kFork},
    {155, "IQ4_KT", "", kFork},
    {156, "IQ3_KS", "", kFork},
    {157, "IQ2_KL", "", kFork},
    {158, "IQ1_KT", "", kFork},
    {202, "Q4_0_R8", "q4_0", ""},
    {206, "Q5_0_R4", "q5_0", ""},
    {208, "Q8_0_R8", "q8_0", ""},
    {210, "Q2_K_R4", "q2_k", ""},
    {211, "Q3_K_R4", "q3_k", ""},
    {212, "Q4_K_R4", "q4_k", ""},
    {213, "Q5_K_R4", "q5_k", ""},
    {214, "Q6_K_R4", "q6_k", ""},
    {216, "IQ2_XXS_R4", "iq2_xxs", ""},
    {217, "IQ2_XS_R4", "iq2_xs", ""},
    {218, "IQ3_XXS_R4", "iq3_xxs", ""},
    {219, "IQ1_S_R4", "", kFork},
    {220, "IQ4_NL_R4", "iq4_nl", ""},
    {221, "IQ3_S_R4", "iq3_s", ""},
    {222, "IQ2_S_R4", "iq2_s", ""},
    {223, "IQ4_XS_R8", "iq4_xs", ""},
    {229, "IQ1_M_R4", "", kFork},
    {230, "BF16_R16", "bf16", ""},
    {233, "Q6_0_R4", "q6_0", ""},
    {335, "IQ2_BN_R4", "", kFork},
    {337, "IQ2_K_R4", "iq2_k", ""},
    {338, "IQ3_K_R4", "iq3_k", ""},
    {339, "IQ4_K_R4", "iq4_k", ""},
    {340, "IQ5_K_R4", "iq5_k", ""},
    {344, "IQ4_KS_R4", "", kFork},
    {352, "IQ5_KS_R4", "", kFork},
    {398, "Q8_KV_R8", "", kFork},
    {399, "Q8_K_R8", "", kFork},
}};

struct FileType {
  std::uint64_t id;
  std::string_view label;
};
constexpr std::array<FileType, 47> kFileTypes = {{
    {0, "F32"},      {1, "F16"},       {2, "Q4_0"},       {3, "Q4_1"},     {7, "Q8_0"},     {8, "Q5_0"},
    {9, "Q5_1"},     {10, "Q2_K"},     {11, "Q3_K_S"},    {12, "Q3_K_M"},  {13, "Q3_K_L"},  {14, "Q4_K_S"},
    {15, "Q4_K_M"},  {16, "Q5_K_S"},   {17, "Q5_K_M"},    {18, "Q6_K"},    {19, "IQ2_XXS"}, {20, "IQ2_XS"},
    {21, "Q2_K_S"},  {22, "IQ3_XS"},   {23, "IQ3_XXS"},   {24, "IQ1_S"},   {25, "IQ4_NL"},  {26, "IQ3_S"},
    {27, "IQ3_M"},   {28, "IQ2_S"},    {29, "IQ2_M"},     {30, "IQ4_XS"},  {31, "IQ1_M"},   {32, "BF16"},
    {36, "TQ1_0"},   {37, "TQ2_0"},    {38, "MXFP4_MOE"}, {39, "NVFP4"},   {40, "Q1_0"},    {41, "Q2_0"},
    {138, "IQ2_K"},  {139, "IQ3_K"},   {140, "IQ4_K"},    {141, "IQ5_K"},  {142, "IQ6_K"},  {145, "IQ4_KS"},
    {147, "IQ2_KS"}, {148, "IQ4_KSS"}, {150, "IQ5_KS"},   {154, "IQ3_KS"}, {155, "IQ2_KL"},
}};

}  // namespace

const GgmlType* find_ggml_type(std::uint32_t id) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(), [id](const GgmlType& t) { return t.id == id; });
  return found == kTypes.end() ? nullptr : found;
}

const GgmlType* find_ggml_type(std::string_view name) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(), [name](const GgmlType& t) { return t.name == name; });
  return found == kTypes.end() ? nullptr : found;
}

std::string_view gguf_label_of(std::uint64_t file_type) {
  const auto* found =
      std::find_if(kFileTypes.begin(), kFileTypes.end(), [file_type](const FileType& t) { return t.id == file_type; });
  return found == kFileTypes.end() ? std::string_view() : found->label;
}

}  // namespace moeplan
