// SPDX-License-Identifier: Apache-2.0
// Errors that end a request: what was asked cannot be understood. A legitimate
// "no" (does not fit, layout impossible) is never an exception but a value with
// a reason. A bug trips CHECK.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace moeplan {

// What kind of mistake it was; the command line maps each to an exit status.
enum class ErrorKind {
  Usage,           // an option or its value (exit 2)
  InvalidInput,    // the content of a file or spec (exit 3)
  UnknownName,     // a model, device or runtime that is not known (exit 4)
  MissingResource  // no GPU, no BLAS (exit 5)
};

// One complaint. Empty or zero fields are left out of the message.
struct Problem {
  std::string file;      // the file, or "--option"
  int line = 0;          // 1-based, 0 = unknown
  int column = 0;        // 1-based, in bytes
  std::string path;      // inside the file, "memory/bandwidth"
  std::string found;     // what was there
  std::string expected;  // what should have been there
  std::string hint;      // what to do

  friend bool operator==(const Problem&, const Problem&) = default;
};

// "h200.json:4:17: memory/bandwidth: found 4.8, expected a rate such as ...; hint"
std::string describe(const Problem& problem);

// All the problems of one input at once.
class InputError : public std::runtime_error {
 public:
  InputError(ErrorKind kind, std::vector<Problem> problems);
  InputError(ErrorKind kind, Problem problem);
  ErrorKind kind() const { return kind_; }
  const std::vector<Problem>& problems() const { return problems_; }

 private:
  ErrorKind kind_;
  std::vector<Problem> problems_;
};

// The candidate nearest to `name` by edit distance, or "" when none is near.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

// UnknownName with the nearest known name and how to list them all.
// `what` is "model", `list_command` is "moeplan models list".
[[noreturn]] void throw_unknown_name(std::string_view what, std::string_view name,
                                     const std::vector<std::string>& known, std::string_view list_command);

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace moeplan

// An invariant of ours: failing it is a bug (exit 70), never the user's fault.
#define CHECK(condition) ((condition) ? static_cast<void>(0) : ::moeplan::check_failed(#condition, __FILE__, __LINE__))
