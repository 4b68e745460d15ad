// SPDX-License-Identifier: Apache-2.0
// Sweeps the tests disturb. Each is long enough to be hit in its middle and short enough to be
// hit often, in a build of this kind.
#pragma once

#include <string>
#include <vector>

#include "tests/sweeps/program.h"

namespace moeplan::testing {

#ifdef NDEBUG
inline constexpr int kContexts = 800;
#else
inline constexpr int kContexts = 40;
#endif
inline constexpr int kBatches = 300;
inline constexpr int kRows = kBatches * kContexts;  // 240,000: half of them do not fit
inline const std::string kDirectory = "out";

inline std::string contexts(int count) { return "context=16:" + std::to_string(16 * count) + ":16"; }

inline std::vector<std::string> words_without_directory(const std::vector<std::string>& more = {}) {
  return std::vector<std::string>{"sweep",  "--model",     "mixtral-8x7b", "--hardware",       "h200",
                                  "--axis", "batch=1:300", "--axis",       contexts(kContexts)} +
         more;
}

// All its rows, both files.
inline std::vector<std::string> words_of_rows(const std::vector<std::string>& more = {}) {
  return words_without_directory({"--out", kDirectory}) + more;
}

}  // namespace moeplan::testing
