// SPDX-License-Identifier: Apache-2.0
// Every published file size we know of (validate/checkpoint_files.h) against ours, and
// the shared table of sizes, of which every row must be there.
#include "validate/checkpoint_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog embedded = Catalog::embedded();
  return embedded;
}

const FormatTable& formats() {
  static const FormatTable table = catalog().formats();
  return table;
}

std::string name_of(const CheckpointFile& file) {
  return std::string(file.model) + " " + std::string(file.weights) + ": " + std::string(file.remark);
}

TEST(CheckpointFiles, ExactFormatsAreWithinHalfAPercent) {
  for (const CheckpointFile& file : checkpoint_files()) {
    if (file.kind != FileKind::Exact) continue;
    SCOPED_TRACE(name_of(file));
    EXPECT_NEAR(predicted(catalog(), formats(), file).bytes / file.bytes, 1.0, kExactTolerance);
  }
}

TEST(CheckpointFiles, ALabelsRangeHoldsTheFileAndItsMidpointIsWithinFivePercent) {
  for (const CheckpointFile& file : checkpoint_files()) {
    if (file.kind != FileKind::Label) continue;
    SCOPED_TRACE(name_of(file));
    const CheckpointPrediction ours = predicted(catalog(), formats(), file);
    EXPECT_LE(ours.low, file.bytes * (1.0 + kPrinted));
    EXPECT_GE(ours.high, file.bytes * (1.0 - kPrinted));
    EXPECT_NEAR(ours.midpoint() / file.bytes, 1.0, kMidpointTolerance);
  }
}

TEST(CheckpointFiles, AnExceptedFileSaysWhy) {
  for (const CheckpointFile& file : checkpoint_files()) {
    if (file.kind == FileKind::Excepted) {
      EXPECT_GT(file.remark.size(), 15u) << file.source_model << file.model;
    }
  }
}

// The index totals of files made by today's converters: no byte may differ.
TEST(CheckpointFiles, MlxIndexTotalsAgreeToTheByte) {
  const CheckpointFile files[] = {
      {"", "", "glm-4.7", "mlx_4bit", 198556925568},      {"", "", "glm-4.7", "mlx_6bit", 286737579648},
      {"", "", "glm-4.7", "mlx_8bit_g32", 396963397248},  {"", "", "minimax-m2.1", "mlx_3bit", 100086644736},
      {"", "", "minimax-m2.5", "mlx_4bit", 128666664960}, {"", "", "minimax-m2.5", "mlx_6bit", 185826705408},
      {"", "", "minimax-m2.1", "mlx_8bit", 242986745856}, {"", "", "glm-5", "mlx_bf16", 1487822475264},
      {"", "", "glm-5.1", "mlx_mxfp4_q8", 405480321024},  {"", "", "glm-5", "mlx_4bit", 418621403136},
  };
  for (const CheckpointFile& file : files)
    EXPECT_EQ(predicted(catalog(), formats(), file).bytes, file.bytes) << file.model << " " << file.weights;
}

// The next line, without its end in either convention.
bool next_line(std::ifstream& table, std::string& line) {
  if (!std::getline(table, line)) return false;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

// Splits a line of the table: fields in quotes may hold commas.
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      fields.emplace_back();
    else
      fields.back() += c;
  }
  return fields;
}

double bytes_of_unit(const std::string& unit) {
  const std::map<std::string, double> exact = {{"bytes", 1.0}, {"GB", 1e9}, {"TB", 1e12}};
  const auto found = exact.find(unit);
  return found == exact.end() ? 1073741824.0 : found->second;  // GiB, and labels that mean it
}

TEST(CheckpointFiles, EveryRowOfTheSharedTableIsComparedOrExcepted) {
  const std::string path = MOEPLAN_SHARED_DIR "/measured/checkpoint_sizes.csv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no shared measurements beside this checkout";
  std::ifstream table(path);
  std::string line;
  ASSERT_TRUE(next_line(table, line));
  ASSERT_EQ(line, "model,format,value,unit,source,note");
  while (next_line(table, line)) {
    if (line.empty()) continue;
    const std::vector<std::string> row = fields_of(line);
    ASSERT_EQ(row.size(), 6u) << line;
    const auto found = std::find_if(
        checkpoint_files().begin(), checkpoint_files().end(),
        [&](const CheckpointFile& file) { return file.source_model == row[0] && file.source_format == row[1]; });
    ASSERT_NE(found, checkpoint_files().end()) << line;
    EXPECT_NEAR(found->bytes / (std::stod(row[2]) * bytes_of_unit(row[3])), 1.0, 1e-6) << line;
  }
}

}  // namespace
}  // namespace moeplan
