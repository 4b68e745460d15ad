// SPDX-License-Identifier: Apache-2.0
// Runs the built moeplan and validates what it prints against its own schemas.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace moeplan::testing {

// What the program printed on stdout and its exit status.
struct Answer {
  std::string text;
  int status = -1;
};
// words: shell text after "moeplan".
Answer run_moeplan(const std::string& words);

// Every complaint of the document's own schema, as sentences; empty = valid. The schema
// is the one its "schema" member names.
std::vector<std::string> schema_complaints(const nlohmann::json& document);

}  // namespace moeplan::testing
