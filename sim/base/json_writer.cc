// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <cmath>

#include "sim/base/json.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

std::string escaped_byte(unsigned byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  return {'\\', 'u', '0', '0', kHex[byte >> 4U], kHex[byte & 0xFU]};
}

// Control characters escaped; bytes that are not UTF-8 become U+FFFD, so that the
// output always is.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const char c = text[at];
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (length == 1 && (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)) {
      out += escaped_byte(static_cast<unsigned char>(c));
    } else {
      out += text.substr(at, length);
    }
    at += length == 0 ? 1 : length;
  }
  return out + '"';
}

}  // namespace

void JsonWriter::newline() {
  out_ += '\n';
  out_.append(2 * levels_.size(), ' ');
}

// Separates what comes next from what is there.
void JsonWriter::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (levels_.empty()) {
    CHECK(out_.empty());  // one document, one root
    return;
  }
  CHECK(levels_.back().array);  // in an object every value has a key
  separate();
}

void JsonWriter::separate() {
  Level& level = levels_.back();
  if (!level.empty) out_ += level.compact ? ", " : ",";
  if (!level.compact) newline();
  level.empty = false;
}

JsonWriter& JsonWriter::open(char bracket, bool array) {
  before_value();
  const bool inside_compact = !levels_.empty() && levels_.back().compact;
  out_ += bracket;
  levels_.push_back({.array = array, .compact = compact_ || inside_compact, .empty = true});
  return *this;
}

JsonWriter& JsonWriter::close(char bracket, bool array) {
  CHECK(!levels_.empty() && levels_.back().array == array && !after_key_);
  const Level level = levels_.back();
  levels_.pop_back();
  if (!level.empty && !level.compact) newline();
  out_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::begin_object() { return open('{', false); }
JsonWriter& JsonWriter::end_object() { return close('}', false); }
JsonWriter& JsonWriter::begin_array() { return open('[', true); }
JsonWriter& JsonWriter::end_array() { return close(']', true); }

JsonWriter& JsonWriter::key(std::string_view name) {
  CHECK(!levels_.empty() && !levels_.back().array && !after_key_);
  separate();
  out_ += json_string(name) + ": ";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::literal(std::string_view text) {
  before_value();
  out_ += text;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) { return literal(json_string(text)); }
JsonWriter& JsonWriter::value(bool flag) { return literal(flag ? "true" : "false"); }
JsonWriter& JsonWriter::value(Count number) { return literal(std::to_string(number)); }
JsonWriter& JsonWriter::null() { return literal("null"); }

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  std::array<char, 64> buffer{};
  const std::to_chars_result result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  return literal({buffer.data(), result.ptr});
}

JsonWriter& JsonWriter::compact(bool on) {
  compact_ = on;
  return *this;
}

std::string JsonWriter::take() {
  CHECK(levels_.empty() && !after_key_ && !out_.empty());
  std::string out = std::move(out_) + '\n';
  *this = JsonWriter();
  return out;
}

}  // namespace moeplan
