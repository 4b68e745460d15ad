// SPDX-License-Identifier: Apache-2.0
// nlohmann's SAX parser checks the syntax but tells no places. A cursor over the
// source walks along with its events, one token per event, and knows them.
#include "sim/base/json.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "sim/base/large_pages.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::size_t kDeepest = 64;
constexpr std::size_t kMostProblems = 100;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_structural(char c) { return c == ',' || c == ':' || c == '[' || c == ']' || c == '{' || c == '}'; }
bool ends_literal(char c) { return is_space(c) || is_structural(c) || c == '"'; }

// The byte after the string whose opening quote stands at `at`.
std::size_t end_of_string(std::string_view source, std::size_t at) {
  for (std::size_t i = at + 1; i < source.size(); ++i) {
    if (source[i] == '\\') {
      ++i;
    } else if (source[i] == '"') {
      return i + 1;
    }
  }
  return source.size();
}

// The byte after the token that starts at `at` (< size).
std::size_t end_of_token(std::string_view source, std::size_t at) {
  if (source[at] == '"') return end_of_string(source, at);
  if (is_structural(source[at])) return at + 1;
  std::size_t end = at;
  while (end < source.size() && !ends_literal(source[end])) ++end;
  return end;
}

class TokenCursor {
 public:
  explicit TokenCursor(std::string_view source) : source_(source) {}

  // Steps over the next token (separators are skipped) and returns where it starts.
  std::size_t next() {
    while (at_ < source_.size() && (is_space(source_[at_]) || source_[at_] == ',' || source_[at_] == ':')) ++at_;
    const std::size_t start = at_;
    if (at_ < source_.size()) at_ = end_of_token(source_, at_);
    return start;
  }
  std::string_view text_from(std::size_t start) const { return source_.substr(start, at_ - start); }

 private:
  std::string_view source_;
  std::size_t at_ = 0;
};

// Which of Python's three constants is the whole token at `at`, "" if none is.
std::string_view constant_at(std::string_view source, std::size_t at) {
  for (const std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
    if (!source.substr(at).starts_with(word)) continue;
    const std::size_t end = at + word.size();
    if (end == source.size() || ends_literal(source[end])) return word;
  }
  return "";
}

// NaN, Infinity and -Infinity outside strings become zeros of the same length, so
// that the rest parses and every offset stays.
std::string without_constants(std::string source) {
  for (std::size_t at = 0; at < source.size();) {
    if (is_space(source[at])) {
      ++at;
      continue;
    }
    const std::size_t end = end_of_token(source, at);
    if (!constant_at(source, at).empty()) {
      source[at] = '0';
      std::fill(source.begin() + static_cast<std::ptrdiff_t>(at) + 1, source.begin() + static_cast<std::ptrdiff_t>(end),
                ' ');
    }
    at = std::max(end, at + 1);
  }
  return source;
}

Problem problem_at(const std::string& source, const std::string& file, std::size_t offset) {
  const TextPlace place = place_of(source, offset);
  Problem problem;
  problem.file = file;
  problem.line = place.line;
  problem.column = place.column;
  return problem;
}

// ---- what a syntax error means ----

// nlohmann says "... while parsing X - WHY; last read: 'T'; expected E".
std::string expected_in(const std::string& message) {
  const std::string marker = "; expected ";
  const std::size_t at = message.rfind(marker);
  const std::string words = at == std::string::npos ? "" : message.substr(at + marker.size());
  if (words == "string literal") return "a key in double quotes";
  if (words == "'}'") return "',' or '}'";
  if (words == "']'") return "',' or ']'";
  if (words == "':'") return "':' after the key";
  if (words == "end of input") return "nothing after the end of the document";
  return "a value";
}

// The lexer's own complaint: "missing closing quote" of "invalid string: missing closing quote".
std::string lexer_complaint(const std::string& message) {
  const std::size_t begin = message.find(" - invalid ");
  if (begin == std::string::npos) return "";
  const std::size_t end = message.find("; last read", begin);
  const std::string words = message.substr(begin + 3, end == std::string::npos ? end : end - begin - 3);
  return words == "invalid literal" ? "" : words;
}

