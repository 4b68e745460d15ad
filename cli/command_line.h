// SPDX-License-Identifier: Apache-2.0
// A command as a shell reads it again: what a report says it was made by.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moeplan {

// "moeplan fit mixtral-8x7b --memory 24GiB", with the data directory of the environment
// where there is one. Where the answer went is left out: it is no part of the question.
std::string command_line_of(std::string_view verb, const std::vector<std::string>& words,
                            const std::string& data_directory);

}  // namespace moeplan
