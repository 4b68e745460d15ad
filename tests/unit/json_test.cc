// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "sim/base/json.h"

namespace moeplan {
namespace {

JsonNode root_of(const std::string& source) { return parse_json(source, "a.json").root; }

// The message, or "accepted".
std::string complaint_about(const std::string& source, JsonDialect dialect = JsonDialect::Strict) {
  try {
    parse_json(source, "a.json", dialect);
    return "accepted";
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::InvalidInput);
    return error.what();
  }
}

std::string nested(int levels) {
  // {"a":[[...]]} with `levels` brackets in all.
  const auto inner = static_cast<std::size_t>(levels - 1);
  return "{\"a\":" + std::string(inner, '[') + std::string(inner, ']') + '}';
}

// ---- values ----

TEST(ParseJson, KeepsEveryKindOfValue) {
  const JsonNode root = root_of(R"({"n":null,"t":true,"f":false,"i":-7,"r":2.50,"s":"x\"y","a":[1,2],"o":{"k":{}}})");
  ASSERT_EQ(root.members.size(), 8U);
  EXPECT_EQ(root.find("n")->kind, JsonKind::Null);
  EXPECT_TRUE(root.find("t")->boolean);
  EXPECT_FALSE(root.find("f")->boolean);
  EXPECT_EQ(root.find("i")->integer, -7);
  EXPECT_EQ(root.find("i")->real, -7.0);
  EXPECT_EQ(root.find("r")->kind, JsonKind::Real);
  EXPECT_EQ(root.find("r")->real, 2.5);
  EXPECT_EQ(root.find("r")->text, "2.50");
  EXPECT_EQ(root.find("s")->text, "x\"y");
  EXPECT_EQ(root.find("a")->items.at(1).integer, 2);
  EXPECT_EQ(root.find("o")->find("k")->kind, JsonKind::Object);
  EXPECT_EQ(root.find("missing"), nullptr);
}

TEST(ParseJson, KnowsWhereEachTokenStands) {
  const std::string source = "{ \"a,:\\\"\" : [ 1 ,\n\t\"b\", {\"c\":true} ] , \"d\":-2.5e3}";
  const JsonNode root = root_of(source);
  const JsonNode& array = *root.find("a,:\"");
  EXPECT_EQ(root.offset, 0U);
  EXPECT_EQ(array.key_offset, source.find("\"a"));
  EXPECT_EQ(array.offset, source.find('['));
  EXPECT_EQ(array.items.at(0).offset, source.find('1'));
  EXPECT_EQ(array.items.at(1).offset, source.find("\"b\""));
  EXPECT_EQ(array.items.at(2).offset, source.find("{\"c"));
  EXPECT_EQ(array.items.at(2).find("c")->offset, source.find("true"));
  EXPECT_EQ(root.find("d")->offset, source.find("-2.5"));
  EXPECT_EQ(root.find("d")->text, "-2.5e3");
}

TEST(ParseJson, KeepsIntegersExactlyUpTo64Bits) {
  const JsonNode root = root_of(R"({"max":9223372036854775807,"over":9223372036854775808,"min":-9223372036854775808,
                                    "under":-9223372036854775809,"huge":99999999999999999999999})");
  EXPECT_EQ(root.find("max")->integer, INT64_MAX);
  EXPECT_EQ(root.find("min")->integer, INT64_MIN);
  EXPECT_EQ(root.find("over")->kind, JsonKind::Real);
  EXPECT_EQ(root.find("over")->real, 9223372036854775808.0);
  EXPECT_EQ(root.find("over")->text, "9223372036854775808");
  EXPECT_EQ(root.find("under")->kind, JsonKind::Real);
  EXPECT_EQ(root.find("huge")->real, 1e23);
}

TEST(ParseJson, AcceptsAByteOrderMark) {
  const JsonDocument document = parse_json("\xEF\xBB\xBF{\"a\":1}", "a.json");
  EXPECT_EQ(document.root.find("a")->offset, 5U);  // without the mark
}

// ---- syntax ----

TEST(ParseJson, SaysWhereTheSyntaxBreaks) {
  EXPECT_EQ(complaint_about("{\"a\": 1,\n  \"b\" 2}"), "a.json:2:7: found \"2\", expected ':' after the key");
  EXPECT_EQ(complaint_about("{\"a\": }"), "a.json:1:7: found }, expected a value");
  EXPECT_EQ(complaint_about("{\"a\":,1}"), "a.json:1:6: found ,, expected a value");
  EXPECT_EQ(complaint_about("{a: 1}"), "a.json:1:2: found \"a\", expected a key in double quotes");
  EXPECT_EQ(complaint_about("{\"a\": nul}"), "a.json:1:7: found \"nul\", expected a value");
  EXPECT_EQ(complaint_about("{\"a\": [1 2]}"), "a.json:1:10: found \"2\", expected ',' or ']'");
  EXPECT_EQ(complaint_about("{\"a\": 1 \"b\": 2}"), "a.json:1:9: found \"b\", expected ',' or '}'");
}

