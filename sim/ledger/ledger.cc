// SPDX-License-Identifier: Apache-2.0
#include "sim/ledger/ledger.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace moeplan {
namespace {

Count kept_tokens(const Tensor& t, Count context) {
  return t.window != 0 ? std::min<Count>(context, t.window) : context;
}

// Bytes that may be off, all from one source.
struct Estimate {
  Bytes bytes;
  ErrorWidth spread;
  ErrorSource source = ErrorSource::Label;
};

Estimate estimate(Bytes bytes, double low, double high, ErrorSource source) {
  return {bytes, {(bytes - scaled(bytes, low)).count(), (scaled(bytes, high) - bytes).count()}, source};
}

Estimate estimate_of(const Tensor& t, Bytes bytes, const Allowances& a) {
  if (t.cls == TensorClass::Activation)
    return estimate(bytes, 1 - a.activation_band, 1 + a.activation_band, ErrorSource::Activations);
  if (t.estimated) return estimate(bytes, a.weight_low, a.weight_high, ErrorSource::Label);
  return {bytes, {}, ErrorSource::Label};
}

Estimate estimate_of_context(const Allowances& a) {
  return estimate(a.runtime_context, 1 - a.context_band, 1 + a.context_band, ErrorSource::Context);
}

void add_spread(ErrorWidth& to, const ErrorWidth& spread) {
  to.below = saturating_sum(to.below, spread.below);
  to.above = saturating_sum(to.above, spread.above);
}

void add_to_line(MemoryLedger& ledger, const Tensor& t, const Estimate& e) {
  LedgerLine* found = nullptr;
  for (std::size_t i = 0; i < ledger.line_count; ++i)
    if (belongs(t, ledger.line_array[i])) found = &ledger.line_array[i];
  if (found == nullptr) {
    CHECK(ledger.line_count < kMaxLines);
    found = &ledger.line_array[ledger.line_count++];
    *found = LedgerLine{
        .cls = t.cls, .part = t.part, .place = t.place, .owner = t.owner, .bytes = {}, .low = {}, .high = {}};
  }
  found->bytes += e.bytes;
  found->low += e.bytes - Bytes(e.spread.below);
  found->high += e.bytes + Bytes(e.spread.above);
  switch (t.place) {
    case Place::Device:
      ledger.total += e.bytes;
      add_spread(ledger.spreads[static_cast<std::size_t>(e.source)], e.spread);
      break;
    case Place::Host:
      ledger.host += e.bytes;
      add_spread(ledger.host_spread, e.spread);
      break;
    case Place::Ssd: ledger.ssd += e.bytes; break;
  }
}

bool dominates(const ActivationForm& a, const ActivationForm& b) {
  return a.fixed >= b.fixed && a.per_token >= b.per_token && a.per_row >= b.per_row;
}

void keep_form(ActivationProfile& profile, const ActivationForm& form) {
  for (std::size_t i = 0; i < profile.size; ++i)
    if (dominates(profile.forms[i], form)) return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < profile.size; ++i)
    if (!dominates(form, profile.forms[i])) profile.forms[kept++] = profile.forms[i];
  profile.size = kept;
  CHECK(profile.size < kMaxForms);
  profile.forms[profile.size++] = form;
}

Count value_of(const ActivationForm& f, const Residency& r) {
  return f.fixed +
         saturating_sum(saturating_product(f.per_token, r.step_tokens), saturating_product(f.per_row, r.logit_rows));
}

// Where activations peak.
std::uint16_t peak_op(const ActivationProfile& profile, const Residency& residency) {
  Count peak = -1;
  std::uint16_t op = 0;
  for (std::size_t i = 0; i < profile.size; ++i) {
    const Count value = value_of(profile.forms[i], residency);
    if (value <= peak) continue;
    peak = value;
    op = profile.forms[i].op;
  }
  return op;
}

Bytes device_sum(const MemoryLedger& ledger, bool (*belongs)(TensorClass)) {
  Bytes sum;
  for (const LedgerLine& line : ledger.lines())
    if (line.place == Place::Device && belongs(line.cls)) sum += line.bytes;
  return sum;
}

}  // namespace

bool belongs(const Tensor& t, const LedgerLine& line) {
  const bool by_part = t.cls == TensorClass::Weight && t.owner == Owner::Model;
  return line.cls == t.cls && line.place == t.place && line.owner == t.owner && (!by_part || line.part == t.part);
}

bool is_dynamic(TensorClass cls) {
  return cls == TensorClass::Activation || cls == TensorClass::Workspace || cls == TensorClass::Comm;
}
bool is_cache(TensorClass cls) { return cls == TensorClass::Kv || cls == TensorClass::State; }

Bytes held_back(const MemoryLedger& ledger, const Holdback& h) {
  return h.fixed + std::max(Bytes(0), h.floor - device_sum(ledger, is_dynamic)) +
         scaled(device_sum(ledger, is_cache), h.per_cache);
}

ErrorWidth spread_of(const MemoryLedger& ledger, const Holdback& h) {
  std::array<ErrorWidth, kErrorSources> spreads = ledger.spreads;
  ErrorWidth& activations = spreads[static_cast<std::size_t>(ErrorSource::Activations)];
  const Count dynamic = device_sum(ledger, is_dynamic).count();
  const auto taken = [&h](Count bytes) { return std::max(bytes, h.floor.count()); };
  activations = {taken(dynamic) - taken(dynamic - activations.below),
                 taken(dynamic + activations.above) - taken(dynamic)};
  return in_quadrature(spreads);
}

