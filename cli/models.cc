// SPDX-License-Identifier: Apache-2.0
// `moeplan models`: what is known of models, and files made into them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "cli/exit_status.h"
#include "cli/model_argument.h"
#include "cli/models_make.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "reports/models.h"
#include "reports/stored.h"
#include "sim/base/error.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr Count kUsualContext = 8192;
constexpr Count kMostSequences = Count{1} << 24;
constexpr Count kMostCachedTokens = Count{1} << 40;  // at 4 MB a token their bytes still fit 64 bits

constexpr std::array<Option, 16> kOptions = {{
    {"weights", "FORMAT", "format of the checkpoint: native (default), fp8, int4, q4_k_m, ..."},
    {"kv", "FORMAT", "format of the kv cache (default: the model's own)"},
    {"context", "N", "tokens, for the cache and the attention work (default: 8192 or the maximum)"},
    {"batch", "N", "sequences, for the cache (default: 1)"},
    {"sequences", "N", "", "batch"},
    {"total", "N", "make: parameters in all, such as 600B"},
    {"active", "N", "make: parameters one token uses, input and output tables included, such as 40B"},
    {"like", "MODEL", "make: keep this model's attention, ratios, shared experts and vocabulary"},
    {"experts", "N", "make: routed experts of a layer"},
    {"top-k", "N", "make: experts a token uses"},
    {"shared", "N", "make: shared experts, each as wide as a routed one"},
    {"hidden", "N", "make: width of the model"},
    {"layers", "N", "make: layers, dense ones included"},
    {"dense-layers", "N", "make: leading layers without experts"},
    {"expert-width", "N", "make: width of one expert"},
    {"vocab", "N", "make: rows of the tables"},
}};

// What only `make` reads: every option from --total on.
constexpr std::size_t kFirstMakeOption = 5;

constexpr std::array<std::string_view, 3> kExamples = {
    "moeplan models show deepseek-v3 --context 32k --batch 16", "moeplan models diff qwen3-30b-a3b gpt-oss-20b",
    "moeplan models make --total 600B --active 40B --like deepseek-v3"};

ModelReport report_of(const Catalog& catalog, const ModelSpec& model, const Arguments& arguments) {
  const Count usual = model.max_context > 0 ? std::min(kUsualContext, model.max_context) : kUsualContext;
  const Count context = arguments.tokens("context").value_or(usual);
  const Count batch = arguments.count("batch", 1, kMostSequences).value_or(1);
  if (batch > kMostCachedTokens / context)
    throw_usage("batch", fmt::format("{} sequences of {} tokens", batch, context),
                fmt::format("at most {} tokens in all", kMostCachedTokens));
  return report_model(model, catalog.formats(), arguments.text("weights").value_or("native"),
                      arguments.text("kv").value_or(""), context, batch);
}

// The pattern is a part of the id, the name or an alias, in any case; "" is a part of everything.
bool is_named_like(const ModelSpec& model, const std::string& pattern) {
  std::vector<std::string> names = model.aliases;
  names.push_back(model.id);
  names.push_back(model.name);
  const std::string part = lower_case(pattern);
  return std::any_of(names.begin(), names.end(),
                     [&part](const std::string& name) { return lower_case(name).find(part) != std::string::npos; });
}

int list(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "models list [PATTERN]", 1, 2);
  const std::string pattern = arguments.positionals().size() > 1 ? arguments.positionals()[1] : "";
  std::vector<ModelSpec> models;
  for (const std::string& id : session.catalog().model_ids()) {
    ModelSpec model = session.catalog().model(id);
    if (is_named_like(model, pattern)) models.push_back(std::move(model));
  }
  if (models.empty()) throw_unknown_name("model", pattern, session.catalog().model_ids(), "moeplan models list");
  session.write({.document = [&models] { return list_models(models); },
                 .rows = [&models] { return list_models(models); },
                 .json = [&models] { return json_of_models(models); }});
  return kExitYes;
}

