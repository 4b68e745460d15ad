// SPDX-License-Identifier: Apache-2.0
// What the process says when it ends. Scripts rely on these.
#pragma once

#include <string_view>

#include "sim/base/error.h"

namespace moeplan {

inline constexpr int kExitYes = 0;  // yes, or done
inline constexpr int kExitNo = 1;   // a valid no: does not fit, not equal, outside tolerance
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInvalidInput = 3;
inline constexpr int kExitUnknownName = 4;
inline constexpr int kExitMissingResource = 5;
inline constexpr int kExitBelowMargin = 6;  // with --strict-margin
inline constexpr int kExitInternal = 70;    // a bug

constexpr int exit_status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Usage: return kExitUsage;
    case ErrorKind::InvalidInput: return kExitInvalidInput;
    case ErrorKind::UnknownName: return kExitUnknownName;
    case ErrorKind::MissingResource: return kExitMissingResource;
  }
  return kExitInternal;
}

inline constexpr std::string_view kExitStatusHelp =
    "exit status: 0 yes or done, 1 a valid no, 2 usage, 3 invalid input file, 4 unknown name,\n"
    "             5 a required resource is absent, 6 margin too thin (--strict-margin), 70 internal error\n";

}  // namespace moeplan
