// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <limits>

#include "sim/base/json.h"

namespace moeplan {
namespace {

std::string written_text(std::string_view text) {
  JsonWriter writer;
  return writer.value(text).take();
}

std::string written_number(double number) {
  JsonWriter writer;
  return writer.value(number).take();
}

TEST(JsonWriter, IndentsByTwoAndKeepsTheOrderWritten) {
  JsonWriter writer;
  writer.begin_object().member("b", 1).key("a").begin_array().value(true).null().end_array();
  writer.key("o").begin_object().end_object().key("e").begin_array().end_array().end_object();
  EXPECT_EQ(writer.take(),
            "{\n"
            "  \"b\": 1,\n"
            "  \"a\": [\n"
            "    true,\n"
            "    null\n"
            "  ],\n"
            "  \"o\": {},\n"
            "  \"e\": []\n"
            "}\n");
}

TEST(JsonWriter, WritesCompactSectionsOnOneLine) {
  JsonWriter writer;
  writer.begin_object().compact(true).key("row").begin_object().member("x", 1).key("y").begin_array();
  writer.value(2).value(3).end_array().end_object().compact(false).member("z", 4).end_object();
  EXPECT_EQ(writer.take(),
            "{\n"
            "  \"row\": {\"x\": 1, \"y\": [2, 3]},\n"
            "  \"z\": 4\n"
            "}\n");
}

TEST(JsonWriter, StaysCompactInsideACompactSection) {
  JsonWriter writer;
  writer.compact(true).begin_array().compact(false).begin_array().value(1).end_array().end_array();
  EXPECT_EQ(writer.take(), "[[1]]\n");
}

TEST(JsonWriter, EscapesWhatJsonForbids) {
  EXPECT_EQ(written_text("a\"b\\c\n\t\r\x01"), "\"a\\\"b\\\\c\\n\\t\\u000d\\u0001\"\n");
  EXPECT_EQ(written_text("\xC3\xA9"), "\"\xC3\xA9\"\n");
}

TEST(JsonWriter, WritesUtf8WhateverItIsGiven) { EXPECT_EQ(written_text("\xFF"), "\"\xEF\xBF\xBD\"\n"); }

TEST(JsonWriter, WritesTheShortestTextOfADouble) {
  EXPECT_EQ(written_number(0.1), "0.1\n");
  EXPECT_EQ(written_number(3.0), "3\n");
  EXPECT_EQ(written_number(4.8e12), "4.8e+12\n");
  EXPECT_EQ(written_number(-0.0), "-0\n");
}

TEST(JsonWriter, WritesNullForWhatIsNoNumber) {
  EXPECT_EQ(written_number(std::numeric_limits<double>::infinity()), "null\n");
  EXPECT_EQ(written_number(std::numeric_limits<double>::quiet_NaN()), "null\n");
}

TEST(JsonWriter, WritesCountsExactly) {
  JsonWriter writer;
  EXPECT_EQ(writer.value(std::numeric_limits<Count>::min()).take(), "-9223372036854775808\n");
}

TEST(JsonWriter, WritesWhatTheParserReads) {
  JsonWriter writer;
  writer.begin_object().member("t", "a\x02\"\n").member("n", 0.1).member("s", std::string("x")).end_object();
  const JsonNode root = parse_json(writer.take(), "a.json").root;
  EXPECT_EQ(root.find("t")->text, "a\x02\"\n");
  EXPECT_EQ(root.find("n")->real, 0.1);
}

TEST(JsonWriter, IsEmptyAgainAfterTake) {
  JsonWriter writer;
  EXPECT_EQ(writer.value(1).take(), "1\n");
  EXPECT_EQ(writer.value(2).take(), "2\n");
}

TEST(JsonWriter, ChecksItsCaller) {
  EXPECT_THROW(JsonWriter().begin_object().value(1), std::logic_error);
  EXPECT_THROW(JsonWriter().begin_array().key("a"), std::logic_error);
  EXPECT_THROW(JsonWriter().begin_array().end_object(), std::logic_error);
  EXPECT_THROW(JsonWriter().begin_object().key("a").end_object(), std::logic_error);
  EXPECT_THROW(JsonWriter().begin_object().take(), std::logic_error);
  EXPECT_THROW(JsonWriter().value(1).value(2), std::logic_error);
}

}  // namespace
}  // namespace moeplan
