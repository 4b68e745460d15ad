// SPDX-License-Identifier: Apache-2.0
// Device documents (schema: hw_profiles/README.md). Every quantity is an
// object {"value": "4.8 TB/s", "basis": "datasheet", "source": "..."}.
#include <array>

#include "sim/base/json.h"
#include "sim/base/unit_text.h"
#include "sim/spec/catalog.h"
#include "sim/spec/sourced_json.h"

namespace moeplan {
namespace {

constexpr std::array<DeviceClass, 5> kClasses = {DeviceClass::DatacenterGpu, DeviceClass::ConsumerGpu,
                                                 DeviceClass::IntegratedGpu, DeviceClass::Cpu,
                                                 DeviceClass::Accelerator};

void read_measured(ObjectReader& reader, DeviceSpec& device) {
  for (ObjectReader& item : read_items(reader, "effective_bandwidth")) {
    EffectiveBandwidth e;
    e.access = item.text("access");
    e.rate = read_body<BytesPerSecond>(item);
    item.finish();
    device.effective_bandwidth.push_back(std::move(e));
  }
  for (ObjectReader& item : read_items(reader, "effective_rates")) {
    EffectiveRate e;
    e.format = item.text("format");
    e.regime = item.text("regime");
    e.rate = read_body<FlopsPerSecond>(item);
    item.finish();
    device.effective_rates.push_back(std::move(e));
  }
  device.launch.stream = read_sourced_if_present<Seconds>(reader, "launch_stream");
  device.launch.graph = read_sourced_if_present<Seconds>(reader, "launch_graph");
  device.launch.gemm = read_sourced_if_present<Seconds>(reader, "launch_gemm");
  for (ObjectReader& item : read_items(reader, "power_points")) {
    PowerPoint point;
    point.power = item.quantity<Dim{.second = -1, .joule = 1}>("power");
    point.format = item.text("format");
    point.rate = read_body<FlopsPerSecond>(item);
    item.finish();
    device.power_points.push_back(std::move(point));
  }
}

// An array of objects on a line each; nothing when empty.
template <class Item, class Begin>
void write_lines(JsonWriter& out, std::string_view key, const std::vector<Item>& items, const Begin& begin) {
  if (items.empty()) return;
  out.key(key).begin_array();
  for (const Item& item : items) {
    out.compact(true).begin_object();
    begin(item);
    write_body(out, item.rate);
    out.end_object().compact(false);
  }
  out.end_array();
}

void write_measured(JsonWriter& out, const DeviceSpec& device) {
  write_lines(out, "effective_bandwidth", device.effective_bandwidth,
              [&out](const EffectiveBandwidth& e) { out.member("access", e.access); });
  write_lines(out, "effective_rates", device.effective_rates,
              [&out](const EffectiveRate& e) { out.member("format", e.format).member("regime", e.regime); });
  write_sourced(out, "launch_stream", device.launch.stream);
  write_sourced(out, "launch_graph", device.launch.graph);
  write_sourced(out, "launch_gemm", device.launch.gemm);
  write_lines(out, "power_points", device.power_points,
              [&out](const PowerPoint& p) { out.member("power", to_text(p.power)).member("format", p.format); });
}

}  // namespace

DeviceSpec read_device(const JsonDocument& document) {
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
  device.bus_bits = reader.count_or("bus_bits", {0, 1000000}, 0);
  device.memory_data_rate = read_sourced_if_present<Hertz>(reader, "memory_data_rate");
  device.last_level_cache = read_sourced_if_present<Bytes>(reader, "last_level_cache");
  for (ObjectReader& item : read_items(reader, "peaks")) {
    PeakRate peak;
    peak.format = item.text("format");
    peak.rate = read_body<FlopsPerSecond>(item);
    item.finish();
    device.peaks.push_back(std::move(peak));
  }
  read_measured(reader, device);
  device.power_cap = read_sourced_if_present<Watts>(reader, "power_cap");
  device.power_idle = read_sourced_if_present<Watts>(reader, "power_idle");
  device.units = reader.count_or("units", {0, 100000}, 0);
  device.clock = read_sourced_if_present<Hertz>(reader, "clock");
  device.matrix_fma_per_unit = reader.count_or("matrix_fma_per_unit", {0, 1000000}, 0);
  device.note = reader.text_or("note", "");
  finish_document(reader, device);
  return device;
}

DeviceSpec read_device(std::string text, const std::string& file) {
  return read_device(parse_json(std::move(text), file));
}

void write_device(JsonWriter& out, const DeviceSpec& device) {
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
  if (device.bus_bits != 0) out.member("bus_bits", device.bus_bits);
  write_sourced(out, "memory_data_rate", device.memory_data_rate);
  write_sourced(out, "last_level_cache", device.last_level_cache);
  write_lines(out, "peaks", device.peaks, [&out](const PeakRate& peak) { out.member("format", peak.format); });
  write_measured(out, device);
  write_sourced(out, "power_cap", device.power_cap);
  write_sourced(out, "power_idle", device.power_idle);
  if (device.units != 0) out.member("units", device.units);
  write_sourced(out, "clock", device.clock);
  if (device.matrix_fma_per_unit != 0) out.member("matrix_fma_per_unit", device.matrix_fma_per_unit);
  write_note(out, device.note);
  out.end_object();
}

std::string write_device(const DeviceSpec& device) {
  JsonWriter out;
  write_device(out, device);
  return out.take();
}

}  // namespace moeplan