TEST(ParseJson, HintsAtCommonSlips) {
  EXPECT_EQ(complaint_about("{\"a\": 1,}"),
            "a.json:1:9: found }, expected a key in double quotes; remove the comma before it");
  EXPECT_EQ(complaint_about("{'a': 1}"),
            "a.json:1:2: found \"'a'\", expected a key in double quotes; JSON uses double quotes");
  EXPECT_EQ(complaint_about("{\"a\": True}"),
            "a.json:1:7: found \"True\", expected a value; JSON writes true and false in lower case");
  EXPECT_EQ(complaint_about("{\"a\": None}"), "a.json:1:7: found \"None\", expected a value; JSON writes null");
  EXPECT_EQ(complaint_about("// x\n{}"), "a.json:1:1: found \"//\", expected a value; JSON has no comments");
}

TEST(ParseJson, ExplainsABrokenString) {
  const std::string unclosed = complaint_about("{\"a\": \"b}");
  EXPECT_EQ(unclosed.find("a.json:1:7: found \"b}, expected a value; invalid string: missing closing quote"), 0U)
      << unclosed;
  const std::string escape = complaint_about(R"({"a": "b\q"})");
  EXPECT_NE(escape.find("a.json:1:7: "), std::string::npos) << escape;
  EXPECT_NE(escape.find("invalid string: "), std::string::npos) << escape;
  const std::string newline = complaint_about("{\"a\": \"b\nc\"}");
  EXPECT_NE(newline.find("control character"), std::string::npos) << newline;
}

TEST(ParseJson, RefusesADocumentCutOffAnywhere) {
  const std::string whole = R"({"a": [1, {"b": "text", "c": -2.5e1}], "d": true})";
  EXPECT_EQ(complaint_about(whole), "accepted");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(complaint_about(whole.substr(0, length)), "accepted") << length;
  }
  EXPECT_EQ(complaint_about("{\"a\": [1"),
            "a.json:1:9: found the end of the file, expected ',' or ']'; the file seems to be cut off");
}

TEST(ParseJson, RefusesWhatFollowsTheDocument) {
  EXPECT_EQ(complaint_about("{}\n{}"), "a.json:2:1: found {, expected nothing after the end of the document");
}

TEST(ParseJson, RefusesAnEmptyFile) {
  EXPECT_EQ(complaint_about(""), "a.json: found an empty file, expected a JSON document");
  EXPECT_EQ(complaint_about(" \n\t"), "a.json: found an empty file, expected a JSON document");
  EXPECT_EQ(complaint_about("\xEF\xBB\xBF"), "a.json: found an empty file, expected a JSON document");
}

TEST(ParseJson, RefusesBinaryAndOtherEncodings) {
  const std::string hint = ", expected JSON text in UTF-8; this is a binary file or another encoding";
  EXPECT_EQ(complaint_about(std::string("{}\0x", 4)), "a.json:1:3: found a NUL byte" + hint);
  EXPECT_EQ(complaint_about("{\"a\":\"\xE9\"}"), "a.json:1:7: found the byte \\xE9" + hint);  // Latin-1
  EXPECT_EQ(complaint_about("{\"a\":\"\xC3\xA9\"}"), "accepted");
}

TEST(ParseJson, RefusesADocumentThatIsNoObject) {
  EXPECT_EQ(complaint_about(" [1]"), "a.json:1:2: found an array, expected an object, {...}");
  EXPECT_EQ(complaint_about("3"), "a.json:1:1: found 3, expected an object, {...}");
}

TEST(ParseJson, RefusesNumbersNoDoubleHolds) {
  EXPECT_EQ(complaint_about("{\"a\": 1e400}"), "a.json:1:7: found \"1e400\", expected a number below 1.8e308");
  EXPECT_EQ(complaint_about("{\"a\": 1e308}"), "accepted");
}

TEST(ParseJson, EndsAtDepth64) {
  EXPECT_EQ(complaint_about(nested(64)), "accepted");
  EXPECT_EQ(complaint_about(nested(65)),
            "a.json:1:69: found more than 64 levels of nesting, expected a document of our kind");
  EXPECT_NE(complaint_about(std::string(1'000'000, '[')), "accepted");
}

TEST(ParseJson, NamesEveryDuplicateKey) {
  EXPECT_EQ(complaint_about("{\"a\": 1,\n \"m\": [{\"b\": 1, \"b\": 2}],\n \"a\": 2}"),
            "a.json:2:17: m/0/b: found the key \"b\" again, expected each key once; it is already on line 2\n"
            "a.json:3:2: a: found the key \"a\" again, expected each key once; it is already on line 1");
}

TEST(ParseJson, NamesAThirdCopyToo) {
  EXPECT_EQ(complaint_about("{\"a\":1,\n\"a\":2,\n\"a\":3}"),
            "a.json:2:1: a: found the key \"a\" again, expected each key once; it is already on line 1\n"
            "a.json:3:1: a: found the key \"a\" again, expected each key once; it is already on line 2");
}

// ---- Python's constants ----

