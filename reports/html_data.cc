// SPDX-License-Identifier: Apache-2.0
#include "reports/html_data.h"

#include <map>
#include <string_view>

#include "reports/html_text.h"
#include "sim/base/json.h"

namespace moeplan {
namespace {

std::string_view word_of(ChartKind kind) {
  switch (kind) {
    case ChartKind::Line: return "line";
    case ChartKind::Scatter: return "scatter";
    case ChartKind::Bar: return "bar";
    case ChartKind::StackedBar: return "stacked";
  }
  return "";
}

std::string_view word_of(SeriesStyle style) {
  switch (style) {
    case SeriesStyle::Points: return "points";
    case SeriesStyle::Line: return "line";
    case SeriesStyle::LineAndPoints: return "both";
    case SeriesStyle::Guide: return "guide";
  }
  return "";
}

class DataWriter {
 public:
  explicit DataWriter(const ByteUnit& unit) : unit_(unit) { out_.compact(true); }

  void write_unit(const ShownUnit& unit) {
    out_.member("unit", unit.bytes ? unit_.name : std::string_view(unit.name));
    if (unit.bytes) out_.member("decimals", 2);        // as number_text()
    if (unit.name == "%") out_.member("decimals", 1);  // as share_text()
    out_.member("scale", unit.bytes ? 1.0 / static_cast<double>(unit_.size.count()) : unit.scale);
  }

  void write_axis(std::string_view key, const Axis& axis) {
    out_.key(key).begin_object().member("title", axis.title);
    write_unit(axis.unit);
    out_.member("log", axis.logarithmic).end_object();
  }

  // One member of every point; left out where no point has it.
  template <class Value, class Has>
  void write_points(std::string_view key, const Series& series, Value value, Has has) {
    bool any = false;
    for (const ChartPoint& point : series.points) any = any || has(point);
    if (!any) return;
    out_.key(key).begin_array();
    for (const ChartPoint& point : series.points) out_.value(value(point));
    out_.end_array();
  }

  void write_series(const Series& series) {
    const auto always = [](const ChartPoint&) { return true; };
    const auto has_band = [](const ChartPoint& p) { return p.low == p.low; };  // not NaN
    out_.begin_object().member("name", series.name).member("style", word_of(series.style));
    write_points(
        "x", series, [](const ChartPoint& p) { return p.x; }, always);
    write_points(
        "y", series, [](const ChartPoint& p) { return p.y; }, always);
    write_points(
        "low", series, [](const ChartPoint& p) { return p.low; }, has_band);
    write_points(
        "high", series, [](const ChartPoint& p) { return p.high; }, has_band);
    write_points(
        "label", series, [](const ChartPoint& p) { return std::string_view(p.label); },
        [](const ChartPoint& p) { return !p.label.empty(); });
    out_.end_object();
  }

  void write(const Chart& chart) {
    out_.begin_object().member("title", chart.title).member("name", slug_of(chart.title));
    out_.member("kind", word_of(chart.kind)).member("horizontal", chart.horizontal);
    write_axis("x", chart.x);
    write_axis("y", chart.y);
    out_.key("categories").begin_array();
    for (const std::string& category : chart.categories) out_.value(category);
    out_.end_array().key("series").begin_array();
    for (const Series& series : chart.series) write_series(series);
    out_.end_array().key("references").begin_array();
    for (const ReferenceLine& line : chart.references) {
      out_.begin_object().member("name", line.name).member("value", line.value);
      if (line.category) out_.member("category", static_cast<Count>(*line.category));
      out_.end_object();
    }
    out_.end_array().end_object();
  }

  // Few different texts in many rows: each once, and its number in every row.
  void write_texts(const std::vector<std::string>& texts) {
    std::map<std::string_view, Count> numbers;
    std::vector<std::string_view> words;
    for (const std::string& text : texts)
      if (numbers.emplace(text, static_cast<Count>(words.size())).second) words.push_back(text);
    out_.key("words").begin_array();
    for (const std::string_view word : words) out_.value(word);
    out_.end_array().key("values").begin_array();
    for (const std::string& text : texts) out_.value(numbers.find(text)->second);
    out_.end_array();
  }

  void write(const DataTable& data) {
    out_.begin_object().member("title", data.title).member("name", slug_of(data.name));
    out_.member("rows", static_cast<Count>(data.rows())).key("columns").begin_array();
    for (const DataColumn& column : data.columns) {
      out_.begin_object().member("key", column.key).member("title", column.title);
      write_unit(column.unit);
      if (!column.low.empty()) out_.member("low", column.low).member("high", column.high);
      if (column.priority != 0) out_.member("priority", column.priority);
      if (column.is_text) {
        write_texts(column.texts);
      } else {
        out_.key("values").begin_array();
        for (const double number : column.numbers) out_.value(number);
        out_.end_array();
      }
      out_.end_object();
    }
    out_.end_array().end_object();
  }

  template <class Block>
  void write_all(std::string_view key, const Document& document) {
    out_.key(key).begin_array();
    for (const Section& section : document.sections)
      if (const Block* block = std::get_if<Block>(&section)) write(*block);
    out_.end_array();
  }

  std::string write(const Document& document) {
    out_.begin_object();
    write_all<Chart>("charts", document);
    write_all<DataTable>("tables", document);
    out_.end_object();
    return out_.take();
  }

 private:
  const ByteUnit& unit_;
  JsonWriter out_;
};

}  // namespace

std::string json_of_page(const Document& document, const ByteUnit& unit) { return DataWriter(unit).write(document); }

}  // namespace moeplan
