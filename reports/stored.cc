// SPDX-License-Identifier: Apache-2.0
#include "reports/stored.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "reports/words.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

double ratio(Bytes part, Bytes whole) {
  return whole == Bytes(0) ? 0 : static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

std::array<Bytes, kPartWords.size()> parts_of(const StoredWeights& stored) {
  std::array<Bytes, kPartWords.size()> parts{};
  for (const StoredEntry& e : stored.entries) parts[static_cast<std::size_t>(e.part)] += e.bytes;
  return parts;
}

// Tensors of a header without sizes.
std::array<Count, kPartWords.size()> tensors_of(const StoredWeights& stored) {
  std::array<Count, kPartWords.size()> parts{};
  for (const StoredEntry& e : stored.entries) parts[static_cast<std::size_t>(e.part)] += e.tensors;
  return parts;
}

std::string layer_name(const StoredLayer& layer) {
  if (layer.layer < 0) return "outside the layers";
  return fmt::format("{}{}", layer.stack == Stack::Encoder ? "encoder " : "", layer.layer);
}

KeyValues file_of(const StoredWeights& stored) {
  KeyValues block;
  block.entries.push_back({"file", {stored.file + (stored.label.empty() ? "" : " (" + stored.label + ")")}});
  Phrase tensors = {
      fmt::format("{} in {} file{}", grouped(stored.tensors), grouped(stored.shards), stored.shards == 1 ? "" : "s")};
  if (stored.payload != Bytes(0))
    tensors.insert(tensors.end(), {", ", stored.payload, fmt::format(" ({} B)", grouped(stored.payload.count()))});
  if (stored.file_bytes != Bytes(0))
    tensors.push_back(fmt::format(", {} B with headers", grouped(stored.file_bytes.count())));
  block.entries.push_back({"tensors", tensors});
  for (const StoredType& type : stored.types)
    block.entries.push_back({&type == stored.types.data() ? "types" : "",
                             {fmt::format("{}: {} tensors, ", type.dtype, grouped(type.tensors)), type.bytes}});
  if (stored.unplaced_tensors > 0) {
    std::string names;
    for (const std::string& name : stored.unplaced_examples) names += (names.empty() ? "" : ", ") + name;
    block.entries.push_back({"unexplained",
                             {fmt::format("{} tensors, ", grouped(stored.unplaced_tensors)), stored.unplaced_bytes,
                              ", counted where their names point to: " + names},
                             Tone::Caution});
  }
  return block;
}

Table parts_table(const StoredWeights& stored) {
  const std::array<Bytes, kPartWords.size()> parts = parts_of(stored);
  const std::array<Count, kPartWords.size()> tensors = tensors_of(stored);
  Table table;
  table.caption = "bytes by part";
  table.columns = {{"part", "part", true, 0},
                   {"tensors", "tensors", false, 1},
                   {"bytes", "size", false, 0},
                   {"share", "share", false, 1}};
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (tensors[i] > 0 || parts[i] != Bytes(0))
      table.rows.push_back({{{std::string(kPartWords[i])},
                             {tensors[i]},
                             parts[i] == Bytes(0) ? Phrase{} : Phrase{parts[i]},
                             parts[i] == Bytes(0) ? Phrase{} : Phrase{Share{ratio(parts[i], stored.payload)}}},
                            Tone::Plain});
  return table;
}

Table layers_table(const StoredWeights& stored) {
  const std::array<Bytes, kPartWords.size()> parts = parts_of(stored);
  Table table;
  table.caption = "bytes by layer";
  table.columns = {{"layer", "layer", true, 0}, {"bytes", "size", false, 0}};
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (parts[i] != Bytes(0))
      table.columns.push_back({std::string(kPartWords[i]) + "_bytes", std::string(kPartWords[i]), false, 1});
  for (const StoredLayer& layer : layers_of(stored)) {
    Row row{{{layer_name(layer)}, {layer.bytes}}, Tone::Plain};
    for (std::size_t i = 0; i < parts.size(); ++i)
      if (parts[i] != Bytes(0)) row.cells.push_back(layer.by_part[i] == Bytes(0) ? Phrase{} : Phrase{layer.by_part[i]});
    table.rows.push_back(std::move(row));
  }
  return table;
}

void write_parts(JsonWriter& out, const std::array<Bytes, kPartWords.size()>& parts) {
  out.key("bytes_by_kind").begin_object();
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (parts[i] != Bytes(0)) out.member(ledger_kind(TensorClass::Weight, static_cast<Part>(i)), parts[i].count());
  out.end_object();
}

}  // namespace

