// SPDX-License-Identifier: Apache-2.0
// The patterns of a list of names (take_numbers), numbered as they are met. Names of a
// checkpoint come in cycles (gate, up, down of expert 0, of expert 1, ...), so the pattern
// that followed this one last time is tried first: its texts are compared as a whole and
// only the numbers are read. What it says is what take_numbers says, several times faster.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/spec/import/hf_tensor_names.h"

namespace moeplan {

class NamePatterns {
 public:
  // Number of the name's pattern; its numbers are in numbers() until the next call.
  std::uint32_t number_of(std::string_view name);
  const NumberedName& numbers() const { return name_; }

  std::size_t size() const { return known_.size(); }
  const std::string& pattern(std::uint32_t number) const { return known_[number].pattern; }

 private:
  struct Known {
    std::string pattern;
    std::vector<std::string> between;  // texts before, between and after the numbers
    std::uint32_t next = 0;            // the pattern met after this one last time
  };

  bool takes(const Known& known, std::string_view name);
  std::uint32_t look_up(std::string_view name);

  NumberedName name_;
  std::vector<Known> known_;
  std::unordered_map<std::string, std::uint32_t> number_of_;
  std::uint32_t last_ = 0;
};

}  // namespace moeplan
