// SPDX-License-Identifier: Apache-2.0
// Decimal prefixes are applied to the decimal text before it becomes a double
// ("3.35 TB/s" is read as 3.35e12), so the value is the double nearest to what was
// written, and to_text gets back to the same text.
#include "sim/base/unit_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

// base value = number * 10^ten * 2^two / divisor
struct Unit {
  std::string_view name;
  int ten = 0;
  int two = 0;
  double divisor = 1.0;
};

// The units of one dimension: decimal ones from small to large, then binary ones.
struct UnitFamily {
  std::string_view expected;
  std::span<const Unit> units;
};

constexpr Unit kSizeUnits[] = {{"B", 0},       {"kB", 3},      {"MB", 6},      {"GB", 9},
                               {"TB", 12},     {"PB", 15},     {"KiB", 0, 10}, {"MiB", 0, 20},
                               {"GiB", 0, 30}, {"TiB", 0, 40}, {"PiB", 0, 50}};
constexpr Unit kByteRateUnits[] = {{"B/s", 0},       {"kB/s", 3},      {"MB/s", 6},      {"GB/s", 9},
                                   {"TB/s", 12},     {"PB/s", 15},     {"KiB/s", 0, 10}, {"MiB/s", 0, 20},
                                   {"GiB/s", 0, 30}, {"TiB/s", 0, 40}, {"PiB/s", 0, 50}};
constexpr Unit kFlopRateUnits[] = {{"FLOP/s", 0},  {"kFLOP/s", 3},  {"MFLOP/s", 6},
                                   {"GFLOP/s", 9}, {"TFLOP/s", 12}, {"PFLOP/s", 15}};
constexpr Unit kTimeUnits[] = {{"ns", -9}, {"us", -6}, {"ms", -3}, {"s", 0}};
constexpr Unit kPowerUnits[] = {{"W", 0}, {"kW", 3}, {"MW", 6}};
constexpr Unit kFrequencyUnits[] = {{"Hz", 0}, {"kHz", 3}, {"MHz", 6}, {"GHz", 9}};
constexpr Unit kEnergyUnits[] = {{"J", 0}, {"kJ", 3}};
constexpr Unit kMoneyRateUnits[] = {{"USD/s", 0}, {"USD/h", 0, 0, 3600.0}};

constexpr std::string_view kExpectedBytes = "a size such as \"80 GB\" or \"80 GiB\"";
constexpr std::string_view kExpectedTokens =
    "a token count such as \"8192\", \"8k\" (8 x 1024) or \"1M\" (1024 x 1024)";
constexpr Count kLargestCount = Count{1} << 62;
constexpr Count kLargestInDouble = Count{1} << 53;

template <Dim D>
constexpr UnitFamily family_of() {
  if constexpr (D == Dim{.byte = 1}) return {kExpectedBytes, kSizeUnits};
  if constexpr (D == Dim{.byte = 1, .second = -1}) return {"a rate such as \"4.8 TB/s\"", kByteRateUnits};
  if constexpr (D == Dim{.second = -1, .flop = 1}) return {"a rate such as \"989.4 TFLOP/s\"", kFlopRateUnits};
  if constexpr (D == Dim{.second = 1}) return {"a time such as \"4.5 us\"", kTimeUnits};
  if constexpr (D == Dim{.second = -1, .joule = 1}) return {"a power such as \"700 W\"", kPowerUnits};
  if constexpr (D == Dim{.second = -1}) return {"a frequency such as \"1.98 GHz\"", kFrequencyUnits};
  if constexpr (D == Dim{.joule = 1}) return {"an energy such as \"12.5 kJ\"", kEnergyUnits};
  if constexpr (D == Dim{.second = -1, .usd = 1}) return {"a price such as \"2.5 USD/h\"", kMoneyRateUnits};
}

// ---- reading ----

