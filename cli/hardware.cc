// SPDX-License-Identifier: Apache-2.0
// `moeplan hardware`: devices and machines, with the source of each figure.
#include "reports/hardware.h"
#include "cli/exit_status.h"
#include "cli/hardware_file.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "reports/machine.h"
#include "sim/base/error.h"
#include "sim/base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace moeplan {
namespace {

constexpr std::array<Option, 1> kOptions = {{{"require-gpu", "", "detect: end with status 5 when there is no GPU"}}};

constexpr Bytes kLargestFile = 64 * kMiB;

constexpr std::array<std::string_view, 3> kExamples = {"moeplan hardware list", "moeplan hardware show h200-x8",
                                                       "moeplan hardware diff b200 gb200"};

int list(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "hardware list", 1, 1);
  const Catalog& catalog = session.catalog();
  HardwareList known;
  for (const std::string& id : catalog.device_ids()) known.devices.push_back(catalog.device(id));
  for (const std::string& id : catalog.node_ids()) known.nodes.push_back(catalog.node(id));
  for (const std::string& id : catalog.scaleup_ids()) known.scaleups.push_back(catalog.scaleup(id));
  for (const std::string& id : catalog.scaleout_ids()) known.scaleouts.push_back(catalog.scaleout(id));
  for (const std::string& id : catalog.site_ids()) known.sites.push_back(catalog.site(id));
  for (const std::string& id : catalog.price_ids()) known.prices.push_back(*catalog.price(id));
  session.write({.document = [&] { return list_hardware(known); },
                 .rows = [&] { return list_hardware(known); },
                 .json = [&] { return json_of_hardware_list(known); }});
  return kExitYes;
}

HardwareReport report_of(const Catalog& catalog, const std::string& name) {
  HardwareReport report;
  report.cluster = load_hardware(catalog, name).cluster;
  report.is_node = is_machine(report.cluster);
  return report;
}

// A name of something that is neither device nor machine.
std::optional<HardwareProfile> part_named(const Catalog& catalog, const std::string& name) {
  if (catalog.knows_node(name) || catalog.knows_device(name)) return std::nullopt;
  const auto holds = [&name](const std::vector<std::string>& ids) {
    return std::find(ids.begin(), ids.end(), name) != ids.end();
  };
  if (holds(catalog.scaleup_ids())) return catalog.scaleup(name);
  if (holds(catalog.scaleout_ids())) return catalog.scaleout(name);
  if (holds(catalog.site_ids())) return catalog.site(name);
  return std::nullopt;
}

int show(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "hardware show NAME|FILE", 2, 2);
  const Catalog& catalog = session.catalog();
  const std::string& name = arguments.positionals()[1];
  if (const std::optional<HardwareProfile> part = part_named(catalog, name)) {
    session.write({.document = [&part] { return describe_part(*part); },
                   .rows = [&part] { return describe_part(*part); },
                   .json = [&part] { return json_of_part(*part); }});
    return kExitYes;
  }
  const HardwareReport report = report_of(catalog, name);
  for (const std::optional<PriceSpec>& price : report.cluster.prices) {
    const std::vector<std::string> stale = price ? stale_prices(*price, today()) : std::vector<std::string>{};
    if (stale.empty()) continue;
    const std::size_t others = stale.size() - 1;
    session.warn(stale.front() + (others == 0 ? "" : fmt::format(" (and {} more)", others)));
  }
  session.write({.document = [&report] { return describe_hardware(report); },
                 .rows = [&report] { return tabulate_hardware(report); },
                 .json = [&report] { return json_of_hardware(report); }});
  return kExitYes;
}

int diff(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "hardware diff NAME|FILE NAME|FILE", 3, 3);
  const HardwareReport a = report_of(session.catalog(), arguments.positionals()[1]);
  const HardwareReport b = report_of(session.catalog(), arguments.positionals()[2]);
  session.write({.document = [&] { return diff_hardware(a, b); },
                 .rows = [&] { return diff_hardware(a, b); },
                 .json = [&] { return json_of_hardware_diff(a, b); }});
  return kExitYes;
}

int detect(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "hardware detect", 1, 1);
  const MachineFacts facts = probe_machine(probe_places());
  if (facts.gpus.empty() && arguments.has("require-gpu")) {
    Problem problem;
    problem.file = "this machine";
    problem.found = "no GPU";
    problem.expected = "one, as --require-gpu asks";
    for (const std::string& missing : facts.missing) problem.hint += (problem.hint.empty() ? "" : "; ") + missing;
    throw InputError(ErrorKind::MissingResource, problem);
  }
  const DetectedMachine machine = machine_of(facts, session.catalog());
  for (const std::string& warning : machine.warnings) session.warn(warning);
  if (arguments.has("output") && session.format() != OutputFormat::Json) {
    session.write_text(write_machine(machine.node, machine.own));
    return kExitYes;
  }
  session.write({.document = [&] { return describe_machine(facts, machine); },
                 .rows = [&] { return describe_machine(facts, machine); },
                 .json = [&] { return json_of_machine(facts, machine); }});
  return kExitYes;
}

// Reading a profile throws with every rule it breaks.
int check(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "hardware check FILE", 2, 2);
  const std::string& file = arguments.positionals()[1];
  std::string text = read_text_file(file, kLargestFile);
  const Catalog& catalog = session.catalog();
  if (parse_json(text, file).root.find("node") != nullptr) {
    catalog.read_cluster(std::move(text), file);
  } else {
    const HardwareProfile profile = catalog.read_profile(std::move(text), file);
    if (const auto* price = std::get_if<PriceSpec>(&profile)) {
      for (const std::string& sentence : stale_prices(*price, today())) session.warn(sentence);
    }
    if (const auto* node = std::get_if<NodeSpec>(&profile)) catalog.cluster_of(*node);
  }
  session.write_text(fmt::format("{}: ok\n", file));
  return kExitYes;
}

int run(const Arguments& arguments) {
  const std::string action = action_of(arguments, "hardware", {"list", "show", "diff", "check", "detect"});
  Session session(arguments);
  if (action == "list") return list(session, arguments);
  if (action == "detect") return detect(session, arguments);
  if (action == "show") return show(session, arguments);
  return action == "diff" ? diff(session, arguments) : check(session, arguments);
}

}  // namespace

Verb hardware_verb() {
  return {.name = "hardware",
          .question = "what is known of a device or machine?",
          .usage =
              "hardware list\nhardware show NAME|FILE\nhardware diff NAME|FILE NAME|FILE\nhardware check "
              "FILE\nhardware detect [-o FILE] [--require-gpu]",
          .about =
              "Lists the known devices and machines; shows one with the basis and source of every\n"
              "figure; puts two side by side; checks a profile of your own; finds out what this machine\n"
              "is and, with -o, writes it as a profile.",
          .options = kOptions,
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
