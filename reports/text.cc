// SPDX-License-Identifier: Apache-2.0
// The terminal. Keys and columns are padded, sentences wrapped with a hanging indent.
#include <fmt/format.h>

#include <algorithm>

#include "reports/chart_tables.h"
#include "reports/render.h"

namespace moeplan {
namespace {

constexpr std::size_t kGap = 2;             // spaces between columns
constexpr std::size_t kNarrowestText = 24;  // a text column narrower than this is not worth reading
constexpr std::size_t kLeast = 20;          // no line is broken shorter
constexpr std::size_t kMostRows = 20;       // of what a page shows in full

// Characters, not bytes: continuation bytes of UTF-8 take no room.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string padded(const std::string& text, std::size_t width, bool left) {
  const std::size_t have = width_of(text);
  const std::string fill(have < width ? width - have : 0, ' ');
  return left ? text + fill : fill + text;
}

// Lines of at most `width`, broken at spaces.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  const std::size_t limit = std::max(width, kLeast);
  std::vector<std::string> lines;
  std::string rest = text;
  while (width_of(rest) > limit) {
    std::size_t end = 0;    // byte after `limit` characters
    std::size_t space = 0;  // last space before it
    for (std::size_t seen = 0; end < rest.size(); ++end) {
      if ((static_cast<unsigned char>(rest[end]) & 0xC0U) != 0x80U && seen++ > limit) break;
      if (rest[end] == ' ' && end > 0) space = end;
    }
    if (space == 0) {
      space = rest.find(' ');
      if (space == std::string::npos) break;  // one long word: better whole than broken
    }
    lines.push_back(rest.substr(0, space));
    const std::size_t next = rest.find_first_not_of(' ', space);
    rest = next == std::string::npos ? "" : rest.substr(next);
  }
  lines.push_back(rest);
  return lines;
}

std::string_view escape_of(Tone tone) {
  switch (tone) {
    case Tone::Plain: return "";
    case Tone::Strong: return "\033[1m";
    case Tone::Good: return "\033[1;32m";
    case Tone::Caution: return "\033[1;33m";
    case Tone::Bad: return "\033[1;31m";
  }
  return "";
}

class TextWriter {
 public:
  explicit TextWriter(const TextStyle& style) : style_(style) {}

  void operator()(const Heading& heading) {
    begin_section();
    if (style_.width == 0 || width_of(heading.text) <= style_.width)
      out_ += toned(heading.text, Tone::Strong) + '\n';
    else
      write_lines("", heading.text, Tone::Strong);
  }

  void operator()(const Note& note) {
    begin_section();
    write_lines("", note.text, Tone::Plain);
  }

  void operator()(const KeyValues& block) {
    begin_section();
    std::size_t key_width = 0;
    for (const KeyValue& entry : block.entries) key_width = std::max(key_width, width_of(entry.key));
    for (const KeyValue& entry : block.entries)
      write_lines(padded(entry.key, key_width + kGap, true), phrase_text(entry.value, style_.unit, Setting::Sentence),
                  entry.tone);
  }

  void operator()(const ItemList& list) {
    begin_section();
    if (!list.title.empty()) out_ += list.title + '\n';
    for (const Phrase& item : list.items)
      write_lines("  - ", phrase_text(item, style_.unit, Setting::Sentence), Tone::Plain);
  }

  void operator()(const Table& table);

  void operator()(const Banner& banner) {
    begin_section();
    write_lines("", phrase_text(banner.text, style_.unit, Setting::Sentence), banner.tone);
  }

  void operator()(const Chart& chart) {
    if (chart.in_text) write_part(table_of(chart, kMostRows), point_count(chart));
  }

  void operator()(const HeatMap& map) { (*this)(table_of(map)); }
  void operator()(const DataTable& data) { write_part(table_of(data, kMostRows), data.rows()); }
  void operator()(const Command&) {}  // the reader has just typed it

  std::string take() { return std::move(out_); }

 private:
  void write_part(const Table& table, std::size_t rows) {
    (*this)(table);
    const std::string more = left_out_text(rows, kMostRows);
    if (!more.empty()) write_lines("  ", fmt::format("({}; --format csv shows all)", more), Tone::Plain);
  }

  void begin_section() {
    if (!out_.empty()) out_ += '\n';
  }

  std::string toned(const std::string& text, Tone tone) const {
    if (!style_.color || tone == Tone::Plain) return text;
    return std::string(escape_of(tone)) + text + "\033[0m";
  }