// "1.5e3 GB": mantissa "1.5", exponent 3, unit "GB".
struct NumberAndUnit {
  std::string_view mantissa;
  int exponent = 0;
  bool whole = true;  // digits only
  std::string_view unit;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - at;
}

// Length of "e-12" at `at`, 0 if there is no exponent (the e may begin a unit).
std::size_t exponent_at(std::string_view text, std::size_t at) {
  if (at >= text.size() || (text[at] != 'e' && text[at] != 'E')) return 0;
  const std::size_t sign = at + 1 < text.size() && (text[at + 1] == '-' || text[at + 1] == '+') ? 1 : 0;
  const std::size_t digits = digits_at(text, at + 1 + sign);
  return digits == 0 ? 0 : 1 + sign + digits;
}

// Exponents that no double can use are all alike: far out of range.
int exponent_value(std::string_view text) {
  constexpr int kFarOut = 100'000;
  text.remove_prefix(text.starts_with('+') ? 1 : 0);
  int value = 0;
  const std::from_chars_result result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec == std::errc() && std::abs(value) < kFarOut) return value;
  return text.starts_with('-') ? -kFarOut : kFarOut;
}

std::optional<std::string> why_not_a_number(std::string_view text) {
  if (text.empty()) return "the text is empty";
  if (text.front() == '-') return in_quotes(text) + " is negative";
  const bool has_digit = is_digit(text.front()) || (text.front() == '.' && digits_at(text, 1) > 0);
  if (!has_digit) return in_quotes(text) + " does not begin with a number";
  return std::nullopt;
}

NumberAndUnit split(std::string_view text, std::string_view expected) {
  text = trimmed(text);
  if (const std::optional<std::string> reason = why_not_a_number(text)) {
    throw UnitTextError(std::string(expected), *reason);
  }
  NumberAndUnit out;
  std::size_t end = digits_at(text, 0);
  if (end < text.size() && text[end] == '.') {
    out.whole = false;
    end += 1 + digits_at(text, end + 1);
  }
  out.mantissa = text.substr(0, end);
  if (const std::size_t length = exponent_at(text, end); length > 0) {
    out.whole = false;
    out.exponent = exponent_value(text.substr(end + 1, length - 1));
    end += length;
  }
  out.unit = trimmed(text.substr(end));
  return out;
}

