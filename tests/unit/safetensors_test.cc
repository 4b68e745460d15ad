// SPDX-License-Identifier: Apache-2.0
// The safetensors readers: what a header says, and every way in which one can lie.
#include "sim/spec/import/safetensors.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "sim/base/error.h"
#include "sim/spec/import/safetensors_set.h"

namespace moeplan {
namespace {

namespace fs = std::filesystem;

// Two matrices and a vector: 2 x 3 x 2 + 4 x 4 + 3 x 2 = 12 + 16 + 6 = 34 bytes.
const char* const kSmall = R"({"__metadata__": {"format": "pt"},
  "b": {"dtype": "F32", "shape": [4], "data_offsets": [12, 28]},
  "a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
  "c": {"shape": [3], "data_offsets": [28, 34], "dtype": "F16"}})";

std::string error_of(const std::string& json, std::optional<Bytes> data = std::nullopt) {
  try {
    static_cast<void>(read_safetensors_header(json, "x.safetensors", data));
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::InvalidInput);
    return error.what();
  }
  return "";
}

std::string index_error_of(const std::string& json) {
  try {
    static_cast<void>(read_safetensors_index(json, "x.index.json"));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

// One tensor with these fields.
std::string one(const std::string& fields) { return R"({"model.w": {)" + fields + "}}"; }

class SafetensorsFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("moeplan_st_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  // length, header, and `data` bytes nobody ever writes (a sparse file).
  void write(const std::string& name, const std::string& header, std::uintmax_t data, std::uint64_t length) {
    std::ofstream out(path(name), std::ios::binary);
    for (unsigned i = 0; i < 8; ++i) out.put(static_cast<char>(length >> (8 * i) & 0xFFU));
    out << header;
    out.close();
    if (data > 0) fs::resize_file(path(name), 8 + header.size() + data);
  }
  void write(const std::string& name, const std::string& header, std::uintmax_t data) {
    write(name, header, data, header.size());
  }
  void write_text(const std::string& name, const std::string& text) {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  std::string error_of_file(const std::string& name) const {
    try {
      static_cast<void>(read_safetensors_file(path(name)));
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }
  std::string error_of_set(const CheckpointFiles& files) const {
    try {
      static_cast<void>(list_checkpoint(files));
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder_;
};

constexpr const char* kA = R"({"a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}})";
constexpr const char* kB = R"({"b": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}})";

TEST(SafetensorsHeader, ListsEveryTensorWithItsShapeTypeAndBytes) {
  const TensorList list = read_safetensors_header(kSmall, "dir/x.safetensors", Bytes(34));
  ASSERT_EQ(list.tensors.size(), 3U);
  EXPECT_EQ(list.tensors[1].name, "a");
  EXPECT_EQ(list.tensors[1].dtype, "BF16");
  EXPECT_EQ(list.tensors[1].rank, 2);
  EXPECT_EQ(list.tensors[1].elements(), 2 * 3);
  EXPECT_EQ(list.tensors[0].bytes, Bytes(4 * 4));
  EXPECT_EQ(list.payload, Bytes(34));
  EXPECT_EQ(list.shards, std::vector<std::string>{"x.safetensors"});
}

TEST(SafetensorsHeader, EscapedNamesAreDecodedAndPlacesStayThoseOfTheText) {
  const TensorList list =
      read_safetensors_header(R"({"a\n\u00e9": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}})", "x");
  EXPECT_EQ(list.tensors[0].name, "a\n\u00e9");
  // The name stands in line 1 although it holds a line break once decoded.
  EXPECT_NE(error_of("{\"a\\n\": {\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [0, 1]},\n"
                     " \"b\": {\"dtype\": \"XX\", \"shape\": [1], \"data_offsets\": [1, 2]}}")
                .find("x.safetensors:2:3"),
            std::string::npos);
}

TEST(SafetensorsHeader, AScalarAndAnEmptyTensorAreLegal) {
  const TensorList list = read_safetensors_header(
      R"({"s": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
          "e": {"dtype": "F32", "shape": [0, 5], "data_offsets": [4, 4]}})",
      "x", Bytes(4));
  EXPECT_EQ(list.tensors[0].elements(), 1);
  EXPECT_EQ(list.tensors[1].elements(), 0);
}

// 4 bit: 6 values are 3 bytes; 6 bit: 4 values are 3 bytes.
TEST(SafetensorsHeader, ValuesBelowAByteTakeTheirBits) {
  EXPECT_EQ(error_of(one(R"("dtype": "F4", "shape": [6], "data_offsets": [0, 3])")), "");
  EXPECT_EQ(error_of(one(R"("dtype": "F6_E2M3", "shape": [4], "data_offsets": [0, 3])")), "");
  EXPECT_NE(error_of(one(R"("dtype": "F4", "shape": [5], "data_offsets": [0, 3])")).find("whole bytes"),
            std::string::npos);
}

struct Dtypes {
  const char* name;
  int bytes_of_8;
};

TEST(SafetensorsHeader, KnowsEveryTypeOfTheFormat) {
  const Dtypes all[] = {{"BOOL", 8}, {"F4", 4},          {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
                        {"I8", 8},   {"F8_E5M2", 8},     {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
                        {"I16", 16}, {"F8_E5M2FNUZ", 8}, {"U16", 16},    {"F16", 16},    {"BF16", 16},
                        {"I32", 32}, {"U32", 32},        {"F32", 32},    {"C64", 64},    {"F64", 64},
                        {"I64", 64}, {"U64", 64}};
  for (const Dtypes& d : all)
    EXPECT_EQ(error_of(one(R"("dtype": ")" + std::string(d.name) + R"(", "shape": [8], "data_offsets": [0, )" +
                           std::to_string(d.bytes_of_8) + "]")),
              "")
        << d.name;
}

struct Lie {
  const char* what;
  std::string json;
  const char* message;
};

TEST(SafetensorsHeader, EveryLieIsNamed) {
  const std::string good = R"("dtype": "U8", "shape": [4], "data_offsets": [0, 4])";
  const Lie lies[] = {
      {"no JSON", "hello", "Invalid value"},
      {"an array", "[]", "an object of tensors"},
      {"cut short", R"({"a": {"dtype")", "colon"},
      {"trailing garbage", "{} x", "root"},
      {"a second document", "{}{}", "root"},
      {"unknown type", one(R"("dtype": "Q4", "shape": [4], "data_offsets": [0, 4])"), "\"Q4\""},
      {"no type", one(R"("shape": [4], "data_offsets": [0, 4])"), "model.w/dtype"},
      {"no shape", one(R"("dtype": "U8", "data_offsets": [0, 4])"), "model.w/shape"},
      {"no offsets", one(R"("dtype": "U8", "shape": [4])"), "model.w/data_offsets"},
      {"a field twice", one(good + R"(, "dtype": "U8")"), "a second one"},
      {"an unknown field", one(good + R"(, "stride": [1])"), "an unknown field"},
      {"a negative side", one(R"("dtype": "U8", "shape": [-4], "data_offsets": [0, 4])"), "found -4"},
      {"a real side", one(R"("dtype": "U8", "shape": [4.0], "data_offsets": [0, 4])"), "not whole"},
      {"a text side", one(R"("dtype": "U8", "shape": ["4"], "data_offsets": [0, 4])"), "model.w/shape"},
      {"a huge side", one(R"("dtype": "U8", "shape": [99999999999999999999], "data_offsets": [0, 4])"), "too large"},
      {"2^60 x 2 values", one(R"("dtype": "U8", "shape": [1152921504606846976, 2], "data_offsets": [0, 4])"),
       "more than 2^60 values"},
      {"product past 64 bits",
       one(R"("dtype": "U8", "shape": [4294967296, 4294967296, 4294967296], "data_offsets": [0, 4])"),
       "more than 2^60 values"},
      {"a zero hides nothing", one(R"("dtype": "U8", "shape": [0, 1152921504606846976, 16], "data_offsets": [0, 0])"),
       "more than 2^60 values"},
      {"nine dimensions", one(R"("dtype": "U8", "shape": [1,1,1,1,1,1,1,1,1], "data_offsets": [0, 1])"), "at most 8"},
      {"one offset", one(R"("dtype": "U8", "shape": [4], "data_offsets": [0])"), "1 numbers"},
      {"three offsets", one(R"("dtype": "U8", "shape": [4], "data_offsets": [0, 4, 8])"), "3 numbers"},
      {"backwards", one(R"("dtype": "U8", "shape": [4], "data_offsets": [4, 0])"), "4 to 0"},
      {"too few bytes", one(R"("dtype": "BF16", "shape": [4], "data_offsets": [0, 4])"), "8 (4 values of BF16)"},
      {"a tensor that is a number", R"({"a": 3})", "found 3"},
      {"nested", R"({"a": {"dtype": {"x": 1}}})", "an object"},
      {"nested shape", one(R"("dtype": "U8", "shape": [[4]], "data_offsets": [0, 4])"), "an array"},
      {"metadata of numbers", R"({"__metadata__": {"a": 1}})", "an object of texts"},
      {"metadata twice", R"({"__metadata__": {}, "__metadata__": {}})", "a second one"},
      {"not UTF-8", "{\"a\xFF\": {}}", "not UTF-8"},
      {"a surrogate alone", R"({"\ud800": {}})", "surrogate"},
      {"a NUL", std::string("{}\0{", 4), "NUL"},
      {"a name twice", R"({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
                           "a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}})",
       "given twice"},
      {"overlap", R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                      "b": {"dtype": "U8", "shape": [4], "data_offsets": [2, 6]}})",
       "must not overlap"},
      {"the same place", R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                             "b": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})",
       "must not overlap"},
      {"a gap", R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                    "b": {"dtype": "U8", "shape": [4], "data_offsets": [5, 9]}})",
       "no gap"},
      {"a gap at the start", one(R"("dtype": "U8", "shape": [4], "data_offsets": [1, 5])"), "the end of the header"},
  };
  for (const Lie& lie : lies)
    EXPECT_NE(error_of(lie.json).find(lie.message), std::string::npos) << lie.what << ": " << error_of(lie.json);
}

