// SPDX-License-Identifier: Apache-2.0
// Device and node documents (schema: hw_profiles/README.md). Every quantity is an
// object {"value": "4.8 TB/s", "basis": "datasheet", "source": "..."}.
#include <algorithm>
#include <array>

#include "sim/base/json.h"
#include "sim/base/unit_text.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

constexpr std::array<Basis, 6> kBases = {Basis::Datasheet,  Basis::Driver,  Basis::Published,
                                         Basis::Calibrated, Basis::Derived, Basis::Assumed};
constexpr std::array<DeviceClass, 4> kClasses = {DeviceClass::DatacenterGpu, DeviceClass::ConsumerGpu,
                                                 DeviceClass::IntegratedGpu, DeviceClass::Cpu};

template <class T, std::size_t N>
std::vector<std::string> words_of(const std::array<T, N>& values) {
  std::vector<std::string> words;
  for (const T value : values) words.emplace_back(word_of(value));
  return words;
}

void read_value(ObjectReader& reader, Bytes& value) { value = reader.bytes("value"); }
template <Dim D>
void read_value(ObjectReader& reader, Quantity<D>& value) {
  value = reader.quantity<D>("value");
}

template <class T>
Sourced<T> read_body(ObjectReader& reader) {
  Sourced<T> quantity;
  read_value(reader, quantity.value);
  quantity.basis = kBases[reader.choice("basis", words_of(kBases))];
  quantity.source = reader.text("source");
  return quantity;
}

// Whether key holds an object; a complaint with the shape of a quantity if it is anything else.
bool holds_quantity(ObjectReader& reader, std::string_view key) {
  const JsonNode* node = reader.node(key);
  if (node == nullptr || node->kind == JsonKind::Object) return true;
  reader.complain(key, R"(an object such as {"value": "80 GiB", "basis": "driver", "source": "..."})");
  return false;
}

template <class T>
Sourced<T> read_sourced(ObjectReader& reader, std::string_view key) {
  if (!holds_quantity(reader, key)) return {};
  ObjectReader body = reader.object(key);
  const Sourced<T> quantity = read_body<T>(body);
  body.finish();
  return quantity;
}

template <class T>
std::optional<Sourced<T>> read_sourced_if_present(ObjectReader& reader, std::string_view key) {
  if (!reader.has(key)) return std::nullopt;
  return read_sourced<T>(reader, key);
}

// The objects of the array under key; absent = none.
std::vector<ObjectReader> read_items(ObjectReader& reader, std::string_view key) {
  std::vector<ObjectReader> items;
  const JsonNode* node = reader.node(key);
  if (node == nullptr) return items;
  if (node->kind != JsonKind::Array) {
    reader.complain(key, "an array of objects");
    return items;
  }
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    const std::string path = reader.path_of(key) + "/" + std::to_string(i);
    if (node->items[i].kind != JsonKind::Object) {
      reader.complaints().add(node->items[i], path, what_is(node->items[i]), "an object");
      continue;
    }
    items.emplace_back(node->items[i], path, reader.complaints());
  }
  return items;
}

// Adds what violations() says, but only about a document that could be read.
template <class Spec>
void finish_document(ObjectReader& reader, const Spec& spec) {
  reader.finish();
  Complaints& complaints = reader.complaints();
  if (complaints.empty()) {
    for (const std::string& sentence : violations(spec)) complaints.add(reader.self(), "", "", "", sentence);
  }
  complaints.throw_if_any();
}

void write_value(JsonWriter& out, Bytes value) { out.member("value", to_text(value)); }
template <Dim D>
void write_value(JsonWriter& out, Quantity<D> value) {
  out.member("value", to_text(value));
}

template <class T>
void write_body(JsonWriter& out, const Sourced<T>& quantity) {
  write_value(out, quantity.value);
  out.member("basis", word_of(quantity.basis)).member("source", quantity.source);
}

template <class T>
void write_sourced(JsonWriter& out, std::string_view key, const Sourced<T>& quantity) {
  out.key(key).compact(true).begin_object();
  write_body(out, quantity);
  out.end_object().compact(false);
}

template <class T>
void write_sourced(JsonWriter& out, std::string_view key, const std::optional<Sourced<T>>& quantity) {
  if (quantity) write_sourced(out, key, *quantity);
}

void write_texts(JsonWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  out.key(key).compact(true).begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array().compact(false);
}

void write_note(JsonWriter& out, const std::string& note) {
  if (!note.empty()) out.member("note", note);
}

}  // namespace

