// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "reports/chart_tables.h"
#include "reports/render.h"

namespace moeplan {
namespace {

constexpr std::size_t kMostRows = 50;  // of what a page shows in full

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

// Indented code: no markup is read there, and a line ends it.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  std::replace(text.begin(), text.end(), '\r', ' ');
  return text;
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

  void operator()(const Banner& banner) {
    out_ += fmt::format("**{}**\n\n", escaped(phrase_text(banner.text, unit_, Setting::Sentence)));
  }

  void operator()(const Chart& chart) {
    if (chart.in_text) write_part(table_of(chart, kMostRows), point_count(chart));
  }

  void operator()(const HeatMap& map) { (*this)(table_of(map)); }
  void operator()(const DataTable& data) { write_part(table_of(data, kMostRows), data.rows()); }
  void operator()(const Command& command) { out_ += fmt::format("    {}\n\n", one_line(command.line)); }

  std::string take() { return std::move(out_); }

 private:
  void write_part(const Table& table, std::size_t rows) {
    (*this)(table);
    const std::string more = left_out_text(rows, kMostRows);
    if (!more.empty()) out_ += more + "\n\n";
  }

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
