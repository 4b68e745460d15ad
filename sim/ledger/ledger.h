// SPDX-License-Identifier: Apache-2.0
// What lies in the memory of one rank: a line per kind of byte, which sum exactly to
// the total. The ledger knows nothing of models or engines; it reads a Program's
// tensors at one residency.
//
// Every low..high is an 80 % interval around a median. Errors have three sources: how a
// file label was built, the activations, the engine's own context. All lines of one
// source err together; the sources are independent. Each is normal on either side of its
// median with its own width there (two-piece normal), so widths of sources add in
// quadrature, and P(total <= budget) has a closed form: exact for symmetric sources, within
// 0.055 for most labels and 0.125 for the most one-sided ones (tests/unit/ledger_test.cc).
#pragma once

#include <array>
#include <span>

#include "sim/program/program.h"

namespace moeplan {

// What lives on a rank: its share of the sequences, and the largest step it must be
// ready for.
struct Residency {
  Count context = 0;      // tokens cached per sequence, already rounded to the engine's blocks
  Count sequences = 0;    // of this rank
  Count step_tokens = 0;  // largest prefill chunk or decode batch
  Count logit_rows = 0;   // rows the sampler is ready for
};

// Per rank and outside the Program: the engine's own context, and how sure the
// estimates are (80 % intervals).
struct Allowances {
  Bytes runtime_context;
  double context_band = 0;  // relative, both ways
  double activation_band = 0;
  double weight_low = 1.0;  // of quantised weights known by label only
  double weight_high = 1.0;
};

// What an engine leaves empty, so that nothing else can use it either.
//   held = fixed + max(0, floor - activations, workspace and buffers) + caches x per_cache
struct Holdback {
  Bytes fixed = {};
  Bytes floor = {};      // set aside for activations; what they do not fill stays empty
  double per_cache = 0;  // empty bytes for each byte of a cache
};

// How far the 10th and the 90th percentile lie from the median.
struct ErrorWidth {
  Count below = 0;  // bytes
  Count above = 0;
};

// Sources of error that are independent of each other.
enum class ErrorSource : std::uint8_t { Label, Activations, Context };
inline constexpr std::size_t kErrorSources = 3;

struct LedgerLine {
  TensorClass cls = TensorClass::Weight;
  Part part = Part::Attention;
  Place place = Place::Device;
  Owner owner = Owner::Model;
  Bytes bytes;
  Bytes low;
  Bytes high;
};

inline constexpr std::size_t kMaxLines = 40;

struct MemoryLedger {
  std::array<LedgerLine, kMaxLines> line_array;
  std::size_t line_count = 0;
  Bytes total;  // device lines
  Bytes low;    // 10th and 90th percentile of the total
  Bytes high;
  std::array<ErrorWidth, kErrorSources> spreads{};  // of the device lines, by source
  Bytes host;                                       // host lines, and how far their labels may be off
  ErrorWidth host_spread;
  Bytes ssd;
  std::uint16_t peak_op = 0;  // where activations peak
  std::span<const LedgerLine> lines() const { return {line_array.data(), line_count}; }
};

// Independent widths together.
ErrorWidth in_quadrature(std::span<const ErrorWidth> spreads);

// P(median + error <= budget) where the error has these 10th and 90th percentiles: 0.5 at
// a margin of nothing, 0.9 at a margin of spread.above, 1 or 0 where nothing is estimated.
double probability_within(Bytes margin, const ErrorWidth& spread);

// Tensors of equal kind share a line; the weights of the model are told apart by part.
bool belongs(const Tensor& tensor, const LedgerLine& line);

MemoryLedger ledger_of(const Program& program, const Residency& residency, const Allowances& allowances);

bool is_dynamic(TensorClass cls);  // activations, workspace, buffers
bool is_cache(TensorClass cls);    // kv and state

Bytes held_back(const MemoryLedger& ledger, const Holdback& holdback);
// Of total + held_back: what fits into the floor the engine sets aside errs for free.
ErrorWidth spread_of(const MemoryLedger& ledger, const Holdback& holdback);

// Bytes of one tensor, all its layers, at a residency (0 for activations not alive at peak_op).
Bytes bytes_at(const Tensor& tensor, const Residency& residency, std::uint16_t peak_op);

// Live activation bytes as affine forms, one per op, dominated ones removed:
// peak = max over forms of per_token * step_tokens + per_row * logit_rows.
struct ActivationForm {
  Count fixed = 0;
  Count per_token = 0;
  Count per_row = 0;
  std::uint16_t op = 0;
};
inline constexpr std::size_t kMaxForms = 16;
struct ActivationProfile {
  std::array<ActivationForm, kMaxForms> forms{};
  std::size_t size = 0;
};
ActivationProfile activation_profile(const Program& program);

// By source, how far what lies on the device may be off: MemoryLedger::spreads without its lines.
std::array<ErrorWidth, kErrorSources> spreads_at(const Program& program, const ActivationProfile& profile,
                                                 const Residency& residency, const Allowances& allowances);

}  // namespace moeplan
