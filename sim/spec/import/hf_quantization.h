// SPDX-License-Identifier: Apache-2.0
// quantization_config of a Hugging Face config -> NativeQuant.
#pragma once

#include "sim/spec/import/hf_reader.h"
#include "sim/spec/model.h"

namespace moeplan {

// Sets quant and adds to note. Ignore lists name modules, so the blocks and layers of
// `model` must be known; with sound = false only the method and its options are
// checked. An unknown method or an option that changes bytes is a complaint.
void import_quantization(HfReader& config, ModelSpec& model, bool sound);

}  // namespace moeplan
