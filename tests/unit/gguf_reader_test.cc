// SPDX-License-Identifier: Apache-2.0
// GGUF headers that lie: each is refused at its byte, with little memory and no delay.
#include "sim/spec/import/gguf_reader.h"

#include <gtest/gtest.h>

#include "sim/spec/catalog.h"
#include "tests/support/gguf_writer.h"

namespace moeplan {
namespace {

const FormatTable& formats() {
  static const FormatTable kFormats = Catalog::embedded().formats();
  return kFormats;
}

constexpr std::uint64_t kTerabyte = 1'000'000'000'000;

std::string refusal(const std::string& bytes, std::uint64_t file_size = 0) {
  try {
    read_gguf_bytes(bytes, file_size, "x.gguf", formats());
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

// "GGUF", version 3, the two counts.
std::string start(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3) {
  std::string out = "GGUF";
  put<std::uint32_t>(out, version);
  put<std::uint64_t>(out, tensors);
  put<std::uint64_t>(out, keys);
  return out;
}

std::string one_tensor(const std::vector<Count>& dims, std::uint32_t type, std::uint64_t offset = 0) {
  GgufWriter file(formats());
  file.tensor_at("t", dims, type, offset);
  return refusal(file.header(), kTerabyte);
}

TEST(GgufReader, ReadsEveryKindOfValue) {
  GgufWriter file(formats());
  file.text("general.name", "x");
  file.integer("a.count", 7);
  file.real("a.scale", 0.5F);
  file.list("a.list", {1, -2, 3});
  file.words("tokenizer.ggml.tokens", 150);
  const GgufHeader header = read_gguf_bytes(file.header(), file.file_size(), "x.gguf", formats());
  EXPECT_EQ(header.metadata.at("general.name").text, "x");
  EXPECT_EQ(header.metadata.at("a.count").integer, 7);
  EXPECT_EQ(header.metadata.at("a.scale").real, 0.5);
  EXPECT_EQ(header.metadata.at("a.list").list, (std::vector<std::int64_t>{1, -2, 3}));
  EXPECT_EQ(header.metadata.at("tokenizer.ggml.tokens").length, 150U);
}

TEST(GgufReader, ReadsListsWithinLists) {
  std::string bytes = start(0, 1);
  put_text(bytes, "a.nested");
  put<std::uint32_t>(bytes, 9);
  put<std::uint32_t>(bytes, 9);
  put<std::uint64_t>(bytes, 2);
  for (int i = 0; i < 2; ++i) {
    put<std::uint32_t>(bytes, 4);
    put<std::uint64_t>(bytes, 1);
    put<std::uint32_t>(bytes, 5);
  }
  EXPECT_EQ(read_gguf_bytes(bytes, 0, "x.gguf", formats()).metadata.at("a.nested").length, 2U);
}

TEST(GgufReader, TurnsShapesOutermostFirst) {
  GgufWriter file(formats());
  file.tensor("w", {256, 3, 2}, "q4_k");
  const GgufHeader header = read_gguf_bytes(file.header(), file.file_size(), "x.gguf", formats());
  const ListedTensor& t = header.list.tensors.front();
  EXPECT_EQ(t.shape[0], 2);
  EXPECT_EQ(t.shape[2], 256);
  EXPECT_EQ(t.dtype, "Q4_K");
  EXPECT_EQ(t.bytes, Bytes(6 * 144));
}

TEST(GgufReader, KnowsTheSizeOfEveryTypeWithAFormat) {
  for (std::uint32_t id = 0; id < 512; ++id) {
    const GgmlType* type = find_ggml_type(id);
    if (type == nullptr || type->format.empty()) continue;
    GgufWriter file(formats());
    file.tensor_at("w", {256, 2}, id, 0);
    const GgufHeader header = read_gguf_bytes(file.header(), kTerabyte, "x.gguf", formats());
    const QuantFormat& f = formats()[formats().id_of(type->format)];
    EXPECT_EQ(header.list.payload, Bytes(512 / f.group * f.group_bytes)) << type->name;
  }
}

TEST(GgufReader, RefusesWhatIsNoGguf) {
  EXPECT_EQ(refusal(""),
            "x.gguf: byte 0: found other first bytes, expected \"GGUF\"; older ggml, ggmf and ggjt files "
            "need converting");
  EXPECT_NE(refusal("GGML\1\0\0\0"), "");
}

TEST(GgufReader, RefusesVersionOneByName) {
  EXPECT_EQ(refusal(start(0, 0, 1)),
            "x.gguf: byte 4: found GGUF version 1, expected version 2 or 3; version 1 was used for some weeks of 2023: "
            "convert the model again");
  EXPECT_EQ(refusal(start(0, 0, 2)), "");
  EXPECT_NE(refusal(start(0, 0, 4)), "");
}

TEST(GgufReader, RefusesBigEndianFilesByName) {
  EXPECT_NE(refusal(start(0, 0, 0x03000000)).find("found a big-endian file, expected little-endian"),
            std::string::npos);
}

TEST(GgufReader, RefusesCountsThatTheFileCannotHold) {
  EXPECT_EQ(
      refusal(start(std::uint64_t{1} << 60, 0), kTerabyte),
      "x.gguf: byte 8: number of tensors: found 1152921504606846976, expected at most 262144 tensors in a file of "
      "1000000000000 bytes");
  EXPECT_NE(refusal(start(0, std::uint64_t{1} << 60), kTerabyte).find("byte 16"), std::string::npos);
  // 24 bytes of header leave no room for a tensor of 32
  EXPECT_NE(refusal(start(1, 0), 55).find("at most 0 tensors"), std::string::npos);
}

TEST(GgufReader, RefusesATextLongerThanTheFile) {
  std::string bytes = start(0, 1);
  put<std::uint64_t>(bytes, 10'000'000'000);
  bytes.resize(64);
  EXPECT_EQ(refusal(bytes), "x.gguf: byte 24: found a metadata key of 10000000000 bytes, expected at most 65535");
  bytes = start(0, 1);
  put_text(bytes, "general.name");
  put<std::uint32_t>(bytes, 8);
  put<std::uint64_t>(bytes, 10'000'000'000);
  EXPECT_NE(refusal(bytes).find("10000000000 more bytes"), std::string::npos);
}

TEST(GgufReader, RefusesAHeaderWithoutEnd) {
  std::string bytes = start(0, 1);
  put_text(bytes, "general.name");
  put<std::uint32_t>(bytes, 8);
  put<std::uint64_t>(bytes, 10'000'000'000);
  EXPECT_NE(refusal(bytes, kTerabyte).find("found a header beyond 512 MiB"), std::string::npos);
}

TEST(GgufReader, RefusesAListThatTheFileCannotHold) {
  std::string bytes = start(0, 1);
  put_text(bytes, "a.list");
  put<std::uint32_t>(bytes, 9);
  put<std::uint32_t>(bytes, 8);
  put<std::uint64_t>(bytes, std::uint64_t{1} << 60);
  EXPECT_NE(refusal(bytes).find("byte 46: found a list of 1152921504606846976 in the value of \"a.list\""),
            std::string::npos)
      << refusal(bytes);
}

TEST(GgufReader, RefusesDeepNesting) {
  std::string bytes = start(0, 1);
  put_text(bytes, "a.list");
  put<std::uint32_t>(bytes, 9);
  for (int i = 0; i < 100'000; ++i) {
    put<std::uint32_t>(bytes, 9);
    put<std::uint64_t>(bytes, 1);
  }
  EXPECT_NE(refusal(bytes, kTerabyte).find("lists within lists more than 8 deep"), std::string::npos);
}

TEST(GgufReader, RefusesAKeyTwiceAndATypeThatIsNone) {
  GgufWriter file(formats());
  file.integer("a", 1);
  file.integer("a", 2);
  EXPECT_NE(refusal(file.header()).find("the metadata key \"a\" twice"), std::string::npos);
  std::string bytes = start(0, 1);
  put_text(bytes, "a");
  put<std::uint32_t>(bytes, 13);
  EXPECT_EQ(refusal(bytes + std::string(16, '\0')),
            "x.gguf: byte 33: found type 13 for the value of \"a\", expected a type from 0 to 12");
}

TEST(GgufReader, RefusesBadUtf8) {
  std::string bytes = start(0, 1);
  put_text(bytes, "a\xFF");
  EXPECT_EQ(refusal(bytes + std::string(16, '\0')),
            "x.gguf: byte 24: found a metadata key that is not UTF-8, expected text");
}

TEST(GgufReader, RefusesWrongDimensions) {
  EXPECT_NE(one_tensor({}, 0).find("found 0 dimensions, expected 1 to 4"), std::string::npos);
  EXPECT_NE(one_tensor({1, 1, 1, 1, 1}, 0).find("found 5 dimensions"), std::string::npos);
  EXPECT_NE(one_tensor({4, 0}, 0).find("found dimension 1 of 0, expected at least 1"), std::string::npos);
  EXPECT_NE(one_tensor({Count{1} << 40, Count{1} << 40}, 0).find("a product of dimensions below 2^62"),
            std::string::npos);
  EXPECT_NE(one_tensor({Count{1} << 61}, 28).find("a tensor below 2^62 bytes"), std::string::npos);
}

TEST(GgufReader, RefusesRowsThatAreNoWholeBlocks) {
  EXPECT_EQ(one_tensor({100, 4}, 12),
            "x.gguf: byte 24: tensor \"t\": found rows of 100 values as Q4_K, expected a multiple of 256");
}

TEST(GgufReader, NamesTypesThatWereRemovedOrAreOfAFork) {
  EXPECT_NE(one_tensor({256}, 4).find("found type Q4_2 (4), which was removed from GGUF"), std::string::npos);
  EXPECT_NE(one_tensor({256}, 31).find("Q4_0_4_4 (31)"), std::string::npos);
  EXPECT_NE(one_tensor({256}, 144).find("IQ4_KS (144), which is a type of ik_llama.cpp"), std::string::npos);
  EXPECT_NE(one_tensor({256}, 4711).find("found type 4711, expected a type that ggml has assigned"), std::string::npos);
}

TEST(GgufReader, RefusesOffsetsThatAreNotAlignedOverlapOrLeaveTheFile) {
  GgufWriter file(formats());
  file.tensor_at("a", {64}, 0, 0);
  file.tensor_at("b", {64}, 0, 128);  // a takes 256 bytes
  file.tensor_at("c", {64}, 0, 1000);
  file.tensor_at("d", {64}, 0, std::uint64_t{1} << 63);
  const std::string text = refusal(file.header(), 1 << 20);
  EXPECT_NE(text.find("tensor \"b\": found offset 128 inside of \"a\", expected at least 256"), std::string::npos)
      << text;
  EXPECT_NE(text.find("tensor \"c\": found offset 1000, expected a multiple of 32"), std::string::npos) << text;
  EXPECT_NE(text.find("tensor \"d\": found a file of 1048576 bytes"), std::string::npos) << text;
}

TEST(GgufReader, RefusesATensorTwice) {
  GgufWriter file(formats());
  file.tensor("a", {64}, "fp32");
  file.tensor("a", {64}, "fp32");
  EXPECT_NE(refusal(file.header(), file.file_size()).find("tensor \"a\": found the name twice"), std::string::npos);
}

TEST(GgufReader, ObeysAnotherAlignmentAndRefusesOneThatIsNone) {
  GgufWriter file(formats());
  file.alignment = 256;
  file.integer("general.alignment", 256);
  file.tensor("a", {1}, "fp32");
  file.tensor("b", {1}, "fp32");
  EXPECT_EQ(refusal(file.header(), file.file_size()), "");
  GgufWriter odd(formats());
  odd.integer("general.alignment", 24);
  EXPECT_NE(refusal(odd.header()).find("general.alignment: found 24, expected a power of two"), std::string::npos);
}

// Every prefix of a sound header is refused, and none reads beyond its end.
TEST(GgufReader, RefusesEveryPrefixOfASoundFile) {
  GgufWriter file(formats());
  file.text("general.architecture", "llama");
  file.list("a.list", {1, 2, 3});
  file.words("tokenizer.ggml.tokens", 3);
  file.tensor("blk.0.attn_q.weight", {256, 4}, "q4_k");
  const std::string whole = file.header();
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_NE(refusal(whole.substr(0, length)), "") << length;
  EXPECT_EQ(refusal(whole, file.file_size()), "");
}

}  // namespace
}  // namespace moeplan