  // The text after a prefix; further lines hang under its first character.
  void write_lines(const std::string& prefix, const std::string& text, Tone tone) {
    const std::size_t indent = width_of(prefix);
    const std::vector<std::string> lines = wrapped(text, style_.width > indent ? style_.width - indent : 0);
    for (std::size_t i = 0; i < lines.size(); ++i)
      out_ += (i == 0 ? prefix : std::string(indent, ' ')) + toned(lines[i], tone) + '\n';
  }

  const TextStyle& style_;
  std::string out_;
};

// A table as text, with what fits the width decided.
class TableLayout {
 public:
  TableLayout(const Table& table, const TextStyle& style) : table_(table), style_(style) {
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      titles_.push_back(table.columns[c].title + unit_of(c));
      widths_.push_back(width_of(titles_.back()));
      shown_.push_back(true);
    }
    for (const Row& row : table.rows) {
      texts_.emplace_back();
      for (std::size_t c = 0; c < row.cells.size(); ++c) {
        texts_.back().push_back(phrase_text(row.cells[c], style.unit, Setting::Table));
        widths_[c] = std::max(widths_[c], width_of(texts_.back().back()));
      }
    }
    drop_columns();
  }

  std::vector<std::string> header() const { return lines_of(titles_); }
  std::vector<std::string> row(std::size_t r) const { return lines_of(texts_[r]); }

  // Titles of the columns left out.
  std::vector<std::string> dropped() const {
    std::vector<std::string> names;
    for (std::size_t c = 0; c < shown_.size(); ++c)
      if (!shown_[c]) names.push_back(table_.columns[c].title);
    return names;
  }

 private:
  std::string unit_of(std::size_t column) const {
    if (table_.columns[column].is_text) return "";
    for (const Row& row : table_.rows)
      if (column < row.cells.size() && holds_bytes(row.cells[column])) return fmt::format(" {}", style_.unit.name);
    return "";
  }

  bool wraps(std::size_t column) const { return column + 1 == shown_.size() && table_.columns[column].is_text; }

  // Width of the shown columns; the wrapping one counts as its least.
  std::size_t least_width() const {
    std::size_t sum = 0;
    for (std::size_t c = 0; c < shown_.size(); ++c)
      if (shown_[c]) sum += kGap + (wraps(c) ? std::min(widths_[c], kNarrowestText) : widths_[c]);
    return sum;
  }

  void drop_columns() {
    while (least_width() > style_.width) {
      std::size_t victim = shown_.size();
      for (std::size_t c = 0; c < shown_.size(); ++c)
        if (shown_[c] && table_.columns[c].priority > 0 &&
            (victim == shown_.size() || table_.columns[c].priority >= table_.columns[victim].priority))
          victim = c;
      if (victim == shown_.size()) return;
      shown_[victim] = false;
    }
  }

  std::vector<std::string> lines_of(const std::vector<std::string>& cells) const {
    std::string line;
    std::vector<std::string> tail;
    std::size_t used = 0;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      if (!shown_[c]) continue;
      line += std::string(kGap, ' ');
      used += kGap;
      if (wraps(c)) {
        tail = wrapped(cells[c], style_.width > used ? style_.width - used : 0);
        line += tail.front();
        tail.erase(tail.begin());
        break;
      }
      line += padded(cells[c], widths_[c], table_.columns[c].is_text);
      used += widths_[c];
    }
    std::vector<std::string> lines = {line};
    for (const std::string& more : tail) lines.push_back(std::string(used, ' ') + more);
    for (std::string& text : lines) text.erase(text.find_last_not_of(' ') + 1);
    return lines;
  }

  const Table& table_;
  const TextStyle& style_;
  std::vector<std::string> titles_;
  std::vector<std::vector<std::string>> texts_;
  std::vector<std::size_t> widths_;
  std::vector<bool> shown_;
};

void TextWriter::operator()(const Table& table) {
  begin_section();
  if (!table.caption.empty()) write_lines("", table.caption, Tone::Plain);
  const TableLayout layout(table, style_);
  for (const std::string& line : layout.header()) out_ += toned(line, Tone::Strong) + '\n';
  for (std::size_t r = 0; r < table.rows.size(); ++r)
    for (const std::string& line : layout.row(r)) out_ += toned(line, table.rows[r].tone) + '\n';
  const std::vector<std::string> dropped = layout.dropped();
  if (!dropped.empty())
    write_lines("  ",
                fmt::format("({} columns wide: left out {}; a wider terminal or --format csv shows all)", style_.width,
                            fmt::join(dropped, ", ")),
                Tone::Plain);
}

}  // namespace

std::string render_text(const Document& document, const TextStyle& style) {
  TextWriter writer(style);
  for (const Section& section : document.sections) std::visit(writer, section);
  return writer.take();
}

}  // namespace moeplan