DeviceSpec read_device(std::string text, const std::string& file) {
  const JsonDocument document = parse_json(std::move(text), file);
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  DeviceSpec device;
  device.id = reader.text("id");
  device.name = reader.text("name");
  device.aliases = reader.texts_or_empty("aliases");
  device.vendor = reader.text("vendor");
  device.architecture = reader.text("architecture");
  device.device_class = kClasses[reader.choice("class", words_of(kClasses))];
  device.status = reader.text_or("status", "shipping");
  device.default_runtime = reader.text("default_runtime");
  device.memory = read_sourced<Bytes>(reader, "memory");
  device.unallocatable = read_sourced<Bytes>(reader, "unallocatable");
  if (reader.has("marketed")) device.marketed = reader.bytes("marketed");
  for (ObjectReader& item : read_items(reader, "working_sets")) {
    device.working_sets.push_back({item.bytes("ram"), item.bytes("usable"), item.text("source")});
    item.finish();
  }
  device.bandwidth = read_sourced<BytesPerSecond>(reader, "bandwidth");
  device.last_level_cache = read_sourced_if_present<Bytes>(reader, "last_level_cache");
  for (ObjectReader& item : read_items(reader, "peaks")) {
    PeakRate peak;
    peak.format = item.text("format");
    peak.rate = read_body<FlopsPerSecond>(item);
    item.finish();
    device.peaks.push_back(std::move(peak));
  }
  device.power_cap = read_sourced_if_present<Watts>(reader, "power_cap");
  device.units = reader.count_or("units", {0, 100000}, 0);
  device.clock = read_sourced_if_present<Hertz>(reader, "clock");
  device.matrix_fma_per_unit = reader.count_or("matrix_fma_per_unit", {0, 1000000}, 0);
  device.note = reader.text_or("note", "");
  finish_document(reader, device);
  return device;
}

std::string write_device(const DeviceSpec& device) {
  JsonWriter out;
  out.begin_object();
  out.member("id", device.id).member("name", device.name);
  write_texts(out, "aliases", device.aliases);
  out.member("vendor", device.vendor).member("architecture", device.architecture);
  out.member("class", word_of(device.device_class)).member("status", device.status);
  out.member("default_runtime", device.default_runtime);
  write_sourced(out, "memory", device.memory);
  write_sourced(out, "unallocatable", device.unallocatable);
  if (device.marketed) out.member("marketed", to_text(*device.marketed));
  if (!device.working_sets.empty()) {
    out.key("working_sets").begin_array();
    for (const WorkingSet& set : device.working_sets) {
      out.compact(true).begin_object();
      out.member("ram", to_text(set.ram)).member("usable", to_text(set.usable)).member("source", set.source);
      out.end_object().compact(false);
    }
    out.end_array();
  }
  write_sourced(out, "bandwidth", device.bandwidth);
  write_sourced(out, "last_level_cache", device.last_level_cache);
  if (!device.peaks.empty()) {
    out.key("peaks").begin_array();
    for (const PeakRate& peak : device.peaks) {
      out.compact(true).begin_object().member("format", peak.format);
      write_body(out, peak.rate);
      out.end_object().compact(false);
    }
    out.end_array();
  }
  write_sourced(out, "power_cap", device.power_cap);
  if (device.units != 0) out.member("units", device.units);
  write_sourced(out, "clock", device.clock);
  if (device.matrix_fma_per_unit != 0) out.member("matrix_fma_per_unit", device.matrix_fma_per_unit);
  write_note(out, device.note);
  out.end_object();
  return out.take();
}

NodeSpec read_node(std::string text, const std::string& file) {
  const JsonDocument document = parse_json(std::move(text), file);
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  NodeSpec node;
  node.id = reader.text("id");
  node.name = reader.text("name");
  node.aliases = reader.texts_or_empty("aliases");
  node.device = reader.text("device");
  node.devices = reader.count("devices", {1, 1024});
  node.scaleup_domain = reader.count_or("scaleup_domain", {1, 100000}, 1);
  node.scaleup_bandwidth = read_sourced_if_present<BytesPerSecond>(reader, "scaleup_bandwidth");
  node.scaleout_bandwidth = read_sourced_if_present<BytesPerSecond>(reader, "scaleout_bandwidth");
  node.host_memory = read_sourced_if_present<Bytes>(reader, "host_memory");
  node.host_bandwidth = read_sourced_if_present<BytesPerSecond>(reader, "host_bandwidth");
  node.unified = reader.flag_or("unified", false);
  node.note = reader.text_or("note", "");
  finish_document(reader, node);
  return node;
}

std::string write_node(const NodeSpec& node) {
  JsonWriter out;
  out.begin_object();
  out.member("id", node.id).member("name", node.name);
  write_texts(out, "aliases", node.aliases);
  out.member("device", node.device).member("devices", node.devices).member("scaleup_domain", node.scaleup_domain);
  write_sourced(out, "scaleup_bandwidth", node.scaleup_bandwidth);
  write_sourced(out, "scaleout_bandwidth", node.scaleout_bandwidth);
  write_sourced(out, "host_memory", node.host_memory);
  write_sourced(out, "host_bandwidth", node.host_bandwidth);
  out.member("unified", node.unified);
  write_note(out, node.note);
  out.end_object();
  return out.take();
}

}  // namespace moeplan
