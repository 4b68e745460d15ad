// SPDX-License-Identifier: Apache-2.0
// parse_json in both dialects, and an ObjectReader over every object of the result.
// Only InputError may escape, and it always says something.
#include <cstddef>
#include <cstdint>
#include <string>

#include "sim/base/json.h"

namespace moeplan {
namespace {

constexpr Dim kByteRate{.byte = 1, .second = -1};

void read_everything(const JsonNode& node, Complaints& complaints);

// Every getter over every key: each either returns or complains.
void read_object(const JsonNode& node, Complaints& complaints) {
  ObjectReader reader(node, "", complaints, node.members.size() % 2 == 0);
  for (const std::string& key : reader.keys()) {
    reader.count_or(key, {1, 9}, 2);
    reader.real_or(key, 0.0, 1.0, 0.5);
    reader.flag_or(key, false);
    reader.text_or(key, "");
    reader.texts_or_empty(key);
    reader.counts_or_empty(key, {});
    reader.bytes_or(key, Bytes());
    reader.quantity<kByteRate>(key);
    reader.choice_or(key, {"gqa", "mla"}, 0);
    reader.object_if_present(key);
  }
  reader.count("layers", {1, 9});
  reader.finish();
}

void read_everything(const JsonNode& node, Complaints& complaints) {
  if (node.kind == JsonKind::Object) read_object(node, complaints);
  for (const JsonNode& item : node.items) read_everything(item, complaints);
  for (const JsonMember& member : node.members) read_everything(member.node, complaints);
}

void read_document(const std::string& source, JsonDialect dialect) {
  try {
    const JsonDocument document = parse_json(source, "fuzz.json", dialect);
    Complaints complaints(document);
    read_everything(document.root, complaints);
    complaints.throw_if_any();
  } catch (const InputError& error) {
    CHECK(!error.problems().empty());
    for (const Problem& problem : error.problems()) CHECK(!describe(problem).empty());
  }
}

}  // namespace
}  // namespace moeplan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string source(data, data + size);
  moeplan::read_document(source, moeplan::JsonDialect::Strict);
  moeplan::read_document(source, moeplan::JsonDialect::PythonConstants);
  return 0;
}
