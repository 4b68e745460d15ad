// SPDX-License-Identifier: Apache-2.0
// What both JSON documents of safetensors share: a parse in place whose strings stay
// valid, and complaints that know where a name stood. Only for the readers' .cc files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/units.h"
#include "sim/spec/import/tensor_list.h"

// SIMD in rapidjson reads whole aligned 16-byte blocks: ForeignJson pads its text.
#ifdef __SSE2__
#define RAPIDJSON_SSE2
#endif
#define RAPIDJSON_HAS_STDSTRING 0
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

namespace moeplan {

// NULs behind the text.
inline constexpr std::size_t kForeignPadding = 16;

// A text parsed in place. Strings handed to the handler point into it.
class ForeignJson {
 public:
  // Throws InputError: a NUL, not UTF-8, longer than the cap.
  ForeignJson(std::string& text, std::string file);

  // Handler: rapidjson's SAX interface; returns false where it has noted a problem. It
  // bounds the nesting, so that parsing by recursion is safe: rapidjson's iterative parser
  // is half as fast and steps off a null pointer. Throws what was noted, or the syntax error.
  template <class Handler>
  void parse(Handler& handler) {
    rapidjson::InsituStringStream stream(text_->data());
    rapidjson::Reader reader;
    const rapidjson::ParseResult result = reader.Parse<rapidjson::kParseInsituFlag>(stream, handler);
    if (result) return throw_if_any();
    const std::size_t at = result.Offset() > size_ ? size_ : result.Offset();
    if (result.Code() != rapidjson::kParseErrorTermination)
      complain_at(at, "", std::string(rapidjson::GetParseError_En(result.Code())), "valid JSON");
    else if (problems_.empty())
      complain_at(at, "", handler.found(), handler.expected());
    throw_if_any();
  }

  // A problem at a string of the text (a tensor's name).
  void complain(std::string_view where, std::string path, std::string found, std::string expected,
                std::string hint = "");
  void complain_at(std::size_t offset, std::string path, std::string found, std::string expected,
                   std::string hint = "");
  // Nobody reads past twenty complaints about a file nobody wrote by hand.
  bool full() const { return problems_.size() >= 20; }
  void throw_if_any() const;

 private:
  std::string* text_;
  std::string file_;
  std::size_t size_;
  std::string original_;  // where parsing in place moves bytes (escapes); else empty
  std::vector<Problem> problems_;
  Count left_out_ = 0;
};

// Text in the handler's hands.
inline std::string_view view_of(const char* text, rapidjson::SizeType length) { return {text, length}; }

// The first tensor whose name occurred before; nullptr when all differ.
const ListedTensor* first_duplicate(const std::vector<ListedTensor>& tensors);

}  // namespace moeplan
