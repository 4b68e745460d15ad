// SPDX-License-Identifier: Apache-2.0
// Which of several equal processes this one is, as mpirun, srun and Slurm arrays say it in the
// environment.
#pragma once

#include <optional>
#include <string>

#include "sim/study/sweep_leases.h"

namespace moeplan {

struct LaunchedAs {
  SweepShard shard;
  std::string by;  // "Slurm array", "mpirun"
};

// None for a process that was started alone. Throws InputError(Usage) where the environment
// contradicts itself.
std::optional<LaunchedAs> launched_as();

// "2/8": the third of eight. Throws InputError(Usage).
SweepShard parse_shard(const std::string& text);

}  // namespace moeplan
