// SPDX-License-Identifier: Apache-2.0
// Any bytes as a document of ours; the first byte chooses the reader. What was read
// is written, and that text is read again without a complaint; a model is estimated.
#include <cstddef>
#include <cstdint>
#include <string>

#include "sim/base/error.h"
#include "sim/spec/catalog.h"
#include "tests/fuzz/estimate_all.h"

namespace moeplan {
namespace {

// 'm'odel, 'd'evice, 'n'ode, 'r'untime; anything else: formats.
std::string read_and_write(char kind, const std::string& text) {
  switch (kind) {
    case 'm': return write_model(read_model(text, "fuzz.json"));
    case 'd': return write_device(read_device(text, "fuzz.json"));
    case 'n': return write_node(read_node(text, "fuzz.json"));
    case 'r': return write_runtime(read_runtime(text, "fuzz.json"));
    default: read_formats(text, "fuzz.json"); return "";
  }
}

// "" when the text is refused.
std::string written_again(char kind, const std::string& text) {
  try {
    return read_and_write(kind, text);
  } catch (const InputError& error) {
    CHECK(!error.problems().empty());
    return "";
  }
}

}  // namespace
}  // namespace moeplan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const char kind = static_cast<char>(data[0]);
  const std::string text(data + 1, data + size);
  const std::string written = moeplan::written_again(kind, text);
  if (!written.empty()) CHECK(moeplan::read_and_write(kind, written) == written);
  if (!written.empty() && kind == 'm') moeplan::estimate_all(moeplan::read_model(written, "written.json"));
  return 0;
}
