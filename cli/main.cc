// SPDX-License-Identifier: Apache-2.0
// Runs the command and turns what went wrong into a sentence and an exit status.
// Errors go to stderr; stdout carries answers only.
#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/exit_status.h"
#include "cli/verb.h"
#include "sim/base/error.h"

int main(int argc, char** argv) {
  using namespace moeplan;
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is seen by the write
  std::signal(SIGXFSZ, SIG_IGN);  // so is a file that may not grow
  try {
    return run_command(argc > 0 ? std::vector<std::string>(argv + 1, argv + argc) : std::vector<std::string>());
  } catch (const InputError& error) {
    for (const Problem& problem : error.problems()) std::fprintf(stderr, "error: %s\n", describe(problem).c_str());
    return exit_status_of(error.kind());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "internal error, please report it with the command line: %s\n", error.what());
    return kExitInternal;
  }
}
