// SPDX-License-Identifier: Apache-2.0
// What the process says when it ends. Scripts rely on these.
#pragma once

#include <array>
#include <string_view>

#include "sim/base/error.h"

namespace moeplan {

inline constexpr int kExitYes = 0;  // yes, or done
inline constexpr int kExitNo = 1;   // a valid no: does not fit, not equal, outside tolerance
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInvalidInput = 3;
inline constexpr int kExitUnknownName = 4;
inline constexpr int kExitMissingResource = 5;
inline constexpr int kExitBelowMargin = 6;    // with --strict-margin
inline constexpr int kExitInternal = 70;      // a bug
inline constexpr int kExitInterrupted = 130;  // what was computed is on disk

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
    "             5 a required resource is absent, 6 margin too thin (--strict-margin), 70 internal error,\n"
    "             130 interrupted: what was done is on disk\n";

// The same, one by one.
struct ExitMeaning {
  int status;
  std::string_view meaning;
};
inline constexpr std::array<ExitMeaning, 9> kExitMeanings = {
    {{kExitYes, "Yes, or done."},
     {kExitNo, "A valid no: does not fit; figures disagree."},
     {kExitUsage, "Usage: an option or its value."},
     {kExitInvalidInput, "An input file is invalid: place and reason on standard error."},
     {kExitUnknownName, "An unknown name, with the nearest known."},
     {kExitMissingResource, "A required resource is absent."},
     {kExitBelowMargin, "The verdict is tight and --strict-margin was given."},
     {kExitInternal, "Internal error: please report it."},
     {kExitInterrupted, "Interrupted; what was computed is on disk."}}};

}  // namespace moeplan
