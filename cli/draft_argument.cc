// SPDX-License-Identifier: Apache-2.0
#include "cli/draft_argument.h"

#include <fmt/format.h>

#include "cli/model_argument.h"
#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/spec/gguf_recipe.h"
#include "sim/study/drafts.h"

namespace moeplan {
namespace {

constexpr Count kMostDraftTokens = 1024;

bool is_label(const FormatTable& formats, const std::string& word) {
  return word == "native" || find_gguf_label(word) != nullptr || formats.find(word) != nullptr;
}

// "qwen3-0.6b:q8_0"
void read_name(DraftModel& draft, Session& session, const FormatTable& formats, std::string name) {
  const std::size_t colon = name.rfind(':');
  if (colon != std::string::npos && is_label(formats, lower_case(name.substr(colon + 1)))) {
    draft.weights = lower_case(name.substr(colon + 1));
    name.resize(colon);
  }
  draft.model = load_model(session.catalog(), name);
}

void check_formats(const FitQuestion& q) {
  std::vector<Problem> problems;
  for (const std::string& sentence : format_violations(q.runtime, q.formats, q.draft->weights, q.draft->kv)) {
    Problem problem;
    problem.file = "--draft with --runtime " + q.runtime.id;
    problem.path = sentence;
    problem.hint = "name the format with --draft-weights";
    problems.push_back(problem);
  }
  if (!problems.empty()) throw InputError(ErrorKind::Usage, problems);
}

}  // namespace

void set_draft(FitQuestion& q, Session& session, const Arguments& arguments, const EngineDeployment& engine) {
  const std::optional<std::string> name = arguments.text("draft");
  const std::optional<Count> tokens = arguments.count("draft-tokens", 1, kMostDraftTokens);
  const std::optional<std::string> said = engine.draft ? std::optional(engine.draft->model) : std::nullopt;
  if (!name && said && said->empty())
    throw_usage("engine-flags", "a draft model in a file whose shape its name does not say", "the model with --draft");
  if (!name && !said) {
    if (arguments.has("draft-weights")) throw_usage("draft-weights", "it without --draft", "--draft MODEL too");
    if (tokens && !q.load_mtp) throw_usage("draft-tokens", "it without a draft", "--draft MODEL or --mtp too");
    q.draft_tokens = tokens.value_or(engine.draft_tokens.value_or(0));
    return;
  }
  if (q.load_mtp) throw_usage("draft", "it beside --mtp", "one of them", "an MTP module is a draft of its own");
  DraftModel draft;
  if (engine.draft) {
    draft.weights = engine.draft->weights.value_or("native");
    draft.kv = engine.draft->kv.value_or("");
  }
  read_name(draft, session, q.formats, name.value_or(said.value_or("")));
  if (const std::optional<std::string> weights = arguments.text("draft-weights")) draft.weights = lower_case(*weights);
  q.draft = std::move(draft);
  q.draft_tokens = tokens.value_or(engine.draft_tokens.value_or(0));
  check_formats(q);
}

void check_draft(const FitQuestion& q) {
  if (!q.draft) return;
  std::vector<Problem> problems;
  for (const std::string& sentence : draft_violations(q)) {
    Problem problem;
    problem.file = "--draft with --runtime " + q.runtime.id;
    problem.path = sentence;
    problems.push_back(problem);
  }
  if (!problems.empty()) throw InputError(ErrorKind::Usage, problems);
}

void warn_of_draft(const FitQuestion& q, const Session& session) {
  if (vocabularies_differ(q))
    session.warn(fmt::format("{} has a vocabulary of {}, {} one of {}: {} drafts only tokens that both have",
                             q.draft->model.id, q.draft->model.vocab, q.model.id, q.model.vocab, q.runtime.id));
}

}  // namespace moeplan