const Unit* find_unit(const UnitFamily& family, std::string_view name) {
  for (const Unit& unit : family.units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

std::vector<std::string> unit_names(const UnitFamily& family) {
  std::vector<std::string> names;
  for (const Unit& unit : family.units) names.emplace_back(unit.name);
  return names;
}

// "80G" or "80 G/s": it means GB to some and GiB to others.
std::optional<std::string> two_readings(const UnitFamily& family, const NumberAndUnit& text) {
  const bool rate = text.unit.ends_with("/s");
  const std::string_view letter = rate ? text.unit.substr(0, text.unit.size() - 2) : text.unit;
  if (letter.size() != 1 || std::string_view("kKMGTP").find(letter) == std::string_view::npos) return std::nullopt;
  const std::string suffix = find_unit(family, "B/s") != nullptr ? "/s" : "";
  const std::string decimal = (letter == "K" ? "k" : std::string(letter)) + "B" + suffix;
  const std::string binary = (letter == "k" ? "K" : std::string(letter)) + "iB" + suffix;
  if (find_unit(family, decimal) == nullptr) return std::nullopt;
  const std::string number(text.mantissa);
  return in_quotes(number + std::string(text.unit)) + " has two readings: write " + in_quotes(number + ' ' + decimal) +
         " (powers of 1000) or " + in_quotes(number + ' ' + binary) + " (powers of 1024)";
}

// "400 Gb/s", "400 Gbit/s", "400 Gbps": taking b for B would be wrong by a factor 8.
std::optional<std::string> bits_meant(const UnitFamily& family, std::string_view unit) {
  std::string_view rest = unit;
  std::string prefix;
  if (!rest.empty() && std::string_view("kMGTP").find(rest.front()) != std::string_view::npos) {
    prefix = rest.front();
    rest.remove_prefix(1);
  }
  for (const std::string_view bits : {"b", "bit", "b/s", "bit/s", "bps"}) {
    if (rest != bits) continue;
    const std::string right = prefix + (find_unit(family, "B/s") != nullptr ? "B/s" : "B");
    if (find_unit(family, right) == nullptr) return std::nullopt;
    return in_quotes(unit) + " reads as bits, 8 to a byte: write " + in_quotes(right) + " for bytes";
  }
  return std::nullopt;
}

std::string why_unknown_unit(const UnitFamily& family, const NumberAndUnit& text) {
  if (text.unit.empty()) return "the unit is missing";
  if (text.unit.front() == ',') return "the number is written with a decimal point and no thousands separators";
  if (const std::optional<std::string> reason = two_readings(family, text)) return *reason;
  if (const std::optional<std::string> reason = bits_meant(family, text.unit)) return *reason;
  const std::string completed = std::string(text.unit) + "B";  // "Gi" for "GiB"
  const std::vector<std::string> names = unit_names(family);
  const std::string nearest = find_unit(family, completed) != nullptr ? completed : nearest_name(text.unit, names);
  if (!nearest.empty()) return in_quotes(text.unit) + " is not a unit here, did you mean " + in_quotes(nearest) + "?";
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return in_quotes(text.unit) + " is not a unit here, known are " + list;
}

const Unit& unit_of(const UnitFamily& family, const NumberAndUnit& text) {
  const Unit* unit = find_unit(family, text.unit);
  if (unit == nullptr) throw UnitTextError(std::string(family.expected), why_unknown_unit(family, text));
  return *unit;
}

double value_of(const NumberAndUnit& text, const Unit& unit, std::string_view expected) {
  const std::string decimal = std::string(text.mantissa) + 'e' + std::to_string(text.exponent + unit.ten);
  double value = 0.0;
  const std::from_chars_result result = std::from_chars(decimal.data(), decimal.data() + decimal.size(), value);
  value = std::ldexp(value, unit.two) / unit.divisor;
  if (result.ec != std::errc() || !std::isfinite(value)) {
    throw UnitTextError(std::string(expected), "the number is out of range");
  }
  return value;
}

Count factor_of(const Unit& unit) {
  Count factor = Count{1} << unit.two;
  for (int i = 0; i < unit.ten; ++i) factor *= 10;
  return factor;
}

// mantissa * factor, exactly; nothing when past the largest count.
std::optional<Count> exact_product(std::string_view mantissa, Count factor) {
  Count number = 0;
  const std::from_chars_result result = std::from_chars(mantissa.data(), mantissa.data() + mantissa.size(), number);
  if (result.ec != std::errc() || number > kLargestCount / factor) return std::nullopt;
  return number * factor;
}

// ---- writing ----

// value = 0.d1d2d3... * 10^(exponent + 1): digits "335", exponent 12 for 3.35e12.
struct Decimal {
  std::string digits;
  int exponent = 0;
};

// The shortest decimal that reads back as `value` (> 0, finite).
Decimal shortest_decimal(double value) {
  std::array<char, 64> buffer{};
  const std::to_chars_result result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(result.ptr - buffer.data()));
  const std::size_t e = text.find('e');
  Decimal out;
  for (const char c : text.substr(0, e)) {
    if (is_digit(c)) out.digits += c;
  }
  out.exponent = exponent_value(text.substr(e + 1));
  return out;
}

// digits * 10^shift in plain notation where that stays short.
std::string plain_text(const Decimal& decimal, int ten) {
  constexpr int kMostZeros = 6;
  constexpr int kMostDigits = 18;
  const int exponent = decimal.exponent - ten;
  const std::string& digits = decimal.digits;
  if (exponent < -kMostZeros || exponent > kMostDigits) {
    const std::string fraction = digits.size() > 1 ? '.' + digits.substr(1) : "";
    return digits.substr(0, 1) + fraction + 'e' + std::to_string(exponent);
  }
  if (exponent < 0) return "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const std::size_t before_point = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= before_point) return digits + std::string(before_point - digits.size(), '0');
  return digits.substr(0, before_point) + '.' + digits.substr(before_point);
}

std::string with_unit(const std::string& number, const Unit& unit) { return number + ' ' + std::string(unit.name); }

std::string decimal_text(const UnitFamily& family, double value) {
  const Decimal decimal = shortest_decimal(value);
  const Unit* best = &family.units.front();
  for (const Unit& unit : family.units) {
    const bool plain = unit.two == 0 && unit.divisor == 1.0;
    if (plain && unit.ten <= decimal.exponent) best = &unit;
  }
  return with_unit(plain_text(decimal, best->ten), *best);
}

// Dividing by a power of two is exact, so any such text reads back the same.
std::optional<std::string> binary_text(const UnitFamily& family, double value) {
  std::optional<std::string> best;
  for (const Unit& unit : family.units) {
    const double number = std::ldexp(value, -unit.two);
    if (unit.two > 0 && number >= 1.0) best = with_unit(plain_text(shortest_decimal(number), 0), unit);
  }
  return best;
}

// For units that are no power (USD/h): the fewest digits that read back the same.
std::optional<std::string> divided_text(const UnitFamily& family, double value) {
  constexpr int kEnoughDigits = 17;
  for (const Unit& unit : family.units) {
    if (unit.divisor == 1.0) continue;
    for (int precision = 1; precision <= kEnoughDigits; ++precision) {
      std::array<char, 64> buffer{};
      const std::to_chars_result end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value * unit.divisor,
                                                     std::chars_format::scientific, precision);
      double number = 0.0;
      std::from_chars(buffer.data(), end.ptr, number);
      if (number / unit.divisor == value) return with_unit(plain_text(shortest_decimal(number), 0), unit);
    }
  }
  return std::nullopt;
}

