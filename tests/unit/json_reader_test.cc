// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>

#include "sim/base/json.h"

namespace moeplan {
namespace {

constexpr Dim kByteRate{.byte = 1, .second = -1};

// What is complained about when `read` reads the document; "" if nothing.
std::string complaints_of(const std::string& source, const std::function<void(ObjectReader&)>& read,
                          bool null_is_absent = false) {
  const JsonDocument document = parse_json(source, "a.json", JsonDialect::PythonConstants);
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints, null_is_absent);
  read(reader);
  try {
    complaints.throw_if_any();
    return "";
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::InvalidInput);
    return error.what();
  }
}

TEST(ObjectReader, ReadsEveryKindOfMember) {
  const std::string source = R"({"c": 8, "r": 0.5, "i": 2, "f": true, "t": "x", "ts": ["a","b"], "cs": [1,2],
                                 "b": "80 GiB", "q": "4.8 TB/s", "w": "mla", "o": {"x": 1}})";
  EXPECT_EQ(complaints_of(source,
                          [](ObjectReader& reader) {
                            EXPECT_EQ(reader.count("c", {1, 10}), 8);
                            EXPECT_EQ(reader.real("r", 0.0, 1.0), 0.5);
                            EXPECT_EQ(reader.real("i", 0.0, 9.0), 2.0);
                            EXPECT_TRUE(reader.flag("f"));
                            EXPECT_EQ(reader.text("t"), "x");
                            EXPECT_EQ(reader.texts_or_empty("ts"), (std::vector<std::string>{"a", "b"}));
                            EXPECT_EQ(reader.counts_or_empty("cs", {}), (std::vector<Count>{1, 2}));
                            EXPECT_EQ(reader.bytes("b"), 80 * kGiB);
                            EXPECT_EQ(reader.quantity<kByteRate>("q").base(), 4.8e12);
                            EXPECT_EQ(reader.choice("w", {"gqa", "mla"}), 1U);
                            ObjectReader inner = reader.object("o");
                            EXPECT_EQ(inner.count("x", {}), 1);
                            inner.finish();
                            reader.finish();
                          }),
            "");
}

TEST(ObjectReader, TakesTheFallbackForWhatIsAbsent) {
  EXPECT_EQ(complaints_of("{}",
                          [](ObjectReader& reader) {
                            EXPECT_EQ(reader.count_or("c", {1, 10}, 7), 7);
                            EXPECT_EQ(reader.real_or("r", 0.0, 1.0, 0.25), 0.25);
                            EXPECT_TRUE(reader.flag_or("f", true));
                            EXPECT_EQ(reader.text_or("t", "d"), "d");
                            EXPECT_TRUE(reader.texts_or_empty("ts").empty());
                            EXPECT_TRUE(reader.counts_or_empty("cs", {}).empty());
                            EXPECT_EQ(reader.bytes_or("b", Bytes(3)), Bytes(3));
                            EXPECT_EQ(reader.quantity_or("q", Seconds::from_base(2.0)).base(), 2.0);
                            EXPECT_EQ(reader.choice_or("w", {"a", "b"}, 1), 1U);
                            EXPECT_FALSE(reader.object_if_present("o").has_value());
                            EXPECT_EQ(reader.node("n"), nullptr);
                            EXPECT_FALSE(reader.has("c"));
                            reader.finish();
                          }),
            "");
}

TEST(ObjectReader, NamesEveryMissingRequiredKey) {
  EXPECT_EQ(complaints_of("{\"m\": {}}",
                          [](ObjectReader& reader) {
                            ObjectReader inner = reader.object("m");
                            inner.count("layers", {1, 4096});
                            inner.quantity<kByteRate>("bandwidth");
                          }),
            "a.json:1:7: m/layers: found nothing, expected a whole number from 1 to 4096\n"
            "a.json:1:7: m/bandwidth: found nothing, expected a rate such as \"4.8 TB/s\"");
}

TEST(ObjectReader, ChecksBothEndsOfARange) {
  const auto read = [](ObjectReader& reader) { reader.count("x", {1, 65536}); };
  const std::string expected = ", expected a whole number from 1 to 65536";
  EXPECT_EQ(complaints_of("{\"x\": 1}", read), "");
  EXPECT_EQ(complaints_of("{\"x\": 65536}", read), "");
  EXPECT_EQ(complaints_of("{\"x\": 0}", read), "a.json:1:7: x: found 0" + expected);
  EXPECT_EQ(complaints_of("{\"x\": 65537}", read), "a.json:1:7: x: found 65537" + expected);
  EXPECT_EQ(complaints_of("{\"x\": 99999999999999999999}", read),
            "a.json:1:7: x: found 99999999999999999999" + expected);
}

TEST(ObjectReader, LeavesOutAnUpperEndThatIsNone) {
  EXPECT_EQ(complaints_of("{\"x\": -1}", [](ObjectReader& reader) { reader.count("x", {.min = 0}); }),
            "a.json:1:7: x: found -1, expected a whole number, at least 0");
}

