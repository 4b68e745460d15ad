// SPDX-License-Identifier: Apache-2.0
// `moeplan version`: what this binary is and what it knows.
#include <fmt/format.h>

#include <array>

#include "cli/exit_status.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "sim/base/json.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, 3> kExamples = {"moeplan version", "moeplan version --json",
                                                       "moeplan --version"};

int run(const Arguments& arguments) {
  expect_positionals(arguments, "version", 0, 0);
  Session session(arguments);
  const Catalog& catalog = session.catalog();
  const auto count = [](const std::vector<std::string>& ids) { return static_cast<Count>(ids.size()); };
  if (session.format() == OutputFormat::Json) {
    JsonWriter out;
    out.begin_object().member("schema", "moeplan.version/1").member("version", MOEPLAN_VERSION);
    out.member("compiler", __VERSION__).member("models", count(catalog.model_ids()));
    out.member("devices", count(catalog.device_ids())).member("nodes", count(catalog.node_ids()));
    out.member("runtimes", count(catalog.runtime_ids())).end_object();
    session.write_text(out.take());
    return kExitYes;
  }
  session.write_text(fmt::format("moeplan {} (g++ {})\n{} models, {} devices, {} nodes, {} runtimes known\n",
                                 MOEPLAN_VERSION, __VERSION__, count(catalog.model_ids()), count(catalog.device_ids()),
                                 count(catalog.node_ids()), count(catalog.runtime_ids())));
  return kExitYes;
}

}  // namespace

Verb version_verb() {
  return {.name = "version",
          .question = "what is this binary?",
          .usage = "version [--json]",
          .about = "Prints the version, the compiler and how much the built-in catalogue holds.",
          .options = {},
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
