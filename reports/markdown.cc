// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "reports/render.h"

namespace moeplan {
namespace {

// User text stays text: no markup, no HTML, no table borders.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
      continue;
    }
    if (c == '|' || c == '*' || c == '_' || c == '`' || c == '[') out += '\\';
    out += c;
  }
  return out;
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first);
}

class MarkdownWriter {
 public:
  explicit MarkdownWriter(const ByteUnit& unit) : unit_(unit) {}

  void operator()(const Heading& heading) { out_ += fmt::format("## {}\n\n", escaped(heading.text)); }
  void operator()(const Note& note) { out_ += escaped(note.text) + "\n\n"; }

  void operator()(const KeyValues& block) {
    for (const KeyValue& entry : block.entries) {
      const std::string value = escaped(phrase_text(entry.value, unit_, Setting::Sentence));
      out_ +=
          entry.key.empty() ? fmt::format("  {}\n", value) : fmt::format("- **{}** {}\n", escaped(entry.key), value);
    }
    out_ += '\n';
  }

  void operator()(const ItemList& list) {
    if (!list.title.empty()) out_ += escaped(list.title) + "\n\n";
    for (const Phrase& item : list.items) out_ += "- " + escaped(phrase_text(item, unit_, Setting::Sentence)) + '\n';
    out_ += '\n';
  }

  void operator()(const Table& table) {
    if (!table.caption.empty()) out_ += escaped(table.caption) + "\n\n";
    std::string rule = "|";
    out_ += '|';
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const Column& column = table.columns[i];
      out_ += ' ' + escaped(column.title) + unit_of(table, i) + " |";
      rule += column.is_text ? " --- |" : " ---: |";
    }
    out_ += '\n' + rule + '\n';
    for (const Row& row : table.rows) {
      out_ += '|';
      for (const Phrase& cell : row.cells)
        out_ += ' ' + escaped(trimmed(phrase_text(cell, unit_, Setting::Table))) + " |";
      out_ += '\n';
    }
    out_ += '\n';
  }

  std::string take() { return std::move(out_); }

 private:
  std::string unit_of(const Table& table, std::size_t column) const {
    for (const Row& row : table.rows)
      if (!table.columns[column].is_text && column < row.cells.size() && holds_bytes(row.cells[column]))
        return fmt::format(" ({})", unit_.name);
    return "";
  }

  const ByteUnit& unit_;
  std::string out_;
};

}  // namespace

std::string render_markdown(const Document& document, const ByteUnit& unit) {
  MarkdownWriter writer(unit);
  for (const Section& section : document.sections) std::visit(writer, section);
  return writer.take();
}

}  // namespace moeplan
