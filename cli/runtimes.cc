// SPDX-License-Identifier: Apache-2.0
// `moeplan runtimes`: the serving engines whose rules a verdict follows.
#include <array>

#include "cli/exit_status.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "reports/runtimes.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, 3> kExamples = {"moeplan runtimes list", "moeplan runtimes show vllm",
                                                       "moeplan runtimes show llama.cpp --json"};

int list(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "runtimes list", 1, 1);
  std::vector<RuntimeSpec> runtimes;
  for (const std::string& id : session.catalog().runtime_ids()) runtimes.push_back(session.catalog().runtime(id));
  session.write({.document = [&runtimes] { return list_runtimes(runtimes); },
                 .rows = [&runtimes] { return list_runtimes(runtimes); },
                 .json = [&runtimes] { return json_of_runtimes(runtimes); }});
  return kExitYes;
}

int show(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "runtimes show NAME", 2, 2);
  const RuntimeSpec runtime = session.catalog().runtime(arguments.positionals()[1]);
  session.write({.document = [&runtime] { return describe_runtime(runtime); },
                 .rows = [&runtime] { return describe_runtime(runtime); },
                 .json = [&runtime] { return json_of_runtime(runtime); }});
  return kExitYes;
}

int run(const Arguments& arguments) {
  const std::string action = action_of(arguments, "runtimes", {"list", "show"});
  Session session(arguments);
  return action == "list" ? list(session, arguments) : show(session, arguments);
}

}  // namespace

Verb runtimes_verb() {
  return {.name = "runtimes",
          .question = "which serving engines are known, and their rules?",
          .usage = "runtimes list\nruntimes show NAME",
          .about =
              "A runtime decides which layouts are possible, how weights are cut and padded, and what\n"
              "it keeps for itself. Each rule is shown with its source.",
          .options = {},
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
