// SPDX-License-Identifier: Apache-2.0
// Any bytes as the beginning of a GGUF file: a ModelSpec or an InputError. The first eight
// bytes say how large the file pretends to be. What was imported holds every byte of the
// file, can be written as a model file of ours and read again, and estimated.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "sim/base/error.h"
#include "sim/spec/catalog.h"
#include "sim/spec/import/gguf.h"
#include "sim/spec/stored.h"
#include "tests/fuzz/estimate_all.h"

namespace moeplan {
namespace {

const FormatTable& formats() {
  static const FormatTable kFormats = Catalog::embedded().formats();
  return kFormats;
}

std::optional<ModelSpec> imported(std::string_view bytes, std::uint64_t file_size) {
  try {
    std::vector<GgufHeader> shards;
    shards.push_back(read_gguf_bytes(bytes, file_size, "x.gguf", formats()));
    return import_gguf_headers(shards, "x.gguf");
  } catch (const InputError& error) {
    CHECK(!error.problems().empty());
    CHECK(error.kind() == ErrorKind::InvalidInput);
    return std::nullopt;
  }
}

}  // namespace
}  // namespace moeplan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace moeplan;
  if (size < sizeof(std::uint64_t)) return 0;
  std::uint64_t file_size;
  std::memcpy(&file_size, data, sizeof(file_size));
  file_size &= (std::uint64_t{1} << 62) - 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + sizeof(file_size), size - sizeof(file_size));
  const std::optional<ModelSpec> model = imported(bytes, file_size);
  if (!model) return 0;
  const WeightPlan plan = plan_weights(*model, formats(), "native");
  CHECK(checkpoint_size(*model, plan, formats()).bytes == model->stored->payload);
  static_cast<void>(read_model(write_model(*model), "written.json"));
  estimate_all(*model);
  return 0;
}
