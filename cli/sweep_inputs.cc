// SPDX-License-Identifier: Apache-2.0
#include "cli/sweep_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "cli/build_id.h"
#include "sim/study/sweep_files.h"

namespace moeplan {
namespace {

// Headers are at the front of large weight files.
constexpr std::streamsize kMostHashed = 64 << 20;

std::uint64_t hash_file(const std::string& path, std::uint64_t hash) {
  std::ifstream in(path, std::ios::binary);
  std::vector<char> block(1 << 20);
  std::streamsize left = kMostHashed;
  while (in && left > 0) {
    in.read(block.data(), std::min<std::streamsize>(left, static_cast<std::streamsize>(block.size())));
    hash = hash_of({block.data(), static_cast<std::size_t>(in.gcount())}, hash);
    left -= in.gcount();
  }
  std::error_code error;
  return hash_of(std::to_string(std::filesystem::file_size(path, error)), hash);
}

std::uint64_t hash_path(const std::string& path, std::uint64_t hash) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_regular_file(path, error)) return hash_file(path, hash_of(path, hash));
  if (!fs::is_directory(path, error)) return hash;
  std::set<std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path, error))
    if (entry.is_regular_file(error)) files.insert(entry.path().string());
  for (const std::string& file : files) hash = hash_file(file, hash_of(file, hash));
  return hash;
}

}  // namespace

std::string fingerprint_of(const Arguments& arguments, const SweepStudy& study, const SweepAsk& ask) {
  std::uint64_t hash = hash_of(write_sweep_study(study));
  hash = hash_of(fmt::format("{} {} {}", build_id(), ask.mode == SweepMode::Best ? ask.best : 0, ask.with_jsonl), hash);
  for (const OptionWord& word : study.base) hash = hash_path(word.value, hash);
  for (const SweepAxis& axis : study.axes)
    for (const SweepVariable& variable : axis.variables)
      if (variable.name == "model" || variable.name == "hardware")
        for (const std::string& value : variable.values) hash = hash_path(value, hash);
  const std::optional<std::string> data = arguments.text("data-dir");
  if (const std::optional<std::string> directory = data ? data : environment("MOEPLAN_DATA_DIR"))
    hash = hash_path(*directory, hash);
  return fmt::format("{:016x}", hash);
}

void keep_study(const std::string& directory, const SweepStudy& study) {
  make_directory(directory, "--out");
  const std::string path = directory + "/study.json";
  std::error_code error;
  const auto is_there = [&](const char* name) { return std::filesystem::exists(directory + "/" + name, error); };
  const bool held = is_there("journal") || is_there("plan") || is_there("best.state");
  if (!held || !is_there("study.json")) write_whole_file(path, write_sweep_study(study));
}

}  // namespace moeplan
