// SPDX-License-Identifier: Apache-2.0
// `moeplan calibrate --from FILE...`: constants of operator forms from measurements.
#include <fmt/format.h>

#include <array>
#include <ctime>
#include <filesystem>
#include <map>

#include "cli/calibrate_engines.h"
#include "cli/exit_status.h"
#include "cli/fit_progress.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "reports/accuracy.h"
#include "sim/base/text.h"
#include "validate/accuracy.h"
#include "validate/make_curves.h"
#include "validate/make_overlay.h"

namespace moeplan {
namespace {

constexpr std::array<Option, 8> kOptions = {{
    {"from", "FILE", "measurements to fit: CSV; further files may follow"},
    {"out", "DIR", "write DIR/hw_profiles/{overlays/<device>.json,curves/<device>.txt}: use them with --data-dir DIR"},
    {"gpu", "NAME", "rows of this device only"},
    {"source", "TEXT", "where the measurements come from, kept in the overlay"},
    {"as-of", "DATE", "date of the fit, 2026-11-22; default today"},
    {"keep-constants", "", "fit nothing: only measured curves, by the constants that are known"},
    {"versions", "TEXT", "of the serving engine of measured runs, kept in its profile: \"0.11 to 0.12\""},
    {"new", "", "start from nothing, not from the overlay that is known"},
}};

constexpr std::array<std::string_view, 3> kExamples = {
    "moeplan calibrate --from gemm.csv", "moeplan calibrate --from gemm.csv moe.csv --out mine --source \"our H200\"",
    "moeplan validate --against gemm.csv --data-dir mine"};

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &utc);
  return text.data();
}

bool is_date(const std::string& text) {
  std::tm date{};
  const char* const end = strptime(text.c_str(), "%Y-%m-%d", &date);
  return text.size() == std::string_view("2026-11-22").size() && end == text.c_str() + text.size();
}

std::filesystem::path overlay_folder(const std::string& directory) {
  return std::filesystem::path(directory) / "hw_profiles" / "overlays";
}

std::filesystem::path curve_folder(const std::string& directory) {
  return std::filesystem::path(directory) / "hw_profiles" / "curves";
}

// Before minutes of fitting.
void make_folders(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(overlay_folder(directory), error);
  if (!error) std::filesystem::create_directories(curve_folder(directory), error);
  if (error) throw_usage("out", in_quotes(directory) + ": " + error.message(), "a directory that can be written");
}

struct Plan {
  std::vector<std::string> files;
  std::string source;
  std::string as_of;
};

Plan plan_of(const Arguments& arguments) {
  const std::optional<std::string> first = arguments.text("from");
  if (!first) throw_usage("from", "nothing", "a file of measurements", "moeplan help calibrate");
  Plan plan;
  plan.files.push_back(*first);
  for (const std::string& file : arguments.positionals()) plan.files.push_back(file);
  plan.source = arguments.text("source").value_or(fmt::format("{}", fmt::join(plan.files, ", ")));
  plan.as_of = arguments.text("as-of").value_or(today());
  if (!is_date(plan.as_of)) throw_usage("as-of", in_quotes(plan.as_of), "a date such as 2026-11-22");
  if (const std::optional<std::string> directory = arguments.text("out")) make_folders(*directory);
  return plan;
}

// What measurements of a device became.
struct Learned {
  std::vector<KernelFit> fits;
  std::vector<KernelCurves> curves;
};

// Fits a file and scores it; with --keep-constants its curves alone.
void learn(const OperatorTable& table, const Arguments& arguments, Session& session, Scorer& scorer,
           std::map<std::string, Learned>& learned) {
  const Catalog& catalog = session.catalog();
  const std::map<std::string, Machine> machines = machines_of(catalog, table);
  const auto add_curves = [&](const GroupFit& fit, Learned& of) {
    if (facts_of(fit.family)->measure == Measure::Power) return;  // steps follow the form, not readings
    of.curves.push_back(kernel_curves_of(table, fit, machines.at(fit.group.gpu)));
  };
  if (arguments.has("keep-constants")) {
    const std::vector<GroupFit> fits = known_fits(catalog, table);
    scorer.add(table, left_out_sizes(table, fits, machines));
    for (const GroupFit& fit : fits) add_curves(fit, learned[catalog.device(fit.group.gpu).id]);
    return;
  }
  FitProgress progress(session, table.csv.file());
  LeaveOutOptions options;
  options.progress = [&progress](std::size_t done, std::size_t all) { progress(done, all); };
  const std::vector<GroupFit> fits = leave_out(table, machines, options);
  scorer.add(table, left_out_predictions(table, fits));
  for (const GroupFit& fit : fits) {
    Learned& of = learned[catalog.device(fit.group.gpu).id];
    of.fits.push_back(kernel_fit_of(table, fit));
    add_curves(fit, of);
  }
}

