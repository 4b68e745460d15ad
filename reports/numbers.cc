// SPDX-License-Identifier: Apache-2.0
#include "reports/numbers.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "sim/base/text.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

constexpr std::array<ByteUnit, 6> kUnits = {{{"GiB", kGiB},
                                             {"MiB", kMiB},
                                             {"TiB", Bytes(Count{1} << 40)},
                                             {"GB", Bytes(1'000'000'000)},
                                             {"MB", Bytes(1'000'000)},
                                             {"TB", Bytes(1'000'000'000'000)}}};

struct Scale {
  double size;
  std::string_view prefix;
};

// Four significant digits or so: two decimals below 1,000 of a prefix.
std::string scaled_text(double value, std::string_view unit) {
  constexpr std::array<Scale, 5> kScales = {{{1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}}};
  for (const Scale& scale : kScales)
    if (value >= scale.size) return fmt::format("{:.2f} {}{}", value / scale.size, scale.prefix, unit);
  return fmt::format("{:.0f} {}", value, unit);
}

class AtomText {
 public:
  AtomText(const ByteUnit& unit, Setting setting) : unit_(unit), setting_(setting) {}
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(const std::string& text) const { return printable(text); }
  std::string operator()(Count value) const { return grouped(value); }
  std::string operator()(Bytes value) const { return number_text(value, unit_) + suffix(); }
  std::string operator()(const BytesRange& r) const {
    return number_text(r.low, unit_) + ".." + number_text(r.high, unit_) + suffix();
  }
  std::string operator()(Parameters p) const { return parameters_text(p.value); }
  std::string operator()(Share s) const { return share_text(s.value); }
  std::string operator()(FlopCount f) const { return flops_text(f.value); }

 private:
  std::string suffix() const { return setting_ == Setting::Sentence ? fmt::format(" {}", unit_.name) : ""; }
  const ByteUnit& unit_;
  Setting setting_;
};

}  // namespace

bool find_byte_unit(std::string_view word, ByteUnit& unit) {
  for (const ByteUnit& known : kUnits) {
    if (known.name != word) continue;
    unit = known;
    return true;
  }
  return false;
}

std::string number_text(Bytes value, const ByteUnit& unit) {
  const double amount = static_cast<double>(value.count()) / static_cast<double>(unit.size.count());
  if (value != Bytes(0) && std::abs(amount) < 0.005) return amount < 0 ? ">-0.01" : "<0.01";
  return fmt::format("{:.2f}", amount);
}

std::string parameters_text(Count value) {
  const double number = static_cast<double>(value);
  if (value >= 1'000'000'000'000) return fmt::format("{:.3f} T", number / 1e12);
  if (value >= 1'000'000'000) return fmt::format("{:.2f} B", number / 1e9);
  if (value >= 1'000'000) return fmt::format("{:.1f} M", number / 1e6);
  return grouped(value);
}

std::string share_text(double value) { return fmt::format("{:.1f} %", 100 * value); }

std::string flops_text(double value) { return scaled_text(value, "FLOP"); }

std::string speed_text(double tokens_per_s) {
  return tokens_per_s < 10 ? fmt::format("{:.2g}", tokens_per_s) : fmt::format("{:.0f}", tokens_per_s);
}

std::string atom_text(const Atom& atom, const ByteUnit& unit, Setting setting) {
  return std::visit(AtomText(unit, setting), atom);
}

std::string phrase_text(const Phrase& phrase, const ByteUnit& unit, Setting setting) {
  std::string text;
  for (const Atom& atom : phrase) text += atom_text(atom, unit, setting);
  return text;
}

bool holds_bytes(const Phrase& phrase) {
  return phrase.size() == 1 &&
         (std::holds_alternative<Bytes>(phrase[0]) || std::holds_alternative<BytesRange>(phrase[0]));
}

}  // namespace moeplan
