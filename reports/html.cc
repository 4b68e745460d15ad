// SPDX-License-Identifier: Apache-2.0
#include "reports/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/chart_tables.h"
#include "reports/html_data.h"
#include "reports/html_text.h"
#include "reports/page_assets.h"

namespace moeplan {
namespace {

constexpr std::size_t kMostTwinRows = 200;  // of a chart's table; downloads have all
constexpr std::size_t kLongList = 12;       // a longer one opens on demand
constexpr std::size_t kShades = 10;         // of a heat map: classes heat-0 to heat-9

std::string_view class_of(Tone tone) {
  switch (tone) {
    case Tone::Plain: return "plain";
    case Tone::Strong: return "strong";
    case Tone::Good: return "good";
    case Tone::Caution: return "caution";
    case Tone::Bad: return "bad";
  }
  return "";
}

// Where a value lies between the least and the largest, 0 to 1.
class Shades {
 public:
  explicit Shades(const HeatMap& map) : logarithmic_(map.logarithmic) {
    for (const double value : map.values) {
      if (!is_shaded(value)) continue;
      low_ = std::min(low_, at(value));
      high_ = std::max(high_, at(value));
    }
  }

  bool is_shaded(double value) const { return std::isfinite(value) && (!logarithmic_ || value > 0); }

  std::size_t operator()(double value) const {
    if (high_ <= low_) return 0;
    const double share = (at(value) - low_) / (high_ - low_);
    return std::min(kShades - 1, static_cast<std::size_t>(share * static_cast<double>(kShades)));
  }

 private:
  double at(double value) const { return logarithmic_ ? std::log(value) : value; }
  bool logarithmic_;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
};

// The <main> of a page, block by block.
class PageWriter {
 public:
  explicit PageWriter(const PageStyle& style) : style_(style) {}

  void operator()(const Heading& heading) { out_ += fmt::format("<h2>{}</h2>\n", escape_html(heading.text)); }
  void operator()(const Note& note) { out_ += fmt::format("<p class=\"note\">{}</p>\n", escape_html(note.text)); }

  void operator()(const Banner& banner) {
    out_ += fmt::format("<p class=\"banner {}\">{}</p>\n", class_of(banner.tone), sentence(banner.text));
  }

  void operator()(const Command& command) {
    out_ += fmt::format("<pre class=\"command\"><code>{}</code></pre>\n", escape_html(command.line));
  }

  void operator()(const KeyValues& block);
  void operator()(const ItemList& list);
  void operator()(const Table& table) { write_table(table, table.caption); }
  void operator()(const Chart& chart);
  void operator()(const HeatMap& map);
  void operator()(const DataTable& data);

  std::string take() { return std::move(out_); }

 private:
  std::string sentence(const Phrase& phrase) const {
    return escape_html(phrase_text(phrase, style_.unit, Setting::Sentence));
  }

  std::string cell(const Phrase& phrase) const { return escape_html(phrase_text(phrase, style_.unit, Setting::Table)); }

  std::string title_of(const Table& table, std::size_t column) const {
    const Column& c = table.columns[column];
    std::string title = escape_html(c.title);
    for (const Row& row : table.rows)
      if (!c.is_text && column < row.cells.size() && holds_bytes(row.cells[column]))
        return fmt::format("{} <span class=\"unit\">{}</span>", title, style_.unit.name);
    return title;
  }

  void write_table(const Table& table, const std::string& caption);