std::string syntax_hint(std::string_view source, std::size_t at) {
  const std::string_view rest = source.substr(at);
  if (!constant_at(source, at).empty()) return "JSON has no NaN and no infinity";
  if (rest.starts_with("True") || rest.starts_with("False")) return "JSON writes true and false in lower case";
  if (rest.starts_with("None")) return "JSON writes null";
  if (rest.starts_with('\'')) return "JSON uses double quotes";
  if (rest.starts_with('/') || rest.starts_with('#')) return "JSON has no comments";
  std::size_t before = at;
  while (before > 0 && is_space(source[before - 1])) --before;
  const bool after_comma = before > 0 && source[before - 1] == ',';
  if (after_comma && (rest.starts_with('}') || rest.starts_with(']'))) return "remove the comma before it";
  return "";
}

// A word that can stand in JSON; of any other the parser reads one byte too many.
bool is_complete_word(std::string_view word) {
  if (word == "true" || word == "false" || word == "null") return true;
  return word.back() >= '0' && word.back() <= '9';
}

// Where the token that the parser stopped in begins. `read` bytes were read, the last
// of them inside or just after that token; before it stand complete tokens only.
std::size_t start_of_faulty_token(std::string_view source, std::size_t read) {
  if (read == 0) return 0;
  const std::size_t last = std::min(read, source.size()) - 1;
  std::size_t word = source.size();  // start of a word that ends where the current token starts
  for (std::size_t at = 0; at <= last;) {
    if (is_space(source[at])) {
      ++at;
      continue;
    }
    const std::size_t end = std::max(end_of_token(source, at), at + 1);
    if (end > last) return at == last && word < at ? word : at;
    const bool is_word = !is_structural(source[at]) && source[at] != '"';
    word = is_word && end == last && !is_complete_word(source.substr(at, end - at)) ? at : source.size();
    at = end;
  }
  return last;
}

Problem syntax_problem(const std::string& source, const std::string& file, std::size_t read,
                       const nlohmann::json::exception& error) {
  constexpr int kNumberOverflow = 406;
  const std::string message = error.what();
  if (message.find("unexpected end of input") != std::string::npos) {
    Problem problem = problem_at(source, file, source.size());
    problem.found = "the end of the file";
    problem.expected = expected_in(message);
    problem.hint = "the file seems to be cut off";
    return problem;
  }
  const std::size_t at = start_of_faulty_token(source, read);
  Problem problem = problem_at(source, file, at);
  problem.found = printable(in_quotes(std::string_view(source).substr(at, end_of_token(source, at) - at)));
  if (source[at] == '"' || is_structural(source[at])) problem.found = problem.found.substr(1, problem.found.size() - 2);
  problem.expected = error.id == kNumberOverflow ? "a number below 1.8e308" : expected_in(message);
  problem.hint = syntax_hint(source, at);
  if (problem.hint.empty()) problem.hint = lexer_complaint(message);
  return problem;
}

// ---- building the tree ----

// An array or object that is not closed yet.
struct OpenNode {
  JsonNode node;
  std::string key;  // the latest
  std::size_t key_offset = 0;
};