std::string text_of(const UnitFamily& family, double value) {
  if (std::signbit(value) && value != 0.0) return '-' + text_of(family, -value);
  const std::string base(family.units.front().ten == 0 ? family.units.front().name : family.units.back().name);
  if (value == 0.0) return "0 " + base;
  if (!std::isfinite(value)) return (std::isnan(value) ? "nan " : "inf ") + base;
  if (const std::optional<std::string> text = divided_text(family, value)) return *text;
  const std::string decimal = decimal_text(family, value);
  const std::optional<std::string> binary = binary_text(family, value);
  return binary && binary->size() < decimal.size() ? *binary : decimal;
}

// count / factor with at most two decimals, if that is exact and at least 1. Decimals
// are read back through a double, so only counts that a double holds get any.
std::optional<std::string> exact_quotient(Count count, Count factor) {
  const Count hundredths = (count % factor) * 100;
  if (count < factor || hundredths % factor != 0) return std::nullopt;
  std::string text = std::to_string(count / factor);
  if (hundredths == 0) return text;
  if (count > kLargestInDouble) return std::nullopt;
  const Count fraction = hundredths / factor;
  text += fraction < 10 ? ".0" : ".";
  text += std::to_string(fraction % 10 == 0 ? fraction / 10 : fraction);
  return text;
}

}  // namespace

UnitTextError::UnitTextError(std::string expected, std::string reason)
    : std::invalid_argument("expected " + expected + ": " + reason),
      expected_(std::move(expected)),
      reason_(std::move(reason)) {}

std::string expected_bytes() { return std::string(kExpectedBytes); }

template <Dim D>
std::string expected_quantity() {
  return std::string(family_of<D>().expected);
}

