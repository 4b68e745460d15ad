// SPDX-License-Identifier: Apache-2.0
// A draft model beside the model: a second program on the same devices. Its weights and
// caches add to the model's; its activations share their memory or have their own; the
// engine's context is there once. Verifying n drafted tokens makes a decode step n + 1
// tokens long per sequence.
#pragma once

#include "sim/study/fit.h"

namespace moeplan {

// The model planned, and its draft where the question has one.
ModelPlan plan_question(const FitQuestion& question, std::string_view weights);

// The larger step of a rank class with what its draft keeps there.
Program lower_question(const ModelPlan& plan, const FitQuestion& question, const LowerOptions& options,
                       const RankClass& rank_class);

// Stages of the model differ where the draft's layers are dealt to them too.
bool draft_splits_stages(const FitQuestion& question);

// Tokens of a sequence in one decode step: what was drafted, and one more.
Count step_tokens_per_sequence(const FitQuestion& question);
Count draft_tokens_of(const FitQuestion& question);

// Why the engine cannot run it beside the model in this layout, as sentences.
std::vector<std::string> draft_violations(const FitQuestion& question);

// The vocabularies differ, but by no more than the engine bridges.
bool vocabularies_differ(const FitQuestion& question);

}  // namespace moeplan