TEST(SafetensorsHeader, DataMustFillTheFile) {
  EXPECT_EQ(error_of(kSmall, Bytes(34)), "");
  EXPECT_NE(error_of(kSmall, Bytes(33)).find("cut short"), std::string::npos);
  EXPECT_NE(error_of(kSmall, Bytes(35)).find("34 bytes in a file with 35"), std::string::npos);
}

TEST(SafetensorsHeader, ManyLiesAreCountedNotListed) {
  std::string json = "{";
  for (int i = 0; i < 50; ++i)
    json +=
        (i == 0 ? "\"t" : ", \"t") + std::to_string(i) + R"(": {"dtype": "U8", "shape": [2], "data_offsets": [0, 1]})";
  EXPECT_NE(error_of(json + "}").find("and 30 more problems"), std::string::npos);
}

TEST(SafetensorsHeader, DeepNestingIsRefusedAtItsFirstLevel) {
  EXPECT_NE(error_of(std::string(1'000'000, '[')).find("an object of tensors"), std::string::npos);
}

TEST_F(SafetensorsFile, ASparseFileOfAHundredGigabytesCostsItsHeader) {
  const std::string header = R"({"a": {"dtype": "U8", "shape": [100000000000], "data_offsets": [0, 100000000000]}})";
  write("x.safetensors", header, 100'000'000'000);
  const TensorList list = read_safetensors_file(path("x.safetensors"));
  EXPECT_EQ(list.payload, Bytes(100'000'000'000));
  EXPECT_EQ(list.file_bytes, Bytes(100'000'000'000 + 8 + static_cast<Count>(header.size())));
}

TEST_F(SafetensorsFile, AFakeHeaderLengthOfTenGigabytesFailsAtOnce) {
  write("x.safetensors", kA, 12, 10'000'000'000);
  EXPECT_NE(error_of_file("x.safetensors").find("a header of 10000000000 bytes, expected at most 100000000"),
            std::string::npos);
}

TEST_F(SafetensorsFile, LengthsAroundTheEndOfTheFile) {
  write("exact.safetensors", kA, 12);
  EXPECT_EQ(error_of_file("exact.safetensors"), "");
  write("past.safetensors", kA, 0, std::string(kA).size() + 1);
  EXPECT_NE(error_of_file("past.safetensors").find("cut short"), std::string::npos);
  write("all-ones.safetensors", kA, 12, ~std::uint64_t{0});
  EXPECT_NE(error_of_file("all-ones.safetensors").find("at most 100000000"), std::string::npos);
  write_text("short.safetensors", "1234567");
  EXPECT_NE(error_of_file("short.safetensors").find("7 bytes"), std::string::npos);
}

TEST_F(SafetensorsFile, AHeaderSavedAloneIsRead) {
  write_text("x.safetensors", kA);
  EXPECT_EQ(read_safetensors_file(path("x.safetensors")).payload, Bytes(12));
}

TEST_F(SafetensorsFile, AGitLfsPointerIsNamed) {
  write_text("x.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n");
  EXPECT_NE(error_of_file("x.safetensors").find("git lfs pull"), std::string::npos);
}

TEST_F(SafetensorsFile, AFolderIsNoFile) {
  EXPECT_NE(error_of_file(".").find("not a regular file"), std::string::npos);
  EXPECT_NE(error_of_file("absent").find("found nothing"), std::string::npos);
}

// ---- indexes ----

TEST(SafetensorsIndex, NamesTensorsFilesAndTheTotal) {
  const TensorList list = read_safetensors_index(
      R"({"metadata": {"total_size": 1.6e1, "extra": [{"a": [1]}]}, "weight_map": {"a": "m-1", "b": "m-2", "c": "m-1"}, "more": null})",
      "x");
  EXPECT_FALSE(list.sized);
  EXPECT_EQ(list.payload, Bytes(16));
  EXPECT_EQ(list.shards, (std::vector<std::string>{"m-1", "m-2"}));
  EXPECT_EQ(list.tensors[2].shard, 0U);
}

TEST(SafetensorsIndex, EveryLieIsNamed) {
  const Lie lies[] = {
      {"no map", R"({"metadata": {}})", "weight_map"},
      {"map of numbers", R"({"weight_map": {"a": 1}})", "the name of a file"},
      {"map that is a list", R"({"weight_map": ["a"]})", "an object with weight_map"},
      {"a path", R"({"weight_map": {"a": "../../etc/passwd"}})", "a file beside the index"},
      {"a subfolder", R"({"weight_map": {"a": "b/c.safetensors"}})", "a file beside the index"},
      {"the folder above", R"({"weight_map": {"a": ".."}})", "a file beside the index"},
      {"a backslash", R"({"weight_map": {"a": "b\\c"}})", "a file beside the index"},
      {"a NUL", R"({"weight_map": {"a": "b\u0000c"}})", "a file beside the index"},
      {"no name", R"({"weight_map": {"a": ""}})", "a file beside the index"},
      {"a name twice", R"({"weight_map": {"a": "m", "a": "n"}})", "given twice"},
      {"a negative total", R"({"metadata": {"total_size": -1}, "weight_map": {}})", "2^60"},
      {"half a byte", R"({"metadata": {"total_size": 1.5}, "weight_map": {}})", "2^60"},
      {"two maps", R"({"weight_map": {}, "weight_map": {}})", "a second one"},
      {"deep", R"({"metadata": )" + std::string(1000, '[') + std::string(1000, ']') + "}", "nested deeper"},
  };
  for (const Lie& lie : lies)
    EXPECT_NE(index_error_of(lie.json).find(lie.message), std::string::npos)
        << lie.what << ": " << index_error_of(lie.json);
}

// ---- sets ----

TEST_F(SafetensorsFile, AnIndexWithItsFilesIsOneList) {
  write("m-00001-of-00002.safetensors", kA, 12);
  write("m-00002-of-00002.safetensors", kB, 4);
  write_text("m.safetensors.index.json", R"({"metadata": {"total_size": 16}, "weight_map":
    {"a": "m-00001-of-00002.safetensors", "b": "m-00002-of-00002.safetensors"}})");
  for (const std::string& named :
       {std::string("m.safetensors.index.json"), std::string("m-00002-of-00002.safetensors")}) {
    const ListedCheckpoint listed = list_checkpoint(checkpoint_of(path(named)));
    EXPECT_TRUE(listed.list.sized);
    EXPECT_EQ(listed.list.tensors.size(), 2U);
    EXPECT_EQ(listed.list.payload, Bytes(12 + 4));
    EXPECT_EQ(listed.index_total, Bytes(16));
  }
  EXPECT_EQ(list_checkpoint(find_checkpoint(folder_.string())).list.payload, Bytes(12 + 4));
}

TEST_F(SafetensorsFile, MissingFilesAreNamedAndLeaveTheListUnsized) {
  write("m-00001-of-00002.safetensors", kA, 12);
  write_text("m.safetensors.index.json", R"({"weight_map":
    {"a": "m-00001-of-00002.safetensors", "b": "m-00002-of-00002.safetensors"}})");
  const ListedCheckpoint listed = list_checkpoint(find_checkpoint(folder_.string()));
  EXPECT_FALSE(listed.list.sized);
  EXPECT_EQ(listed.missing, std::vector<std::string>{"m-00002-of-00002.safetensors"});
  EXPECT_EQ(listed.list.tensors.size(), 2U);
}

TEST_F(SafetensorsFile, AShardWithoutIndexStandsForItsSeries) {
  write("m-00001-of-00003.safetensors", kA, 12);
  write("m-00002-of-00003.safetensors", kB, 4);
  const ListedCheckpoint listed = list_checkpoint(checkpoint_of(path("m-00001-of-00003.safetensors")));
  EXPECT_EQ(listed.missing, std::vector<std::string>{"m-00003-of-00003.safetensors"});
  EXPECT_EQ(listed.list.payload, Bytes(16));
}

TEST_F(SafetensorsFile, AnIndexThatNamesTheWrongFileIsRefused) {
  write("m-00001-of-00002.safetensors", kA, 12);
  write("m-00002-of-00002.safetensors", kB, 4);
  write_text("m.safetensors.index.json", R"({"weight_map": {"a": "m-00002-of-00002.safetensors",
    "b": "m-00001-of-00002.safetensors", "c": "m-00001-of-00002.safetensors"}})");
  const std::string error = error_of_set(find_checkpoint(folder_.string()));
  EXPECT_NE(error.find("weight_map/a: found m-00002-of-00002.safetensors"), std::string::npos) << error;
  EXPECT_NE(error.find("weight_map/c"), std::string::npos) << error;
}

TEST_F(SafetensorsFile, AnIndexThatForgetsATensorIsRefused) {
  write("m-00001-of-00001.safetensors", kSmall, 34);
  write_text("m.safetensors.index.json",
             R"({"weight_map": {"a": "m-00001-of-00001.safetensors", "b": "m-00001-of-00001.safetensors"}})");
  EXPECT_NE(error_of_set(find_checkpoint(folder_.string())).find("weight_map/c: found nothing"), std::string::npos);
}

TEST_F(SafetensorsFile, FilesThatRepeatATensorAreNotOneCheckpoint) {
  write("a.safetensors", kA, 12);
  write("b.safetensors", kA, 12);
  EXPECT_NE(error_of_set(find_checkpoint(folder_.string())).find("a tensor that a.safetensors holds too"),
            std::string::npos);
}

// Mistral repositories hold the same weights twice.
TEST_F(SafetensorsFile, ConsolidatedFilesAreNotCountedBesideTheTransformersOnes) {
  write("consolidated.safetensors", kB, 4);
  write("model.safetensors", kA, 12);
  write_text("params.json", "{}");
  write_text("config.json", "{}");
  EXPECT_EQ(find_checkpoint(folder_.string()).weights, std::vector<std::string>{"model.safetensors"});
  EXPECT_EQ(find_checkpoint(folder_.string()).config, path("config.json"));
  EXPECT_EQ(checkpoint_of(path("consolidated.safetensors")).config, path("params.json"));
}

TEST_F(SafetensorsFile, FilesThatGitLfsLeftOutAreMissing) {
  write("m-00001-of-00002.safetensors", kA, 12);
  write_text("m-00002-of-00002.safetensors", "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_EQ(list_checkpoint(find_checkpoint(folder_.string())).missing,
            std::vector<std::string>{"m-00002-of-00002.safetensors"});
}

TEST(SafetensorsNames, AreShownFirstAndCounted) {
  EXPECT_EQ(first_of_many({"a", "b"}), "a, b");
  EXPECT_EQ(first_of_many({"a", "b", "c", "d", "e"}), "a, b, c and 2 more");
}

}  // namespace
}  // namespace moeplan