int show(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "models show NAME|FILE", 2, 2);
  const std::string& argument = arguments.positionals()[1];
  if (const std::optional<StoredWeights> tensors = load_tensors(session.catalog(), argument)) {
    session.write({.document = [&] { return describe_stored(*tensors, session.verbose()); },
                   .rows = [&] { return tabulate_stored(*tensors); },
                   .json = [&] { return json_of_stored(*tensors); }});
    return kExitYes;
  }
  const FormatTable formats = session.catalog().formats();
  const ModelReport report = report_of(session.catalog(), load_model(session.catalog(), argument), arguments);
  session.write(
      {.document = [&report, &formats, &session] { return describe_model(report, formats, session.verbose()); },
       .rows = [&report] { return tabulate_model(report); },
       .json = [&report, &formats] { return json_of_model(report, formats); }});
  return kExitYes;
}

// A file is sound when it reads, obeys every rule, and counts what its publisher counted.
int check(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "models check NAME|FILE", 2, 2);
  const std::string& argument = arguments.positionals()[1];
  const ModelReport report = report_of(session.catalog(), load_model(session.catalog(), argument), arguments);
  std::string text;
  Count compared = 0;
  for (const PublishedCheck& published : check_published(report)) {
    if (published.known) ++compared;
    if (!published.agrees)
      text += fmt::format("{}: {} is {}, published {} ({:+.3f} %, allowed {:g} %): {}\n", argument,
                          published.published.quantity, published.ours, published.published.value,
                          100 * published.difference, 100 * published.published.tolerance, published.published.source);
  }
  if (text.empty()) {
    const std::string figures =
        compared == 0 ? "no published figures to compare" : fmt::format("{} published figures agree", compared);
    session.write_text(fmt::format("{}: ok, {} parameters, {}\n", argument, report.parameters.total, figures));
    return kExitYes;
  }
  session.write_text(text);
  return kExitNo;
}

int diff(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "models diff NAME|FILE NAME|FILE", 3, 3);
  const Catalog& catalog = session.catalog();
  const ModelReport a = report_of(catalog, load_model(catalog, arguments.positionals()[1]), arguments);
  const ModelReport b = report_of(catalog, load_model(catalog, arguments.positionals()[2]), arguments);
  session.write({.document = [&a, &b] { return compare_models(a, b); },
                 .rows = [&a, &b] { return compare_models(a, b); },
                 .json = [&a, &b] { return json_of_comparison(a, b); }});
  return kExitYes;
}

int import(Session& session, const Arguments& arguments) {
  expect_positionals(arguments, "models import FILE [-o OUT]", 2, 2);
  session.write_text(write_model(load_model_file(session.catalog(), arguments.positionals()[1])));
  return kExitYes;
}

int run(const Arguments& arguments) {
  const std::string action = action_of(arguments, "models", {"list", "show", "check", "diff", "import", "make"});
  for (std::size_t i = 0; i < kOptions.size(); ++i)
    if ((i >= kFirstMakeOption) != (action == "make") && arguments.has(kOptions[i].name))
      throw_usage(kOptions[i].name, "the option with models " + action,
                  i >= kFirstMakeOption ? "it with models make" : "it with models show, diff or check");
  Session session(arguments);
  if (action == "list") return list(session, arguments);
  if (action == "show") return show(session, arguments);
  if (action == "check") return check(session, arguments);
  if (action == "diff") return diff(session, arguments);
  if (action == "make") return make_model(session, arguments);
  return import(session, arguments);
}

}  // namespace

Verb models_verb() {
  return {.name = "models",
          .question = "what is known of a model: parameters, cache, work per token?",
          .usage =
              "models list [PATTERN]\nmodels show NAME|FILE [OPTIONS]\nmodels check NAME|FILE\nmodels diff NAME|FILE "
              "NAME|FILE\n"
              "models import FILE [-o OUT]\nmodels make --total N [--active N] [--like MODEL] [OPTIONS] [-o OUT]",
          .about =
              "Lists the known models; shows one in full; checks a model file; puts two side by side;\n"
              "turns a Hugging Face config.json into a model file; makes a shape from asked totals. FILE is a model\n"
              "file, a config.json or its folder, a GGUF file, or a safetensors file or index (headers only are read).",
          .options = kOptions,
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
