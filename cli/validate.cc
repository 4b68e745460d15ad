// SPDX-License-Identifier: Apache-2.0
// `moeplan validate`: predictions against measurements of operators.
#include <fmt/format.h>

#include <array>

#include "cli/exit_status.h"
#include "cli/fit_progress.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "reports/accuracy.h"
#include "validate/accuracy.h"
#include "validate/make_curves.h"

namespace moeplan {
namespace {

constexpr std::array<Option, 7> kOptions = {{
    {"against", "FILE", "measurements to score: CSV; further files may follow"},
    {"leave-out", "", "predict each shape by constants fitted to the other shapes of its group"},
    {"leave-sizes-out", "", "predict each size by the measured curve through the other sizes of its shape"},
    {"in-sample", "", "score rows of shapes that the constants were fitted to as well"},
    {"transfer", "DEVICE", "constants of this device for the rows of every other, with their own peaks"},
    {"gpu", "NAME", "rows of this device only"},
    {"rows", "FILE", "write every row again with its prediction, band and basis"},
}};

constexpr std::array<std::string_view, 3> kExamples = {
    "moeplan validate --against gemm.csv", "moeplan validate --leave-out --against moe.csv --rows out.csv",
    "moeplan validate --leave-out --against gemm.csv moe.csv --json"};

std::string how_of(const Arguments& arguments) {
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
}

int run(const Arguments& arguments) {
  const std::optional<std::string> first = arguments.text("against");
  if (!first) throw_usage("against", "nothing", "a file of measurements", "moeplan help validate");
  std::vector<std::string> files = {*first};
  for (const std::string& file : arguments.positionals()) files.push_back(file);
  const std::optional<std::string> rows_path = arguments.text("rows");
  if (rows_path && files.size() > 1) throw_usage("rows", "several files", "one file with --rows");
  check_ways(arguments);
  std::optional<OutputTarget> rows_out;
  if (rows_path) rows_out.emplace(*rows_path);
  Session session(arguments);

  Scorer scorer(how_of(arguments));
  for (const std::string& file : files) {
    const OperatorTable table = read_measurements(session.catalog(), file, arguments.text("gpu"));
    const std::vector<RowPrediction> predictions = predicted(session, arguments, table);
    scorer.add(table, predictions);
    if (rows_out) rows_out->write(rows_with_predictions(table, predictions));
  }
  const Accuracy accuracy = scorer.take();
  session.write({.document = [&accuracy] { return describe_accuracy(accuracy); },
                 .rows = [&accuracy] { return accuracy_rows(accuracy); },
                 .json = [&accuracy] { return json_of_accuracy(accuracy); }});
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
    return text;
  }();
  return kText;
}

}  // namespace

Verb validate_verb() {
  return {.name = "validate",
          .question = "how far are predictions from measurements?",
          .usage = "validate --against FILE... [--leave-out | --leave-sizes-out | --transfer DEVICE] [--rows OUT]",
          .about = about(),
          .options = kOptions,
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
