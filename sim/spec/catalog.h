// SPDX-License-Identifier: Apache-2.0
// Everything moeplan knows by name: the embedded models/ and hw_profiles/ files, or
// those of a directory override. Files are parsed on demand: naming a preset reads
// that preset and nothing else.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/hardware.h"
#include "sim/spec/node.h"
#include "sim/spec/model.h"
#include "sim/spec/runtime.h"
#include "sim/spec/weights.h"

namespace moeplan {

// One data file: "models/deepseek-v3.json" and its text.
struct DataFile {
  std::string path;
  std::string text;
};

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
  std::vector<std::string> runtime_ids() const;

  // By id or alias, case-insensitive. Unknown: InputError(UnknownName) with the nearest.
  ModelSpec model(std::string_view name) const;
  DeviceSpec device(std::string_view name) const;
  NodeSpec node(std::string_view name) const;
  RuntimeSpec runtime(std::string_view name) const;
  bool knows_node(std::string_view name) const;
  bool knows_device(std::string_view name) const;
  FormatTable formats() const;
  // Devices sold as having exactly this much memory ("80 GB"), by id.
  std::vector<std::string> devices_marketed_as(Bytes size) const;

 private:
  std::vector<DataFile> files_;
};

// Readers and writers of our own documents. `file` names the source in messages.
// Throw InputError(InvalidInput) with every problem. Writing then reading gives an equal spec.
ModelSpec read_model(std::string text, const std::string& file);
std::string write_model(const ModelSpec& model);
DeviceSpec read_device(std::string text, const std::string& file);
std::string write_device(const DeviceSpec& device);
NodeSpec read_node(std::string text, const std::string& file);
std::string write_node(const NodeSpec& node);
RuntimeSpec read_runtime(std::string text, const std::string& file);
std::string write_runtime(const RuntimeSpec& runtime);
FormatTable read_formats(std::string text, const std::string& file);

}  // namespace moeplan
