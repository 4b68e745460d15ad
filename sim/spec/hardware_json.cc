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

constexpr std::array<DeviceClass, 4> kClasses = {DeviceClass::DatacenterGpu, DeviceClass::ConsumerGpu,
                                                 DeviceClass::IntegratedGpu, DeviceClass::Cpu};

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

}  // namespace moeplan
