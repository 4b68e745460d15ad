// SPDX-License-Identifier: Apache-2.0
#include "tests/schemas/program.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace moeplan::testing {
namespace {

using Adapter = valijson::adapters::NlohmannJsonAdapter;

// "moeplan.models.list/1" -> "models.list"
std::string name_of_document(const nlohmann::json& document) {
  const std::string id = document.at("schema").get<std::string>();
  const std::string prefix = "moeplan.";
  if (!id.starts_with(prefix) || !id.ends_with("/1")) throw std::runtime_error("no document of moeplan: " + id);
  return id.substr(prefix.size(), id.size() - prefix.size() - 2);
}

const valijson::Schema& schema_named(const std::string& name) {
  static std::map<std::string, valijson::Schema> known;
  const auto found = known.find(name);
  if (found != known.end()) return found->second;
  const Answer answer = run_moeplan("schema " + name);
  if (answer.status != 0) throw std::runtime_error("no schema " + name);
  const nlohmann::json text = nlohmann::json::parse(answer.text);
  valijson::Schema& schema = known[name];
  valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(Adapter(text), schema);
  return schema;
}

}  // namespace

Answer run_moeplan(const std::string& words) {
  const std::string command = std::string(MOEPLAN_BINARY) + " " + words + " 2>/dev/null";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  Answer answer;
  std::array<char, 65536> buffer{};
  for (std::size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) answer.text.append(buffer.data(), n);
  answer.status = WEXITSTATUS(pclose(pipe));
  return answer;
}

std::vector<std::string> schema_complaints(const nlohmann::json& document) {
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  std::vector<std::string> complaints;
  if (validator.validate(schema_named(name_of_document(document)), Adapter(document), &results)) return complaints;
  for (valijson::ValidationResults::Error error; results.popError(error);) {
    std::string place;
    for (const std::string& step : error.context) place += step;
    complaints.push_back(place + ": " + error.description);
  }
  return complaints;
}

}  // namespace moeplan::testing
