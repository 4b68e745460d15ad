// SPDX-License-Identifier: Apache-2.0
#include "sim/ledger/ledger.h"

#include <algorithm>

#include "sim/base/error.h"

namespace moeplan {
namespace {

Count kept_tokens(const Tensor& t, Count context) {
  return t.window != 0 ? std::min<Count>(context, t.window) : context;
}

// Lines of equal kind share a row; weights are told apart by part, the rest is not.
bool same_line(const LedgerLine& line, const Tensor& t) {
  return line.cls == t.cls && line.place == t.place && (t.cls != TensorClass::Weight || line.part == t.part);
}

void add_to_line(MemoryLedger& ledger, const Tensor& t, Bytes bytes, Bytes low, Bytes high) {
  LedgerLine* found = nullptr;
  for (std::size_t i = 0; i < ledger.line_count; ++i)
    if (same_line(ledger.line_array[i], t)) found = &ledger.line_array[i];
  if (found == nullptr) {
    CHECK(ledger.line_count < kMaxLines);
    found = &ledger.line_array[ledger.line_count++];
    *found = LedgerLine{.cls = t.cls, .part = t.part, .place = t.place, .bytes = {}, .low = {}, .high = {}};
  }
  found->bytes += bytes;
  found->low += low;
  found->high += high;
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

Bytes held_back_at(const MemoryLedger& ledger, const Holdback& h, Bytes LedgerLine::*end) {
  Bytes dynamic;
  Bytes caches;
  for (const LedgerLine& line : ledger.lines()) {
    if (line.place == Place::Host) continue;
    if (is_dynamic(line.cls)) dynamic += line.*end;
    if (is_cache(line.cls)) caches += line.*end;
  }
  return h.fixed + std::max(Bytes(0), h.floor - dynamic) + scaled(caches, h.per_cache);
}

}  // namespace

bool is_dynamic(TensorClass cls) {
  return cls == TensorClass::Activation || cls == TensorClass::Workspace || cls == TensorClass::Comm;
}
bool is_cache(TensorClass cls) { return cls == TensorClass::Kv || cls == TensorClass::State; }

Bytes held_back(const MemoryLedger& ledger, const Holdback& h) { return held_back_at(ledger, h, &LedgerLine::bytes); }
Bytes held_back_high(const MemoryLedger& ledger, const Holdback& h) {
  return held_back_at(ledger, h, &LedgerLine::high);
}

ActivationProfile activation_profile(const Program& program) {
  // Each activation adds its form at its first op and takes it back after its last.
  std::array<ActivationForm, kMaxOps + 1> delta{};
  const Count ops = std::max<Count>(program.op_count, 1);
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

MemoryLedger ledger_of(const Program& program, const Residency& residency, const Allowances& allowances) {
  MemoryLedger ledger;
  const ActivationProfile profile = activation_profile(program);
  Count peak = -1;
  for (std::size_t i = 0; i < profile.size; ++i) {
    const Count value = value_of(profile.forms[i], residency);
    if (value <= peak) continue;
    peak = value;
    ledger.peak_op = profile.forms[i].op;
  }
  for (const Tensor& t : program.tensors()) {
    const Bytes bytes = bytes_at(t, residency, ledger.peak_op);
    Bytes low = bytes;
    Bytes high = bytes;
    if (t.cls == TensorClass::Activation) {
      low = scaled(bytes, 1 - allowances.activation_band);
      high = scaled(bytes, 1 + allowances.activation_band);
    } else if (t.estimated) {
      low = scaled(bytes, allowances.weight_low);
      high = scaled(bytes, allowances.weight_high);
    }
    add_to_line(ledger, t, bytes, low, high);
  }
  Tensor context;
  context.cls = TensorClass::Runtime;
  add_to_line(ledger, context, allowances.runtime_context,
              scaled(allowances.runtime_context, 1 - allowances.context_band),
              scaled(allowances.runtime_context, 1 + allowances.context_band));
  for (const LedgerLine& line : ledger.lines()) {
    if (line.place == Place::Host) {
      ledger.host += line.bytes;
      continue;
    }
    ledger.total += line.bytes;
    ledger.low += line.low;
    ledger.high += line.high;
  }
  return ledger;
}

}  // namespace moeplan
