// SPDX-License-Identifier: Apache-2.0
// `moeplan hardware`: devices and machines, with the source of each figure.
#include "reports/hardware.h"
#include "cli/exit_status.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "sim/base/error.h"
#include "sim/base/json.h"

#include <fmt/format.h>

#include <array>

namespace moeplan {
namespace {

constexpr Bytes kLargestFile = 64 * kMiB;

constexpr std::array<std::string_view, 3> kExamples = {"moeplan hardware list", "moeplan hardware show h200-x8",
                                                       "moeplan hardware check my-device.json"};

int list(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "hardware list", 1, 1);
  const Catalog& catalog = session.catalog();
  std::vector<DeviceSpec> devices;
  std::vector<NodeSpec> nodes;
  for (const std::string& id : catalog.device_ids()) devices.push_back(catalog.device(id));
  for (const std::string& id : catalog.node_ids()) nodes.push_back(catalog.node(id));
  session.write({.document = [&] { return list_hardware(devices, nodes); },
                 .rows = [&] { return list_hardware(devices, nodes); },
                 .json = [&] { return json_of_hardware_list(devices, nodes); }});
  return kExitYes;
}

int show(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "hardware show NAME", 2, 2);
  const Catalog& catalog = session.catalog();
  const std::string& name = arguments.positionals()[1];
  HardwareReport report;
  if (catalog.knows_node(name)) report.node = catalog.node(name);
  if (report.node) {
    for (const NodeGroup& group : report.node->groups) report.devices.push_back(catalog.device(group.device));
  } else {
    report.devices.push_back(catalog.device(name));
  }
  session.write({.document = [&report] { return describe_hardware(report); },
                 .rows = [&report] { return describe_hardware(report); },
                 .json = [&report] { return json_of_hardware(report); }});
  return kExitYes;
}

// A machine names its devices; a device has no such key.
std::vector<std::string> broken_rules(std::string text, const std::string& file) {
  const JsonDocument document = parse_json(text, file);
  const bool is_node = document.root.find("device") != nullptr || document.root.find("groups") != nullptr;
  return is_node ? violations(read_node(std::move(text), file)) : violations(read_device(std::move(text), file));
}

int check(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "hardware check FILE", 2, 2);
  const std::string& file = arguments.positionals()[1];
  std::vector<Problem> problems;
  for (const std::string& rule : broken_rules(read_text_file(file, kLargestFile), file)) {
    Problem problem;
    problem.file = file;
    problem.path = rule;
    problems.push_back(problem);
  }
  if (!problems.empty()) throw InputError(ErrorKind::InvalidInput, problems);
  session.write_text(fmt::format("{}: ok\n", file));
  return kExitYes;
}

int run(const Arguments& arguments) {
  const std::string action = action_of(arguments, "hardware", {"list", "show", "check"});
  Session session(arguments);
  if (action == "list") return list(session, arguments);
  return action == "show" ? show(session, arguments) : check(session, arguments);
}

}  // namespace

Verb hardware_verb() {
  return {.name = "hardware",
          .question = "what is known of a device or machine?",
          .usage = "hardware list\nhardware show NAME\nhardware check FILE",
          .about =
              "Lists the known devices and machines; shows one with the basis and source of every\n"
              "figure; checks a profile of your own.",
          .options = {},
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
