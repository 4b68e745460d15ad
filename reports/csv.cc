// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

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

}  // namespace

std::string render_csv(const Document& document) {
  std::string out;
  for (const Section& section : document.sections)
    if (const Table* table = std::get_if<Table>(&section)) write_table(out, *table);
  return out;
}

}  // namespace moeplan
