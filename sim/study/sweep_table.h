// SPDX-License-Identifier: Apache-2.0
// The finished rows of a sweep in columns: what analysis and reports read. A number is one
// double, a word one index, so that a million rows take some hundred bytes each at most.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace moeplan {

// What became of a point. Only Ok and NoFit have metrics.
enum class PointStatus : std::uint8_t { Ok, NoFit, Invalid, Error };
inline constexpr std::size_t kPointStatuses = 4;
std::string_view word_of(PointStatus status);  // as rows write it: "no_fit"

inline constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

struct SweepColumn {
  std::string name;  // as in results.csv, the unit in it: "step_time_s"
  bool is_text = false;
  bool is_axis = false;
  std::vector<double> numbers{};     // by row; NaN = none. Text: the place in words
  std::vector<std::string> words{};  // each once, in the order they were met
};

struct SweepTable {
  std::vector<SweepColumn> columns;
  std::vector<PointStatus> status;       // by row
  std::vector<std::uint32_t> reason;     // by row: its place in reasons
  std::vector<std::string> reasons{""};  // each once; the first is none

  std::size_t rows() const { return status.size(); }
  const SweepColumn* find(std::string_view name) const;  // null = no such column
  std::vector<std::size_t> axes() const;                 // places in columns
};

// The word or the shortest number that reads back as it; "" = none.
std::string cell_text(const SweepColumn& column, std::size_t row);

// Fills a table row by row: cells in any order, then finish_row.
class SweepTableBuilder {
 public:
  // The columns, without rows.
  explicit SweepTableBuilder(std::vector<SweepColumn> columns);
  void reserve(std::size_t rows);
  void set(std::size_t column, double number) { cells_[column] = number; }
  void set(std::size_t column, std::string_view word);
  // Cells that were not set are none.
  void finish_row(PointStatus status, std::string_view reason = {});
  // The builder is empty afterwards.
  SweepTable take();

 private:
  struct Hash {
    using is_transparent = void;  // the library's name. NOLINT(readability-identifier-naming)
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Places = std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>>;
  static std::size_t place_of(std::string_view word, std::vector<std::string>& words, Places& places);

  SweepTable table_;
  std::vector<double> cells_;   // of the row under way
  std::vector<Places> places_;  // by column
  Places reason_places_;
};

}  // namespace moeplan
