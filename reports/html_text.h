// SPDX-License-Identifier: Apache-2.0
// User text made safe inside a page: a model called "<script>" stays text wherever it
// stands.
#pragma once

#include <string>
#include <string_view>

namespace moeplan {

// For the content of an element and for a quoted attribute. Control characters and bytes
// that are not UTF-8 are written as printable() does.
std::string escape_html(std::string_view text);

// A JSON document for the inside of a <script> element: no "<" (</script>, <!--), ">" or
// "&" is left, nor U+2028 and U+2029, which old parsers take for line ends. It parses to
// the same values.
std::string embed_json(std::string_view json);

// For file names: lower-case letters, digits and "-"; never empty.
std::string slug_of(std::string_view text);

}  // namespace moeplan
