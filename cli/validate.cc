// SPDX-License-Identifier: Apache-2.0
// `moeplan validate`: predictions against measurements of operators.
#include <fmt/format.h>

#include <array>

#include "cli/exit_status.h"
#include "cli/fit_progress.h"
#include "cli/session.h"
#include "cli/validate_effects.h"
#include "cli/verb.h"
#include "reports/accuracy.h"
#include "reports/e2e_accuracy.h"
#include "sim/base/json.h"
#include "validate/accuracy.h"
#include "validate/e2e_fit.h"
#include "validate/make_curves.h"

namespace moeplan {
namespace {

constexpr std::array<Option, 10> kOptions = {{
    {"against", "FILE", "measurements to score: CSV; further files may follow"},
    {"effects", "", "published relative effects: drafts, overlap, expert-parallel width, residency, ..."},
    {"leave-out", "", "predict each shape by constants fitted to the other shapes of its group"},
    {"by", "COLUMN", "with --leave-out: all rows of one value of this column at a time, as ep_size"},
    {"leave-sizes-out", "", "predict each size by the measured curve through the other sizes of its shape"},
    {"in-sample", "", "score rows of shapes that the constants were fitted to as well"},
    {"transfer", "DEVICE", "constants of this device for the rows of every other, with their own peaks"},
    {"gpu", "NAME", "rows of this device only"},
    {"operators-only", "", "end-to-end runs: leave out what the serving engine adds to its operators"},
    {"rows", "FILE", "write every row again with its prediction, band and basis"},
}};

constexpr Bytes kLargestE2eFile = 256 * kMiB;

constexpr std::array<std::string_view, 3> kExamples = {
    "moeplan validate --against gemm.csv", "moeplan validate --leave-out --against moe.csv --rows out.csv",
    "moeplan validate --leave-out --by ep_size --against ep_alltoall.csv --json"};

std::string how_of(const Arguments& arguments) {
  if (const std::optional<std::string> column = arguments.text("by"))
    return fmt::format("each {} predicted by constants fitted to the others of its stack, kernel and format", *column);
  if (arguments.has("leave-out"))
    return "each shape predicted by constants fitted to the other shapes of its stack, kernel and format";
  if (arguments.has("leave-sizes-out")) return "each size predicted by the curve through the other sizes of its shape";
  if (arguments.has("transfer")) return "predicted by the constants of " + *arguments.text("transfer");
  return arguments.has("in-sample") ? "predicted by the overlays, fitted shapes included" : "predicted by the overlays";
}

std::vector<RowPrediction> predicted(Session& session, const Arguments& arguments, const OperatorTable& table) {
  const Catalog& catalog = session.catalog();
  if (arguments.has("leave-sizes-out"))
    return left_out_sizes(table, known_fits(catalog, table), machines_of(catalog, table));
  if (!arguments.has("leave-out")) {
    PredictOptions options;
    options.in_sample = arguments.has("in-sample") || arguments.has("transfer");
    if (const std::optional<std::string> device = arguments.text("transfer")) {
      options.only_device = catalog.device(*device).id;
      if (!catalog.overlay(options.only_device))
        throw_usage("transfer", options.only_device + ", which was not measured", "a device with an overlay",
                    "\"moeplan calibrate --out DIR\" makes one, --data-dir DIR uses it");
    }
    return model_predictions(catalog, table, options);
  }
  FitProgress progress(session, table.csv.file());
  LeaveOutOptions options;
  options.progress = [&progress](std::size_t done, std::size_t all) { progress(done, all); };
  return left_out_predictions(table, leave_out(table, machines_of(catalog, table), options));
}

// Each says which constants predict.
void check_ways(const Arguments& arguments) {
  std::string_view way;
  for (const std::string_view other : {"leave-out", "leave-sizes-out", "transfer", "in-sample"}) {
    if (!arguments.has(other)) continue;
    if (!way.empty())
      throw_usage(other, fmt::format("it with --{}", way), "one of them", "predictions come from one place");
    way = other;
  }
  if (arguments.has("by") && way != "leave-out")
    throw_usage("by", "it without --leave-out", "both", "it says what is left out");
}

// Files of whole runs, told by their columns.
std::vector<CsvTable> e2e_files(const std::vector<std::string>& files) {
  std::vector<CsvTable> tables;
  for (const std::string& file : files) {
    CsvTable csv(read_text_file(file, kLargestE2eFile), file);
    if (is_e2e(csv)) tables.push_back(std::move(csv));
  }
  return tables;
}

std::string how_of_runs(const Arguments& arguments) {
  if (arguments.has("leave-out")) return "each model predicted by engine profiles fitted to the others";
  if (arguments.has("operators-only")) return "predicted by operators alone";
  return arguments.has("in-sample") ? "predicted as simulate does, runs that engine profiles were fitted to included"
                                    : "predicted as simulate does, by engine profiles fitted to other models";
}

int run_e2e(const Arguments& arguments, std::vector<CsvTable> tables) {
  for (const std::string_view option : {"transfer", "gpu", "by"})
    if (arguments.has(option))
      throw_usage(option, "it with end-to-end runs", "measurements of operators",
                  "runs are predicted as simulate would");
  const std::optional<std::string> rows_path = arguments.text("rows");
  std::optional<OutputTarget> rows_out;
  if (rows_path) rows_out.emplace(*rows_path);
  Session session(arguments);
  const EngineUse engine = arguments.has("operators-only") ? EngineUse::None
                           : arguments.has("in-sample")    ? EngineUse::Profile
                                                           : EngineUse::OfOthers;
  if (engine == EngineUse::None && arguments.has("leave-out"))
    throw_usage("operators-only", "it with --leave-out", "one of them", "nothing is fitted to leave out");
  std::vector<E2eTable> runs;
  for (CsvTable& csv : tables) runs.push_back(read_e2e_rows(std::move(csv)));
  std::vector<std::vector<E2ePrediction>> predictions;
  if (arguments.has("leave-out")) {
    const std::vector<FittedEngine> engines = fit_engines(session.catalog(), rows_of(runs), {});
    predictions = left_out_predictions(session.catalog(), runs, engines);
  } else {
    for (const E2eTable& table : runs) predictions.push_back(predict_e2e(session.catalog(), table.rows, engine));
  }
  std::vector<E2eFile> files;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    files.push_back(score_e2e(runs[i], predictions[i]));
    if (rows_out) rows_out->write(rows_with_predictions(runs[i], predictions[i]));
  }
  const E2eAccuracy accuracy = accuracy_of(std::move(files), how_of_runs(arguments));
  session.write({.document = [&accuracy] { return describe_e2e(accuracy); },
                 .rows = [&accuracy] { return e2e_rows(accuracy); },
                 .json = [&accuracy] { return json_of_e2e(accuracy); },
                 .page = [&accuracy] { return page_of_e2e(accuracy); }});
  return kExitYes;
}

int run(const Arguments& arguments) {
  if (arguments.has("effects")) return run_effects(arguments);
  const std::optional<std::string> first = arguments.text("against");
  if (!first) throw_usage("against", "nothing", "a file of measurements", "moeplan help validate");
  std::vector<std::string> files = {*first};
  for (const std::string& file : arguments.positionals()) files.push_back(file);
  const std::optional<std::string> rows_path = arguments.text("rows");
  if (rows_path && files.size() > 1) throw_usage("rows", "several files", "one file with --rows");
  check_ways(arguments);
  if (std::vector<CsvTable> runs = e2e_files(files); !runs.empty()) {
    if (runs.size() < files.size())
      throw_usage("against", "runs beside measurements of operators", "files of one kind",
                  "score them one after the other");
    return run_e2e(arguments, std::move(runs));
  }
  std::optional<OutputTarget> rows_out;
  if (rows_path) rows_out.emplace(*rows_path);
  Session session(arguments);

  Scorer scorer(how_of(arguments), session.format() == OutputFormat::Html);
  for (const std::string& file : files) {
    OperatorTable table = read_measurements(session.catalog(), file, arguments.text("gpu"));
    if (const std::optional<std::string> column = arguments.text("by")) leave_out_by(table, *column);
    const std::vector<RowPrediction> predictions = predicted(session, arguments, table);
    scorer.add(table, predictions);
    if (rows_out) rows_out->write(rows_with_predictions(table, predictions));
  }
  const Accuracy accuracy = scorer.take();
  session.write({.document = [&accuracy] { return describe_accuracy(accuracy); },
                 .rows = [&accuracy] { return accuracy_rows(accuracy); },
                 .json = [&accuracy] { return json_of_accuracy(accuracy); },
                 .page = [&accuracy] { return page_of_accuracy(accuracy); }});
  return kExitYes;
}

// "  gemm: gpu, stack, ...", in lines of a terminal.
std::string columns_text(const OperatorColumns& of) {
  constexpr std::size_t kWidth = 96;
  std::string text = fmt::format("\n  {}:", of.kind);
  std::size_t line = text.size() - 1;
  for (const std::string_view column : of.columns) {
    if (line + column.size() + 2 > kWidth) {
      text += "\n    ";
      line = 4;
    }
    text += fmt::format(" {}{}", column, column == of.columns.back() ? "" : ",");
    line += column.size() + 2;
  }
  return text;
}

// Ends with the columns of each operator.
std::string_view about() {
  static const std::string kText = [] {
    std::string text =
        "Reads measured operators and scores predictions of them. The operator is recognised by the\n"
        "columns of the file; others are ignored:";
    for (const OperatorColumns& of : operator_columns()) text += columns_text(of);
    text += columns_text({.kind = "e2e", .columns = e2e_columns()});
    text +=
        "\nThe last are runs of whole deployments: each becomes the question simulate answers, a model among\n"
        "those that an engine profile was fitted to is predicted by the fit to the others. With group_id,\n"
        "tpot_s and output_tokens_per_s_per_gpu instead of metric and value: runs that differ in their\n"
        "layout alone, and what the layout loses that predictions choose.\n"
        "--effects answers, as simulate does, the runs of every relative effect in validate/effects.json\n"
        "(or in the file of --against) and prints how many points each is off; status 1 when one misses.";
    return text;
  }();
  return kText;
}

}  // namespace

Verb validate_verb() {
  return {.name = "validate",
          .question = "how far are predictions from measurements?",
          .usage =
              "validate --against FILE... [--leave-out | --leave-sizes-out | --transfer DEVICE] [--rows OUT]\n"
              "validate --effects [NAME...]",
          .about = about(),
          .options = kOptions,
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
