// SPDX-License-Identifier: Apache-2.0
// models/formats.json: the schema is models/README.md.
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/json.h"
#include "sim/spec/catalog.h"
#include "sim/spec/weights.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, 6> kMathWords = {"bf16", "fp16", "fp8", "fp4", "int8", "fp32"};
constexpr Count kMaxGroup = Count{1} << 24;
constexpr std::size_t kMaxFormats = 250;  // FormatId is one byte

QuantFormat read_format(ObjectReader& reader) {
  QuantFormat f;
  f.id = reader.text("id");
  f.aliases = reader.texts_or_empty("aliases");
  f.source = reader.text("source");
  f.group = reader.count_or("group", {1, kMaxGroup}, 1);
  f.group_bytes = reader.count("group_bytes", {1, kMaxGroup});
  f.tile_rows = reader.count_or("tile_rows", {1, kMaxGroup}, 0);
  f.tile_cols = reader.count_or("tile_cols", {1, kMaxGroup}, 0);
  f.tile_bytes = reader.count_or("tile_bytes", {1, kMaxGroup}, 0);
  f.column_bytes = reader.count_or("column_bytes", {0, kMaxGroup}, 0);
  f.tensor_bytes = reader.count_or("tensor_bytes", {0, kMaxGroup}, 0);
  f.flattened = reader.flag_or("flattened", false);
  f.whole_groups = reader.flag_or("whole_groups", false);
  f.fallback = reader.text_or("fallback", "");
  f.tables = reader.flag_or("tables", false);
  f.rest = reader.text_or("rest", "");
  f.for_kv = reader.flag_or("for_kv", false);
  const std::vector<std::string> words(kMathWords.begin(), kMathWords.end());
  f.math = words[reader.choice("math", words)];
  const bool tiles = f.tile_rows > 0 && f.tile_cols > 0 && f.tile_bytes > 0;
  if (!tiles && (f.tile_rows > 0 || f.tile_cols > 0 || f.tile_bytes > 0))
    reader.complain("tile_bytes", "tile_rows, tile_cols and tile_bytes together");
  if (f.whole_groups == f.fallback.empty())
    reader.complain("fallback", "a format id exactly when whole_groups is true");
  if (f.flattened && f.whole_groups) reader.complain("flattened", "false with whole_groups, which speaks of rows");
  reader.finish();
  return f;
}

// Names are unique, fallbacks exist and need smaller groups, so that following them ends.
void check_names(const FormatTable& table, const JsonNode& list, Complaints& complaints) {
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < table.formats.size(); ++i) {
    const QuantFormat& f = table.formats[i];
    const std::string path = "formats/" + std::to_string(i);
    std::vector<std::string> names = f.aliases;
    names.push_back(f.id);
    for (const std::string& name : names) {
      if (std::find(seen.begin(), seen.end(), name) != seen.end())
        complaints.add(list.items[i], path, "the name \"" + name + "\" twice", "each id and alias once");
      seen.push_back(name);
    }
    if (!f.rest.empty() && table.find(f.rest) == nullptr)
      complaints.add(list.items[i], path + "/rest", "\"" + f.rest + "\"", "the id of a format");
    if (!f.whole_groups) continue;
    const auto found = std::find_if(table.formats.begin(), table.formats.end(),
                                    [&](const QuantFormat& other) { return other.id == f.fallback; });
    if (found == table.formats.end() || found->group >= f.group)
      complaints.add(list.items[i], path + "/fallback", "\"" + f.fallback + "\"", "a format with smaller groups");
  }
}

}  // namespace

FormatTable read_formats(std::string text, const std::string& file) {
  const JsonDocument document = parse_json(std::move(text), file);
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  FormatTable table;
  const JsonNode* list = reader.node("formats");
  if (list == nullptr || list->kind != JsonKind::Array || list->items.size() > kMaxFormats) {
    reader.complain("formats", "an array of at most 250 formats");
  } else {
    for (std::size_t i = 0; i < list->items.size(); ++i) {
      const std::string path = "formats/" + std::to_string(i);
      if (list->items[i].kind != JsonKind::Object) {
        complaints.add(list->items[i], path, what_is(list->items[i]), "an object");
        continue;
      }
      ObjectReader item(list->items[i], path, complaints);
      table.formats.push_back(read_format(item));
    }
  }
  reader.finish();
  complaints.throw_if_any();
  check_names(table, *list, complaints);
  complaints.throw_if_any();
  return table;
}

}  // namespace moeplan
