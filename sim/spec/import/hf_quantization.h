// SPDX-License-Identifier: Apache-2.0
// quantization_config of a Hugging Face config, or hf_quant_config.json -> NativeQuant.
#pragma once

#include "sim/spec/import/hf_reader.h"
#include "sim/spec/model.h"

namespace moeplan {

// Sets quant and adds to note. Ignore lists name modules, so the blocks and layers of
// `model` must be known; with sound = false only the method and its options are
// checked. An unknown method or an option that changes bytes is a complaint.
// A method that is known and has no closed form, and one that is not known, say what
// to do: the headers of the weight files say every byte.
// beside: hf_quant_config.json, nullptr when there is none.
void import_quantization(HfReader& config, ModelSpec& model, bool sound, HfReader* beside = nullptr);

// The format of what is not quantised alone: the rest is read off the weight files.
void import_base_format(HfReader& config, ModelSpec& model);

}  // namespace moeplan
