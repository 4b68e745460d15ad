// SPDX-License-Identifier: Apache-2.0
#include "cli/launcher.h"

#include <fmt/format.h>

#include <array>

#include "cli/arguments.h"
#include "cli/output.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

struct Launcher {
  const char* name;
  const char* rank;
  const char* size;
};
// In the order of who knows best: a process of mpirun inside a Slurm job is one of mpirun's.
constexpr std::array<Launcher, 5> kLaunchers = {{{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                                 {"MVAPICH", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"},
                                                 {"MPICH", "PMI_RANK", "PMI_SIZE"},
                                                 {"Slurm", "SLURM_PROCID", "SLURM_NTASKS"},
                                                 {"PALS", "PALS_RANKID", "PALS_SIZE"}}};

std::optional<Count> number_in(const char* variable) {
  const std::optional<std::string> text = environment(variable);
  return text ? parse_count(*text) : std::nullopt;
}

// Tasks of an array are numbered from SLURM_ARRAY_TASK_MIN in steps.
std::optional<SweepShard> array_task() {
  const std::optional<Count> task = number_in("SLURM_ARRAY_TASK_ID");
  const std::optional<Count> count = number_in("SLURM_ARRAY_TASK_COUNT");
  if (!task || !count || *count < 1) return std::nullopt;
  const Count first = number_in("SLURM_ARRAY_TASK_MIN").value_or(0);
  const Count last = number_in("SLURM_ARRAY_TASK_MAX").value_or(first + *count - 1);
  const Count step = *count > 1 ? std::max<Count>(1, (last - first) / (*count - 1)) : 1;
  return SweepShard{.index = (*task - first) / step, .count = *count};
}

}  // namespace

SweepShard parse_shard(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::optional<Count> index = parse_count(text.substr(0, slash));
  const std::optional<Count> count = slash == std::string::npos ? std::nullopt : parse_count(text.substr(slash + 1));
  if (!index || !count || *index < 0 || *count < 1 || *index >= *count)
    throw_usage("shard", in_quotes(text), "I/N with I from 0 to N-1, e.g. 0/4 to 3/4");
  return {.index = *index, .count = *count};
}

std::optional<LaunchedAs> launched_as() {
  LaunchedAs as;
  for (const Launcher& launcher : kLaunchers) {
    const std::optional<Count> rank = number_in(launcher.rank);
    const std::optional<Count> size = number_in(launcher.size);
    if (!rank || !size || *size < 2) continue;
    if (*rank < 0 || *rank >= *size)
      throw_usage("shard", fmt::format("{}={} with {}={}", launcher.rank, *rank, launcher.size, *size),
                  "a rank below the size", "--shard I/N says it by hand");
    as = {.shard = {.index = *rank, .count = *size}, .by = launcher.name};
    break;
  }
  if (const std::optional<SweepShard> task = array_task(); task && task->count > 1) {
    as.shard = {.index = task->index * as.shard.count + as.shard.index, .count = task->count * as.shard.count};
    as.by = as.by.empty() ? "Slurm array" : "Slurm array and " + as.by;
  }
  if (as.shard.count == 1) return std::nullopt;
  return as;
}

}  // namespace moeplan
