// SPDX-License-Identifier: Apache-2.0
// Sourced quantities in and out of our own documents: {"value": "4.8 TB/s", "basis":
// "datasheet", "source": "..."}.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/json.h"
#include "sim/base/unit_text.h"
#include "sim/spec/hardware.h"

namespace moeplan {

inline constexpr std::array<Basis, 6> kBases = {Basis::Datasheet,  Basis::Driver,  Basis::Published,
                                                Basis::Calibrated, Basis::Derived, Basis::Assumed};

template <class T, std::size_t N>
std::vector<std::string> words_of(const std::array<T, N>& values) {
  std::vector<std::string> words;
  for (const T value : values) words.emplace_back(word_of(value));
  return words;
}

inline void read_value(ObjectReader& reader, Bytes& value) { value = reader.bytes("value"); }
template <Dim D>
void read_value(ObjectReader& reader, Quantity<D>& value) {
  value = reader.quantity<D>("value");
}

inline void read_value(ObjectReader& reader, double& value) { value = reader.real("value", 0, 1e9); }

template <class T>
Sourced<T> read_body(ObjectReader& reader) {
  Sourced<T> quantity;
  read_value(reader, quantity.value);
  quantity.basis = kBases[reader.choice("basis", words_of(kBases))];
  quantity.source = reader.text("source");
  return quantity;
}

// Whether key holds an object; a complaint with the shape of a quantity if it is anything else.
inline bool holds_quantity(ObjectReader& reader, std::string_view key) {
  const JsonNode* node = reader.node(key);
  if (node == nullptr || node->kind == JsonKind::Object) return true;
  reader.complain(key, R"(an object such as {"value": "80 GiB", "basis": "driver", "source": "..."})");
  return false;
}

template <class T>
Sourced<T> read_sourced(ObjectReader& reader, std::string_view key) {
  if (!holds_quantity(reader, key)) return {};
  ObjectReader body = reader.object(key);
  const Sourced<T> quantity = read_body<T>(body);
  body.finish();
  return quantity;
}

template <class T>
std::optional<Sourced<T>> read_sourced_if_present(ObjectReader& reader, std::string_view key) {
  if (!reader.has(key)) return std::nullopt;
  return read_sourced<T>(reader, key);
}

// The objects of the array under key; absent = none.
inline std::vector<ObjectReader> read_items(ObjectReader& reader, std::string_view key) {
  std::vector<ObjectReader> items;
  const JsonNode* node = reader.node(key);
  if (node == nullptr) return items;
  if (node->kind != JsonKind::Array) {
    reader.complain(key, "an array of objects");
    return items;
  }
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    const std::string path = reader.path_of(key) + "/" + std::to_string(i);
    if (node->items[i].kind != JsonKind::Object) {
      reader.complaints().add(node->items[i], path, what_is(node->items[i]), "an object");
      continue;
    }
    items.emplace_back(node->items[i], path, reader.complaints());
  }
  return items;
}

// Adds what violations() says, but only about a document that could be read.
template <class Spec>
void finish_document(ObjectReader& reader, const Spec& spec) {
  reader.finish();
  Complaints& complaints = reader.complaints();
  if (complaints.empty()) {
    for (const std::string& sentence : violations(spec)) complaints.add(reader.self(), "", "", "", sentence);
  }
  complaints.throw_if_any();
}

inline void write_value(JsonWriter& out, Bytes value) { out.member("value", to_text(value)); }
template <Dim D>
void write_value(JsonWriter& out, Quantity<D> value) {
  out.member("value", to_text(value));
}

inline void write_value(JsonWriter& out, double value) { out.member("value", value); }

template <class T>
void write_body(JsonWriter& out, const Sourced<T>& quantity) {
  write_value(out, quantity.value);
  out.member("basis", word_of(quantity.basis)).member("source", quantity.source);
}

template <class T>
void write_sourced(JsonWriter& out, std::string_view key, const Sourced<T>& quantity) {
  out.key(key).compact(true).begin_object();
  write_body(out, quantity);
  out.end_object().compact(false);
}

template <class T>
void write_sourced(JsonWriter& out, std::string_view key, const std::optional<Sourced<T>>& quantity) {
  if (quantity) write_sourced(out, key, *quantity);
}

inline void write_texts(JsonWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  out.key(key).compact(true).begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array().compact(false);
}

inline void write_note(JsonWriter& out, const std::string& note) {
  if (!note.empty()) out.member("note", note);
}

}  // namespace moeplan
