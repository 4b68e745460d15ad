// SPDX-License-Identifier: Apache-2.0
// Everything moeplan knows by name: the embedded models/ and hw_profiles/ files, or
// those of a directory override. Files are parsed on demand: naming a preset reads
// that preset and nothing else.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/spec/cluster.h"
#include "sim/spec/engine_profile.h"
#include "sim/spec/hardware.h"
#include "sim/spec/model.h"
#include "sim/spec/node.h"
#include "sim/spec/overlay.h"
#include "sim/spec/runtime.h"
#include "sim/spec/weights.h"

namespace moeplan {

// One data file: "models/deepseek-v3.json" and its text, which is part of the binary or
// kept here.
struct DataFile {
  std::string path;
  std::string_view text;
  std::shared_ptr<const std::string> kept = nullptr;
};

struct JsonDocument;
class JsonWriter;

// Any document of hw_profiles/ but a runtime.
using HardwareProfile = std::variant<DeviceSpec, NodeSpec, ScaleupSpec, ScaleoutSpec, SiteSpec, PriceSpec>;

enum class ShapeNames { Read, Skip };

class Catalog {
 public:
  // The files embedded at build time. With a directory, files found there (the same
  // folder layout) replace or add to the embedded ones.
  static Catalog embedded();
  static Catalog with_override(const std::string& directory);

  // Known ids, sorted.
  std::vector<std::string> model_ids() const;
  std::vector<std::string> device_ids() const;
  std::vector<std::string> node_ids() const;
  std::vector<std::string> scaleup_ids() const;
  std::vector<std::string> scaleout_ids() const;
  std::vector<std::string> site_ids() const;
  std::vector<std::string> price_ids() const;
  std::vector<std::string> runtime_ids() const;
  std::vector<std::string> study_ids() const;
  std::vector<std::string> overlay_ids() const;  // devices that were measured

  // By id or alias, case-insensitive. Unknown: InputError(UnknownName) with the nearest.
  ModelSpec model(std::string_view name) const;
  DeviceSpec device(std::string_view name) const;
  NodeSpec node(std::string_view name) const;
  ScaleupSpec scaleup(std::string_view name) const;
  ScaleoutSpec scaleout(std::string_view name) const;
  SiteSpec site(std::string_view name) const;
  std::optional<PriceSpec> price(std::string_view device) const;  // of a device id; nothing = not known
  // A node with everything around it; a device alone stands in a node of its own.
  // Throws InputError too when a part that the node names does not exist, or parts disagree.
  ClusterSpec cluster(std::string_view name) const;
  // Devices of `own` go before those of the catalogue.
  ClusterSpec cluster_of(const NodeSpec& node, const std::vector<DeviceSpec>& own = {}) const;
  // From a file: a device, a node, or a machine with devices of its own (write_machine).
  ClusterSpec read_cluster(std::string text, const std::string& file) const;
  // A profile of any kind, told by its keys. "like": "h200-x8" takes all keys that are not
  // given from that profile, except id and aliases.
  HardwareProfile read_profile(std::string text, const std::string& file) const;
  RuntimeSpec runtime(std::string_view name) const;
  DataFile study(std::string_view name) const;  // of reports/studies, not yet read
  // Of a device id; nothing = never measured. Names of fitted shapes are most of a file and
  // only scoring reads them.
  std::optional<Overlay> overlay(std::string_view device, ShapeNames names = ShapeNames::Read) const;
  // Text of the measured curves of a device id (sim/spec/curves.h) and its file; both "" =
  // none. Valid while the catalogue lives.
  struct CurveText {
    std::string_view text;
    std::string file;
  };
  CurveText curve_text(std::string_view device) const;
  // Of a runtime; one without its own takes those of the engine whose options it takes.
  std::optional<EngineProfiles> engine_profiles(const RuntimeSpec& runtime) const;
  bool knows_node(std::string_view name) const;
  bool knows_device(std::string_view name) const;
  FormatTable formats() const;
  // Devices sold as having exactly this much memory ("80 GB"), by id.
  std::vector<std::string> devices_marketed_as(Bytes size) const;

 private:
  JsonDocument load(const DataFile& file, std::string_view folder) const;
  void inherit(JsonDocument& document, std::string_view folder) const;
  std::vector<DataFile> files_;
};

// Readers and writers of our own documents. `file` names the source in messages.
// Throw InputError(InvalidInput) with every problem. Writing then reading gives an equal spec.
ModelSpec read_model(const JsonDocument& document);
ModelSpec read_model(std::string text, const std::string& file);
std::string write_model(const ModelSpec& model);
DeviceSpec read_device(const JsonDocument& document);
DeviceSpec read_device(std::string text, const std::string& file);
std::string write_device(const DeviceSpec& device);
void write_device(JsonWriter& out, const DeviceSpec& device);
NodeSpec read_node(const JsonDocument& document);
NodeSpec read_node(std::string text, const std::string& file);
std::string write_node(const NodeSpec& node);
void write_node(JsonWriter& out, const NodeSpec& node);
// {"node": ..., "devices": [...]}: a machine with the devices no catalogue knows.
std::string write_machine(const NodeSpec& node, const std::vector<DeviceSpec>& devices);
ScaleupSpec read_scaleup(const JsonDocument& document);
std::string write_scaleup(const ScaleupSpec& scaleup);
ScaleoutSpec read_scaleout(const JsonDocument& document);
std::string write_scaleout(const ScaleoutSpec& scaleout);
SiteSpec read_site(const JsonDocument& document);
std::string write_site(const SiteSpec& site);
PriceSpec read_price(const JsonDocument& document);
std::string write_price(const PriceSpec& price);
RuntimeSpec read_runtime(const JsonDocument& document);
RuntimeSpec read_runtime(std::string text, const std::string& file);
std::string write_runtime(const RuntimeSpec& runtime);
FormatTable read_formats(std::string text, const std::string& file);

}  // namespace moeplan
