// SPDX-License-Identifier: Apache-2.0
// Any bytes as a safetensors header or index: a list or an InputError, and of a list
// every byte ends up in an entry, with and without a config. The first byte says which:
// 'h' a header, 's' a header of a file with as much data as it says, 'i' an index.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "sim/base/error.h"
#include "sim/spec/import/hf_stored.h"
#include "sim/spec/import/safetensors.h"

namespace moeplan {
namespace {

// A layer of every kind of block that has names of its own.
ModelSpec small_model() {
  ModelSpec m;
  m.id = m.name = "small";
  m.hidden = 4;
  m.vocab = 8;
  m.blocks = {
      {"attention", 1, SoftmaxAttention{.heads = 2, .kv_heads = 1, .head_dim = 2, .value_dim = 2}},
      {"mla", 1, LatentAttention{.heads = 2, .q_lora = 2, .kv_lora = 2, .nope_dim = 2, .rope_dim = 2, .value_dim = 2}},
      {"dense", 1, DenseFfn{.width = 2}},
      {"moe", 1, MoeFfn{.experts = 2, .top_k = 1, .width = 2, .shared_width = 2, .correction_bias = true}}};
  m.runs = {{Stack::Encoder, 1, {{0, 2}}}, {Stack::Decoder, 1, {{0, 0, 3}}}, {Stack::Decoder, 1, {{1, 2}}}};
  m.mtp.modules = 1;
  m.mtp.shape = {1, 3};
  m.mtp.in_file_copies = 1;
  return m;
}

std::optional<TensorList> listed(char kind, const std::string& text) {
  try {
    if (kind == 'i') return read_safetensors_index(text, "x.index.json");
    std::optional<Bytes> data;
    if (kind == 's') data = read_safetensors_header(text, "x.safetensors").payload;
    return read_safetensors_header(text, "x.safetensors", data);
  } catch (const InputError& error) {
    CHECK(!error.problems().empty());
    return std::nullopt;
  }
}

void sort_all(const TensorList& list) {
  // stored_weights_of checks that the entries sum to the payload.
  const StoredWeights alone = stored_weights_of(list, nullptr, "x");
  CHECK(alone.tensors == static_cast<Count>(list.tensors.size()));
  if (!list.sized) return;
  static const ModelSpec kModel = small_model();
  try {
    static_cast<void>(stored_weights_of(list, &kModel, "x"));
  } catch (const InputError& error) {
    CHECK(!error.problems().empty());
  }
}

}  // namespace
}  // namespace moeplan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(data + 1, data + size);
  static_cast<void>(moeplan::is_safetensors_header(text) || moeplan::is_safetensors_index(text));
  if (const std::optional<moeplan::TensorList> list = moeplan::listed(static_cast<char>(data[0]), text))
    moeplan::sort_all(*list);
  return 0;
}
