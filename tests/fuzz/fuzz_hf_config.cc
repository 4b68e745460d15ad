// SPDX-License-Identifier: Apache-2.0
// Any bytes as a Hugging Face config.json: a ModelSpec or an InputError. What was
// imported can be written as a model file of ours and read again, and estimated.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "sim/base/error.h"
#include "sim/spec/catalog.h"
#include "sim/spec/import/hf_config.h"
#include "tests/fuzz/estimate_all.h"

namespace moeplan {
namespace {

std::optional<ModelSpec> imported(const std::string& source) {
  try {
    return import_hf_config(source, "config.json");
  } catch (const InputError& error) {
    CHECK(!error.problems().empty());
    return std::nullopt;
  }
}

}  // namespace
}  // namespace moeplan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string source(data, data + size);
  static_cast<void>(moeplan::is_hf_config(source));
  if (const std::optional<moeplan::ModelSpec> model = moeplan::imported(source)) {
    static_cast<void>(moeplan::read_model(moeplan::write_model(*model), "written.json"));
    moeplan::estimate_all(*model);
  }
  return 0;
}