class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(const std::string& source, const std::string& file) : source_(source), file_(file), cursor_(source) {}

  bool null() override { return add(scalar(JsonKind::Null)); }
  bool boolean(bool value) override {
    JsonNode node = scalar(JsonKind::Bool);
    node.boolean = value;
    return add(std::move(node));
  }
  bool number_integer(number_integer_t value) override { return add(integer_node(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr number_unsigned_t kLargest = INT64_MAX;
    if (value > kLargest) return add(real_node(static_cast<double>(value)));
    return add(integer_node(static_cast<Count>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override { return add(real_node(value)); }
  bool string(string_t& value) override {
    JsonNode node = scalar(JsonKind::String);
    node.text = value;
    return add(std::move(node));
  }
  bool binary(binary_t&) override { return false; }
  bool key(string_t& value) override {
    open_.back().key = value;
    open_.back().key_offset = cursor_.next();
    return true;
  }
  bool start_object(std::size_t) override { return open(JsonKind::Object); }
  bool start_array(std::size_t) override { return open(JsonKind::Array); }
  bool end_object() override {
    complain_about_duplicates();
    return close();
  }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t read, const std::string&, const nlohmann::json::exception& error) override {
    // Duplicates seen so far are real; without them the first fix would only uncover them.
    problems_.push_back(syntax_problem(source_, file_, read, error));
    return false;
  }

  std::vector<Problem>& problems() { return problems_; }
  JsonNode& root() { return root_; }

 private:
  JsonNode scalar(JsonKind kind) {
    JsonNode node;
    node.kind = kind;
    node.offset = cursor_.next();
    return node;
  }
  JsonNode integer_node(Count value) {
    JsonNode node = number_node(JsonKind::Integer, static_cast<double>(value));
    node.integer = node.kind == JsonKind::Integer ? value : 0;
    return node;
  }
  JsonNode real_node(double value) { return number_node(JsonKind::Real, value); }
  JsonNode number_node(JsonKind kind, double value) {
    JsonNode node = scalar(kind);
    node.text = cursor_.text_from(node.offset);
    node.real = value;
    const std::string_view constant = constant_at(source_, node.offset);
    if (constant.empty()) return node;
    node.kind = JsonKind::NonFinite;
    node.real = constant == "NaN" ? NAN : (constant == "Infinity" ? HUGE_VAL : -HUGE_VAL);
    return node;
  }
  bool open(JsonKind kind) {
    OpenNode opened;
    opened.node = scalar(kind);
    if (open_.size() == kDeepest) {
      Problem problem = problem_at(source_, file_, opened.node.offset);
      problem.found = "more than " + std::to_string(kDeepest) + " levels of nesting";
      problem.expected = "a document of our kind";
      problems_.push_back(std::move(problem));
      return false;
    }
    open_.push_back(std::move(opened));
    return true;
  }
  bool close() {
    cursor_.next();
    JsonNode node = std::move(open_.back().node);
    open_.pop_back();
    return add(std::move(node));
  }
  bool add(JsonNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return true;
    }
    OpenNode& parent = open_.back();
    if (parent.node.kind == JsonKind::Array) {
      parent.node.items.push_back(std::move(node));
    } else {
      node.key_offset = parent.key_offset;
      parent.node.members.push_back({.name = parent.key, .node = std::move(node)});
    }
    return true;
  }

  // "layers/3/" for what stands in the innermost open node.
  std::string path_here() const {
    std::string path;
    for (std::size_t level = 0; level + 1 < open_.size(); ++level) {
      const OpenNode& parent = open_[level];
      path += parent.node.kind == JsonKind::Array ? std::to_string(parent.node.items.size()) : parent.key;
      path += '/';
    }
    return path;
  }

  void complain_about_duplicates() {
    const std::vector<JsonMember>& members = open_.back().node.members;
    std::vector<std::size_t> order(members.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&members](std::size_t a, std::size_t b) { return members[a].name < members[b].name; });
    for (std::size_t i = 1; i < order.size() && problems_.size() < kMostProblems; ++i) {
      const auto& [name, node] = members[order[i]];
      const auto& [earlier_name, earlier] = members[order[i - 1]];
      if (name != earlier_name) continue;
      Problem problem = problem_at(source_, file_, node.key_offset);
      problem.path = path_here() + name;
      problem.found = "the key " + in_quotes(name) + " again";
      problem.expected = "each key once";
      problem.hint = "it is already on line " + std::to_string(place_of(source_, earlier.key_offset).line);
      problems_.push_back(std::move(problem));
    }
  }

  const std::string& source_;
  const std::string& file_;
  TokenCursor cursor_;
  std::vector<OpenNode> open_;
  JsonNode root_;
  std::vector<Problem> problems_;
};

[[noreturn]] void refuse(Problem problem) { throw InputError(ErrorKind::InvalidInput, std::move(problem)); }

// What the parser would misread: nlohmann takes a NUL byte for the end of the input.
void refuse_if_not_text(const std::string& source, const std::string& file) {
  const std::size_t nul = source.find('\0');
  if (nul != std::string::npos) {
    Problem problem = problem_at(source, file, nul);
    problem.found = "a NUL byte";
    problem.expected = "JSON text in UTF-8";
    problem.hint = "this is a binary file or another encoding";
    refuse(std::move(problem));
  }
  if (!std::all_of(source.begin(), source.end(), is_space)) return;
  Problem problem;
  problem.file = file;
  problem.found = "an empty file";
  problem.expected = "a JSON document";
  refuse(std::move(problem));
}

void refuse_if_not_utf8(const std::string& source, const std::string& file) {
  for (std::size_t at = 0; at < source.size();) {
    if (static_cast<unsigned char>(source[at]) < 0x80) {  // nearly all
      ++at;
      continue;
    }
    const std::size_t length = utf8_length(source, at);
    if (length == 0) {
      Problem problem = problem_at(source, file, at);
      problem.found = "the byte " + printable(std::string_view(source).substr(at, 1));
      problem.expected = "JSON text in UTF-8";
      problem.hint = "this is a binary file or another encoding";
      refuse(std::move(problem));
    }
    at += length;
  }
}

// ---- files ----

[[noreturn]] void refuse_file(const std::string& path, std::string found, std::string expected, std::string hint = "") {
  Problem problem;
  problem.file = path;
  problem.found = std::move(found);
  problem.expected = std::move(expected);
  problem.hint = std::move(hint);
  refuse(std::move(problem));
}

void refuse_if_not_regular(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) refuse_file(path, "no such file", "a file", "check the name");
  if (error) refuse_file(path, error.message(), "a readable file");
  if (status.type() == fs::file_type::directory) refuse_file(path, "a directory", "a file");
  if (status.type() != fs::file_type::regular) refuse_file(path, "a device, pipe or socket", "a regular file");
}

