// SPDX-License-Identifier: Apache-2.0
// How fast whole `moeplan sweep` processes are, from start to exit: points evaluated and reduced
// to the best ones, rows written to disk, and what a second thread gains beside what it gains
// an empty loop in the same minutes. Rates are those of one thread by its processor time, which
// is what it takes on a core of its own.
//
//   sweep_bench MOEPLAN [RUNS]
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace {

using Words = std::vector<std::string>;

struct Run {
  double wall_s = 0;
  double cpu_s = 0;
};

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

void become(const Words& words) {
  const int null = open("/dev/null", O_WRONLY);
  dup2(null, STDOUT_FILENO);
  dup2(null, STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execv(argv.front(), argv.data());
  _exit(127);
}

Run run_once(const Words& words) {
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) become(words);
  int status = 0;
  rusage usage{};
  wait4(child, &status, 0, &usage);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::fprintf(stderr, "sweep_bench: the sweep ended with %d\n", status);
    std::exit(2);
  }
  return {elapsed.count(), seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime)};
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// Where rows go: memory where there is such a folder, so that no disk is measured.
std::string scratch() {
  std::string path = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path().string();
  path += "/moeplan-sweep-bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) std::exit(2);
  return path;
}

struct Case {
  const char* name;
  double points;
  Words words;
  bool writes = false;
};

Words operator+(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// The layouts of Calculon's Turing-530B example (an exhaustive search over how to train it on
// 2,520 A100s): tensor-parallel 1, 2, 4, 8 by the pipeline depths that divide 105 layers, from
// 5 on (fewer stages do not hold the model); the rest of the devices are copies.
std::string turing_layouts() {
  std::string layouts;
  for (const int tp : {1, 2, 4, 8})
    for (const int pp : {5, 7, 15, 21, 35, 105})
      layouts += (layouts.empty() ? "layout=TP" : ",TP") + std::to_string(tp) + " PP" + std::to_string(pp) + " x" +
                 std::to_string(2520 / (tp * pp));
  return layouts;
}

std::vector<Case> cases(const std::string& moeplan) {
  const Words sweep = {moeplan, "sweep", "--threads", "1", "--no-progress"};
  // On these every load fits.
  const Words deepseek = {"--model", "deepseek-v3", "--hardware",  "h200",   "--gpus",
                          "8",       "--axis",      "batch=1:400", "--axis", "context=1:2500"};
  const Words gpt_oss = {"--model", "gpt-oss-120b", "--hardware", "h200",
                         "--axis",  "batch=1:1000", "--axis",     "context=1:1000"};
  // As many points as Calculon's example has executions, 24 layouts x 26 batches x 13 contexts.
  // Its dimensions are those of training (recomputation, micro-batches, offloading, optimizer
  // sharding, overlap), ours are those of inference: only the number of points is the same.
  const Words turing = {
      "--model", "turing-530b",   "--hardware", "a100-80-x8",          "--gpus", "2520",   "--tp",
      "8",       "--pp",          "35",         "--replicas",          "9",      "--axis", turing_layouts(),
      "--axis",  "batch=8:208:8", "--axis",     "context=128:1664:128"};
  return {{"deepseek-v3 on 8 h200, best 10 and front", 1e6, sweep + deepseek + Words{"--best", "10"}},
          {"gpt-oss-120b on h200, best 10 and front", 1e6, sweep + gpt_oss + Words{"--best", "10"}},
          {"deepseek-v3 on 8 h200, rows to CSV", 1e6, sweep + deepseek + Words{"--rows", "csv"}, true},
          {"gpt-oss-120b on h200, rows to CSV", 1e6, sweep + gpt_oss + Words{"--rows", "csv"}, true},
          {"gpt-oss-120b on h200, rows to CSV and JSONL", 1e6, sweep + gpt_oss, true},
          {"turing-530b in 24 layouts of 2,520 a100, best 10", 8112, sweep + turing + Words{"--best", "10"}}};
}

Run run_case(const Case& each, const std::string& folder) {
  if (!each.writes) return run_once(each.words);
  const Run run = run_once(each.words + Words{"--out", folder + "/out"});
  std::filesystem::remove_all(folder + "/out");
  return run;
}

void measure_rates(const std::string& moeplan, int runs) {
  const std::string folder = scratch();
  for (const Case& each : cases(moeplan)) {
    std::vector<double> wall;
    std::vector<double> cpu;
    for (int i = 0; i < runs; ++i) {
      const Run run = run_case(each, folder);
      wall.push_back(run.wall_s);
      cpu.push_back(run.cpu_s);
    }
    std::printf("%-50s %9.0f points, %7.1f ms (%.1f ms of processor): %.2f M points/s\n", each.name, each.points,
                1e3 * median(wall), 1e3 * median(cpu), each.points / median(cpu) / 1e6);
  }
  std::filesystem::remove_all(folder);
}

// Seconds that pieces of pure arithmetic take on so many threads, each fetching the next one.
double empty_loop(int threads) {
  constexpr int kPieces = 2000;
  constexpr int kTurns = 400'000;
  std::atomic<int> next = 0;
  std::atomic<unsigned> sink = 0;
  const auto work = [&] {
    while (next++ < kPieces) {
      unsigned state = 1;
      for (int turn = 0; turn < kTurns; ++turn) state = state * 1664525u + 1013904223u;
      sink += state;
    }
  };
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> all;
    for (int t = 0; t < threads; ++t) all.emplace_back(work);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void measure_threads(const std::string& moeplan, int runs) {
  const Words sweep = {moeplan,  "sweep",  "--model",       "gpt-oss-120b", "--hardware",
                       "h200",   "--axis", "batch=1:1000",  "--axis",       "context=1:4000",
                       "--best", "10",     "--no-progress", "--threads"};
  std::vector<double> empty;
  std::vector<double> ours;
  std::vector<double> share;
  for (int i = 0; i < runs; ++i) {
    empty.push_back(empty_loop(1) / empty_loop(2));
    ours.push_back(run_once(sweep + Words{"1"}).wall_s / run_once(sweep + Words{"2"}).wall_s);
    share.push_back(ours.back() / empty.back());
  }
  std::printf("two threads: an empty loop gains %.2fx, a sweep of 4,000,000 points %.2fx: %.0f %% of it\n",
              median(empty), median(ours), 100 * median(share));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: sweep_bench MOEPLAN [RUNS]\n");
    return 2;
  }
  const int runs = argc > 2 ? std::max(1, std::atoi(argv[2])) : 9;
  measure_rates(argv[1], runs);
  measure_threads(argv[1], runs);
  return 0;
}