TEST(ParseJson, HasNoNaNInStrictJson) {
  const std::string hint = ", expected a value; JSON has no NaN and no infinity";
  EXPECT_EQ(complaint_about("{\"a\": NaN}"), "a.json:1:7: found \"NaN\"" + hint);
  EXPECT_EQ(complaint_about("{\"a\": Infinity}"), "a.json:1:7: found \"Infinity\"" + hint);
  const std::string negative = complaint_about("{\"a\": -Infinity}");
  EXPECT_EQ(negative.find("a.json:1:7: found \"-Infinity\"" + hint), 0U) << negative;
}

TEST(ParseJson, ReadsPythonConstantsWhereAllowed) {
  const JsonNode root =
      parse_json("{\"a\": NaN, \"b\": [Infinity,-Infinity], \"c\": 0}", "a.json", JsonDialect::PythonConstants).root;
  EXPECT_EQ(root.find("a")->kind, JsonKind::NonFinite);
  EXPECT_TRUE(std::isnan(root.find("a")->real));
  EXPECT_EQ(root.find("a")->text, "NaN");
  EXPECT_EQ(root.find("b")->items.at(0).real, HUGE_VAL);
  EXPECT_EQ(root.find("b")->items.at(1).real, -HUGE_VAL);
  EXPECT_EQ(root.find("c")->kind, JsonKind::Integer);
}

TEST(ParseJson, LeavesConstantsInStringsAlone) {
  const JsonNode root =
      parse_json(R"({"NaN": "-Infinity \" NaN", "x": "NaN"})", "a.json", JsonDialect::PythonConstants).root;
  EXPECT_EQ(root.find("NaN")->text, "-Infinity \" NaN");
  EXPECT_EQ(root.find("x")->kind, JsonKind::String);
}

TEST(ParseJson, TakesNoPartOfAWordForAConstant) {
  EXPECT_NE(complaint_about("{\"a\": NaNs}", JsonDialect::PythonConstants), "accepted");
  EXPECT_NE(complaint_about("{\"a\": 1NaN}", JsonDialect::PythonConstants), "accepted");
  EXPECT_NE(complaint_about("{\"a\": NaN NaN}", JsonDialect::PythonConstants), "accepted");
  EXPECT_NE(complaint_about("{NaN: 1}", JsonDialect::PythonConstants), "accepted");
}

// ---- places and files ----

TEST(PlaceOf, CountsLinesAndBytesFromOne) {
  EXPECT_EQ(place_of("ab\ncd", 0).line, 1);
  EXPECT_EQ(place_of("ab\ncd", 0).column, 1);
  EXPECT_EQ(place_of("ab\ncd", 2).column, 3);  // the newline itself
  EXPECT_EQ(place_of("ab\ncd", 3).line, 2);
  EXPECT_EQ(place_of("ab\ncd", 3).column, 1);
  EXPECT_EQ(place_of("ab", 99).column, 3);  // past the end is the end
}

class ReadTextFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "moeplan-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + '/' + name; }
  static std::string complaint_about_file(const std::string& file, Bytes limit) {
    try {
      read_text_file(file, limit);
      return "accepted";
    } catch (const InputError& error) {
      EXPECT_EQ(error.kind(), ErrorKind::InvalidInput);
      EXPECT_EQ(error.problems().at(0).file, file);
      return error.problems().at(0).found;
    }
  }
  std::string folder_;
};

TEST_F(ReadTextFile, ReturnsTheBytes) {
  std::ofstream(path("a"), std::ios::binary) << std::string("x\0y\r\n", 5);
  EXPECT_EQ(read_text_file(path("a"), Bytes(5)), std::string("x\0y\r\n", 5));
}

TEST_F(ReadTextFile, AcceptsTheLimitAndNotOneMore) {
  std::ofstream(path("a")) << "12345";
  EXPECT_EQ(complaint_about_file(path("a"), Bytes(5)), "accepted");
  EXPECT_EQ(complaint_about_file(path("a"), Bytes(4)), "5 bytes");
  std::ofstream(path("empty")).flush();
  EXPECT_EQ(read_text_file(path("empty"), Bytes(0)), "");
}

TEST_F(ReadTextFile, RefusesWhatIsNoFile) {
  EXPECT_EQ(complaint_about_file(path("missing"), Bytes(10)), "no such file");
  EXPECT_EQ(complaint_about_file("", Bytes(10)), "no such file");
  EXPECT_EQ(complaint_about_file(folder_, Bytes(10)), "a directory");
  EXPECT_EQ(complaint_about_file("/dev/zero", Bytes(10)), "a device, pipe or socket");
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(complaint_about_file(path("pipe"), Bytes(10)), "a device, pipe or socket");  // does not hang
  std::ofstream(path("a")) << "x";
  EXPECT_NE(complaint_about_file(path("a/b"), Bytes(10)), "accepted");
}

TEST_F(ReadTextFile, RefusesAFileItMayNotRead) {
  constexpr uid_t kNobody = 65534;
  std::ofstream(path("a")) << "x";
  std::filesystem::permissions(path("a"), std::filesystem::perms::none);
  const bool was_root = geteuid() == 0;  // root may read every file
  if (was_root) {
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  EXPECT_EQ(complaint_about_file(path("a"), Bytes(10)), "Permission denied");
  if (was_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
}

}  // namespace
}  // namespace moeplan
