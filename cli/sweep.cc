// SPDX-License-Identifier: Apache-2.0
// `moeplan sweep`: a study and axes -> points -> rows on disk, the best of them, a report.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>

#include "cli/build_id.h"
#include "cli/exit_status.h"
#include "cli/expert_count.h"
#include "cli/launcher.h"
#include "cli/simulate_parts.h"
#include "cli/sweep_inputs.h"
#include "cli/sweep_progress.h"
#include "cli/sweep_reader.h"
#include "cli/verb.h"
#include "reports/sweep.h"
#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/study/parallel.h"
#include "sim/study/sweep_run.h"

namespace moeplan {
namespace {

constexpr Bytes kMostStudyBytes = kMiB;
constexpr double kUsualMostPoints = 10e6;
constexpr Count kMostThreads = 1024;
constexpr Count kMostBest = 10'000;
constexpr double kUsualLease = 60;

constexpr std::array<Option, 17> kSweepOptions = {{
    {"axis", "NAME=VALUES",
     "what changes: an option of simulate or a path, e.g. batch=1:256:*2, weights=native,fp8, "
     "model.moe.experts@active=8:1024:*2, layout=all; joined by + they move together",
     "", 0, true, '\n'},
    {"where", "EXPRESSION", "leave out points for which this does not hold: \"batch * context <= 1e6\"", "", 0, true,
     '\n'},
    {"model", "MODEL", "of points that no axis gives another"},
    {"prompt", "N", "tokens of the prompt that is read alone (default: as the context)"},
    {"metrics", "NAME,...", "columns of the rows: `moeplan help sweep` lists them"},
    {"front", "NAME,...", "metrics of the Pareto front and of the best points"},
    {"best", "N", "keep the best N points of each front metric and the front, no rows: for spaces of any size"},
    {"law", "", "with the study expert-count: what a size is worth by published laws of training loss"},
    {"out", "DIR", "write results.csv, results.jsonl, report.html and manifest.json there, row by row"},
    {"rows", "csv|both", "which of the row files are written (default: both)"},
    {"resume", "", "go on with the sweep in --out where it was stopped"},
    {"shard", "I/N",
     "work through the chunks of one --out with N-1 other processes (mpirun, srun and Slurm arrays say it themselves)"},
    {"lease", "SECONDS", "with --shard: a process silent for so long is taken for dead (default: 60)"},
    {"threads", "N", "(default: one for each core)"},
    {"max-points", "N", "refuse more than this many (default: 10000000)"},
    {"dry-run", "", "count the points, evaluate none"},
    {"no-progress", "", "do not say how far it is"},
}};

constexpr std::array<std::string_view, 3> kExamples = {
    "moeplan sweep --model mixtral-8x7b --hardware h200 --axis batch=1:256:*2 --axis context=1k,8k,32k",
    "moeplan sweep --model deepseek-v3 --hardware h200 --gpus 8 --axis layout=all --axis batch=8:512:*2 --out dsv3",
    "moeplan sweep quantisation-ladder --out ladder"};

const std::vector<Option>& options() {
  static const std::vector<Option> kAll = [] {
    std::vector<Option> all(kSweepOptions.begin(), kSweepOptions.end());
    all.insert(all.end(), deployment_options().begin(), deployment_options().end());
    return all;
  }();
  return kAll;
}

const Option& option_named(std::string_view name) {
  return *std::find_if(kSweepOptions.begin(), kSweepOptions.end(), [name](const Option& o) { return o.name == name; });
}

// Set by the first SIGINT or SIGTERM: what is under way is finished and written.
std::atomic<bool> stop_asked = false;

void catch_signals() {
  for (const int signal : {SIGINT, SIGTERM})
    std::signal(signal, [](int number) {
      stop_asked = true;
      std::signal(number, SIG_DFL);  // a second one ends the process
    });
}

JsonDocument load_study(const Session& session, const std::string& name) {
  const bool path = name.find('/') != std::string::npos || name.ends_with(".json");
  if (path) return parse_json(read_text_file(name, kMostStudyBytes), name);
  const DataFile file = session.catalog().study(name);
  return parse_json(std::string(file.text), file.path);
}

std::vector<std::string> listed(const Arguments& arguments, std::string_view option) {
  std::vector<std::string> names;
  std::string rest = arguments.text(option).value_or("");
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    names.push_back(rest.substr(0, comma));
    rest.erase(0, comma + 1);
  }
  return names;
}

// What the command line says goes before what the study says.
void override_study(SweepStudy& study, const Arguments& arguments) {
  const auto set = [&study](const std::string& name, const std::string& value) {
    for (OptionWord& word : study.base)
      if (word.name == name) {
        word.value = value;
        return;
      }
    study.base.push_back({name, value});
  };
  for (const std::string_view own : {"model", "prompt"})
    if (const std::optional<std::string> value = arguments.text(own)) set(std::string(own), *value);
  for (const Option& option : deployment_options()) {
    if (!option.same_as.empty() || !arguments.has(option.name)) continue;
    const bool flag = option.value.empty();
    set(option_of(option.name), flag ? "" : *arguments.text(option.name));
  }
  for (const std::string& axis : arguments.texts(option_named("axis"))) set_axis(study, parse_axis(axis));
  for (const std::string& expression : arguments.texts(option_named("where"))) study.where.push_back(expression);
  if (arguments.has("metrics")) study.metrics = listed(arguments, "metrics");
  if (arguments.has("front")) study.front = listed(arguments, "front");
}

// An axis takes the place of the base's own word.
void drop_shadowed_words(SweepStudy& study) {
  std::erase_if(study.base, [&study](const OptionWord& word) {
    return std::any_of(study.axes.begin(), study.axes.end(), [&word](const SweepAxis& axis) {
      return std::any_of(axis.variables.begin(), axis.variables.end(),
                         [&word](const SweepVariable& v) { return v.name == word.name; });
    });
  });
}

double read_number(const Arguments& arguments, std::string_view option, double usual, double least, double most) {
  const std::optional<std::string> text = arguments.text(option);
  if (!text) return usual;
  const std::optional<double> number = number_of(*text);
  if (!number || *number < least || *number > most)
    throw_usage(option, in_quotes(*text), fmt::format("a number from {:g} to {:g}", least, most));
  return *number;
}

void check_size(const SweepGrid& grid, const Arguments& arguments) {
  const double asked = read_number(arguments, "max-points", kUsualMostPoints, 1, SweepGrid::kMostPoints);
  const double most = arguments.has("dry-run") ? SweepGrid::kMostPoints : asked;
  if (grid.size() <= most) return;
  constexpr double kPointsPerSecond = 1e6;
  constexpr double kSecondsPerHour = 3600;
  throw_usage("axis", fmt::format("{:.4g} points", grid.size()), fmt::format("at most {:.4g}", most),
              fmt::format("--max-points {:.0f} allows it ({:.3g} hours on one core at the best); --best keeps no rows",
                          grid.size(), grid.size() / kPointsPerSecond / kSecondsPerHour));
}

std::vector<const SweepMetric*> front_metrics(const SweepStudy& study, const std::vector<const SweepMetric*>& metrics) {
  if (!study.front.empty()) return metrics_of(study.front, "--front");
  std::vector<const SweepMetric*> front;
  for (const char* name : {"tokens_per_s_per_gpu", "tpot_s", "usd_per_million_tokens"})
    if (std::find(metrics.begin(), metrics.end(), find_metric(name)) != metrics.end())
      front.push_back(find_metric(name));
  if (front.empty())
    for (const SweepMetric* metric : metrics)
      if (metric->sense != MetricSense::None) front.push_back(metric);
  return front;
}

// What no point can do without.
void check_complete(const SweepStudy& study) {
  const auto says = [&study](const char* name) {
    const auto is = [name](const auto& word) { return word.name == name; };
    return std::any_of(study.base.begin(), study.base.end(), is) ||
           std::any_of(study.axes.begin(), study.axes.end(), [&is](const SweepAxis& axis) {
             return std::any_of(axis.variables.begin(), axis.variables.end(), is);
           });
  };
  if (study.axes.empty())
    throw_usage("axis", "none", "an axis, e.g. --axis batch=1:256:*2, or a study",
                "moeplan help sweep lists the studies");
  for (const char* name : {"model", "hardware"})
    if (!says(name)) throw_usage(name, "none", fmt::format("--{} NAME, or --axis {}=NAME,...", name, name));
}

// A study with everything decided, and what answers its points.
struct Prepared {
  Prepared(Session& session, const Arguments& arguments, SweepStudy asked)
      : study(std::move(asked)), reader(sweep_reader(session, warnings)) {
    drop_shadowed_words(study);
    check_complete(study);
    check_option_names(study);
    check_names(study, session.catalog());
    expand_layouts(study, reader);
    metrics = study.metrics.empty() ? usual_metrics() : metrics_of(study.metrics, "--metrics");
    front = front_metrics(study, metrics);
    for (const SweepMetric* metric : front) {
      if (std::find(metrics.begin(), metrics.end(), metric) == metrics.end()) metrics.push_back(metric);
      if (metric->sense == MetricSense::None)
        throw_usage("front", std::string(metric->name), "a metric of which more or less is better");
    }
    grid = std::make_unique<SweepGrid>(study);
    check_size(*grid, arguments);
    points = std::make_unique<SweepPoints>(study, *grid, metrics, reader);
  }
  SweepStudy study;
  WarningsOnce warnings;
  SweepReader reader;
  std::vector<const SweepMetric*> metrics;
  std::vector<const SweepMetric*> front;
  std::unique_ptr<SweepGrid> grid;
  std::unique_ptr<SweepPoints> points;
};

// Of more points than can be looked at in seconds, all.
Count allowed_points(const SweepGrid& grid) {
  constexpr Count kMostLookedAt = 50'000'000;
  if (!grid.has_constraints() || grid.points() > kMostLookedAt) return grid.points();
  Count allowed = 0;
  for (Count point = 0; point < grid.points(); ++point) allowed += grid.allows(point) ? 1 : 0;
  return allowed;
}

SweepAsk read_ask(const Arguments& arguments, const Prepared& sweep) {
  SweepAsk ask;
  ask.directory = arguments.text("out").value_or("");
  ask.resume = arguments.has("resume");
  ask.with_jsonl = arguments.choice("rows", {"csv", "both"}).value_or("both") == "both";
  ask.threads = static_cast<int>(arguments.count("threads", 1, kMostThreads).value_or(usual_threads()));
  if (const std::optional<Count> best = arguments.count("best", 1, kMostBest)) {
    ask.mode = SweepMode::Best;
    ask.best = static_cast<std::size_t>(*best);
  }
  ask.front = sweep.front;
  ask.lease_s = read_number(arguments, "lease", kUsualLease, 0.1, 86400);
  if (const std::optional<std::string> shard = arguments.text("shard"))
    ask.shard = parse_shard(*shard);
  else if (const std::optional<LaunchedAs> as = launched_as())
    ask.shard = as->shard;
  ask.fingerprint = fingerprint_of(arguments, sweep.study, ask);
  ask.stopped = [] { return stop_asked.load(); };
  for (const std::string_view option : {"resume", "shard", "rows"})
    if (arguments.has(option) && ask.directory.empty()) throw_usage(option, "it alone", "--out DIR with it");
  if (ask.shard && ask.directory.empty())
    throw_usage("out", "nothing", "a directory that all processes share",
                "they work through chunks of one sweep there");
  if (ask.shard && ask.mode == SweepMode::Best)
    throw_usage("best", "it with several processes", "--best in one process, or rows in several");
  return ask;
}

SweepReport report_of(const Prepared& sweep, const SweepAsk& ask, SweepResult result) {
  SweepReport report;
  report.study = sweep.study;
  report.grid = sweep.grid.get();
  report.metrics = sweep.metrics;
  report.front = sweep.front;
  report.result = std::move(result);
  report.first = sweep.points->question_of(0);
  const SweepText text(*sweep.grid, sweep.metrics);
  report.rows = text.table(report.result.kept);
  report.front_rows = text.table(sweep.points->rows(report.result.front));
  for (const std::vector<Count>& best : report.result.best)
    report.best_rows.push_back(text.table(sweep.points->rows(best)));
  for (const std::string& warning : sweep.warnings.all()) report.warnings.push_back(warning);
  if (ask.directory.empty()) return report;
  if (ask.mode == SweepMode::Rows) {
    report.files.push_back("results.csv");
    if (ask.with_jsonl) report.files.push_back("results.jsonl");
  }
  report.files.push_back("report.html");
  report.files.push_back("manifest.json");
  return report;
}

void write_answer(Session& session, const Prepared& sweep, const SweepReport& report) {
  if (session.format() == OutputFormat::Csv) {
    const SweepText text(*sweep.grid, sweep.metrics);
    std::string rows = text.header();
    const bool all = report.result.kept.rows() > 0;
    text.append_csv(all ? report.result.kept : sweep.points->rows(report.result.front), rows);
    session.write_text(rows);
    return;
  }
  session.write({.document = [&report] { return describe_sweep(report); },
                 .rows = [&report] { return tabulate_sweep(report); },
                 .json = [&report] { return json_of_sweep(report); },
                 .page = [&report] { return page_of_sweep(report); }});
}

// The same whoever did the work: in one process, resumed, or merged.
void write_files(const Session& session, const SweepReport& report, const SweepAsk& ask) {
  PageStyle style = session.page_style();
  style.verb = "sweep";
  style.command = "moeplan sweep study.json";
  write_whole_file(ask.directory + "/report.html", render_html(page_of_sweep(report), style));
  write_whole_file(ask.directory + "/manifest.json", manifest_of_sweep(report, ask.fingerprint));
}

int finish(Session& session, const Prepared& sweep, const SweepAsk& ask, SweepResult result) {
  for (const std::string& warning : sweep.warnings.all()) session.warn(warning);
  if (!result.complete) {
    session.say(ask.directory.empty()
                    ? fmt::format("interrupted after {} of {} points", result.points, sweep.grid->points())
                    : fmt::format("interrupted; what was done is in {}: --resume goes on", ask.directory));
    return kExitInterrupted;
  }
  if (ask.shard) {
    session.say(fmt::format("all chunks are done: moeplan merge {}", ask.directory));
    return kExitYes;
  }
  const SweepReport report = report_of(sweep, ask, std::move(result));
  if (!ask.directory.empty()) write_files(session, report, ask);
  write_answer(session, sweep, report);
  const auto count = [&report](PointStatus s) { return report.result.counts[static_cast<std::size_t>(s)]; };
  return count(PointStatus::Error) > 0 || count(PointStatus::Ok) == 0 ? kExitNo : kExitYes;
}

// A study of deployments over all speeds for a user: nothing of it is an axis.
int run_fronts(Session& session, const Arguments& arguments, const JsonDocument& document) {
  for (const Option& option : options())
    if (arguments.has(option.name))
      throw_usage(option.name, "it with " + document.file, "nothing: its file says what is compared",
                  "moeplan simulate --study takes options");
  return run_study(session, arguments.positionals().front());
}

int run(const Arguments& arguments) {
  expect_positionals(arguments, "sweep [STUDY] [--axis NAME=VALUES]... [OPTIONS]", 0, 1);
  Session session(arguments);
  SweepStudy study;
  study.id = "sweep";
  if (!arguments.positionals().empty()) {
    const JsonDocument document = load_study(session, arguments.positionals().front());
    if (is_expert_count_study(document)) return run_expert_count(session, arguments, options(), finding_of(document));
    if (!is_sweep_study(document)) return run_fronts(session, arguments, document);
    study = read_sweep_study(document);
  }
  override_study(study, arguments);
  Prepared sweep(session, arguments, std::move(study));
  if (arguments.has("dry-run")) {
    SweepReport report;
    report.study = sweep.study;
    report.grid = sweep.grid.get();
    const Count allowed = allowed_points(*sweep.grid);
    const auto plan = [&report, allowed] { return describe_plan(report, allowed); };
    session.write({.document = plan, .rows = plan, .json = [&] { return json_of_plan(report, allowed); }});
    return kExitYes;
  }
  SweepAsk ask = read_ask(arguments, sweep);
  if (!ask.directory.empty()) keep_study(ask.directory, sweep.study);
  catch_signals();
  SweepResult result;
  {
    ProgressBar bar(arguments.has("no-progress") || arguments.has("quiet"), sweep.grid->points());
    ask.progress = [&bar](Count done) { bar.at(done); };
    result = run_sweep(*sweep.grid, *sweep.points, ask);
    result.complete = ask.shard ? result.complete : result.points == sweep.grid->points();
  }
  return finish(session, sweep, ask, std::move(result));
}

constexpr std::array<Option, 3> kMergeOptions = {{
    {"rows", "csv|both", "as the workers wrote (default: both)"},
    {"lease", "SECONDS", "as the workers had it (default: 60)"},
    {"no-progress", "", "do not say how far it is"},
}};
constexpr std::array<std::string_view, 1> kMergeExamples = {"moeplan merge dsv3"};

// Chunks of a directory as if one process had written it.
int run_merge(const Arguments& arguments) {
  expect_positionals(arguments, "merge DIR", 1, 1);
  Session session(arguments);
  const std::string directory = arguments.positionals().front();
  const std::string path = directory + "/study.json";
  SweepStudy study = read_sweep_study(parse_json(read_text_file(path, kMostStudyBytes), path));
  const Arguments words(with_common_options(options()), {path, "--out", directory, "--max-points", "1e15"});
  Prepared sweep(session, words, std::move(study));
  SweepAsk ask;
  ask.directory = directory;
  ask.front = sweep.front;
  ask.with_jsonl = arguments.choice("rows", {"csv", "both"}).value_or("both") == "both";
  ask.fingerprint = fingerprint_of(arguments, sweep.study, ask);
  SweepResult result;
  {
    ProgressBar bar(arguments.has("no-progress") || arguments.has("quiet"), sweep.grid->points());
    ask.progress = [&bar](Count done) { bar.at(done); };
    result = merge_sweep(*sweep.grid, *sweep.points, ask);
  }
  result.complete = true;
  return finish(session, sweep, ask, std::move(result));
}

}  // namespace

