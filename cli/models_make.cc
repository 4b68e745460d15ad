// SPDX-License-Identifier: Apache-2.0
#include "cli/models_make.h"

#include <fmt/format.h>

#include <cmath>

#include "cli/exit_status.h"
#include "cli/model_argument.h"
#include "cli/verb.h"
#include "sim/base/text.h"
#include "sim/spec/model_limits.h"
#include "sim/study/make_shape.h"

namespace moeplan {
namespace {

constexpr double kMostAsked = 1e15;
constexpr double kLeastAsked = 1e6;

// "600B", "1.04T", "350M": powers of 1000, as model cards count.
std::optional<Count> parameters_of(const Arguments& arguments, std::string_view option) {
  const std::optional<std::string> text = arguments.text(option);
  if (!text) return std::nullopt;
  const auto complain = [&] {
    throw_usage(option, in_quotes(*text), "a number of parameters from 1M to 1000T, such as \"600B\" or \"1.04T\"");
  };
  const double unit = text->ends_with('T') ? 1e12 : text->ends_with('B') ? 1e9 : text->ends_with('M') ? 1e6 : 0.0;
  if (unit == 0.0) {
    const std::optional<Count> plain = parse_count(*text);
    if (!plain || static_cast<double>(*plain) < kLeastAsked || static_cast<double>(*plain) > kMostAsked) complain();
    return plain;
  }
  const std::string number = text->substr(0, text->size() - 1);
  if (number.empty() || number.find_first_not_of("0123456789.") != std::string::npos) complain();
  char* end = nullptr;
  const double value = std::strtod(number.c_str(), &end) * unit;
  if (*end != '\0' || !(value >= kLeastAsked) || value > kMostAsked) complain();
  return std::llround(value);
}

std::string short_form(Count parameters) {
  const double value = static_cast<double>(parameters);
  if (value >= 1e12) return fmt::format("{:.4g}t", value / 1e12);
  return value >= 1e9 ? fmt::format("{:.4g}b", value / 1e9) : fmt::format("{:.4g}m", value / 1e6);
}

ShapeAsk ask_of(const Catalog& catalog, const Arguments& arguments) {
  const std::optional<Count> total = parameters_of(arguments, "total");
  if (!total) throw_usage("total", "nothing", "the parameters of the model, such as --total 600B");
  ShapeAsk ask;
  ask.total = *total;
  ask.active = parameters_of(arguments, "active");
  if (const std::optional<std::string> like = arguments.text("like")) ask.like = load_model(catalog, *like);
  const auto size = [&arguments](std::string_view option, CountRange range) {
    return arguments.count(option, range.min, range.max);
  };
  ask.experts = size("experts", kExpertsRange);
  ask.top_k = size("top-k", kTopKRange);
  ask.shared = size("shared", {0, 64});
  ask.hidden = size("hidden", kHiddenRange);
  ask.layers = size("layers", kLayersRange);
  ask.dense_layers = size("dense-layers", or_none(kLayersRange));
  ask.expert_width = size("expert-width", kWidthRange);
  ask.vocab = size("vocab", kVocabRange);
  return ask;
}

// The file says what was asked, so that `models check` compares.
void describe(MadeShape& made, const ShapeAsk& ask, const Arguments& arguments) {
  ModelSpec& model = made.model;
  model.id = "made-" + short_form(ask.total) + (ask.active ? "-a" + short_form(*ask.active) : "");
  model.name = fmt::format("Made: {} parameters", short_form(ask.total));
  std::string command = "moeplan models make";
  for (const char* option : {"total", "active", "like", "experts", "top-k", "shared", "hidden", "layers",
                             "dense-layers", "expert-width", "vocab"})
    if (const std::optional<std::string> value = arguments.text(option))
      command += fmt::format(" --{} {}", option, *value);
  model.source = command;
  model.basis = ShapeBasis::Solved;
  model.note = fmt::format("{}. Family of {}.", fmt::join(made.chosen, "; "),
                           ask.like ? ask.like->id : default_family().id + " (the default)");
  model.published = {{"total", ask.total, kMostTotalOff, "asked"}};
  if (ask.active) model.published.push_back({"active", *ask.active, kMostActiveOff, "asked"});
}

}  // namespace

int make_model(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "models make --total N --active N [OPTIONS] [-o FILE]", 1, 1);
  const ShapeAsk ask = ask_of(session.catalog(), arguments);
  MadeShape made = make_shape(ask);
  describe(made, ask, arguments);
  for (const std::string& choice : made.chosen) session.say(choice);
  std::string off = fmt::format("total {} ({:+.2f} % of what was asked)", made.counts.total, 100 * made.total_off);
  off += fmt::format(", active {}", made.counts.active);
  if (ask.active) off += fmt::format(" ({:+.2f} %)", 100 * made.active_off);
  session.say(off + ", as one token uses them, tables included");
  session.write_text(write_model(made.model));
  return kExitYes;
}

}  // namespace moeplan
