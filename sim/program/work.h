// SPDX-License-Identifier: Apache-2.0
// What a step does: FLOPs and bytes of every operator, computed here and nowhere
// else. bind() puts numbers into a Program's step variables, work_of() counts.
#pragma once

#include <array>

#include "sim/program/expert_load.h"
#include "sim/program/program.h"

namespace moeplan {

class LoadTables;  // routing.h

// Sequences that do the same in one step: each adds `new_tokens` to `context` tokens
// already cached. Decode: new_tokens = 1 (or 1 + drafts).
struct Segment {
  Count sequences = 0;
  Count new_tokens = 0;
  Count context = 0;

  // Drafts and their like: engines run it with kernels of generation, beside prompts too.
  static constexpr Count kMostGenerated = 8;
  constexpr bool generates() const { return new_tokens <= kMostGenerated; }
};

// What the attention kernel of one of `cp` context-parallel ranks sees of a segment. Of one
// that generates: every query against its part of the keys. Of prompts: its part of the
// queries (slices from both ends of the prompt, so that all ranks do the same) against the
// keys before them, as many on average.
Segment shard_of(const Segment& segment, Count cp);
// Tokens of a window or chunk that one rank keeps for the segment.
Count kept_of(Count window, const Segment& segment, Count cp);

// A step over one replica; a mixed chunked-prefill batch has several segments.
struct Step {
  static constexpr std::size_t kMaxSegments = 8;
  std::array<Segment, kMaxSegments> segments{};
  std::size_t size = 0;

  Step() = default;
  Step(std::initializer_list<Segment> list);
  Count tokens() const;
  Count sequences() const;
};

// A step as one rank sees it.
struct Binding {
  Step step;         // the segments of this rank
  Count tokens = 0;  // rows of Rows::Tokens
  Count sequences = 0;
  Count with_context = 0;
  Count cp = 1;
  Count tp = 1;
  Count group_tokens = 0;  // of all ranks of the stage
  Count group_sequences = 0;
  const LoadTables* loads = nullptr;  // skewed routing; null = balanced
};

// Splits the step's sequences over dp and their tokens over cp (the larger share when they
// do not divide). The binding's segments are those of the ranks that share sequences.
Binding bind(const Program& program, const Step& step);

// Load of the experts behind an op on Rows::Routed. An op over part of a rank's experts
// (some wait in host memory) takes its part of the rank's load.
ExpertLoad load_of(const Op& op, const Binding& binding);

// The rows an op works on (Rows): tokens, sequences, routed pairs.
double rows_of(const Op& op, const Binding& binding);

struct Work {
  double flops = 0;             // useful
  double executed_flops = 0;    // with padding
  double weight_bytes = 0;      // touched
  double cache_bytes = 0;       // KV or state read
  double activation_bytes = 0;  // read and written
  double sent_bytes = 0;        // leaves the rank if it goes straight to where it is needed
  Work& operator+=(const Work& other);
};

// Weight bytes one execution of the op touches in this place: of routed experts the
// distinct ones drawn, not all that lie there.
double touched_weights(const Op& op, const Program& program, const Binding& binding, Place place);

// Work of one execution of the op (one layer); multiply by op.repeat for the step.
Work work_of(const Op& op, const Program& program, const Binding& binding);

// How often a step runs an op: over all its tokens, and over one token of each sequence.
// Layers of the model run once each. Of a module that drafts (MTP), each copy runs over the
// tokens the step verifies; when it has fewer copies than drafts are wanted, the last runs
// again on each token it drafted itself (TensorRT-LLM, SGLang, vLLM with one module).
struct Runs {
  Count whole = 1;
  Count single = 0;
};
Runs runs_of(std::size_t op, const Program& program, const Binding& binding);

// The same sequences with one new token each: what `single` runs see.
Binding one_token_each(const Binding& binding);

// Sum over all ops and layers of the rank.
Work total_work(const Program& program, const Binding& binding);

// Query-key pairs of a segment: sum over its new tokens of the keys each attends.
// window: keys kept, itself included; chunk: own chunk only; 0 = all.
double attended_pairs(const Segment& segment, Count window, Count chunk, bool causal);

}  // namespace moeplan
