// SPDX-License-Identifier: Apache-2.0
#include "reports/placement_gain.h"

#include <fmt/format.h>

#include "reports/numbers.h"
#include "reports/schema_texts.h"
#include "reports/time_words.h"

namespace moeplan {
namespace {

constexpr double kMega = 1e6;
constexpr double kGiga = 1e9;

// "-34.2 %" against the current placement.
std::string change(double value, double before) {
  return before > 0 ? fmt::format("{:+.1f} %", 100 * (value / before - 1)) : std::string("-");
}

Row row_of(const PlacementFigures& f, const PlacementFigures& now, bool has_network) {
  const bool is_now = &f == &now;
  Row row{{{std::string(word_of(f.way)) + (is_now ? ", now" : "")},
           {f.slots},
           {fmt::format("{:.3f}", f.imbalance)},
           {fmt::format("{:.3f}", f.bound)},
           {fmt::format("{:.4g}", f.rows.median)},
           {fmt::format("{:.4g}", f.rows.p99)},
           {is_now ? std::string() : change(f.rows.median, now.rows.median)},
           {fmt::format("{:.2f}", f.straggler.p99)},
           {fmt::format("{:.4g}", f.port.median / kMega)},
           {is_now ? std::string() : change(f.port.median, now.port.median)}},
          is_now                            ? Tone::Plain
          : f.rows.median < now.rows.median ? Tone::Good
                                            : Tone::Caution};
  if (has_network) row.cells.push_back({fmt::format("{:.4g}", f.network.median / kMega)});
  row.cells.push_back({is_now ? std::string() : fmt::format("{:.4g}", f.migration.bytes / kGiga)});
  row.cells.push_back({f.migration_s > 0 ? duration(f.migration_s) : std::string()});
  return row;
}

void write_spread(JsonWriter& out, std::string_view key, const DrawnSpread& spread) {
  out.key(key).begin_object().member("median", spread.median).member("p99", spread.p99).end_object();
}

}  // namespace

Document describe_placement_gain(const PlacementGain& gain) {
  Document document;
  if (gain.placements.size() < 2) return document;
  const PlacementFigures& now = gain.placements.front();
  const bool has_network = now.network.p99 > 0;
  Table table;
  table.caption = "what another placement of the experts would win, a layer";
  table.columns = {{"placement", "placement", true, 0},
                   {"slots", "slots", false, 2},
                   {"imbalance", "max/mean", false, 0},
                   {"bound", "bound", false, 3},
                   {"rows_median", "busiest rows", false, 0},
                   {"rows_p99", "p99", false, 1},
                   {"rows_change", "", false, 0},
                   {"straggler_p99", "p99/mean", false, 2},
                   {"port_mb", "busiest port MB", false, 0},
                   {"port_change", "", false, 0}};
  if (has_network) table.columns.push_back({"network_mb", "network MB", false, 1});
  table.columns.push_back({"moved_gb", "moves GB", false, 0});
  table.columns.push_back({"moving_s", "in", false, 1});
  for (const PlacementFigures& f : gain.placements) table.rows.push_back(row_of(f, now, has_network));
  document.add(table);
  document.add(Note{fmt::format(
      "max/mean: expected load of the busiest rank, which a balancer sees. Rows of the busiest rank and bytes of the "
      "busiest port (there and back, in or out): of {} drawn layers in {} steps each. Moves: experts of all layers "
      "that ranks fetch, layer after layer.",
      gain.layers_drawn, gain.steps_drawn)});
  return document;
}

void write_placement_gain(JsonWriter& out, const PlacementGain& gain) {
  out.key("placements").begin_array();
  for (const PlacementFigures& f : gain.placements) {
    out.begin_object().member("placement", word_of(f.way)).member("slots", f.slots);
    out.member("load_imbalance", f.imbalance).member("load_imbalance_bound", f.bound);
    write_spread(out, "busiest_rank_rows", f.rows);
    write_spread(out, "straggler_factor", f.straggler);
    write_spread(out, "busiest_port_bytes", f.port);
    write_spread(out, "busiest_network_port_bytes", f.network);
    out.key("migration").begin_object().member("experts", f.migration.moved).member("bytes", f.migration.bytes);
    out.member("most_received_bytes", f.migration.most_received).member("most_sent_bytes", f.migration.most_sent);
    out.member("between_nodes_bytes", f.migration.between_nodes).member("time_s", f.migration_s).end_object();
    out.end_object();
  }
  out.end_array();
}

const std::string_view kPlacementGainMember = R"(    "placements": {
      "description": "what other placements of the experts would win, the current one first; of a layer, over draws",
      "type": "array", "items": {
      "type": "object",
      "required": ["placement", "slots", "load_imbalance", "load_imbalance_bound", "busiest_rank_rows",
                   "straggler_factor", "busiest_port_bytes", "busiest_network_port_bytes", "migration"],
      "additionalProperties": false,
      "properties": {
        "placement": {"enum": ["contiguous", "round robin", "EPLB", "searched", "custom"]},
        "slots": {"type": "integer", "minimum": 1},
        "load_imbalance": {"type": "number", "description": "busiest rank over the mean, of expected loads"},
        "load_imbalance_bound": {"type": "number", "minimum": 1},
        "busiest_rank_rows": {"$ref": "#/definitions/spread"},
        "straggler_factor": {"$ref": "#/definitions/spread"},
        "busiest_port_bytes": {"$ref": "#/definitions/spread"},
        "busiest_network_port_bytes": {"$ref": "#/definitions/spread"},
        "migration": {
          "type": "object",
          "description": "from the current placement, all layers, one after the other",
          "required": ["experts", "bytes", "most_received_bytes", "most_sent_bytes", "between_nodes_bytes", "time_s"],
          "additionalProperties": false,
          "properties": {
            "experts": {"type": "integer", "minimum": 0},
            "bytes": {"type": "number", "minimum": 0},
            "most_received_bytes": {"type": "number", "minimum": 0},
            "most_sent_bytes": {"type": "number", "minimum": 0},
            "between_nodes_bytes": {"type": "number", "minimum": 0},
            "time_s": {"type": "number", "minimum": 0}
          }
        }
      }
    }})";

const std::string_view kSpreadDefinition = R"(    "spread": {
      "type": "object",
      "required": ["median", "p99"],
      "additionalProperties": false,
      "properties": {"median": {"type": "number"}, "p99": {"type": "number"}}
    })";

}  // namespace moeplan
