// SPDX-License-Identifier: Apache-2.0
// Hugging Face config.json -> ModelSpec. One function per model_type in a table; a
// type that is not in it, and a key that changes shapes and is not understood for
// that type, is refused by name: nothing is guessed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/model.h"

namespace moeplan {

// True if the document looks like a Hugging Face config (has model_type or architectures).
bool is_hf_config(const std::string& text);

// Throws InputError(InvalidInput): not JSON, wrong values, unsupported model_type
// ("deepseek_v4 is known and not modelled: ..."), keys that change shapes.
// FromFile: the weights are listed by their own headers, so that quantisation_config,
// known or not, decides no byte and is not read.
enum class WeightFormats { FromConfig, FromFile };
// beside: the hf_quant_config.json that ModelOpt writes next to the config; text empty = none.
struct BesideConfig {
  std::string text;
  std::string file;
};
ModelSpec import_hf_config(std::string text, const std::string& file, WeightFormats formats = WeightFormats::FromConfig,
                           BesideConfig beside = {});

// model_type words that can be imported, and those known but refused, with the reason.
std::vector<std::string> supported_model_types();

// Why a model_type that is known is not modelled, and what is public of it; "" = no such type.
std::string why_not_modelled(std::string_view model_type);

}  // namespace moeplan
