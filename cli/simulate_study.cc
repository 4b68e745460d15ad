// SPDX-License-Identifier: Apache-2.0
// `moeplan simulate --study NAME`: the deployments of a study (reports/studies) side by side
// over all speeds for a user.
#include <fmt/format.h>

#include "cli/exit_status.h"
#include "cli/load_argument.h"
#include "cli/simulate_parts.h"
#include "reports/front_study.h"

namespace moeplan {
namespace {

constexpr Bytes kMostStudyBytes = kMiB;

bool is_path(const std::string& name) { return name.find('/') != std::string::npos || name.ends_with(".json"); }

FrontStudy read_study(Session& session, const std::string& name) {
  if (is_path(name)) return read_front_study(read_text_file(name, kMostStudyBytes), name);
  const DataFile file = session.catalog().study(name);
  return read_front_study(std::string(file.text), file.path);
}

Unit& read_side(Unit& unit, Session& session, const Arguments& arguments, const SteadyLoad& load) {
  SteadyLoad one = load;
  one.concurrency = 1;
  read_unit(unit, session, arguments, one);
  return unit;
}

Frontier front_of(Session& session, const Arguments& arguments, const StudyAlternative& alternative,
                  const SteadyLoad& load) {
  const Arguments own = other_deployment(arguments, "study", alternative.options);
  Unit unit;
  const DisaggregatedUnit& decode = read_side(unit, session, own, load).question;
  const std::vector<Layout> layouts = layouts_to_try(own, decode.question.deployment);
  if (alternative.prefill.empty()) return frontier_of(decode.question, load, layouts, *decode.kernels, decode.rates);
  const Arguments reads = other_deployment(own, "study", alternative.prefill);
  Unit prefill;
  const DisaggregatedUnit& reader = read_side(prefill, session, reads, load).question;
  return frontier_of(reader, layouts_to_try(reads, reader.question.deployment), decode, layouts, load);
}

// What is wrong with a deployment, and which one it is.
Frontier checked_front_of(Session& session, const Arguments& arguments, const StudyAlternative& alternative,
                          const SteadyLoad& load) {
  try {
    return front_of(session, arguments, alternative, load);
  } catch (const InputError& error) {
    std::vector<Problem> problems = error.problems();
    for (Problem& problem : problems)
      problem.hint +=
          fmt::format("{}in the study's deployment \"{}\"", problem.hint.empty() ? "" : "; ", alternative.options);
    throw InputError(error.kind(), problems);
  }
}

StudyFronts fronts_of(Session& session, const Arguments& arguments, const FrontStudy& study, const std::string& name) {
  const ModelSpec model = session.catalog().model(name);
  const Arguments of_model = with_model(arguments, name);
  StudyFronts fronts;
  fronts.model = model.id;
  for (const StudySide& side : study.sides) {
    std::vector<Frontier> deployments;
    for (const StudyAlternative& alternative : side.alternatives) {
      const bool possible = !alternative.needs_mtp || model.mtp.modules > 0;
      deployments.push_back(possible ? checked_front_of(session, of_model, alternative, study.load) : Frontier{});
      fronts.without_mtp = fronts.without_mtp || !possible;
    }
    fronts.sides.push_back(front_over(deployments));
  }
  return fronts;
}

}  // namespace

int run_study(Session& session, const Arguments& arguments, const std::string& name) {
  for (const std::string_view option :
       {"frontier", "compare", "prefill", "concurrency", "claim", "axis", "at", "hardware"})
    if (arguments.has(option)) throw_usage(option, "it with --study", "what the study's file says");
  StudyReport report;
  report.study = read_study(session, name);
  if (const std::optional<SteadyLoad> load = read_steady_load(arguments)) report.study.load = *load;
  std::vector<std::string> models = arguments.positionals();
  if (models.empty()) models = report.study.models;
  for (const std::string& model : models) report.models.push_back(fronts_of(session, arguments, report.study, model));
  session.write({.document = [&report] { return describe_study(report); },
                 .rows = [&report] { return tabulate_study(report); },
                 .json = [&report] { return json_of_study(report); }});
  return kExitYes;
}

}  // namespace moeplan
