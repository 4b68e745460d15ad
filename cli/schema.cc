// SPDX-License-Identifier: Apache-2.0
// `moeplan schema VERB`: the JSON Schema of a document that scripts rely on.
#include <fmt/format.h>

#include <array>

#include "cli/exit_status.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "reports/schemas.h"
#include "sim/base/json.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, 3> kExamples = {"moeplan schema", "moeplan schema fit",
                                                       "moeplan schema models.list -o models.list.schema.json"};

Document list_schemas() {
  Table table;
  table.columns = {{"name", "schema", true, 0}, {"document", "document", true, 1}, {"command", "of", true, 0}};
  for (const Schema& schema : all_schemas())
    table.rows.push_back({{{std::string(schema.name)},
                           {fmt::format("moeplan.{}/1", schema.name)},
                           {fmt::format("moeplan {} --json", schema.command)}},
                          Tone::Plain});
  Document document;
  document.add(table);
  return document;
}

std::string json_of_schemas() {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.schemas/1").key("schemas").begin_array();
  for (const Schema& schema : all_schemas()) {
    out.begin_object().member("name", schema.name).member("document", fmt::format("moeplan.{}/1", schema.name));
    out.member("command", schema.command).end_object();
  }
  out.end_array().end_object();
  return out.take();
}

int run(const Arguments& arguments) {
  expect_positionals(arguments, "schema [VERB]", 0, 1);
  Session session(arguments);
  if (arguments.positionals().empty()) {
    session.write({.document = list_schemas, .rows = list_schemas, .json = json_of_schemas});
    return kExitYes;
  }
  const std::string& name = arguments.positionals().front();
  std::vector<std::string> known;
  for (const Schema& schema : all_schemas()) {
    if (schema.name == name) {
      session.write_text(schema.text);
      return kExitYes;
    }
    known.emplace_back(schema.name);
  }
  const std::string nearest = nearest_name(name, known);
  throw_usage("", in_quotes(name), fmt::format("a document with a schema: {}", fmt::join(known, ", ")),
              nearest.empty() ? "" : "did you mean " + nearest + "?");
}

}  // namespace

Verb schema_verb() {
  return {.name = "schema",
          .question = "what does the JSON of a command look like?",
          .usage = "schema [VERB]",
          .about =
              "Lists the JSON documents; with the name of one, prints its JSON Schema (draft 07). Every\n"
              "document says which it is in \"schema\".",
          .options = {},
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
