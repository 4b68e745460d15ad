// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/safetensors_json.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "sim/base/json.h"
#include "sim/base/text.h"
#include "sim/spec/import/safetensors.h"

namespace moeplan {
namespace {

// Offset of the first byte that is not UTF-8, or text.size(). Eight ASCII bytes at a time.
std::size_t end_of_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (at + 8 <= text.size()) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, text.data() + at, 8);
      if ((eight & 0x8080808080808080U) == 0) {
        at += 8;
        continue;
      }
    }
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return at;
}

}  // namespace

ForeignJson::ForeignJson(std::string& text, std::string file)
    : text_(&text), file_(std::move(file)), size_(text.size()) {
  if (Bytes(static_cast<Count>(size_)) > kMaxSafetensorsHeader)
    complain_at(0, "", std::to_string(size_) + " bytes of JSON",
                "at most " + std::to_string(kMaxSafetensorsHeader.count()));
  const std::size_t nul = text.find('\0');
  const std::size_t bad = end_of_utf8(text);
  if (nul != std::string::npos)
    complain_at(nul, "", "a NUL byte", "JSON text");
  else if (bad != size_)
    complain_at(bad, "", "bytes that are not UTF-8", "UTF-8 text");
  throw_if_any();
  if (text.find('\\') != std::string::npos) original_ = text;
  // Longer than any small-string buffer too: a moved text keeps its bytes where they are.
  text.append(kForeignPadding, '\0');
}

void ForeignJson::complain(std::string_view where, std::string path, std::string found, std::string expected,
                           std::string hint) {
  // Names come from the text, save one that was never seen.
  const std::less<const char*> before;
  const char* begin = text_->data();
  const bool inside = !before(where.data(), begin) && before(where.data(), begin + size_);
  complain_at(inside ? static_cast<std::size_t>(where.data() - begin) : 0, std::move(path), std::move(found),
              std::move(expected), std::move(hint));
}

void ForeignJson::complain_at(std::size_t offset, std::string path, std::string found, std::string expected,
                              std::string hint) {
  if (full()) {
    ++left_out_;
    return;
  }
  Problem problem;
  problem.file = file_;
  const TextPlace place = place_of(original_.empty() ? std::string_view(*text_) : original_, offset);
  problem.line = place.line;
  problem.column = place.column;
  problem.path = std::move(path);
  problem.found = std::move(found);
  problem.expected = std::move(expected);
  problem.hint = std::move(hint);
  problems_.push_back(std::move(problem));
}

void ForeignJson::throw_if_any() const {
  if (problems_.empty()) return;
  std::vector<Problem> all = problems_;
  if (left_out_ > 0) {
    Problem rest;
    rest.file = file_;
    rest.hint = "and " + std::to_string(left_out_) + " more problems";
    all.push_back(std::move(rest));
  }
  throw InputError(ErrorKind::InvalidInput, std::move(all));
}

const ListedTensor* first_duplicate(const std::vector<ListedTensor>& tensors) {
  // Names that ascend all differ.
  const auto not_before = [](const ListedTensor& a, const ListedTensor& b) { return a.name >= b.name; };
  if (std::adjacent_find(tensors.begin(), tensors.end(), not_before) == tensors.end()) return nullptr;
  // Open addressing, at most half full; position + 1 in each slot.
  const std::size_t slots = std::bit_ceil(2 * tensors.size() + 2);
  std::vector<std::uint32_t> table(slots, 0);
  const std::hash<std::string_view> hash;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    std::size_t slot = hash(tensors[i].name) & (slots - 1);
    for (; table[slot] != 0; slot = (slot + 1) & (slots - 1))
      if (tensors[table[slot] - 1].name == tensors[i].name) return &tensors[i];
    table[slot] = static_cast<std::uint32_t>(i + 1);
  }
  return nullptr;
}

}  // namespace moeplan
