// SPDX-License-Identifier: Apache-2.0
// How far whole deployments are from measured runs: the figures the README states hold.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "sim/base/json.h"
#include "validate/e2e_predict.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

// Nothing where the measurements are not beside the repository.
std::optional<E2eTable> shared_table(const std::string& name) {
  const std::string path = std::string(MOEPLAN_SHARED_DIR) + "/measured/" + name;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return read_e2e_rows(CsvTable(read_text_file(path, 256 * kMiB), name));
}

const E2eFile& scored(const E2eTable& table, EngineUse engine) {
  static std::map<std::pair<std::string, EngineUse>, E2eFile> done;
  const auto key = std::pair(table.csv.file(), engine);
  if (!done.contains(key)) done.emplace(key, score_e2e(table, predict_e2e(catalog(), table.rows, engine)));
  return done.at(key);
}

const E2eSet& set_of(const E2eFile& file, const std::string& phase, const std::string& device_class,
                     const std::string& regime) {
  for (const E2eSet& set : file.sets)
    if (set.phase == phase && set.device_class == device_class && set.regime == regime) return set;
  ADD_FAILURE() << "no set " << phase << ", " << device_class << ", " << regime;
  static const E2eSet kNone;
  return kNone;
}

TEST(EndToEnd, SingleStreamsOfLocalMachinesAreWithinAHalfByOperatorsAlone) {
  const std::optional<E2eTable> table = shared_table("e2e_rows.csv");
  if (!table) GTEST_SKIP() << "no measurements beside the repository";
  const E2eSet& set = set_of(scored(*table, EngineUse::None), "single_stream", "integrated_gpu", "single-stream");
  EXPECT_GE(set.error.rows, 20);
  EXPECT_LE(set.factor, 1.5);
}

TEST(EndToEnd, SingleStreamsOfLocalMachinesAreWithinAQuarterByProfilesOfOtherModels) {
  const std::optional<E2eTable> table = shared_table("e2e_rows.csv");
  if (!table) GTEST_SKIP() << "no measurements beside the repository";
  const E2eSet& set = set_of(scored(*table, EngineUse::OfOthers), "single_stream", "integrated_gpu", "single-stream");
  EXPECT_LE(set.error.median, 0.25);
}

TEST(EndToEnd, AggregatedServingIsWithinAQuarterByProfilesOfOtherModels) {
  const std::optional<E2eTable> table = shared_table("e2e_rows.csv");
  if (!table) GTEST_SKIP() << "no measurements beside the repository";
  const E2eSet& set = set_of(scored(*table, EngineUse::OfOthers), "aggregated", "", "");
  EXPECT_GE(set.error.rows, 110);
  EXPECT_LE(set.error.median, 0.15);
}

TEST(EndToEnd, SteadyDecodeUnitsAreWithinAQuarter) {
  const std::optional<E2eTable> table = shared_table("e2e_rows.csv");
  if (!table) GTEST_SKIP() << "no measurements beside the repository";
  const E2eSet& set = set_of(scored(*table, EngineUse::OfOthers), "decode", "datacenter_gpu", "steady-state-decode");
  EXPECT_GE(set.error.rows, 12);
  EXPECT_LE(set.error.median, 0.25);
}

TEST(EndToEnd, SteadyPrefillUnitsAreWithinAQuarter) {
  const std::optional<E2eTable> table = shared_table("e2e_rows.csv");
  if (!table) GTEST_SKIP() << "no measurements beside the repository";
  const E2eSet& set = set_of(scored(*table, EngineUse::OfOthers), "prefill", "datacenter_gpu", "steady-state-prefill");
  EXPECT_GE(set.error.rows, 8);
  EXPECT_LE(set.error.median, 0.25);
}

TEST(EndToEnd, OffloadedExpertsAreWithinAThirdByConstantsOfOtherEngines) {
  const std::optional<E2eTable> table = shared_table("e2e_rows.csv");
  if (!table) GTEST_SKIP() << "no measurements beside the repository";
  const E2eSet& set = set_of(scored(*table, EngineUse::OfOthers), "single_stream", "consumer_gpu", "expert-offload");
  EXPECT_GE(set.error.rows, 7);
  EXPECT_LE(set.error.median, 0.35);
}

TEST(EndToEnd, TheLayoutChosenIsTheBestOrNearlySo) {
  const std::optional<E2eTable> table = shared_table("e2e_layout_groups.csv");
  if (!table) GTEST_SKIP() << "no measurements beside the repository";
  const E2eFile& file = scored(*table, EngineUse::OfOthers);
  ASSERT_EQ(file.layouts.size(), 1u);
  for (const LayoutGoal& goal : file.layouts.front().goals) {
    EXPECT_GE(goal.groups, 260) << goal.goal;
    EXPECT_LE(goal.median_loss, 0.03) << goal.goal;
    EXPECT_LE(goal.p90_loss, 0.10) << goal.goal;
  }
  EXPECT_LE(file.layouts.front().ratio_median, 0.15);
}

}  // namespace
}  // namespace moeplan
