// SPDX-License-Identifier: Apache-2.0
// The quantisation of a Hugging Face checkpoint as its config tells it: a format for each
// module, by path. Three documents say it: quantization_config (or quantization) of
// config.json, and hf_quant_config.json that NVIDIA ModelOpt writes beside it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/spec/import/hf_reader.h"
#include "sim/spec/import/module_pattern.h"

namespace moeplan {

// Module names, globs and simple expressions.
class ModuleList {
 public:
  void add(const std::string& entry, HfReader& where, std::string_view key);
  bool holds(std::string_view path) const;
  bool empty() const { return patterns_.empty(); }

 private:
  std::vector<ModulePattern> patterns_;
};

struct QuantMethod {
  struct Group {
    bool every_linear = false;  // all but tables and routers
    ModuleList targets;
    std::string format;  // "" = not quantised
  };
  std::vector<Group> groups;                             // the first that holds decides
  std::unordered_map<std::string, std::string> modules;  // format by path, before the groups; children follow
  ModuleList ignored;                                    // before both
  bool tables = false;                                   // embedding and head too
  Count own_modules = 0;                                 // MLX: with a width of their own

  // Format id of the module at "model.layers.3.mlp.up_proj"; "" = not quantised; nullopt:
  // nothing names it, and the group of every linear layer decides.
  std::optional<std::string> named_format_of(std::string_view path) const;
  std::string format_of_every_linear() const;
};

// Reads quantization_config, or the whole of hf_quant_config.json. nullopt: a method that
// is not known; whatever is not understood is a complaint.
std::optional<QuantMethod> read_quant_method(HfReader& quant);

// "backbone.layers.3" and "model.language_model.layers.3" are "model.layers.3".
std::string plain_module_path(std::string path);

}  // namespace moeplan
