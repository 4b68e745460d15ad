// SPDX-License-Identifier: Apache-2.0
// Each run of an effect is a `simulate` command, answered as that verb answers it.
#include "cli/validate_effects.h"

#include <algorithm>
#include <map>

#include "cli/exit_status.h"
#include "cli/session.h"
#include "cli/simulate_parts.h"
#include "reports/effects.h"
#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/spec/embedded_data.h"
#include "validate/parallel.h"

namespace moeplan {
namespace {

constexpr std::string_view kEffectsFile = "validate/effects.json";
constexpr Bytes kLargestEffectsFile = 16 * kMiB;

JsonDocument effects_document(const Arguments& arguments) {
  if (const std::optional<std::string> file = arguments.text("against"))
    return parse_json(read_text_file(*file, kLargestEffectsFile), *file);
  for (const EmbeddedFile& file : embedded_files())
    if (file.path == kEffectsFile) return parse_json(std::string(file.text), std::string(file.path));
  CHECK(false);
  return {};
}

// Those named, or all.
std::vector<Effect> chosen_effects(std::vector<Effect> all, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::none_of(all.begin(), all.end(), [&](const Effect& e) { return e.id == name; })) {
      std::string known;
      for (const Effect& e : all) known += (known.empty() ? "" : ", ") + e.id;
      throw_usage("effects", in_quotes(name), "names of effects: " + known);
    }
  }
  if (!names.empty())
    std::erase_if(all, [&](const Effect& e) { return std::find(names.begin(), names.end(), e.id) == names.end(); });
  return all;
}

double metric_of(const SimulateReport& report, const std::string& metric) {
  if (metric == "output_tokens_per_s_per_gpu" && report.steady) return report.steady->output_tokens_per_s_per_gpu;
  if (metric == "decode_tokens_per_s_per_gpu") return report.simulation.tokens_per_s_per_gpu;
  if (metric == "tokens_per_s_per_user")
    return report.steady ? report.steady->output_tokens_per_s_per_user : report.simulation.tokens_per_s_per_user;
  return report.simulation.tokens_per_s_per_gpu;
}

struct EffectRun {
  std::string command;
  std::string metric;
  double value = 0;
};

// Every run once, whichever effects and choices ask for it.
class EffectRuns {
 public:
  std::size_t add(const std::string& options, const std::string& metric) {
    const auto [at, is_new] = known_.try_emplace(options + "\n" + metric, runs_.size());
    if (is_new) runs_.push_back({.command = options, .metric = metric});
    return at->second;
  }
  void answer(const std::vector<std::string>& common) {
    for_each_parallel(runs_.size(), [&](std::size_t i) {
      std::vector<std::string> words = split_words(runs_[i].command);
      words.insert(words.end(), common.begin(), common.end());
      const SimulateReport report = simulate_words(words);
      if (!report.simulation.fits)
        throw_usage("effects", "a run that does not fit", "one that does", "moeplan simulate " + runs_[i].command);
      runs_[i].value = metric_of(report, runs_[i].metric);
    });
  }
  const EffectRun& at(std::size_t i) const { return runs_[i]; }

 private:
  std::map<std::string, std::size_t> known_;
  std::vector<EffectRun> runs_;
};

// The runs of one effect with one value of its choice.
struct RunsOfEffect {
  std::optional<double> choice;
  std::vector<std::size_t> points;
  std::vector<std::size_t> against;
};

RunsOfEffect ask(const Effect& effect, std::optional<double> choice, EffectRuns& runs) {
  RunsOfEffect asked{.choice = choice, .points = {}, .against = {}};
  for (const EffectPoint& p : effect.points) {
    asked.points.push_back(runs.add(options_of(effect, p.options, choice), effect.metric));
    asked.against.push_back(p.against.empty() ? asked.points.back()
                                              : runs.add(options_of(effect, p.against, choice), effect.metric));
  }
  return asked;
}

PredictedEffect scored(const Effect& effect, const RunsOfEffect& asked, const EffectRuns& runs) {
  std::vector<double> values;
  std::vector<double> against;
  for (std::size_t i = 0; i < effect.points.size(); ++i) {
    values.push_back(runs.at(asked.points[i]).value);
    against.push_back(runs.at(asked.against[i]).value);
  }
  PredictedEffect out = score_effect(effect, values, against);
  out.chosen = asked.choice;
  for (std::size_t i = 0; i < effect.points.size(); ++i)
    out.points[i].command = "moeplan simulate " + runs.at(asked.points[i]).command;
  return out;
}

}  // namespace

int run_effects(const Arguments& arguments) {
  for (const std::string_view option :
       {"leave-out", "by", "leave-sizes-out", "in-sample", "transfer", "gpu", "rows", "operators-only"})
    if (arguments.has(option)) throw_usage(option, "it with --effects", "--effects alone, or with --against FILE");
  const std::vector<Effect> effects =
      chosen_effects(read_effects(effects_document(arguments)), arguments.positionals());
  Session session(arguments);
  std::vector<std::string> common = {"--quiet"};
  if (const std::optional<std::string> folder = arguments.text("data-dir")) {
    common.push_back("--data-dir");
    common.push_back(*folder);
  }
  EffectRuns runs;
  std::vector<std::vector<RunsOfEffect>> asked;
  for (const Effect& effect : effects) {
    std::vector<RunsOfEffect>& ways = asked.emplace_back();
    if (!effect.choice) ways.push_back(ask(effect, std::nullopt, runs));
    if (effect.choice)
      for (const double value : effect.choice->values) ways.push_back(ask(effect, value, runs));
  }
  runs.answer(common);
  std::vector<PredictedEffect> predicted;
  for (std::size_t i = 0; i < effects.size(); ++i) {
    std::vector<PredictedEffect> ways;
    for (const RunsOfEffect& way : asked[i]) ways.push_back(scored(effects[i], way, runs));
    predicted.push_back(*std::min_element(ways.begin(), ways.end(),
                                          [](const auto& a, const auto& b) { return a.largest < b.largest; }));
  }
  session.write({.document = [&predicted] { return describe_effects(predicted); },
                 .rows = [&predicted] { return effect_rows(predicted); },
                 .json = [&predicted] { return json_of_effects(predicted); }});
  return std::all_of(predicted.begin(), predicted.end(), [](const PredictedEffect& e) { return e.met; }) ? kExitYes
                                                                                                         : kExitNo;
}

}  // namespace moeplan