Bytes parse_bytes(std::string_view text) {
  constexpr UnitFamily kFamily{kExpectedBytes, kSizeUnits};
  NumberAndUnit parts = split(text, kExpectedBytes);
  const auto fail = [](std::string reason) { throw UnitTextError(std::string(kExpectedBytes), std::move(reason)); };
  if (parts.unit.empty()) {
    if (!parts.whole) fail("a number without a unit counts bytes and is a whole number");
    parts.unit = "B";
  }
  const Unit& unit = unit_of(kFamily, parts);
  const std::string too_large = "the size is larger than 2^62 bytes";
  if (parts.whole) {
    const std::optional<Count> count = exact_product(parts.mantissa, factor_of(unit));
    if (!count) fail(too_large);
    return Bytes(count.value_or(0));
  }
  const double value = value_of(parts, unit, kExpectedBytes);
  if (value > static_cast<double>(kLargestCount)) fail(too_large);
  if (unit.name == "B" && std::floor(value) != value) fail("there are no parts of a byte");
  return Bytes(static_cast<Count>(std::llround(value)));
}

template <Dim D>
Quantity<D> parse_quantity(std::string_view text) {
  constexpr UnitFamily kFamily = family_of<D>();
  const NumberAndUnit parts = split(text, kFamily.expected);
  return Quantity<D>::from_base(value_of(parts, unit_of(kFamily, parts), kFamily.expected));
}

Count parse_tokens(std::string_view text) {
  const NumberAndUnit parts = split(text, kExpectedTokens);
  const auto fail = [](std::string reason) { throw UnitTextError(std::string(kExpectedTokens), std::move(reason)); };
  Count factor = 1;
  if (parts.unit == "k" || parts.unit == "K") {
    factor = Count{1} << 10;
  } else if (parts.unit == "M") {
    factor = Count{1} << 20;
  } else if (!parts.unit.empty()) {
    fail(in_quotes(parts.unit) + " is neither k nor M");
  }
  if (!parts.whole) fail("tokens are counted in whole numbers");
  const std::optional<Count> count = exact_product(parts.mantissa, factor);
  if (!count) fail("the number is out of range");
  if (*count == 0) fail("at least one token is needed");
  return *count;
}

std::string to_text(Bytes value) {
  const Count count = value.count();
  const std::string plain = std::to_string(count) + " B";
  if (count < 0) return count < -kLargestCount ? plain : '-' + to_text(-value);
  std::string best = plain;
  for (const Unit& unit : kSizeUnits) {
    const std::optional<std::string> number = exact_quotient(count, factor_of(unit));
    if (number && with_unit(*number, unit).size() < best.size()) best = with_unit(*number, unit);
  }
  return best;
}

template <Dim D>
std::string to_text(Quantity<D> value) {
  return text_of(family_of<D>(), value.base());
}

template std::string expected_quantity<Dim{.byte = 1}>();
template std::string expected_quantity<Dim{.second = 1}>();
template std::string expected_quantity<Dim{.byte = 1, .second = -1}>();
template std::string expected_quantity<Dim{.second = -1, .flop = 1}>();
template std::string expected_quantity<Dim{.second = -1, .joule = 1}>();
template std::string expected_quantity<Dim{.second = -1}>();
template std::string expected_quantity<Dim{.joule = 1}>();
template std::string expected_quantity<Dim{.second = -1, .usd = 1}>();
template DataSize parse_quantity(std::string_view);
template Seconds parse_quantity(std::string_view);
template BytesPerSecond parse_quantity(std::string_view);
template FlopsPerSecond parse_quantity(std::string_view);
template Watts parse_quantity(std::string_view);
template Hertz parse_quantity(std::string_view);
template Joules parse_quantity(std::string_view);
template UsdPerSecond parse_quantity(std::string_view);
template std::string to_text(DataSize);
template std::string to_text(Seconds);
template std::string to_text(BytesPerSecond);
template std::string to_text(FlopsPerSecond);
template std::string to_text(Watts);
template std::string to_text(Hertz);
template std::string to_text(Joules);
template std::string to_text(UsdPerSecond);

}  // namespace moeplan
