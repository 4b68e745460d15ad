// SPDX-License-Identifier: Apache-2.0
#include "sim/base/error.h"

#include <gtest/gtest.h>

#include "sim/base/text.h"

namespace moeplan {
namespace {

TEST(Describe, NamesPlacePathFindingExpectationAndHint) {
  const Problem problem{.file = "h200.json",
                        .line = 4,
                        .column = 17,
                        .path = "memory/bandwidth",
                        .found = "4.8",
                        .expected = "a rate such as \"4.8 TB/s\"",
                        .hint = "write the unit"};
  EXPECT_EQ(describe(problem),
            "h200.json:4:17: memory/bandwidth: found 4.8, expected a rate such as \"4.8 TB/s\"; write the unit");
}

TEST(Describe, LeavesOutWhatIsEmpty) {
  EXPECT_EQ(describe({.file = "a.json", .found = "nothing"}), "a.json: found nothing");
  EXPECT_EQ(describe({.file = "a.json", .line = 3, .expected = "x"}), "a.json:3: expected x");
  EXPECT_EQ(describe({.path = "moe/experts", .hint = "remove it"}), "moe/experts: remove it");
  EXPECT_EQ(describe({}), "");
}

TEST(Describe, ShowsControlCharactersInsteadOfObeyingThem) {
  EXPECT_EQ(describe({.file = "a\nb", .found = "\x1b[31m"}), "a\\nb: found \\x1B[31m");
}

TEST(InputError, SaysEveryProblemOnItsOwnLine) {
  const InputError error(ErrorKind::InvalidInput, {Problem{.found = "one"}, Problem{.found = "two"}});
  EXPECT_STREQ(error.what(), "found one\nfound two");
  EXPECT_EQ(error.kind(), ErrorKind::InvalidInput);
  EXPECT_EQ(error.problems().size(), 2U);
}

TEST(NearestName, FindsASwapOfTwoLetters) {
  EXPECT_EQ(nearest_name("badnwidth", {"capacity", "bandwidth"}), "bandwidth");
}

TEST(NearestName, IgnoresCase) { EXPECT_EQ(nearest_name("H200", {"h100", "h200"}), "h200"); }

TEST(NearestName, FindsANameTypedInPart) {
  EXPECT_EQ(nearest_name("mixtral", {"gpt-oss-20b", "mixtral-8x22b", "mixtral-8x7b"}), "mixtral-8x7b");
}

TEST(NearestName, FindsANameWithAnExtraWord) {
  EXPECT_EQ(nearest_name("deepseek-r1-0528", {"deepseek-v3", "deepseek-r1"}), "deepseek-r1");
}

TEST(NearestName, LooksPastSeparators) {
  const std::vector<std::string> models = {"deepseek-v2", "deepseek-v3",  "deepseek-v3.2", "deepseek-r1",
                                           "gpt-oss-20b", "gpt-oss-120b", "mixtral-8x22b", "mixtral-8x7b"};
  EXPECT_EQ(nearest_name("mixtral8x7b", models), "mixtral-8x7b");
  EXPECT_EQ(nearest_name("deepseekv3", models), "deepseek-v3");
  EXPECT_EQ(nearest_name("gpt-oss120b", models), "gpt-oss-120b");
}

TEST(NearestName, OfEquallyNearNamesTheOneWithTheSameBeginning) {
  EXPECT_EQ(nearest_name("deepseek-r2", {"deepseek-v2", "deepseek-r1", "deepseek-v3"}), "deepseek-r1");
}

TEST(NearestName, AMisspellingComesBeforeAPart) {
  EXPECT_EQ(nearest_name("rtx-4090-desktp", {"rtx-4090", "rtx-4090-desktop"}), "rtx-4090-desktop");
}

TEST(NearestName, AnExtraWordComesBeforeSeveralEdits) {
  EXPECT_EQ(nearest_name("deepseek-v3-0324", {"deepseek-v3.2", "deepseek-v3"}), "deepseek-v3");
}

TEST(NearestName, OfSeveralPartsTheLongest) {
  EXPECT_EQ(nearest_name("mixtral-8x7b-instruct-v0.1", {"mixtral", "mixtral-8x7b"}), "mixtral-8x7b");
}

TEST(NearestName, AcceptsTwoEditsOfAShortNameAndNotThree) {
  EXPECT_EQ(nearest_name("axcdyf", {"abcdef"}), "abcdef");  // 2 substitutions
  EXPECT_EQ(nearest_name("axxxef", {"abcdef"}), "");        // 3 substitutions > max(2, 6 / 3)
}

TEST(NearestName, AcceptsAThirdOfALongNameAndNotMore) {
  // 12 letters: max(2, 12 / 3) = 4 edits.
  EXPECT_EQ(nearest_name("wwwwefghijkl", {"abcdefghijkl"}), "abcdefghijkl");
  EXPECT_EQ(nearest_name("wwwwwfghijkl", {"abcdefghijkl"}), "");
}

TEST(NearestName, DoesNotTakeAnotherShortWordForAMisspelling) {
  EXPECT_EQ(nearest_name("xy", {"tp", "pp"}), "");  // 2 of 2 letters differ
  EXPECT_EQ(nearest_name("xp", {"ep"}), "ep");      // 1 of 2
}

TEST(NearestName, IsEmptyForNothingOrForAnAbsurdName) {
  EXPECT_EQ(nearest_name("", {"a"}), "");
  EXPECT_EQ(nearest_name("a", {}), "");
  EXPECT_EQ(nearest_name(std::string(257, 'a'), {std::string(257, 'a')}), "");
  EXPECT_NE(nearest_name(std::string(256, 'a'), {std::string(256, 'a')}), "");
}

TEST(ThrowUnknownName, NamesTheNearestAndHowToListAll) {
  try {
    throw_unknown_name("model", "mixtrl-8x7b", {"mixtral-8x7b"}, "moeplan models list");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::UnknownName);
    EXPECT_STREQ(error.what(),
                 "found the model \"mixtrl-8x7b\", expected a known model; did you mean \"mixtral-8x7b\"? "
                 "\"moeplan models list\" lists them all");
  }
}

TEST(Check, ThrowsWhatIsNoInputError) {
  EXPECT_NO_THROW(CHECK(1 + 1 == 2));
  EXPECT_THROW(CHECK(1 + 1 == 3), std::logic_error);
}

TEST(Printable, KeepsUtf8AndEscapesTheRest) {
  EXPECT_EQ(printable("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"), "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(printable("a\tb\rc\x7F"), "a\\tb\\rc\\x7F");
  EXPECT_EQ(printable("\xFF"), "\\xFF");
  EXPECT_EQ(printable("\xC2\x9B"), "\\xC2\\x9B");           // U+009B, a terminal control
  EXPECT_EQ(printable("\xC0\x80"), "\\xC0\\x80");           // overlong NUL
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xED\\xA0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xE2\x82"), "\\xE2\\x82");           // cut off
}

TEST(InQuotes, CutsAfterSixtyBytesBetweenCharacters) {
  EXPECT_EQ(in_quotes(std::string(60, 'a')), '"' + std::string(60, 'a') + '"');
  EXPECT_EQ(in_quotes(std::string(61, 'a')), '"' + std::string(60, 'a') + "...\"");
  // The two-byte character would straddle byte 60.
  EXPECT_EQ(in_quotes(std::string(59, 'a') + "\xC3\xA9zz"), '"' + std::string(59, 'a') + "...\"");
}

}  // namespace
}  // namespace moeplan
