// SPDX-License-Identifier: Apache-2.0
// Where the answer goes, and what is known of the terminal.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace moeplan {

// Standard output, or a file that appears complete or not at all: it is written under
// a temporary name beside its place and renamed. Opened before work starts, so that a
// bad path costs nothing.
class OutputTarget {
 public:
  OutputTarget() = default;                        // standard output
  explicit OutputTarget(const std::string& path);  // throws InputError(Usage)
  OutputTarget(OutputTarget&& other) noexcept;
  OutputTarget& operator=(OutputTarget&& other) = delete;
  ~OutputTarget();  // removes an unfinished file

  // Throws InputError(MissingResource) when the text cannot be written; a reader that
  // closed the pipe has seen enough and is no error.
  void write(std::string_view text);

 private:
  std::string path_;       // "" = standard output
  std::string temporary_;  // "" = written in place (a device)
  int descriptor_ = 1;
};

enum class ColorChoice { Auto, Always, Never };
bool use_color(ColorChoice choice);

// COLUMNS, or the width of the terminal; 120 when there is neither.
std::size_t terminal_width();

std::optional<std::string> environment(const char* name);  // unset and empty are alike

}  // namespace moeplan