TEST(ObjectReader, TakesNoRealForACountInOurOwnDocuments) {
  const auto read = [](ObjectReader& reader) { reader.count("x", {1, 9}); };
  EXPECT_EQ(
      complaints_of("{\"x\": 2.0}", read),
      "a.json:1:7: x: found 2.0, expected a whole number from 1 to 9; write it without a decimal point or exponent");
  EXPECT_EQ(complaints_of("{\"x\": 2.5}", read), "a.json:1:7: x: found 2.5, expected a whole number from 1 to 9");
  EXPECT_EQ(complaints_of("{\"x\": \"2\"}", read),
            "a.json:1:7: x: found the text \"2\", expected a whole number from 1 to 9; remove the quotes");
}

TEST(ObjectReader, TakesAWholeRealForACountInForeignDocuments) {
  const auto read = [](ObjectReader& reader) { EXPECT_EQ(reader.count_or("x", {1, 9}, 2), 2); };
  EXPECT_EQ(complaints_of("{\"x\": 2.0}", read, true), "");
  EXPECT_EQ(complaints_of("{\"x\": 2.5}", read, true), "a.json:1:7: x: found 2.5, expected a whole number from 1 to 9");
  EXPECT_EQ(complaints_of("{\"x\": 1e300}", read, true),
            "a.json:1:7: x: found 1e300, expected a whole number from 1 to 9");
  EXPECT_EQ(complaints_of("{\"x\": NaN}", read, true), "a.json:1:7: x: found NaN, expected a whole number from 1 to 9");
}

TEST(ObjectReader, ChecksBothEndsOfARealRange) {
  const auto read = [](ObjectReader& reader) { reader.real("x", 0.0, 1.0); };
  EXPECT_EQ(complaints_of("{\"x\": 0}", read), "");
  EXPECT_EQ(complaints_of("{\"x\": 1.0}", read), "");
  EXPECT_EQ(complaints_of("{\"x\": 1.0000001}", read), "a.json:1:7: x: found 1.0000001, expected a number from 0 to 1");
  EXPECT_EQ(complaints_of("{\"x\": -1e-9}", read), "a.json:1:7: x: found -1e-9, expected a number from 0 to 1");
  EXPECT_EQ(complaints_of("{\"x\": NaN}", read), "a.json:1:7: x: found NaN, expected a number from 0 to 1");
  EXPECT_EQ(complaints_of("{\"x\": Infinity}", read), "a.json:1:7: x: found Infinity, expected a number from 0 to 1");
}

TEST(ObjectReader, WantsAUnitWhereOneBelongs) {
  const auto read_rate = [](ObjectReader& reader) { reader.quantity<kByteRate>("x"); };
  const std::string hint = "; write the number with its unit, in quotes";
  EXPECT_EQ(complaints_of("{\"x\": 4.8}", read_rate),
            "a.json:1:7: x: found 4.8, expected a rate such as \"4.8 TB/s\"" + hint);
  EXPECT_EQ(complaints_of("{\"x\": \"4.8\"}", read_rate),
            "a.json:1:7: x: found the text \"4.8\", expected a rate such as \"4.8 TB/s\"; the unit is missing");
  const auto read_bytes = [](ObjectReader& reader) { reader.bytes("x"); };
  EXPECT_EQ(complaints_of("{\"x\": 80}", read_bytes),
            "a.json:1:7: x: found 80, expected a size such as \"80 GB\" or \"80 GiB\"" + hint);
  EXPECT_EQ(
      complaints_of("{\"x\": \"80\"}", read_bytes),
      "a.json:1:7: x: found the text \"80\", expected a size such as \"80 GB\" or \"80 GiB\"; the unit is missing");
  EXPECT_EQ(complaints_of("{\"x\": []}", read_bytes),
            "a.json:1:7: x: found an empty array, expected a size such as \"80 GB\" or \"80 GiB\"");
}

TEST(ObjectReader, SuggestsTheWordMeant) {
  EXPECT_EQ(complaints_of("{\"x\": \"mal\"}",
                          [](ObjectReader& reader) {
                            reader.choice("x", {"gqa", "mla"});
                          }),
            "a.json:1:7: x: found the text \"mal\", expected one of \"gqa\", \"mla\"; did you mean \"mla\"?");
  EXPECT_EQ(complaints_of("{\"x\": 3}", [](ObjectReader& reader) { reader.choice_or("x", {"gqa"}, 0); }),
            "a.json:1:7: x: found 3, expected \"gqa\"");
}

TEST(ObjectReader, NamesTheItemThatIsWrong) {
  EXPECT_EQ(complaints_of("{\"x\": [1, \"a\", 0], \"y\": [\"a\", 2], \"z\": 5}",
                          [](ObjectReader& reader) {
                            EXPECT_EQ(reader.counts_or_empty("x", {1, 9}), (std::vector<Count>{1}));
                            EXPECT_EQ(reader.texts_or_empty("y"), (std::vector<std::string>{"a"}));
                            EXPECT_TRUE(reader.texts_or_empty("z").empty());
                          }),
            "a.json:1:11: x/1: found the text \"a\", expected a whole number from 1 to 9\n"
            "a.json:1:16: x/2: found 0, expected a whole number from 1 to 9\n"
            "a.json:1:31: y/1: found 2, expected a text\n"
            "a.json:1:40: z: found 5, expected an array of texts");
}

