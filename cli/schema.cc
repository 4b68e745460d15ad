// SPDX-License-Identifier: Apache-2.0
// `moeplan schema VERB`: the JSON Schema of a document that scripts rely on.
#include <array>

#include "cli/exit_status.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "reports/schemas.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, 3> kExamples = {"moeplan schema fit", "moeplan schema models",
                                                       "moeplan schema fit -o fit.schema.json"};

int run(const Arguments& arguments) {
  expect_positionals(arguments, "schema VERB", 1, 1);
  Session session(arguments);
  std::string list;
  for (const Schema& schema : all_schemas()) {
    if (schema.verb == arguments.positionals().front()) {
      session.write_text(schema.text);
      return kExitYes;
    }
    list += (list.empty() ? "" : ", ") + std::string(schema.verb);
  }
  throw_usage("", in_quotes(arguments.positionals().front()), "a command with a schema: " + list);
}

}  // namespace

Verb schema_verb() {
  return {.name = "schema",
          .question = "what does the JSON of a command look like?",
          .usage = "schema VERB",
          .about = "Prints the JSON Schema (2020-12) of `moeplan VERB --json`.",
          .options = {},
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
