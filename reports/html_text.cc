// SPDX-License-Identifier: Apache-2.0
#include "reports/html_text.h"

#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::size_t kLongestSlug = 60;

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string embed_json(std::string_view json) {
  constexpr std::string_view kLineEnd = "\xE2\x80";  // U+2028 and U+2029 go on with A8 and A9
  std::string out;
  out.reserve(json.size() + json.size() / 64);
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    const unsigned char third = i + 2 < json.size() ? static_cast<unsigned char>(json[i + 2]) : 0;
    if (c == '<') {
      out += "\\u003c";
    } else if (c == '>') {
      out += "\\u003e";
    } else if (c == '&') {
      out += "\\u0026";
    } else if ((third == 0xA8 || third == 0xA9) && json.substr(i, 2) == kLineEnd) {
      out += third == 0xA8 ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

std::string slug_of(std::string_view text) {
  std::string slug;
  for (const char c : lower_case(text)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      slug += c;
    else if (!slug.empty() && slug.back() != '-')
      slug += '-';
    if (slug.size() == kLongestSlug) break;
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug.empty() ? "data" : slug;
}

}  // namespace moeplan
