// SPDX-License-Identifier: Apache-2.0
#include "cli/calibrate_engines.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/exit_status.h"
#include "reports/e2e_accuracy.h"
#include "sim/base/json.h"
#include "sim/base/text.h"
#include "validate/e2e_fit.h"

namespace moeplan {
namespace {

constexpr Bytes kLargestRuns = 256 * kMiB;

void write_profiles(Session& session, const std::vector<FittedEngine>& engines, const std::string& directory) {
  const std::filesystem::path folder = std::filesystem::path(directory) / "hw_profiles" / "engines";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw_usage("out", in_quotes(directory) + ": " + error.message(), "a directory that can be written");
  for (const EngineProfiles& profiles : profiles_of(session.catalog(), engines)) {
    const std::string path = folder / (profiles.id + ".json");
    OutputTarget(path).write(write_engine_profiles(profiles));
    session.say(fmt::format("wrote {}, {} profiles", path, profiles.profiles.size()));
  }
}

}  // namespace

bool are_runs(const std::vector<std::string>& files) {
  return std::all_of(files.begin(), files.end(), [](const std::string& file) {
    return is_e2e(CsvTable(read_text_file(file, kLargestRuns), file));
  });
}

int calibrate_engines(Session& session, const EngineCalibration& asked) {
  std::vector<E2eTable> tables;
  for (const std::string& file : asked.files)
    tables.push_back(read_e2e_rows(CsvTable(read_text_file(file, kLargestRuns), file)));
  const std::vector<FittedEngine> engines = fit_engines(
      session.catalog(), rows_of(tables), {.versions = asked.versions, .as_of = asked.as_of, .source = asked.source});
  if (!asked.directory.empty()) write_profiles(session, engines, asked.directory);
  const E2eAccuracy accuracy = accuracy_of(score_left_out(session.catalog(), tables, engines),
                                           "each model predicted by engine profiles fitted to the others");
  session.write({.document = [&accuracy] { return describe_e2e(accuracy); },
                 .rows = [&accuracy] { return e2e_rows(accuracy); },
                 .json = [&accuracy] { return json_of_e2e(accuracy); }});
  return kExitYes;
}

}  // namespace moeplan
