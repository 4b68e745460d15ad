// SPDX-License-Identifier: Apache-2.0
// User text made safe to show: a file or option may hold anything, a message may not.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace moeplan {

// Length of the well-formed UTF-8 sequence that starts at `at`, 0 if there is none.
std::size_t utf8_length(std::string_view text, std::size_t at);

// Control characters and bytes that are not UTF-8 written as \n, \t, \xNN.
std::string printable(std::string_view text);

// ASCII letters in lower case.
std::string lower_case(std::string_view text);

// The text in double quotes, printable, cut after 60 bytes.
std::string in_quotes(std::string_view text);

}  // namespace moeplan
