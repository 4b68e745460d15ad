// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>

#include "reports/render.h"

namespace moeplan {
namespace {

class RawText {
 public:
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(Count value) const { return std::to_string(value); }
  std::string operator()(Bytes value) const { return std::to_string(value.count()); }
  std::string operator()(const BytesRange& r) const { return fmt::format("{}..{}", r.low.count(), r.high.count()); }
  std::string operator()(Parameters p) const { return std::to_string(p.value); }
  std::string operator()(Share s) const { return fmt::format("{}", s.value); }
  std::string operator()(FlopCount f) const { return fmt::format("{}", f.value); }
};

std::string field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

void write_table(std::string& out, const Table& table) {
  if (!out.empty()) out += "\r\n";
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) out += ',';
    out += field(table.columns[i].key);
  }
  out += "\r\n";
  for (const Row& row : table.rows) {
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      if (i > 0) out += ',';
      std::string text;
      for (const Atom& atom : row.cells[i]) text += std::visit(RawText(), atom);
      out += field(text);
    }
    out += "\r\n";
  }
}

std::string raw(double value) { return std::isnan(value) ? std::string() : fmt::format("{}", value); }

void write_data(std::string& out, const DataTable& data) {
  if (!out.empty()) out += "\r\n";
  for (std::size_t c = 0; c < data.columns.size(); ++c) out += (c > 0 ? "," : "") + field(data.columns[c].key);
  out += "\r\n";
  for (std::size_t r = 0; r < data.rows(); ++r) {
    for (std::size_t c = 0; c < data.columns.size(); ++c) {
      const DataColumn& column = data.columns[c];
      out += (c > 0 ? "," : "") + (column.is_text ? field(column.texts[r]) : raw(column.numbers[r]));
    }
    out += "\r\n";
  }
}

// One line per pair, so that a spreadsheet can pivot it as it likes.
void write_map(std::string& out, const HeatMap& map) {
  if (!out.empty()) out += "\r\n";
  out += fmt::format("{},{},{}\r\n", field(map.row_axis), field(map.column_axis), field(map.value));
  for (std::size_t i = 0; i < map.values.size(); ++i)
    out += fmt::format("{},{},{}\r\n", field(map.rows[i / map.columns.size()]),
                       field(map.columns[i % map.columns.size()]), raw(map.values[i]));
}

// Sentences and charts have no rows; a chart's numbers are those of a table beside it.
struct CsvWriter {
  void operator()(const Heading&) {}
  void operator()(const KeyValues&) {}
  void operator()(const Table& table) { write_table(out, table); }
  void operator()(const Note&) {}
  void operator()(const ItemList&) {}
  void operator()(const Banner&) {}
  void operator()(const Chart&) {}
  void operator()(const HeatMap& map) { write_map(out, map); }
  void operator()(const DataTable& data) { write_data(out, data); }
  void operator()(const Command&) {}
  std::string out;
};

}  // namespace

std::string render_csv(const Document& document) {
  CsvWriter writer;
  for (const Section& section : document.sections) std::visit(writer, section);
  return std::move(writer.out);
}

}  // namespace moeplan
