// SPDX-License-Identifier: Apache-2.0
// What a whole `moeplan fit` process costs beside an empty one that is linked alike.
// The two run in turn, so a machine whose speed drifts does both harm alike.
//
//   process_bench EMPTY RUNS COMMAND [ARG ...]
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

struct Run {
  double ms;
  double peak_mib;
};

Run run_once(char* const argv[]) {
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execv(argv[0], argv);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  wait4(child, &status, 0, &usage);
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  if (WIFEXITED(status) && WEXITSTATUS(status) > 1) {
    std::fprintf(stderr, "process_bench: %s exited with %d\n", argv[0], WEXITSTATUS(status));
    std::exit(2);
  }
  return {elapsed.count(), static_cast<double>(usage.ru_maxrss) / 1024.0};
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: process_bench EMPTY RUNS COMMAND [ARG ...]\n");
    return 2;
  }
  char* empty[] = {argv[1], nullptr};
  const int runs = std::atoi(argv[2]);
  std::vector<double> empty_ms;
  std::vector<double> full_ms;
  std::vector<double> extra_ms;
  double peak = 0;
  for (int i = 0; i < runs + 3; ++i) {
    const Run e = run_once(empty);
    const Run f = run_once(argv + 3);
    if (i < 3) continue;  // warm-up
    empty_ms.push_back(e.ms);
    full_ms.push_back(f.ms);
    extra_ms.push_back(f.ms - e.ms);
    peak = std::max(peak, f.peak_mib);
  }
  std::printf("empty %.2f ms, command %.2f ms, difference %.2f ms (medians of %d pairs), peak memory %.1f MiB\n",
              median(empty_ms), median(full_ms), median(extra_ms), runs, peak);
  return 0;
}
