// SPDX-License-Identifier: Apache-2.0
#include "sim/program/work.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"
#include "sim/program/routing.h"

namespace moeplan {
namespace {

// sum_{p=1}^{x} min(p, window); window 0 = no limit.
double windowed_sum(Count x, Count window) {
  const double n = static_cast<double>(x);
  if (window == 0 || x <= window) return n * (n + 1) / 2;
  const double w = static_cast<double>(window);
  return w * (w + 1) / 2 + (n - w) * w;
}

// sum_{p=1}^{x} ((p - 1) mod chunk + 1)
double chunked_sum(Count x, Count chunk) {
  const Count whole_chunks = x / chunk;
  const double full = static_cast<double>(whole_chunks);
  const double rest = static_cast<double>(x % chunk);
  const double c = static_cast<double>(chunk);
  return full * c * (c + 1) / 2 + rest * (rest + 1) / 2;
}

// Keys a kernel reads from the cache for one sequence of the segment.
double keys_read(const Segment& s, Count window, Count chunk, bool cross) {
  Count keys = s.context + s.new_tokens;
  if (!cross && window != 0) keys = std::min(keys, window + s.new_tokens - 1);
  if (!cross && chunk != 0) keys = std::min(keys, chunk);
  return static_cast<double>(keys);
}

// Weight bytes of one execution, all experts included. Shares of a mixture label
// have their own repeats, so the mean over the op's layers is taken.
double weight_bytes_of(const Op& op, const Program& p, Place place) {
  double bytes = 0;
  for (std::size_t i = 0; i < op.weights_count; ++i) {
    const Tensor& t = p.tensor_array[op.weights_first + i];
    if (t.place != place) continue;
    bytes += static_cast<double>(t.fixed) * t.repeat;
  }
  return op.layers == 0 ? 0 : bytes / op.layers;
}

// Where the weights of an op lie: its device's memory, or what the host can reach.
std::span<const Place> places_of(const Op& op) {
  static constexpr Place kDevice[] = {Place::Device};
  static constexpr Place kHost[] = {Place::Host, Place::Ssd};
  if (op.kind == OpKind::Host) return kHost;
  return kDevice;
}

constexpr double kActivationBytes = 2.0;  // bf16 operands between kernels

// Query-key pairs of one sequence on one rank. Prompts: of all pairs an equal part.
double local_pairs(const Op& op, const Segment& s, Count cp) {
  if (op.cross) return static_cast<double>(s.new_tokens) * static_cast<double>(s.context + s.new_tokens);
  if (cp == 1) return attended_pairs(s, op.window, op.chunk, op.causal);
  if (!s.generates()) return attended_pairs(s, op.window, op.chunk, op.causal) / static_cast<double>(cp);
  return attended_pairs(shard_of(s, cp), kept_of(op.window, s, cp), kept_of(op.chunk, s, cp), op.causal);
}

void add_attention(Work& w, const Op& op, const Binding& b) {
  double queries = 0;
  for (std::size_t i = 0; i < b.step.size; ++i) {
    const Segment& s = b.step.segments[i];
    const Segment shard = shard_of(s, b.cp);
    const double sequences = static_cast<double>(s.sequences);
    const double pairs = local_pairs(op, s, b.cp);
    queries += sequences * static_cast<double>(shard.new_tokens);
    // What generates beside expanded prompts scores the latent itself; an indexer has none.
    const bool latent = op.kind == OpKind::Mla && op.b > 0 && s.generates();
    const double dims = latent ? 2.0 * op.b + op.choices : static_cast<double>(op.n) + op.k;
    w.flops += sequences * pairs * 2.0 * op.a * dims;
    // Prompts: the last slice reads every key.
    const Segment& read = s.generates() ? shard : s;
    const Count window = kept_of(op.window, s, b.cp);
    w.cache_bytes += sequences * keys_read(read, window, kept_of(op.chunk, s, b.cp), op.cross) * op.cache_bytes;
  }
  w.activation_bytes += queries * op.a * (static_cast<double>(op.n) + op.k) * kActivationBytes;
}

// Ranks a token's copies go to.
double copies_of(const Op& op, const Binding& b) {
  if (op.exchange == DispatchKind::DeepEpLowLatency) return op.b;
  const LoadTable* table = b.loads == nullptr ? nullptr : b.loads->find(op.choices, op.b);
  return table != nullptr ? table->destinations().ranks : free_destinations(op.choices, op.b, op.a);
}

// Bytes one row moves off the rank by the shortest way.
double sent_per_row(const Op& op, const Program& p, const Binding& b) {
  const double bytes = op.n;
  const double others = (op.a - 1.0) / op.a;
  switch (op.collective) {
    case CollectiveKind::AllReduce: return 2.0 * bytes * others;
    case CollectiveKind::AllGather:
    case CollectiveKind::ReduceScatter: return bytes * (op.a - 1.0);
    case CollectiveKind::Dispatch:
    case CollectiveKind::Combine: return bytes * copies_of(op, b) * others / static_cast<double>(p.tp);
    case CollectiveKind::SendRecv: return bytes;
  }
  return 0;
}

}  // namespace

Step::Step(std::initializer_list<Segment> list) : size(list.size()) {
  CHECK(list.size() <= kMaxSegments);
  std::copy(list.begin(), list.end(), segments.begin());
}

Count Step::tokens() const {
  Count total = 0;
  for (std::size_t i = 0; i < size; ++i) total += segments[i].sequences * segments[i].new_tokens;
  return total;
}

Count Step::sequences() const {
  Count total = 0;
  for (std::size_t i = 0; i < size; ++i) total += segments[i].sequences;
  return total;
}

Segment shard_of(const Segment& s, Count cp) {
  if (cp == 1) return s;
  if (s.generates()) {
    const Count keys = ceil_div(s.context + s.new_tokens, cp);
    return {.sequences = s.sequences, .new_tokens = s.new_tokens, .context = std::max<Count>(0, keys - s.new_tokens)};
  }
  // The slice of a prompt stays one (generates()).
  const Count queries = std::max(ceil_div(s.new_tokens, cp), Segment::kMostGenerated + 1);
  return {.sequences = s.sequences, .new_tokens = queries, .context = s.context + (s.new_tokens - queries) / 2};
}

Count kept_of(Count window, const Segment& s, Count cp) { return s.generates() ? ceil_div(window, cp) : window; }

Binding bind(const Program& program, const Step& step) {
  Binding b;
  b.step = step;
  const Count cp = program.cp;
  b.cp = cp;
  b.tp = program.tp;
  for (std::size_t i = 0; i < step.size; ++i) {
    Segment& s = b.step.segments[i];
    s.sequences = ceil_div(s.sequences, program.dp);
    const Count tokens =
        s.generates() ? ceil_div(s.sequences * s.new_tokens, cp) : s.sequences * ceil_div(s.new_tokens, cp);
    b.sequences += ceil_div(s.sequences, cp);
    b.tokens += tokens;
    // What is gathered is expanded on every rank.
    b.with_context += s.generates() ? tokens : s.sequences * (s.new_tokens + s.context);
  }
  b.group_tokens = step.tokens();
  b.group_sequences = step.sequences();
  return b;
}

ExpertLoad load_of(const Op& op, const Binding& b) {
  const LoadTable* table = b.loads == nullptr ? nullptr : b.loads->find(op.choices, op.b);
  if (table == nullptr) return balanced_load(op.choices, op.b, op.a, b.group_tokens, op.chunk);
  ExpertLoad load = table->at(static_cast<double>(b.group_tokens));
  const double part = std::min(1.0, static_cast<double>(op.a) / static_cast<double>(table->local_slots()));
  load.rows *= part;
  load.distinct *= part;
  load.mean_rows *= part;
  load.mean_distinct *= part;
  return load;
}

namespace {

// Rows of the collectives around context-parallel attention.
double context_rows(const Op& op, const Binding& b) {
  double rows = 0;
  for (std::size_t i = 0; i < b.step.size; ++i) {
    const Segment& s = b.step.segments[i];
    if (s.generates() != (op.rows == Rows::GeneratedTokens)) continue;
    const Count cached = op.window == 0 ? s.context : std::min<Count>(s.context, op.window);
    rows += s.generates() ? static_cast<double>(ceil_div(s.sequences * s.new_tokens, b.cp))
                          : static_cast<double>(s.sequences * ceil_div(s.new_tokens + cached, b.cp));
  }
  return rows;
}

}  // namespace

double rows_of(const Op& op, const Binding& b) {
  switch (op.rows) {
    case Rows::Tokens: return static_cast<double>(b.tokens);
    case Rows::TensorShard: return static_cast<double>(ceil_div(b.tokens, b.tp));
    case Rows::Sequences: return static_cast<double>(b.sequences);
    case Rows::Routed: return load_of(op, b).rows;
    case Rows::WithContext: return static_cast<double>(b.with_context);
    case Rows::CachedShard:
    case Rows::GeneratedTokens: return context_rows(op, b);
    case Rows::Gathered: return static_cast<double>(b.group_tokens);
    case Rows::GatheredSequences: return static_cast<double>(b.group_sequences);
  }
  return 0;
}

double attended_pairs(const Segment& s, Count window, Count chunk, bool causal) {
  const Count last = s.context + s.new_tokens;
  if (!causal) return static_cast<double>(s.new_tokens) * static_cast<double>(last);
  if (chunk != 0) return chunked_sum(last, chunk) - chunked_sum(s.context, chunk);
  return windowed_sum(last, window) - windowed_sum(s.context, window);
}

Work& Work::operator+=(const Work& other) {
  flops += other.flops;
  executed_flops += other.executed_flops;
  weight_bytes += other.weight_bytes;
  cache_bytes += other.cache_bytes;
  activation_bytes += other.activation_bytes;
  sent_bytes += other.sent_bytes;
  return *this;
}

double touched_weights(const Op& op, const Program& program, const Binding& b, Place place) {
  if (op.kind != OpKind::Gemm && op.kind != OpKind::Moe && op.kind != OpKind::Host) return 0;
  const std::span<const Place> places = places_of(op);
  if (std::find(places.begin(), places.end(), place) == places.end()) return 0;
  double share = rows_of(op, b) > 0 ? 1.0 : 0.0;
  if (op.rows == Rows::Routed) share = op.a > 0 ? load_of(op, b).distinct / op.a : 0.0;
  return weight_bytes_of(op, program, place) * share;
}

Work work_of(const Op& op, const Program& program, const Binding& b) {
  Work w;
  const double rows = rows_of(op, b);
  const double n = op.n;
  const double k = op.k;
  switch (op.kind) {
    case OpKind::Gemm:
    case OpKind::Moe:
    case OpKind::Host: {
      const double padded_n = op.padded_n != 0 ? op.padded_n : n;
      const double padded_k = op.padded_k != 0 ? op.padded_k : k;
      w.flops = 2.0 * rows * n * k;
      w.executed_flops = 2.0 * rows * padded_n * padded_k;
      for (const Place place : places_of(op)) w.weight_bytes += touched_weights(op, program, b, place);
      w.activation_bytes = rows * (n + k) * kActivationBytes;
      return w;
    }
    case OpKind::Attention:
    case OpKind::Mla: add_attention(w, op, b); break;
    case OpKind::Scan:
      w.flops = rows * n * k;
      w.cache_bytes = static_cast<double>(b.sequences) * op.cache_bytes;
      break;
    case OpKind::Elementwise:
    case OpKind::Copy: w.activation_bytes = rows * (n + k) * kActivationBytes; break;
    case OpKind::Gather:
      w.weight_bytes = rows * k * kActivationBytes;
      w.activation_bytes = rows * k * kActivationBytes;
      break;
    case OpKind::Collective: w.sent_bytes = rows * sent_per_row(op, program, b); break;
  }
  w.executed_flops = w.flops;
  return w;
}

Runs runs_of(std::size_t op, const Program& program, const Binding& b) {
  const Count layers = program.op_array[op].repeat;
  if (static_cast<Count>(op) < program.first_draft || program.phase != Phase::Decode) return {.whole = layers};
  Count drafts = 0;
  for (std::size_t i = 0; i < b.step.size; ++i) drafts = std::max(drafts, b.step.segments[i].new_tokens - 1);
  if (drafts == 0) return {.whole = layers};
  const Count whole = std::min(layers, drafts);
  return {.whole = whole, .single = drafts - whole};
}

Binding one_token_each(const Binding& binding) {
  Binding one = binding;
  for (std::size_t i = 0; i < one.step.size; ++i) one.step.segments[i].new_tokens = 1;
  one.tokens = one.with_context = one.sequences;
  one.group_tokens = one.group_sequences;
  return one;
}

namespace {

Work times(Work work, Count n) {
  const double runs = static_cast<double>(n);
  for (double* part : {&work.flops, &work.executed_flops, &work.weight_bytes, &work.cache_bytes, &work.activation_bytes,
                       &work.sent_bytes})
    *part *= runs;
  return work;
}

}  // namespace

Work total_work(const Program& program, const Binding& binding) {
  Work total;
  const Binding single = one_token_each(binding);
  for (std::size_t i = 0; i < program.ops().size(); ++i) {
    const Op& op = program.ops()[i];
    const Runs runs = runs_of(i, program, binding);
    total += times(work_of(op, program, binding), runs.whole);
    if (runs.single > 0) total += times(work_of(op, program, single), runs.single);
  }
  return total;
}

}  // namespace moeplan