[[noreturn]] void refuse_size(const std::string& path, const std::string& size, Bytes max_size) {
  refuse_file(path, size + " bytes", "at most " + std::to_string(max_size.count()) + " bytes");
}

}  // namespace

const JsonNode* JsonNode::find(std::string_view key) const {
  for (const JsonMember& member : members) {
    if (member.name == key) return &member.node;
  }
  return nullptr;
}

TextPlace place_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const std::size_t newline = before.rfind('\n');
  const std::size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
  return {.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n')),
          .column = 1 + static_cast<int>(before.size() - line_start)};
}

JsonDocument parse_json(std::string source, std::string file, JsonDialect dialect) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (source.starts_with(kByteOrderMark)) source.erase(0, kByteOrderMark.size());
  JsonDocument document{.file = std::move(file), .source = std::move(source), .root = {}};
  refuse_if_not_text(document.source, document.file);
  refuse_if_not_utf8(document.source, document.file);

  TreeBuilder builder(document.source, document.file);
  if (dialect == JsonDialect::PythonConstants) {
    nlohmann::json::sax_parse(without_constants(document.source), &builder);
  } else {
    nlohmann::json::sax_parse(document.source, &builder);
  }
  std::vector<Problem>& problems = builder.problems();
  if (!problems.empty()) {
    std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    throw InputError(ErrorKind::InvalidInput, std::move(problems));
  }
  document.root = std::move(builder.root());
  if (document.root.kind == JsonKind::Object) return document;
  Problem problem = problem_at(document.source, document.file, document.root.offset);
  problem.found = what_is(document.root);
  problem.expected = "an object, {...}";
  refuse(std::move(problem));
}

// Readers that pad a text (ForeignJson) need not move it.
constexpr std::size_t kReadersPadding = 64;

std::string read_text_file(const std::string& path, Bytes max_size) {
  refuse_if_not_regular(path);
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) refuse_file(path, error.message(), "a readable file");
  const auto limit = static_cast<std::uintmax_t>(std::max<Count>(max_size.count(), 0));
  if (size > limit) refuse_size(path, std::to_string(size), max_size);

  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) refuse_file(path, std::generic_category().message(errno), "a readable file");
  // A file can change after its size was asked for: one byte more would show it.
  std::string text;
  text.reserve(static_cast<std::size_t>(size) + kReadersPadding);
  prefer_large_pages(text.data(), text.capacity());
  text.resize(static_cast<std::size_t>(size) + 1);
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) refuse_file(path, std::generic_category().message(errno), "a readable file");
  if (text.size() > size) refuse_file(path, "a file that grows while it is read", "a complete file", "try again");
  return text;
}

}  // namespace moeplan
