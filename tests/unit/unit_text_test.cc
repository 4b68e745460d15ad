// SPDX-License-Identifier: Apache-2.0
#include "sim/base/unit_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace moeplan {
namespace {

std::string reason_for_bytes(const std::string& text) {
  try {
    const Bytes value = parse_bytes(text);
    return "accepted as " + std::to_string(value.count());
  } catch (const UnitTextError& error) {
    return error.reason();
  }
}

BytesPerSecond rate(const std::string& text) { return parse_quantity<Dim{.byte = 1, .second = -1}>(text); }
Seconds seconds(const std::string& text) { return parse_quantity<Dim{.second = 1}>(text); }
UsdPerSecond price(const std::string& text) { return parse_quantity<Dim{.second = -1, .usd = 1}>(text); }
FlopsPerSecond flops(const std::string& text) { return parse_quantity<Dim{.second = -1, .flop = 1}>(text); }
DataSize size(const std::string& text) { return parse_quantity<Dim{.byte = 1}>(text); }

template <Dim D>
std::string reason_for_quantity(const std::string& text) {
  try {
    parse_quantity<D>(text);
    return "accepted";
  } catch (const UnitTextError& error) {
    return error.reason();
  }
}
std::string reason_for_rate(const std::string& text) { return reason_for_quantity<Dim{.byte = 1, .second = -1}>(text); }

std::string reason_for_tokens(const std::string& text) {
  try {
    return "accepted as " + std::to_string(parse_tokens(text));
  } catch (const UnitTextError& error) {
    return error.reason();
  }
}

// ---- sizes ----

TEST(ParseBytes, DecimalAndBinaryPrefixesDiffer) {
  EXPECT_EQ(parse_bytes("80 GB").count(), 80'000'000'000);   // 80 x 10^9
  EXPECT_EQ(parse_bytes("80 GiB").count(), 85'899'345'920);  // 80 x 2^30
  EXPECT_EQ(parse_bytes("143771 MiB").count(), 143'771 * 1'048'576LL);
}

TEST(ParseBytes, TakesTheUnitWithOrWithoutSpace) {
  EXPECT_EQ(parse_bytes("80GB"), parse_bytes("80 GB"));
  EXPECT_EQ(parse_bytes("  80  GB "), parse_bytes("80 GB"));
}

TEST(ParseBytes, TakesABareWholeNumberAsBytes) {
  EXPECT_EQ(parse_bytes("1024"), Bytes(1024));
  EXPECT_EQ(parse_bytes("0"), Bytes(0));
}

TEST(ParseBytes, RoundsAFractionOfALargeUnitToTheNearestByte) {
  EXPECT_EQ(parse_bytes("1.5GiB").count(), 1'610'612'736);      // 1.5 x 2^30
  EXPECT_EQ(parse_bytes("79.65 GiB").count(), 85'523'536'282);  // 85,523,536,281.6
  EXPECT_EQ(parse_bytes("1e3 kB").count(), 1'000'000);
}

TEST(ParseBytes, RefusesPartsOfAByte) {
  EXPECT_EQ(reason_for_bytes("0.5 B"), "there are no parts of a byte");
  EXPECT_EQ(reason_for_bytes("2.0 B"), "accepted as 2");
  EXPECT_EQ(reason_for_bytes("1.5"), "a number without a unit counts bytes and is a whole number");
}

TEST(ParseBytes, RefusesABarePrefixAndNamesBothReadings) {
  EXPECT_EQ(reason_for_bytes("80G"),
            "\"80G\" has two readings: write \"80 GB\" (powers of 1000) or \"80 GiB\" (powers of 1024)");
  EXPECT_EQ(reason_for_bytes("1.5 k"),
            "\"1.5k\" has two readings: write \"1.5 kB\" (powers of 1000) or \"1.5 KiB\" (powers of 1024)");
}

TEST(ParseBytes, SuggestsTheUnitMeant) {
  EXPECT_EQ(reason_for_bytes("80gb"), "\"gb\" is not a unit here, did you mean \"GB\"?");
  EXPECT_EQ(reason_for_bytes("80gib"), "\"gib\" is not a unit here, did you mean \"GiB\"?");
  EXPECT_EQ(reason_for_bytes("80Gi"), "\"Gi\" is not a unit here, did you mean \"GiB\"?");
  EXPECT_EQ(reason_for_bytes("80 KB"), "\"KB\" is not a unit here, did you mean \"kB\"?");
  EXPECT_EQ(reason_for_bytes("80 Gb"), "\"Gb\" reads as bits, 8 to a byte: write \"GB\" for bytes");
  EXPECT_EQ(reason_for_bytes("12 parsecs"),
            "\"parsecs\" is not a unit here, known are B, kB, MB, GB, TB, PB, KiB, MiB, GiB, TiB, PiB");
}

TEST(ParseBytes, RefusesWhatIsNoAmount) {
  EXPECT_EQ(reason_for_bytes(""), "the text is empty");
  EXPECT_EQ(reason_for_bytes("   "), "the text is empty");
  EXPECT_EQ(reason_for_bytes("-1GB"), "\"-1GB\" is negative");
  EXPECT_EQ(reason_for_bytes("GB"), "\"GB\" does not begin with a number");
  EXPECT_EQ(reason_for_bytes("nan"), "\"nan\" does not begin with a number");
  EXPECT_EQ(reason_for_bytes("inf GB"), "\"inf GB\" does not begin with a number");
  EXPECT_EQ(reason_for_bytes("+1 GB"), "\"+1 GB\" does not begin with a number");
  EXPECT_EQ(reason_for_bytes("."), "\".\" does not begin with a number");
  EXPECT_EQ(reason_for_bytes("1e400GB"), "the number is out of range");
  EXPECT_EQ(reason_for_bytes("143,771 MiB"), "the number is written with a decimal point and no thousands separators");
  EXPECT_EQ(reason_for_bytes("0x10").substr(0, 6), "\"x10\" ");
}

TEST(ParseBytes, EndsAtTwoToThe62) {
  EXPECT_EQ(parse_bytes("4611686018427387904").count(), Count{1} << 62);
  EXPECT_EQ(parse_bytes("4096 PiB").count(), Count{1} << 62);  // 2^12 x 2^50
  EXPECT_EQ(reason_for_bytes("4611686018427387905"), "the size is larger than 2^62 bytes");
  EXPECT_EQ(reason_for_bytes("4097 PiB"), "the size is larger than 2^62 bytes");
  EXPECT_EQ(reason_for_bytes("4096.5 PiB"), "the size is larger than 2^62 bytes");
  EXPECT_EQ(reason_for_bytes("99999999999999999999"), "the size is larger than 2^62 bytes");
}

TEST(ParseBytes, SaysWhatItExpected) {
  try {
    parse_bytes("80G");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()).find("expected a size such as \"80 GB\" or \"80 GiB\": "), 0U);
  }
}

TEST(ToText, OfBytesIsShortAndExact) {
  EXPECT_EQ(to_text(Bytes(0)), "0 B");
  EXPECT_EQ(to_text(80 * kGiB), "80 GiB");
  EXPECT_EQ(to_text(143'771 * kMiB), "143771 MiB");
  EXPECT_EQ(to_text(Bytes(141'000'000'000)), "141 GB");
  EXPECT_EQ(to_text(1536 * kMiB), "1.5 GiB");
  EXPECT_EQ(to_text(Bytes(1'234'567)), "1234567 B");
  EXPECT_EQ(to_text(Bytes(1050)), "1050 B");
  EXPECT_EQ(to_text(Bytes(-5)), "-5 B");
}

TEST(ToText, OfBytesReadsBackTheSame) {
  std::mt19937_64 random(20'240'601);  // seed
  for (int i = 0; i < 20'000; ++i) {
    const int bits = static_cast<int>(random() % 62) + 1;
    Count count = static_cast<Count>(random() >> (64 - bits));
    if (i % 3 == 1) count = count / 10'000'000 * 10'000'000;
    if (i % 3 == 2) count = count >> 20 << 20;
    ASSERT_EQ(parse_bytes(to_text(Bytes(count))).count(), count) << to_text(Bytes(count));
  }
  EXPECT_EQ(parse_bytes(to_text(Bytes(Count{1} << 62))).count(), Count{1} << 62);
}

// ---- quantities ----

TEST(ParseQuantity, IsTheDoubleNearestToWhatWasWritten) {
  EXPECT_EQ(rate("4.8 TB/s").base(), 4.8e12);
  EXPECT_EQ(rate("3.35TB/s").base(), 3.35e12);
  EXPECT_EQ(rate("1 GiB/s").base(), 1073741824.0);
  EXPECT_EQ(seconds("4.5 us").base(), 4.5e-6);
  EXPECT_EQ(seconds("3 ns").base(), 3e-9);
  EXPECT_EQ(flops("989.4 TFLOP/s").base(), 989.4e12);
  EXPECT_EQ(parse_quantity<Dim({.second = -1, .joule = 1})>("700 W").base(), 700.0);
  EXPECT_EQ(parse_quantity<Dim({.second = -1})>("1.98 GHz").base(), 1.98e9);
  EXPECT_EQ(parse_quantity<Dim({.joule = 1})>("12.5 kJ").base(), 12500.0);
  EXPECT_EQ(size("80 GiB").base(), 85899345920.0);
}

TEST(ParseQuantity, DividesAnHourlyPriceBySeconds) {
  EXPECT_EQ(price("3600 USD/h").base(), 1.0);
  EXPECT_EQ(price("2.5 USD/h").base(), 2.5 / 3600.0);
}

TEST(ParseQuantity, NeedsAUnit) {
  EXPECT_EQ(reason_for_rate("4.8"), "the unit is missing");
  EXPECT_EQ(reason_for_rate("0"), "the unit is missing");
}

TEST(ParseQuantity, RefusesAnotherDimension) {
  EXPECT_EQ(reason_for_rate("4.8 TB"), "\"TB\" is not a unit here, did you mean \"TB/s\"?");
  EXPECT_EQ(reason_for_rate("700 W").substr(0, 23), "\"W\" is not a unit here,");
}

TEST(ParseQuantity, DoesNotTakeBitsForBytes) {
  EXPECT_EQ(reason_for_rate("400 Gb/s"), "\"Gb/s\" reads as bits, 8 to a byte: write \"GB/s\" for bytes");
  EXPECT_EQ(reason_for_rate("400 Gbps"), "\"Gbps\" reads as bits, 8 to a byte: write \"GB/s\" for bytes");
}

TEST(ParseQuantity, NamesBothReadingsOfABarePrefix) {
  EXPECT_EQ(reason_for_rate("900 G/s"),
            "\"900G/s\" has two readings: write \"900 GB/s\" (powers of 1000) or \"900 GiB/s\" (powers of 1024)");
  EXPECT_EQ(reason_for_rate("900G").substr(0, 20), "\"900G\" has two readi");
}

TEST(ParseQuantity, SuggestsTheUnitMeant) {
  EXPECT_EQ((reason_for_quantity<Dim{.second = -1, .flop = 1}>("989 TFLOPS")),
            "\"TFLOPS\" is not a unit here, did you mean \"TFLOP/s\"?");
}

TEST(ParseQuantity, RefusesNumbersOutOfRange) {
  EXPECT_EQ(reason_for_rate("1e400 B/s"), "the number is out of range");
  EXPECT_EQ(reason_for_rate("1e300 TB/s"), "the number is out of range");   // 1e312
  EXPECT_EQ(reason_for_rate("1e300 PiB/s"), "the number is out of range");  // about 1e315
  EXPECT_EQ(reason_for_rate("1e99999999999999 B/s"), "the number is out of range");
  EXPECT_EQ(reason_for_rate("-1 B/s"), "\"-1 B/s\" is negative");
}

TEST(ToText, OfAQuantityTakesTheLargestFittingPrefix) {
  EXPECT_EQ(to_text(BytesPerSecond::from_base(4.8e12)), "4.8 TB/s");
  EXPECT_EQ(to_text(BytesPerSecond::from_base(999e9)), "999 GB/s");
  EXPECT_EQ(to_text(BytesPerSecond::from_base(1e12)), "1 TB/s");
  EXPECT_EQ(to_text(FlopsPerSecond::from_base(989.4e12)), "989.4 TFLOP/s");
  EXPECT_EQ(to_text(Seconds::from_base(5e-4)), "500 us");
  EXPECT_EQ(to_text(Seconds::from_base(5e-10)), "0.5 ns");
  EXPECT_EQ(to_text(Seconds::from_base(90.0)), "90 s");
  EXPECT_EQ(to_text(Seconds()), "0 s");
  EXPECT_EQ(to_text(Watts::from_base(700.0)), "700 W");
  EXPECT_EQ(to_text(Hertz::from_base(1.98e9)), "1.98 GHz");
  EXPECT_EQ(to_text(Joules::from_base(0.25)), "0.25 J");
}

TEST(ToText, OfAQuantityIsBinaryWhereThatIsShorter) {
  EXPECT_EQ(to_text(kGiB.size() * 80.0), "80 GiB");  // 85.89934592 GB
  EXPECT_EQ(to_text(DataSize::from_base(141e9)), "141 GB");
}

TEST(ToText, OfAPriceIsPerHour) {
  EXPECT_EQ(to_text(price("2.5 USD/h")), "2.5 USD/h");
  EXPECT_EQ(to_text(price("100 USD/h")), "100 USD/h");
}

template <Dim D>
void expect_round_trips(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (int i = 0; i < 5'000; ++i) {
    const double fraction = 1.0 + static_cast<double>(random() >> 12) * 0x1p-52;
    const double value = std::ldexp(fraction, static_cast<int>(random() % 120) - 60);
    const std::string text = to_text(Quantity<D>::from_base(value));
    ASSERT_EQ(parse_quantity<D>(text).base(), value) << text << " with seed " << seed;
  }
}

TEST(ToText, OfAnyQuantityReadsBackTheSame) {
  expect_round_trips<Dim({.byte = 1})>(1);
  expect_round_trips<Dim({.second = 1})>(2);
  expect_round_trips<Dim({.byte = 1, .second = -1})>(3);
  expect_round_trips<Dim({.second = -1, .flop = 1})>(4);
  expect_round_trips<Dim({.second = -1, .joule = 1})>(5);
  expect_round_trips<Dim({.second = -1})>(6);
  expect_round_trips<Dim({.joule = 1})>(7);
  expect_round_trips<Dim({.second = -1, .usd = 1})>(8);
}

TEST(ToText, OfExtremeQuantitiesReadsBackTheSame) {
  for (const double value : {5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e22, 123456789012345678.0}) {
    EXPECT_EQ(size(to_text(DataSize::from_base(value))).base(), value);
  }
}

// ---- tokens ----

TEST(ParseTokens, CountsKAs1024) {
  EXPECT_EQ(parse_tokens("8k"), 8192);
  EXPECT_EQ(parse_tokens("128K"), 131072);
  EXPECT_EQ(parse_tokens("1M"), 1048576);
  EXPECT_EQ(parse_tokens("8192"), 8192);
  EXPECT_EQ(parse_tokens("1"), 1);
}

TEST(ParseTokens, RefusesLessThanOneAndParts) {
  EXPECT_EQ(reason_for_tokens("0"), "at least one token is needed");
  EXPECT_EQ(reason_for_tokens("0k"), "at least one token is needed");
  EXPECT_EQ(reason_for_tokens("-8k"), "\"-8k\" is negative");
  EXPECT_EQ(reason_for_tokens("1.5k"), "tokens are counted in whole numbers");
  EXPECT_EQ(reason_for_tokens("8 GB"), "\"GB\" is neither k nor M");
  EXPECT_EQ(reason_for_tokens("many"), "\"many\" does not begin with a number");
  EXPECT_EQ(reason_for_tokens("9999999999999999M"), "the number is out of range");
}

}  // namespace
}  // namespace moeplan
