// SPDX-License-Identifier: Apache-2.0
// JSON in: a tree that remembers where every token stood, and a reader that
// collects every complaint about a document before it throws once. Duplicate
// keys are errors; so are unknown ones (ObjectReader::finish), with the nearest
// known key. Parsing itself is nlohmann's (SAX); this adds places and checks.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/units.h"

namespace moeplan {

enum class JsonKind { Null, Bool, Integer, Real, NonFinite, String, Array, Object };

struct JsonMember;

struct JsonNode {
  JsonKind kind = JsonKind::Null;
  bool boolean = false;
  Count integer = 0;  // Integer
  double real = 0.0;  // Integer, Real and NonFinite
  std::string text;   // String: its value; numbers: as written
  std::vector<JsonNode> items;
  std::vector<JsonMember> members;
  std::size_t offset = 0;      // first byte of the token
  std::size_t key_offset = 0;  // of the key that names it, in an object

  const JsonNode* find(std::string_view key) const;
};

struct JsonMember {
  std::string name;
  JsonNode node;
};

// Python's json module writes NaN and Infinity; Hugging Face configs contain them.
enum class JsonDialect { Strict, PythonConstants };

struct JsonDocument {
  std::string file;  // as named in messages
  std::string source;
  JsonNode root;
};

// Throws InputError(InvalidInput): syntax (line:column, what was expected), not
// UTF-8, duplicate keys (all of them), nesting deeper than 64, an empty or
// binary file, a document that is not an object.
JsonDocument parse_json(std::string source, std::string file, JsonDialect dialect = JsonDialect::Strict);

// Line and column (in bytes), both 1-based, of an offset into a text.
struct TextPlace {
  int line = 1;
  int column = 1;
};
TextPlace place_of(std::string_view text, std::size_t offset);

// Reads a whole file. Throws InputError(InvalidInput) naming the file for: missing,
// unreadable, not a regular file, larger than max_size.
std::string read_text_file(const std::string& path, Bytes max_size);

// The problems found in one document.
class Complaints {
 public:
  explicit Complaints(const JsonDocument& document) : document_(&document) {}
  void add(const JsonNode& where, std::string path, std::string found, std::string expected, std::string hint = "");
  void add_at(std::size_t offset, std::string path, std::string found, std::string expected, std::string hint = "");
  bool empty() const { return problems_.empty(); }
  // Nobody reads past a hundred complaints: further ones are only counted.
  bool full() const;
  const std::vector<Problem>& problems() const { return problems_; }
  // Throws InputError(InvalidInput) with everything added so far, ordered by place.
  void throw_if_any() const;

 private:
  const JsonDocument* document_;
  std::vector<Problem> problems_;
  Count left_out_ = 0;
};

// What a node is, for messages: "the text \"abc\"", "-3", "an object", "nothing".
std::string what_is(const JsonNode& node);

struct CountRange {
  Count min = 0;
  Count max = Count{1} << 50;
};

// Reads the members of one object. Every getter marks its key as known. A missing
// required key or a wrong value adds a complaint and returns a harmless fallback,
// so that one pass finds all problems. With null_is_absent, null counts as missing.
class ObjectReader {
 public:
  ObjectReader(const JsonNode& node, std::string path, Complaints& complaints, bool null_is_absent = false);

  bool has(std::string_view key) const;  // present (and not null, if null_is_absent); does not mark
  Count count(std::string_view key, CountRange range);
  Count count_or(std::string_view key, CountRange range, Count fallback);
  double real(std::string_view key, double min, double max);
  double real_or(std::string_view key, double min, double max, double fallback);
  bool flag(std::string_view key);
  bool flag_or(std::string_view key, bool fallback);
  std::string text(std::string_view key);
  std::string text_or(std::string_view key, std::string_view fallback);
  std::vector<std::string> texts_or_empty(std::string_view key);
  std::vector<Count> counts_or_empty(std::string_view key, CountRange range);
  Bytes bytes(std::string_view key);  // text with a unit
  Bytes bytes_or(std::string_view key, Bytes fallback);
  template <Dim D>
  Quantity<D> quantity(std::string_view key);
  template <Dim D>
  Quantity<D> quantity_or(std::string_view key, Quantity<D> fallback);
  // One of a closed list of words: returns its index; complains with the list and a did-you-mean.
  std::size_t choice(std::string_view key, const std::vector<std::string>& words);
  std::size_t choice_or(std::string_view key, const std::vector<std::string>& words, std::size_t fallback);

  // The object under key; when missing or not an object: a complaint (if required)
  // and an empty reader whose own required keys do not complain again.
  ObjectReader object(std::string_view key);
  std::optional<ObjectReader> object_if_present(std::string_view key);
  // The raw node (marked), or nullptr when absent.
  const JsonNode* node(std::string_view key);
  void ignore(std::string_view key);
  // All keys in document order.
  std::vector<std::string> keys() const;

  void complain(std::string_view key, std::string expected, std::string hint = "");
  // Every key not asked for is an unknown key: a complaint each, with the nearest known.
  void finish();

  const std::string& path() const { return path_; }
  const JsonNode& self() const { return *node_; }
  Complaints& complaints() const { return *complaints_; }
  std::string path_of(std::string_view key) const;

 private:
  // The node under key, marked as known; nullptr when absent.
  const JsonNode* known_node(std::string_view key);
  // The same, with a complaint when absent.
  const JsonNode* required_node(std::string_view key, const std::string& expected);
  void complain_about(const JsonNode& where, std::string path, std::string expected, std::string hint = "");
  std::optional<Count> checked_count(const JsonNode& node, const std::string& path, CountRange range);
  std::optional<double> checked_real(std::string_view key, const JsonNode& node, double min, double max);
  std::optional<std::string> checked_text(const JsonNode& node, const std::string& path, const std::string& expected);
  std::optional<Bytes> checked_bytes(std::string_view key, const JsonNode& node);
  template <Dim D>
  std::optional<Quantity<D>> checked_quantity(std::string_view key, const JsonNode& node);
  std::optional<std::size_t> checked_choice(std::string_view key, const JsonNode& node,
                                            const std::vector<std::string>& words);

  const JsonNode* node_;
  std::string path_;
  Complaints* complaints_;
  bool null_is_absent_;
  bool muted_ = false;  // stands for an object that was already complained about
  std::vector<std::string> known_;
};

// JSON out for our own documents: keys in the order written, two-space indent,
// doubles in their shortest exact form, deterministic.
class JsonWriter {
 public:
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag);
  JsonWriter& value(Count number);
  JsonWriter& value(int number) { return value(static_cast<Count>(number)); }
  JsonWriter& value(double number);  // non-finite becomes null
  JsonWriter& null();
  // key + value
  template <class T>
  JsonWriter& member(std::string_view name, const T& v) {
    return key(name).value(v);
  }
  // Arrays and objects opened while compact is on are written on one line.
  JsonWriter& compact(bool on);
  // The finished document with a newline; the writer is empty again.
  std::string take();

 private:
  void before_value();
  void separate();
  void newline();
  JsonWriter& open(char bracket, bool array);
  JsonWriter& close(char bracket, bool array);
  JsonWriter& literal(std::string_view text);
  std::string out_;
  struct Level {
    bool array;
    bool compact;
    bool empty;
  };
  std::vector<Level> levels_;
  bool after_key_ = false;
  bool compact_ = false;
};

}  // namespace moeplan
