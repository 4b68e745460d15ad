// SPDX-License-Identifier: Apache-2.0
// The data files compiled into the binary.
#pragma once

#include <iterator>
#include <span>
#include <string_view>

namespace moeplan {

struct EmbeddedFile {
  std::string_view path;  // "models/deepseek-v3.json"
  std::string_view text;
};

std::span<const EmbeddedFile> embedded_files();

}  // namespace moeplan
