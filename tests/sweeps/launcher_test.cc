// SPDX-License-Identifier: Apache-2.0
// The place of a process among its equals, as launchers say it in the environment.
#include "cli/launcher.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "tests/sweeps/sweep_words.h"

namespace moeplan {
namespace {

using Variables = std::vector<std::pair<const char*, const char*>>;

// Set for one test, and no others of launchers beside them.
class Environment {
 public:
  explicit Environment(const Variables& variables) {
    clear();
    for (const auto& [name, value] : variables) ::setenv(name, value, 1);
  }
  ~Environment() { clear(); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  static void clear() {
    for (const char* name :
         {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "PMI_RANK",
          "PMI_SIZE", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT",
          "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "PALS_RANKID", "PALS_SIZE"})
      ::unsetenv(name);
  }
};

std::string shard_in(const Variables& variables) {
  const Environment environment(variables);
  const std::optional<LaunchedAs> as = launched_as();
  return as ? std::to_string(as->shard.index) + "/" + std::to_string(as->shard.count) : "alone";
}

TEST(Launcher, NobodyIsAlone) { EXPECT_EQ(shard_in({}), "alone"); }

TEST(Launcher, OpenMpiMpichAndSlurmSayRankAndSize) {
  EXPECT_EQ(shard_in({{"OMPI_COMM_WORLD_RANK", "2"}, {"OMPI_COMM_WORLD_SIZE", "4"}}), "2/4");
  EXPECT_EQ(shard_in({{"PMI_RANK", "0"}, {"PMI_SIZE", "3"}}), "0/3");
  EXPECT_EQ(shard_in({{"SLURM_PROCID", "7"}, {"SLURM_NTASKS", "8"}}), "7/8");
  EXPECT_EQ(shard_in({{"MV2_COMM_WORLD_RANK", "1"}, {"MV2_COMM_WORLD_SIZE", "2"}}), "1/2");
}

TEST(Launcher, OneOfOneIsAlone) {
  EXPECT_EQ(shard_in({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "1"}}), "alone");
  EXPECT_EQ(shard_in({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}}), "alone");
}

// sbatch sets SLURM_NTASKS for the script itself; mpirun inside it knows better.
TEST(Launcher, MpirunInsideASlurmJobCounts) {
  EXPECT_EQ(shard_in({{"SLURM_PROCID", "0"},
                      {"SLURM_NTASKS", "16"},
                      {"OMPI_COMM_WORLD_RANK", "3"},
                      {"OMPI_COMM_WORLD_SIZE", "16"}}),
            "3/16");
}

TEST(Launcher, TasksOfAnArrayAreCountedFromTheirFirstInTheirStep) {
  // --array=0-3
  EXPECT_EQ(shard_in({{"SLURM_ARRAY_TASK_ID", "3"},
                      {"SLURM_ARRAY_TASK_COUNT", "4"},
                      {"SLURM_ARRAY_TASK_MIN", "0"},
                      {"SLURM_ARRAY_TASK_MAX", "3"}}),
            "3/4");
  // --array=10-30:10 -> 10, 20, 30
  EXPECT_EQ(shard_in({{"SLURM_ARRAY_TASK_ID", "20"},
                      {"SLURM_ARRAY_TASK_COUNT", "3"},
                      {"SLURM_ARRAY_TASK_MIN", "10"},
                      {"SLURM_ARRAY_TASK_MAX", "30"}}),
            "1/3");
}

TEST(Launcher, TasksOfAnArrayWithSeveralProcessesEachAreAllDistinct) {
  std::set<std::string> shards;
  for (const char* task : {"1", "2"})
    for (const char* rank : {"0", "1", "2"})
      shards.insert(shard_in({{"SLURM_ARRAY_TASK_ID", task},
                              {"SLURM_ARRAY_TASK_COUNT", "2"},
                              {"SLURM_ARRAY_TASK_MIN", "1"},
                              {"SLURM_ARRAY_TASK_MAX", "2"},
                              {"SLURM_PROCID", rank},
                              {"SLURM_NTASKS", "3"}}));
  EXPECT_EQ(shards, (std::set<std::string>{"0/6", "1/6", "2/6", "3/6", "4/6", "5/6"}));
}

// --array=1,5,6,100 has no step: whatever the places, they lie among the others.
TEST(Launcher, TasksOfAListStayInRange) {
  for (const char* task : {"1", "5", "6", "100"}) {
    const Environment environment({{"SLURM_ARRAY_TASK_ID", task},
                                   {"SLURM_ARRAY_TASK_COUNT", "4"},
                                   {"SLURM_ARRAY_TASK_MIN", "1"},
                                   {"SLURM_ARRAY_TASK_MAX", "100"}});
    const std::optional<LaunchedAs> as = launched_as();
    ASSERT_TRUE(as);
    EXPECT_GE(as->shard.index, 0);
    EXPECT_LT(as->shard.index, as->shard.count);
  }
}

TEST(Launcher, ARankBeyondTheSizeIsRefused) {
  const Environment environment({{"PMI_RANK", "4"}, {"PMI_SIZE", "4"}});
  EXPECT_THROW(static_cast<void>(launched_as()), InputError);
}

TEST(Launcher, WordsThatAreNoNumbersAreNobodys) {
  EXPECT_EQ(shard_in({{"PMI_RANK", "zero"}, {"PMI_SIZE", "4"}}), "alone");
  EXPECT_EQ(shard_in({{"PMI_RANK", "0"}, {"PMI_SIZE", ""}}), "alone");
}

TEST(Launcher, ShardsByHandCountFromZero) {
  EXPECT_EQ(parse_shard("0/4").index, 0);
  EXPECT_EQ(parse_shard("3/4").count, 4);
  for (const char* wrong : {"4/4", "-1/4", "1", "1/0", "a/b", "", "1/2/3", "0/"})
    EXPECT_THROW(static_cast<void>(parse_shard(wrong)), InputError) << wrong;
}

// The program takes the same place: it works on chunks, and says how to merge them.
TEST(Launcher, TheProgramWorksOnChunks) {
  using testing::operator+;
  const testing::Scratch place;
  const std::vector<std::string> words = {"sweep",  "--model",     "mixtral-8x7b", "--hardware",        "h200",
                                          "--axis", "batch=1:100", "--axis",       "context=16:3200:16"};
  const testing::StartOptions launched{.environment = {"OMPI_COMM_WORLD_RANK=1", "OMPI_COMM_WORLD_SIZE=2"}};
  const testing::Ended ended = testing::run(place.path(), words + std::vector<std::string>{"--out", "out"}, launched);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_NE(ended.err.find("moeplan merge out"), std::string::npos) << ended.err;
  // 20,000 points in chunks of 1,024, two files each.
  EXPECT_EQ(testing::names_in(place / "out/chunks").size(), 2u * 20u);
  EXPECT_EQ(testing::run(place.path(), words, launched).status, 2) << "without --out";
}

}  // namespace
}  // namespace moeplan