void write_overlay_of(const std::string& device, const std::vector<KernelFit>& fits, const Plan& plan,
                      const std::string& directory, Session& session, bool from_nothing) {
  Overlay overlay;
  if (!from_nothing) overlay = session.catalog().overlay(device).value_or(Overlay{});
  overlay = merged(std::move(overlay), fits);
  overlay.id = device;
  overlay.as_of = plan.as_of;
  overlay.source = plan.source;
  const std::string path = overlay_folder(directory) / (device + ".json");
  OutputTarget(path).write(write_overlay(overlay));
  session.say(fmt::format("wrote {}, {} kernels", path, overlay.fits.size()));
}

void write_curves_of(const std::string& device, const std::vector<KernelCurves>& kernels, const Plan& plan,
                     const std::string& directory, Session& session, bool from_nothing) {
  CurveFile file;
  const Catalog::CurveText known = session.catalog().curve_text(device);
  if (!from_nothing && !known.text.empty()) file = read_curves(known.text, known.file);
  file = merged(std::move(file), kernels);
  if (file.kernels.empty()) return;
  file.device = device;
  file.as_of = plan.as_of;
  file.source = plan.source;
  std::size_t shapes = 0;
  for (const KernelCurves& kernel : file.kernels) shapes += kernel.shapes.size();
  const std::string path = curve_folder(directory) / (device + ".txt");
  OutputTarget(path).write(write_curves(file));
  session.say(fmt::format("wrote {}, curves of {} shapes", path, shapes));
}

int run(const Arguments& arguments) {
  const Plan plan = plan_of(arguments);
  Session session(arguments);
  if (are_runs(plan.files))
    return calibrate_engines(session, {.files = plan.files,
                                       .versions = arguments.text("versions").value_or("all"),
                                       .as_of = plan.as_of,
                                       .source = plan.source,
                                       .directory = arguments.text("out").value_or("")});
  const bool keep = arguments.has("keep-constants");
  Scorer scorer(keep ? "each size predicted by the curve through the other sizes of its shape"
                     : "each shape predicted by constants fitted to the other shapes of its stack, kernel and format");
  std::map<std::string, Learned> learned;
  for (const std::string& file : plan.files)
    learn(read_measurements(session.catalog(), file, arguments.text("gpu")), arguments, session, scorer, learned);
  if (const std::optional<std::string> directory = arguments.text("out")) {
    const bool from_nothing = arguments.has("new");
    for (const auto& [device, of] : learned) {
      if (!keep) write_overlay_of(device, of.fits, plan, *directory, session, from_nothing);
      write_curves_of(device, of.curves, plan, *directory, session, from_nothing);
    }
  }
  const Accuracy accuracy = scorer.take();
  session.write({.document = [&accuracy] { return describe_accuracy(accuracy); },
                 .rows = [&accuracy] { return accuracy_rows(accuracy); },
                 .json = [&accuracy] { return json_of_accuracy(accuracy); }});
  return kExitYes;
}

}  // namespace

Verb calibrate_verb() {
  return {.name = "calibrate",
          .question = "how fast is a device really?",
          .usage = "calibrate --from FILE... [--out DIR]",
          .about =
              "Fits the constants of the operator forms to measured kernels, for each device, stack, kernel\n"
              "and format, and says how well they predict shapes that were left out. Measured shapes become\n"
              "curves that are read off where the very shape is asked for. Both take effect from a data\n"
              "directory (--data-dir).",
          .options = kOptions,
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
