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

namespace moeplan {
namespace {

constexpr std::array<Option, 4> kOptions = {{
    {"against", "FILE", "measurements to score: CSV; further files may follow"},
    {"leave-out", "", "predict each shape by constants fitted to the other shapes of its group"},
    {"gpu", "NAME", "rows of this device only"},
    {"rows", "FILE", "write every row again with its prediction, band and basis"},
}};

constexpr std::array<std::string_view, 3> kExamples = {
    "moeplan validate --leave-out --against gemm.csv", "moeplan validate --leave-out --against moe.csv --rows out.csv",
    "moeplan validate --leave-out --against gemm.csv moe.csv --json"};

int run(const Arguments& arguments) {
  const std::optional<std::string> first = arguments.text("against");
  if (!first) throw_usage("--against", "nothing", "a file of measurements", "moeplan help validate");
  std::vector<std::string> files = {*first};
  for (const std::string& file : arguments.positionals()) files.push_back(file);
  const std::optional<std::string> rows_path = arguments.text("rows");
  if (rows_path && files.size() > 1) throw_usage("--rows", "several files", "one file with --rows");
  std::optional<OutputTarget> rows_out;
  if (rows_path) rows_out.emplace(*rows_path);
  Session session(arguments);

  Scorer scorer("each shape predicted by constants fitted to the other shapes of its stack, kernel and format");
  for (const std::string& file : files) {
    OperatorTable table = read_operator_rows(file);
    if (const std::optional<std::string> gpu = arguments.text("gpu")) keep_gpu(table, *gpu);
    FitProgress progress(session, file);
    LeaveOutOptions options;
    options.progress = [&progress](std::size_t done, std::size_t all) { progress(done, all); };
    const std::vector<GroupFit> fits = leave_out(table, machines_of(session.catalog(), table), options);
    const std::vector<RowPrediction> predictions = left_out_predictions(table, fits);
    scorer.add(table, predictions);
    if (rows_out) rows_out->write(rows_with_predictions(table, predictions));
  }
  const Accuracy accuracy = scorer.take();
  session.write({.document = [&accuracy] { return describe_accuracy(accuracy); },
                 .rows = [&accuracy] { return accuracy_rows(accuracy); },
                 .json = [&accuracy] { return json_of_accuracy(accuracy); }});
  return kExitYes;
}

}  // namespace

Verb validate_verb() {
  return {.name = "validate",
          .question = "how far are predictions from measurements?",
          .usage = "validate --leave-out --against FILE...",
          .about =
              "Reads measured operators and scores predictions of them. The operator is recognised by the\n"
              "columns of the file.",
          .options = kOptions,
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