  const PageStyle& style_;
  std::string out_;
  std::size_t charts_ = 0;
  std::size_t tables_ = 0;
};

void PageWriter::operator()(const KeyValues& block) {
  out_ += "<dl>\n";
  for (const KeyValue& entry : block.entries) {
    out_ += fmt::format("<div class=\"{}\"><dt>{}</dt><dd>{}", class_of(entry.tone), escape_html(entry.key),
                        sentence(entry.value));
    if (!entry.origin.empty()) out_ += fmt::format(" <span class=\"origin\">{}</span>", escape_html(entry.origin));
    out_ += "</dd></div>\n";
  }
  out_ += "</dl>\n";
}

void PageWriter::operator()(const ItemList& list) {
  const bool is_long = list.items.size() > kLongList;
  const std::string title = escape_html(list.title.empty() ? "list" : list.title);
  if (is_long)
    out_ += fmt::format("<details><summary>{} ({})</summary>\n", title, list.items.size());
  else if (!list.title.empty())
    out_ += fmt::format("<h3>{}</h3>\n", title);
  out_ += "<ul>\n";
  for (const Phrase& item : list.items) out_ += fmt::format("<li>{}</li>\n", sentence(item));
  out_ += is_long ? "</ul></details>\n" : "</ul>\n";
}

void PageWriter::write_table(const Table& table, const std::string& caption) {
  out_ += "<div class=\"scroll\" tabindex=\"0\"><table>\n";
  if (!caption.empty()) out_ += fmt::format("<caption>{}</caption>\n", escape_html(caption));
  out_ += "<thead><tr>";
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    out_ += fmt::format("<th scope=\"col\"{}>{}</th>", table.columns[c].is_text ? "" : " class=\"number\"",
                        title_of(table, c));
  out_ += "</tr></thead>\n<tbody>\n";
  for (const Row& row : table.rows) {
    out_ += fmt::format("<tr class=\"{}\">", class_of(row.tone));
    for (std::size_t c = 0; c < row.cells.size(); ++c)
      out_ += fmt::format("<td{}>{}</td>", table.columns[c].is_text ? "" : " class=\"number\"", cell(row.cells[c]));
    out_ += "</tr>\n";
  }
  out_ += "</tbody></table></div>\n";
}

void PageWriter::operator()(const Chart& chart) {
  const std::string title = escape_html(chart.title);
  const std::string alt = escape_html(chart.alt);
  out_ += fmt::format("<figure class=\"chart\" data-chart=\"{}\">\n<figcaption><strong>{}</strong>", charts_++, title);
  if (!alt.empty()) out_ += fmt::format("<span class=\"finding\">{}</span>", alt);
  out_ += fmt::format("</figcaption>\n<div class=\"plot\"><canvas role=\"img\" aria-label=\"{}. {}\"></canvas></div>\n",
                      title, alt);
  out_ += "<details class=\"twin\"><summary>The same as a table</summary>\n";
  write_table(table_of(chart, kMostTwinRows), "");
  const std::string more = left_out_text(point_count(chart), kMostTwinRows);
  if (!more.empty()) out_ += fmt::format("<p class=\"note\">{}: the downloads have them</p>\n", more);
  out_ += "</details>\n</figure>\n";
}

void PageWriter::operator()(const HeatMap& map) {
  const Shades shades(map);
  out_ += fmt::format("<figure class=\"heat\">\n<figcaption><strong>{}</strong>", escape_html(map.title));
  if (!map.alt.empty()) out_ += fmt::format("<span class=\"finding\">{}</span>", escape_html(map.alt));
  const std::string unit = map.unit.bytes ? std::string(style_.unit.name) : map.unit.name;
  out_ += fmt::format("</figcaption>\n<div class=\"scroll\" tabindex=\"0\"><table>\n<caption>{}{}</caption>\n",
                      escape_html(map.value), unit.empty() ? "" : escape_html(" (" + unit + ")"));
  out_ += fmt::format("<thead><tr><td></td><th scope=\"colgroup\" colspan=\"{}\">{}</th></tr>\n<tr><th>{}</th>",
                      map.columns.size(), escape_html(map.column_axis), escape_html(map.row_axis));
  for (const std::string& column : map.columns) out_ += fmt::format("<th scope=\"col\">{}</th>", escape_html(column));
  out_ += "</tr></thead>\n<tbody>\n";
  for (std::size_t r = 0; r < map.rows.size(); ++r) {
    out_ += fmt::format("<tr><th scope=\"row\">{}</th>", escape_html(map.rows[r]));
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
      const std::size_t i = r * map.columns.size() + c;
      const double value = map.values[i];
      if (shades.is_shaded(value))
        out_ += fmt::format("<td class=\"heat-{}\">{}</td>", shades(value), cell(figure(value, map.unit)));
      else
        out_ += fmt::format("<td class=\"none\">{}</td>",
                            i < map.notes.size() ? escape_html(map.notes[i]) : cell(figure(value, map.unit)));
    }
    out_ += "</tr>\n";
  }
  out_ += "</tbody></table></div>\n</figure>\n";
}

// Its script writes the rows it shows.
void PageWriter::operator()(const DataTable& data) {
  out_ += fmt::format("<section class=\"data\" data-table=\"{}\">\n<h3>{}</h3>\n</section>\n", tables_++,
                      escape_html(data.title));
}

bool needs_scripts(const Document& document) {
  return std::any_of(document.sections.begin(), document.sections.end(), [](const Section& section) {
    return std::holds_alternative<Chart>(section) || std::holds_alternative<DataTable>(section);
  });
}

std::string head(const std::string& title, const PageAssets& assets) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "script-src 'sha256-{}' 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"moeplan\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n",
      assets.library.sha256, assets.script.sha256, assets.style.sha256, escape_html(title), assets.style.text);
}

std::string header_of(const std::string& title, const PageStyle& style) {
  return fmt::format(
      "<header>\n<div><p class=\"verb\">moeplan {}</p>\n<h1>{}</h1></div>\n"
      "<button type=\"button\" id=\"theme\" hidden>Dark</button>\n</header>\n",
      escape_html(style.verb), escape_html(title.empty() ? style.verb : title));
}

}  // namespace

std::string render_html(const Document& document, const PageStyle& style) {
  const PageAssets assets = page_assets();
  const std::string name = fmt::format("moeplan {}", style.verb);
  std::string page = head(document.title.empty() ? name : fmt::format("{}: {}", name, document.title), assets);
  page += "<body>\n" + header_of(document.title, style) + "<main>\n";
  PageWriter writer(style);
  for (const Section& section : document.sections) std::visit(writer, section);
  page += writer.take();
  if (!style.command.empty()) {
    page += "<h2>Command</h2>\n";
    writer(Command{style.command});
    page += writer.take();
  }
  page += "</main>\n";
  page += fmt::format(
      "<footer>moeplan {}. Nothing on this page is fetched: figures, table and scripts are in it.</footer>\n",
      escape_html(style.version));
  if (needs_scripts(document))
    page += fmt::format(
        "<noscript><p class=\"note\">Charts and sortable tables need JavaScript; each chart has its numbers as a "
        "table.</p></noscript>\n<script type=\"application/json\" id=\"page-data\">{}</script>\n<script>{}</script>\n",
        embed_json(json_of_page(document, style.unit)), assets.library.text);
  page += fmt::format("<script>{}</script>\n</body>\n</html>\n", assets.script.text);
  return page;
}

}  // namespace moeplan