std::vector<StoredLayer> layers_of(const StoredWeights& stored) {
  // Outside first, then the encoder.
  std::map<std::tuple<bool, bool, Count>, StoredLayer> layers;
  for (const StoredEntry& e : stored.entries) {
    const bool outside = e.layer < 0;
    StoredLayer& layer = layers[{!outside, !outside && e.stack == Stack::Decoder, e.layer}];
    layer.stack = outside ? Stack::Decoder : e.stack;
    layer.layer = e.layer;
    layer.bytes += e.bytes;
    layer.by_part[static_cast<std::size_t>(e.part)] += e.bytes;
  }
  std::vector<StoredLayer> out;
  for (const auto& [key, layer] : layers) out.push_back(layer);
  return out;
}

void add_stored(Document& document, const StoredWeights& stored, bool by_layer) {
  document.add(file_of(stored));
  document.add(parts_table(stored));
  if (by_layer && stored.payload != Bytes(0)) document.add(layers_table(stored));
}

void write_stored(JsonWriter& out, const StoredWeights& stored) {
  out.member("file", stored.file).member("label", stored.label);
  out.member("files", stored.shards).member("tensors", stored.tensors);
  out.key("file_bytes");
  if (stored.file_bytes == Bytes(0))
    out.null();
  else
    out.value(stored.file_bytes.count());
  out.key("types").begin_array();
  for (const StoredType& type : stored.types) {
    out.compact(true).begin_object();
    out.member("type", type.dtype).member("tensors", type.tensors).member("bytes", type.bytes.count());
    out.end_object().compact(false);
  }
  out.end_array().key("layers").begin_array();
  for (const StoredLayer& layer : layers_of(stored)) {
    out.compact(true).begin_object();
    out.member("stack", layer.stack == Stack::Encoder ? "encoder" : "decoder").key("layer");
    if (layer.layer < 0)
      out.null();
    else
      out.value(layer.layer);
    out.member("bytes", layer.bytes.count());
    write_parts(out, layer.by_part);
    out.end_object().compact(false);
  }
  out.end_array().key("unplaced").begin_object();
  out.member("tensors", stored.unplaced_tensors).member("bytes", stored.unplaced_bytes.count());
  out.key("examples").compact(true).begin_array();
  for (const std::string& name : stored.unplaced_examples) out.value(name);
  out.end_array().compact(false).end_object();
}

Document describe_stored(const StoredWeights& stored, bool by_layer) {
  Document document;
  add_stored(document, stored, by_layer);
  document.add(
      Note{stored.payload != Bytes(0) && stored.types.empty()
               ? "an index names tensors without sizes: put the .safetensors files beside it, and the config.json"
               : "the shape of the model is not in this file: put its config.json beside it for cache, work and fit"});
  return document;
}

Document tabulate_stored(const StoredWeights& stored) {
  Table table;
  table.columns = {{"stack", "stack", true, 0},
                   {"layer", "layer", true, 0},
                   {"part", "part", true, 0},
                   {"bytes", "bytes", false, 0}};
  for (const StoredLayer& layer : layers_of(stored))
    for (std::size_t i = 0; i < layer.by_part.size(); ++i)
      if (layer.by_part[i] != Bytes(0))
        table.rows.push_back({{{layer.stack == Stack::Encoder ? "encoder" : "decoder"},
                               layer.layer < 0 ? Phrase{} : Phrase{layer.layer},
                               {std::string(kPartWords[i])},
                               {layer.by_part[i].count()}},
                              Tone::Plain});
  Document document;
  document.add(table);
  return document;
}

std::string json_of_stored(const StoredWeights& stored) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.models.tensors/1").key("checkpoint").begin_object();
  out.member("bytes", stored.payload.count());
  write_parts(out, parts_of(stored));
  write_stored(out, stored);
  out.end_object().end_object();
  return out.take();
}

}  // namespace moeplan
