// SPDX-License-Identifier: Apache-2.0
// LoRA adapters: beside a matrix of out x in elements lie A (rank x in) and B (out x rank),
// for each expert where experts are meant. Source: Hu et al. 2021; target names as in
// Hugging Face PEFT (LoraConfig).
#pragma once

#include <bitset>
#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/matrices.h"

namespace moeplan {

using RoleSet = std::bitset<kRoleWords.size()>;

struct AdapterSpec {
  Count rank = 0;
  Count slots = 1;     // adapters resident at once
  std::string format;  // of A and B; "" = the engine's
  RoleSet targets;
  RoleSet saved;                     // whole copies of these matrices beside the originals (modules_to_save)
  std::vector<std::string> modules;  // the targets as asked; empty = all that the engine adapts
  bool fully_sharded = false;        // vLLM --fully-sharded-loras: A and B are both cut by tensor parallelism
  friend bool operator==(const AdapterSpec&, const AdapterSpec&) = default;
};

// Every matrix of attention and feed-forward blocks but routers.
RoleSet usual_targets();

// The roles a module name of a checkpoint means ("q_proj", "w1"), or a group: attention,
// mlp, experts, shared, all, all-linear (with the router). Empty: no such name.
RoleSet roles_of_module(std::string_view name);
std::vector<std::string> module_names();

// Module names for a command line, such that roles_of_module of each gives the set.
std::vector<std::string> modules_of(const RoleSet& targets, const ModelSpec& model);

// Of the targets those that the model has.
RoleSet targets_in(const ModelSpec& model, const RoleSet& targets);

// Elements of one adapter, A and B and whole copies, over the whole model.
Count count_adapter(const ModelSpec& model, const AdapterSpec& adapter);

// adapter_config.json of PEFT: r, target_modules, modules_to_save; per-module ranks count
// as the largest. Throws InputError.
AdapterSpec read_peft_config(std::string text, const std::string& file);

}  // namespace moeplan
