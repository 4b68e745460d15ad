// SPDX-License-Identifier: Apache-2.0
// A report as typed blocks of raw quantities. A study's result becomes a Document
// once; the renderers (text, Markdown, CSV, HTML) turn its numbers into digits. Bytes
// stay bytes until then, so no two formats can disagree.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "reports/chart.h"
#include "sim/base/units.h"

namespace moeplan {

// "25.10..26.00" in the unit of its table.
struct BytesRange {
  Bytes low;
  Bytes high;
};

// "46.70 B": how people say the size of a model.
struct Parameters {
  Count value = 0;
};

// "12.3 %"
struct Share {
  double value = 0;
};

// "41.2 GFLOP"
struct FlopCount {
  double value = 0;
};

// One quantity or piece of text. monostate is an empty cell.
using Atom = std::variant<std::monostate, std::string, Count, Bytes, BytesRange, Parameters, Share, FlopCount>;

// Atoms written one after the other: {"budget ", Bytes(...)}.
using Phrase = std::vector<Atom>;

// How a line is meant; colour where there is colour.
enum class Tone { Plain, Strong, Good, Caution, Bad };

struct Heading {
  std::string text;
};

struct KeyValue {
  std::string key;
  Phrase value;
  Tone tone = Tone::Plain;
  std::string origin{};  // where an input came from: "default of rtx-4090"; on pages only
};

struct KeyValues {
  std::vector<KeyValue> entries;
};

struct Column {
  std::string key;       // CSV header: "total_bytes"
  std::string title;     // for people: "total"
  bool is_text = false;  // text aligns left, numbers right
  int priority = 0;      // 0 is always shown; the highest is dropped first
};

struct Row {
  std::vector<Phrase> cells;
  Tone tone = Tone::Plain;
};

// The last column, when it is text, takes the room that is left and wraps.
struct Table {
  std::string caption;
  std::vector<Column> columns;
  std::vector<Row> rows;
};

struct Note {
  std::string text;
};

struct ItemList {
  std::string title;
  std::vector<Phrase> items;
};

// The answer in a sentence: "YES: fits with 3.2 GiB to spare".
struct Banner {
  Phrase text;
  Tone tone = Tone::Plain;
};

// The command line that makes the report again.
struct Command {
  std::string line;
};

using Section = std::variant<Heading, KeyValues, Table, Note, ItemList, Banner, Chart, HeatMap, DataTable, Command>;

struct Document {
  std::vector<Section> sections;
  std::string title{};  // of a page: "mixtral-8x7b on 1 x rtx-4090"; other formats do not show it
  void add(Section section) { sections.push_back(std::move(section)); }
};

}  // namespace moeplan
