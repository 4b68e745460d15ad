// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "sim/base/json.h"
#include "sim/base/text.h"
#include "sim/base/unit_text.h"

namespace moeplan {
namespace {

constexpr std::size_t kMostProblems = 100;

// Stands for an object that is missing: it has no members and nobody complains.
const JsonNode& empty_object() {
  static const JsonNode kEmpty = [] {
    JsonNode node;
    node.kind = JsonKind::Object;
    return node;
  }();
  return kEmpty;
}

std::string number_text(double value) {
  std::array<char, 64> buffer{};
  const std::to_chars_result result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

std::string describe_range(CountRange range) {
  const CountRange open;  // limits that mean "no limit" are not worth a word
  if (range.max >= open.max) return "a whole number, at least " + std::to_string(range.min);
  return "a whole number from " + std::to_string(range.min) + " to " + std::to_string(range.max);
}

std::string describe_range(double min, double max) {
  return "a number from " + number_text(min) + " to " + number_text(max);
}

std::string describe_words(const std::vector<std::string>& words) {
  std::string out = words.size() == 1 ? "" : "one of ";
  for (std::size_t i = 0; i < words.size(); ++i) out += (i == 0 ? "" : ", ") + in_quotes(words[i]);
  return out;
}

bool is_number(const JsonNode& node) { return node.kind == JsonKind::Integer || node.kind == JsonKind::Real; }

bool looks_like_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
}

// Why a value that should have been a number is none, "" if the range says it all.
std::string number_hint(const JsonNode& node, bool whole) {
  if (node.kind == JsonKind::String && looks_like_number(node.text)) return "remove the quotes";
  if (whole && node.kind == JsonKind::Real && std::floor(node.real) == node.real && std::abs(node.real) < 1e15) {
    return "write it without a decimal point or exponent";
  }
  return "";
}

// The value nearest to 1 in the range: a fallback that nothing divides by in vain.
template <class Number>
Number harmless(Number min, Number max) {
  return std::max(min, std::min(Number{1}, max));
}

}  // namespace

std::string what_is(const JsonNode& node) {
  switch (node.kind) {
    case JsonKind::Null: return "null";
    case JsonKind::Bool: return node.boolean ? "true" : "false";
    case JsonKind::Integer:
    case JsonKind::Real:
    case JsonKind::NonFinite: {
      const std::string text = in_quotes(node.text);  // cuts a number of a thousand digits
      return text.substr(1, text.size() - 2);
    }
    case JsonKind::String: return "the text " + in_quotes(node.text);
    case JsonKind::Array: return node.items.empty() ? "an empty array" : "an array";
    case JsonKind::Object: return node.members.empty() ? "an empty object" : "an object";
  }
  return "nothing";
}

// ---- Complaints ----

bool Complaints::full() const { return problems_.size() >= kMostProblems; }

void Complaints::add(const JsonNode& where, std::string path, std::string found, std::string expected,
                     std::string hint) {
  add_at(where.offset, std::move(path), std::move(found), std::move(expected), std::move(hint));
}

void Complaints::add_at(std::size_t offset, std::string path, std::string found, std::string expected,
                        std::string hint) {
  if (full()) {
    ++left_out_;
    return;
  }
  const TextPlace place = place_of(document_->source, offset);
  problems_.push_back({.file = document_->file,
                       .line = place.line,
                       .column = place.column,
                       .path = std::move(path),
                       .found = std::move(found),
                       .expected = std::move(expected),
                       .hint = std::move(hint)});
}

void Complaints::throw_if_any() const {
  if (problems_.empty()) return;
  std::vector<Problem> ordered = problems_;
  std::stable_sort(ordered.begin(), ordered.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  if (left_out_ > 0) {
    Problem rest;
    rest.file = document_->file;
    rest.hint = "and " + std::to_string(left_out_) + " more problems";
    ordered.push_back(std::move(rest));
  }
  throw InputError(ErrorKind::InvalidInput, std::move(ordered));
}

// ---- ObjectReader: keys ----

ObjectReader::ObjectReader(const JsonNode& node, std::string path, Complaints& complaints, bool null_is_absent)
    : node_(&node), path_(std::move(path)), complaints_(&complaints), null_is_absent_(null_is_absent) {
  if (node.kind == JsonKind::Object) return;
  complain_about(node, path_, "an object, {...}");
  node_ = &empty_object();
  muted_ = true;
}

std::string ObjectReader::path_of(std::string_view key) const {
  if (path_.empty()) return std::string(key);
  return path_ + '/' + std::string(key);
}

std::vector<std::string> ObjectReader::keys() const {
  std::vector<std::string> out;
  for (const auto& [name, node] : node_->members) out.push_back(name);
  return out;
}

bool ObjectReader::has(std::string_view key) const {
  const JsonNode* found = node_->find(key);
  return found != nullptr && !(null_is_absent_ && found->kind == JsonKind::Null);
}

void ObjectReader::ignore(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
}

const JsonNode* ObjectReader::known_node(std::string_view key) {
  ignore(key);
  return has(key) ? node_->find(key) : nullptr;
}

const JsonNode* ObjectReader::required_node(std::string_view key, const std::string& expected) {
  const JsonNode* found = known_node(key);
  if (found == nullptr && !muted_) complaints_->add(*node_, path_of(key), "nothing", expected);
  return found;
}

const JsonNode* ObjectReader::node(std::string_view key) { return known_node(key); }

void ObjectReader::complain_about(const JsonNode& where, std::string path, std::string expected, std::string hint) {
  if (muted_) return;
  complaints_->add(where, std::move(path), what_is(where), std::move(expected), std::move(hint));
}

void ObjectReader::complain(std::string_view key, std::string expected, std::string hint) {
  const JsonNode* where = known_node(key);
  if (where != nullptr) {
    complain_about(*where, path_of(key), std::move(expected), std::move(hint));
  } else if (!muted_) {
    complaints_->add(*node_, path_of(key), "nothing", std::move(expected), std::move(hint));
  }
}

void ObjectReader::finish() {
  if (muted_) return;
  for (const auto& [name, node] : node_->members) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    // Looking for the nearest name is the costly part.
    const std::string nearest = complaints_->full() ? "" : nearest_name(name, known_);
    const std::string hint = nearest.empty() ? "" : "did you mean " + in_quotes(nearest) + "?";
    complaints_->add_at(node.key_offset, path_of(name), "the unknown key " + in_quotes(name), "", hint);
  }
}

// ---- ObjectReader: values ----

std::optional<Count> ObjectReader::checked_count(const JsonNode& node, const std::string& path, CountRange range) {
  // Foreign configs write 2.0 for 2; past 2^53 a double no longer says which number it is.
  constexpr double kExactBelow = 9007199254740992.0;
  std::optional<Count> value;
  if (node.kind == JsonKind::Integer) value = node.integer;
  if (node.kind == JsonKind::Real && null_is_absent_ && std::floor(node.real) == node.real &&
      std::abs(node.real) < kExactBelow) {
    value = static_cast<Count>(node.real);
  }
  if (value && *value >= range.min && *value <= range.max) return value;
  complain_about(node, path, describe_range(range), number_hint(node, !null_is_absent_));
  return std::nullopt;
}

Count ObjectReader::count(std::string_view key, CountRange range) {
  const JsonNode* found = required_node(key, describe_range(range));
  const Count fallback = harmless(range.min, range.max);
  return found == nullptr ? fallback : checked_count(*found, path_of(key), range).value_or(fallback);
}

Count ObjectReader::count_or(std::string_view key, CountRange range, Count fallback) {
  const JsonNode* found = known_node(key);
  return found == nullptr ? fallback : checked_count(*found, path_of(key), range).value_or(fallback);
}

std::optional<double> ObjectReader::checked_real(std::string_view key, const JsonNode& node, double min, double max) {
  if (is_number(node) && node.real >= min && node.real <= max) return node.real;
  complain_about(node, path_of(key), describe_range(min, max), number_hint(node, false));
  return std::nullopt;
}

double ObjectReader::real(std::string_view key, double min, double max) {
  const JsonNode* found = required_node(key, describe_range(min, max));
  const double fallback = harmless(min, max);
  return found == nullptr ? fallback : checked_real(key, *found, min, max).value_or(fallback);
}

double ObjectReader::real_or(std::string_view key, double min, double max, double fallback) {
  const JsonNode* found = known_node(key);
  return found == nullptr ? fallback : checked_real(key, *found, min, max).value_or(fallback);
}

bool ObjectReader::flag(std::string_view key) {
  const std::string expected = "true or false";
  const JsonNode* found = required_node(key, expected);
  if (found != nullptr && found->kind != JsonKind::Bool) complain_about(*found, path_of(key), expected);
  return found != nullptr && found->boolean;
}

bool ObjectReader::flag_or(std::string_view key, bool fallback) {
  const JsonNode* found = known_node(key);
  if (found == nullptr) return fallback;
  if (found->kind == JsonKind::Bool) return found->boolean;
  complain_about(*found, path_of(key), "true or false");
  return fallback;
}

std::optional<std::string> ObjectReader::checked_text(const JsonNode& node, const std::string& path,
                                                      const std::string& expected) {
  if (node.kind == JsonKind::String) return node.text;
  complain_about(node, path, expected);
  return std::nullopt;
}

std::string ObjectReader::text(std::string_view key) {
  const JsonNode* found = required_node(key, "a text");
  return found == nullptr ? "" : checked_text(*found, path_of(key), "a text").value_or("");
}

std::string ObjectReader::text_or(std::string_view key, std::string_view fallback) {
  const JsonNode* found = known_node(key);
  if (found == nullptr) return std::string(fallback);
  return checked_text(*found, path_of(key), "a text").value_or(std::string(fallback));
}

std::vector<std::string> ObjectReader::texts_or_empty(std::string_view key) {
  const JsonNode* found = known_node(key);
  if (found == nullptr) return {};
  std::vector<std::string> out;
  if (found->kind != JsonKind::Array) complain_about(*found, path_of(key), "an array of texts");
  for (std::size_t i = 0; i < found->items.size(); ++i) {
    const std::string path = path_of(key) + '/' + std::to_string(i);
    if (std::optional<std::string> item = checked_text(found->items[i], path, "a text")) {
      out.push_back(std::move(*item));
    }
  }
  return out;
}

std::vector<Count> ObjectReader::counts_or_empty(std::string_view key, CountRange range) {
  const JsonNode* found = known_node(key);
  if (found == nullptr) return {};
  std::vector<Count> out;
  if (found->kind != JsonKind::Array) complain_about(*found, path_of(key), "an array of whole numbers");
  for (std::size_t i = 0; i < found->items.size(); ++i) {
    const std::string path = path_of(key) + '/' + std::to_string(i);
    if (const std::optional<Count> item = checked_count(found->items[i], path, range)) out.push_back(*item);
  }
  return out;
}

std::optional<Bytes> ObjectReader::checked_bytes(std::string_view key, const JsonNode& node) {
  std::string reason = "write the number with its unit, in quotes";
  if (node.kind == JsonKind::String) {
    try {
      // Bare bytes are for command lines; a document says its units.
      if (looks_like_number(node.text)) throw UnitTextError(expected_bytes(), "the unit is missing");
      return parse_bytes(node.text);
    } catch (const UnitTextError& error) {
      reason = error.reason();
    }
  }
  complain_about(node, path_of(key), expected_bytes(), is_number(node) || node.kind == JsonKind::String ? reason : "");
  return std::nullopt;
}

Bytes ObjectReader::bytes(std::string_view key) {
  const JsonNode* found = required_node(key, expected_bytes());
  return found == nullptr ? Bytes() : checked_bytes(key, *found).value_or(Bytes());
}

Bytes ObjectReader::bytes_or(std::string_view key, Bytes fallback) {
  const JsonNode* found = known_node(key);
  return found == nullptr ? fallback : checked_bytes(key, *found).value_or(fallback);
}

template <Dim D>
std::optional<Quantity<D>> ObjectReader::checked_quantity(std::string_view key, const JsonNode& node) {
  std::string reason = is_number(node) ? "write the number with its unit, in quotes" : "";
  if (node.kind == JsonKind::String) {
    try {
      return parse_quantity<D>(node.text);
    } catch (const UnitTextError& error) {
      reason = error.reason();
    }
  }
  complain_about(node, path_of(key), expected_quantity<D>(), std::move(reason));
  return std::nullopt;
}

template <Dim D>
Quantity<D> ObjectReader::quantity(std::string_view key) {
  const JsonNode* found = required_node(key, expected_quantity<D>());
  return found == nullptr ? Quantity<D>() : checked_quantity<D>(key, *found).value_or(Quantity<D>());
}

template <Dim D>
Quantity<D> ObjectReader::quantity_or(std::string_view key, Quantity<D> fallback) {
  const JsonNode* found = known_node(key);
  return found == nullptr ? fallback : checked_quantity<D>(key, *found).value_or(fallback);
}

std::optional<std::size_t> ObjectReader::checked_choice(std::string_view key, const JsonNode& node,
                                                        const std::vector<std::string>& words) {
  std::string hint;
  if (node.kind == JsonKind::String) {
    const auto found = std::find(words.begin(), words.end(), node.text);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    const std::string nearest = nearest_name(node.text, words);
    if (!nearest.empty()) hint = "did you mean " + in_quotes(nearest) + "?";
  }
  complain_about(node, path_of(key), describe_words(words), std::move(hint));
  return std::nullopt;
}

std::size_t ObjectReader::choice(std::string_view key, const std::vector<std::string>& words) {
  const JsonNode* found = required_node(key, describe_words(words));
  return found == nullptr ? 0 : checked_choice(key, *found, words).value_or(0);
}

std::size_t ObjectReader::choice_or(std::string_view key, const std::vector<std::string>& words, std::size_t fallback) {
  const JsonNode* found = known_node(key);
  return found == nullptr ? fallback : checked_choice(key, *found, words).value_or(fallback);
}

ObjectReader ObjectReader::object(std::string_view key) {
  const JsonNode* found = required_node(key, "an object, {...}");
  if (found != nullptr && !muted_) return ObjectReader(*found, path_of(key), *complaints_, null_is_absent_);
  ObjectReader empty(empty_object(), path_of(key), *complaints_, null_is_absent_);
  empty.muted_ = true;
  return empty;
}

std::optional<ObjectReader> ObjectReader::object_if_present(std::string_view key) {
  const JsonNode* found = known_node(key);
  if (found == nullptr) return std::nullopt;
  return ObjectReader(*found, path_of(key), *complaints_, null_is_absent_);
}

template DataSize ObjectReader::quantity(std::string_view);
template Seconds ObjectReader::quantity(std::string_view);
template BytesPerSecond ObjectReader::quantity(std::string_view);
template FlopsPerSecond ObjectReader::quantity(std::string_view);
template Watts ObjectReader::quantity(std::string_view);
template Hertz ObjectReader::quantity(std::string_view);
template Joules ObjectReader::quantity(std::string_view);
template UsdPerSecond ObjectReader::quantity(std::string_view);
template DataSize ObjectReader::quantity_or(std::string_view, DataSize);
template Seconds ObjectReader::quantity_or(std::string_view, Seconds);
template BytesPerSecond ObjectReader::quantity_or(std::string_view, BytesPerSecond);
template FlopsPerSecond ObjectReader::quantity_or(std::string_view, FlopsPerSecond);
template Watts ObjectReader::quantity_or(std::string_view, Watts);
template Hertz ObjectReader::quantity_or(std::string_view, Hertz);
template Joules ObjectReader::quantity_or(std::string_view, Joules);
template UsdPerSecond ObjectReader::quantity_or(std::string_view, UsdPerSecond);

}  // namespace moeplan