ActivationProfile activation_profile(const Program& program) {
  // Each activation adds its form at its first op and takes it back after its last.
  Room<ActivationForm, kMaxOps + 1> delta;
  const Count ops = std::max<Count>(program.op_count, 1);
  std::fill_n(delta.data(), ops + 1, ActivationForm{});
  for (const Tensor& t : program.tensors()) {
    if (t.cls != TensorClass::Activation) continue;
    const auto first = static_cast<std::size_t>(t.first_op);
    const auto last = std::min<std::size_t>(t.last_op, static_cast<std::size_t>(ops - 1));
    delta[first].fixed += t.fixed;
    delta[first].per_token += t.per_token;
    delta[first].per_row += t.per_sequence;
    delta[last + 1].fixed -= t.fixed;
    delta[last + 1].per_token -= t.per_token;
    delta[last + 1].per_row -= t.per_sequence;
  }
  ActivationProfile profile;
  ActivationForm live;
  for (Count i = 0; i < ops; ++i) {
    const ActivationForm& d = delta[static_cast<std::size_t>(i)];
    if (i > 0 && d.fixed == 0 && d.per_token == 0 && d.per_row == 0) continue;
    live.fixed += d.fixed;
    live.per_token += d.per_token;
    live.per_row += d.per_row;
    live.op = static_cast<std::uint16_t>(i);
    keep_form(profile, live);
  }
  return profile;
}

Bytes bytes_at(const Tensor& t, const Residency& r, std::uint16_t peak_op) {
  switch (t.cls) {
    case TensorClass::Kv: {
      const Count per_sequence = saturating_product(t.repeat * t.per_token, kept_tokens(t, r.context));
      return Bytes(saturating_product(per_sequence, r.sequences));
    }
    case TensorClass::State: return Bytes(saturating_product(t.repeat * t.per_sequence, r.sequences));
    case TensorClass::Workspace:
      return Bytes(t.repeat * t.fixed + saturating_product(t.repeat * t.per_token, kept_tokens(t, r.context)));
    case TensorClass::Activation: {
      if (peak_op < t.first_op || peak_op > t.last_op) return Bytes(0);
      const Count of_tokens = saturating_product(t.per_token, r.step_tokens);
      return Bytes(t.fixed + saturating_sum(of_tokens, saturating_product(t.per_sequence, r.logit_rows)));
    }
    case TensorClass::Weight:
    case TensorClass::Comm:
    case TensorClass::Runtime:
    case TensorClass::Padding:
    case TensorClass::Gradient:
    case TensorClass::Optimizer: break;
  }
  return Bytes(t.repeat * t.fixed);
}

ErrorWidth in_quadrature(std::span<const ErrorWidth> spreads) {
  double below = 0;
  double above = 0;
  for (const ErrorWidth& s : spreads) {
    below += static_cast<double>(s.below) * static_cast<double>(s.below);
    above += static_cast<double>(s.above) * static_cast<double>(s.above);
  }
  return {std::llround(std::sqrt(below)), std::llround(std::sqrt(above))};
}

double probability_within(Bytes margin, const ErrorWidth& spread) {
  constexpr double kNinetieth = 1.2815515655446004;  // of the standard normal
  // No part is smaller than nothing: with bands up to a quarter, four widths are all there is.
  constexpr double kMostWidths = 4;
  const double m = static_cast<double>(margin.count());
  const double width = static_cast<double>(m < 0 ? spread.below : spread.above);
  if (width <= 0) return m >= 0 ? 1 : 0;
  if (m < -kMostWidths * width) return 0;
  return 0.5 * std::erfc(-kNinetieth * m / width / std::sqrt(2.0));
}

std::array<ErrorWidth, kErrorSources> spreads_at(const Program& program, const ActivationProfile& profile,
                                                 const Residency& residency, const Allowances& allowances) {
  std::array<ErrorWidth, kErrorSources> spreads{};
  const auto note = [&](const Estimate& e) { add_spread(spreads[static_cast<std::size_t>(e.source)], e.spread); };
  const std::uint16_t peak = peak_op(profile, residency);
  for (const Tensor& t : program.tensors()) {
    const bool sure = !t.estimated && t.cls != TensorClass::Activation;
    if (sure || t.place != Place::Device) continue;
    const Bytes bytes = bytes_at(t, residency, peak);
    if (bytes.count() != 0) note(estimate_of(t, bytes, allowances));
  }
  note(estimate_of_context(allowances));
  return spreads;
}

MemoryLedger ledger_of(const Program& program, const Residency& residency, const Allowances& allowances) {
  MemoryLedger ledger;
  ledger.peak_op = peak_op(activation_profile(program), residency);
  for (const Tensor& t : program.tensors())
    add_to_line(ledger, t, estimate_of(t, bytes_at(t, residency, ledger.peak_op), allowances));
  Tensor context;
  context.cls = TensorClass::Runtime;
  add_to_line(ledger, context, estimate_of_context(allowances));
  const ErrorWidth spread = in_quadrature(ledger.spreads);
  ledger.low = ledger.total - Bytes(spread.below);
  ledger.high = ledger.total + Bytes(spread.above);
  return ledger;
}

}  // namespace moeplan