TEST(ObjectReader, CountsNullAsAbsentOnlyInForeignDocuments) {
  const auto read = [](ObjectReader& reader) { EXPECT_EQ(reader.count_or("x", {1, 9}, 3), 3); };
  EXPECT_EQ(complaints_of("{\"x\": null}", read, true), "");
  EXPECT_EQ(complaints_of("{\"x\": null}", read, false),
            "a.json:1:7: x: found null, expected a whole number from 1 to 9");
  EXPECT_EQ(complaints_of(
                "{\"x\": null}", [](ObjectReader& reader) { EXPECT_FALSE(reader.has("x")); }, true),
            "");
  EXPECT_EQ(complaints_of(
                "{\"x\": null}", [](ObjectReader& reader) { EXPECT_TRUE(reader.has("x")); }, false),
            "");
}

TEST(ObjectReader, NamesUnknownKeysAndTheNearestKnown) {
  EXPECT_EQ(complaints_of("{\n \"badnwidth\": 1,\n \"zzz\": 2, \"note\": 3}",
                          [](ObjectReader& reader) {
                            reader.node("bandwidth");
                            reader.ignore("note");
                            reader.finish();
                          }),
            "a.json:2:2: badnwidth: found the unknown key \"badnwidth\"; did you mean \"bandwidth\"?\n"
            "a.json:3:2: zzz: found the unknown key \"zzz\"");
}

TEST(ObjectReader, ComplainsOnceAboutAMissingObject) {
  EXPECT_EQ(complaints_of("{}",
                          [](ObjectReader& reader) {
                            ObjectReader inner = reader.object("memory");
                            inner.count("x", {});
                            inner.real("y", 0.0, 1.0);
                            inner.flag("f");
                            inner.text("t");
                            inner.bytes("z");
                            inner.choice("c", {"a"});
                            inner.complain("w", "something");
                            inner.object("deeper").count("v", {});
                            inner.finish();
                          }),
            "a.json:1:1: memory: found nothing, expected an object, {...}");
}

TEST(ObjectReader, ComplainsOnceAboutWhatIsNoObject) {
  EXPECT_EQ(complaints_of("{\"memory\": 3}",
                          [](ObjectReader& reader) {
                            reader.object("memory").count("x", {});
                            reader.finish();
                          }),
            "a.json:1:12: memory: found 3, expected an object, {...}");
}

TEST(ObjectReader, ReturnsFallbacksThatDoNoHarm) {
  complaints_of("{}", [](ObjectReader& reader) {
    EXPECT_EQ(reader.count("a", {0, 9}), 1);  // nearest to 1 in the range: nothing divides by 0
    EXPECT_EQ(reader.count("b", {4, 9}), 4);
    EXPECT_EQ(reader.count("c", {-9, -4}), -4);
    EXPECT_EQ(reader.real("d", 0.0, 0.5), 0.5);
    EXPECT_EQ(reader.bytes("e"), Bytes());
    EXPECT_EQ(reader.choice("f", {"x", "y"}), 0U);
  });
}

TEST(ObjectReader, PassesOnComplaintsOfItsCaller) {
  EXPECT_EQ(complaints_of("{\"x\": 3, \"m\": {\"k\": []}}",
                          [](ObjectReader& reader) {
                            reader.complain("x", "an even number", "try 4");
                            reader.object("m").complain("k", "at least one item");
                            reader.complain("gone", "something");
                          }),
            "a.json:1:1: gone: found nothing, expected something\n"
            "a.json:1:7: x: found 3, expected an even number; try 4\n"
            "a.json:1:21: m/k: found an empty array, expected at least one item");
}

TEST(ObjectReader, ListsKeysInDocumentOrder) {
  complaints_of("{\"b\": 1, \"a\": 2}", [](ObjectReader& reader) {
    EXPECT_EQ(reader.keys(), (std::vector<std::string>{"b", "a"}));
  });
}

TEST(Complaints, StopAtAHundredAndCountTheRest) {
  std::string source = "{";
  for (int i = 0; i < 103; ++i) source += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  const std::string message = complaints_of(source + '}', [](ObjectReader& reader) { reader.finish(); });
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 100);  // 100 problems and the last line
  EXPECT_TRUE(message.ends_with("\na.json: and 3 more problems")) << message.substr(message.size() - 60);
}

TEST(WhatIs, DescribesEachKind) {
  const JsonNode root =
      parse_json(R"({"a":[null,true,-3,2.5,"t\u0007",[],[1],{},{"x":1},NaN]})", "a.json", JsonDialect::PythonConstants)
          .root;
  std::vector<std::string> words;
  for (const JsonNode& item : root.find("a")->items) words.push_back(what_is(item));
  EXPECT_EQ(words, (std::vector<std::string>{"null", "true", "-3", "2.5", "the text \"t\\x07\"", "an empty array",
                                             "an array", "an empty object", "an object", "NaN"}));
}

}  // namespace
}  // namespace moeplan