namespace {

constexpr std::string_view kAbout =
    "Evaluates every combination of the axes' values: one row per point with its fit verdict, the time\n"
    "of a prompt and of a decode step, dollars and joules; then the best points, the Pareto front and\n"
    "a report. STUDY is a file or one that is built in; any option of simulate is its base or an axis,\n"
    "and so is any field of a model, device or engine by its path. A point that does not fit or is\n"
    "impossible is a row with its reason.";

// The studies that are built in, and the metrics.
std::string lists_of_sweep() {
  std::string text = "studies:\n";
  const Catalog catalog = Catalog::embedded();
  for (const std::string& id : catalog.study_ids()) {
    const DataFile file = catalog.study(id);
    const JsonDocument document = parse_json(std::string(file.text), file.path);
    const JsonNode* question = document.root.find("question");
    if (question != nullptr) text += fmt::format("  {:<26} {}\n", id, question->text);
  }
  text += "\nmetrics:\n";
  for (const SweepMetric& metric : sweep_metrics()) text += fmt::format("  {:<26} {}\n", metric.name, metric.help);
  return text;
}

}  // namespace

Verb sweep_verb() {
  return {.name = "sweep",
          .question = "what changes over experts, top-k, widths, hardware, layout, load?",
          .usage = "sweep [STUDY] --axis NAME=VALUES [--axis ...] [OPTIONS]\nsweep STUDY [--out DIR] [OPTIONS]",
          .about = kAbout,
          .options = options(),
          .examples = kExamples,
          .run = run,
          .lists = lists_of_sweep};
}

Verb merge_verb() {
  return {.name = "merge",
          .question = "what did the processes of a shared sweep find together?",
          .usage = "merge DIR",
          .about =
              "Puts the chunks that several processes wrote to the --out of one sweep together: the same files,\n"
              "byte for byte, that one process would have written.",
          .options = kMergeOptions,
          .examples = kMergeExamples,
          .run = run_merge};
}

}  // namespace moeplan
