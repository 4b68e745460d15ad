// SPDX-License-Identifier: Apache-2.0
#include "sim/ledger/headroom.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace moeplan {
namespace {

void add_window(std::array<WindowForm, FoldedLedger::kMaxWindows>& forms, std::size_t& count, Count per_token,
                Count window) {
  for (std::size_t i = 0; i < count; ++i) {
    if (forms[i].window != window) continue;
    forms[i].per_token += per_token;
    return;
  }
  CHECK(count < FoldedLedger::kMaxWindows);
  forms[count++] = {per_token, window};
}

Count windowed(const std::array<WindowForm, FoldedLedger::kMaxWindows>& forms, std::size_t count, Count context) {
  Count bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Count kept = forms[i].window != 0 ? std::min(context, forms[i].window) : context;
    bytes = saturating_sum(bytes, saturating_product(forms[i].per_token, kept));
  }
  return bytes;
}

Count activation_peak(const FoldedLedger& f, const Residency& r) {
  Count peak = 0;
  for (std::size_t i = 0; i < f.activation.size; ++i) {
    const ActivationForm& form = f.activation.forms[i];
    peak = std::max(peak, form.fixed + saturating_sum(saturating_product(form.per_token, r.step_tokens),
                                                      saturating_product(form.per_row, r.logit_rows)));
  }
  return peak;
}

Count caches_of(const FoldedLedger& f, const Residency& r) {
  return saturating_product(r.sequences, f.state + windowed(f.kv, f.kv_count, r.context));
}

Count variable_part(const FoldedLedger& f, const Residency& r) {
  return caches_of(f, r) + windowed(f.workspace, f.workspace_count, r.context);
}

// What stays empty because of this load.
Count slack(const FoldedLedger& f, const Residency& r, Count peak) {
  const Count dynamic = f.fixed_dynamic + windowed(f.workspace, f.workspace_count, r.context) + peak;
  return std::max<Count>(0, f.holdback.floor.count() - dynamic) +
         scaled(Bytes(caches_of(f, r)), f.holdback.per_cache).count();
}

// The total is non-decreasing and piecewise linear in x between the breakpoints.
// Walks the pieces, then solves the one that crosses the budget, exactly. `grain` is
// the cache block: totals change right after its multiples.
template <class Total>
Count solve(Total total, Count budget, Count limit, Count grain, std::array<Count, 12> breaks, std::size_t count) {
  if (total(0) > budget) return -1;
  if (total(limit) <= budget) return limit;
  breaks[count++] = limit;
  std::sort(breaks.begin(), breaks.begin() + static_cast<std::ptrdiff_t>(count));
  Count low = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Count high = std::clamp<Count>(breaks[i], low, limit);
    if (total(high) <= budget) {
      low = high;
      continue;
    }
    // False position on a piece that is linear but for block rounding and the maximum
    // of the activation forms, with a bisection every other step as a safeguard.
    Count fits = low;
    Count fails = high;
    for (bool halve = false; fails - fits > 1; halve = !halve) {
      Count probe = fits + (fails - fits) / 2;
      if (!halve) {
        const Count at_fits = total(fits);
        const double share = static_cast<double>(budget - at_fits) / static_cast<double>(total(fails) - at_fits);
        const double guess = static_cast<double>(fits) + share * static_cast<double>(fails - fits);
        probe = std::clamp(static_cast<Count>(guess) / grain * grain, fits + 1, fails - 1);
      }
      (total(probe) <= budget ? fits : fails) = probe;
    }
    return fits;
  }
  return low;
}

}  // namespace

Residency residency_of(const Admission& a, Count context, Count sequences) {
  const Count all = saturating_product(context, sequences);
  const Count chunk = a.chunk == 0 ? context : std::min(all, a.chunk);
  const Count decoded = saturating_product(sequences, a.per_sequence);
  return {.context = round_up(ceil_div(context, a.cp), a.kv_block),
          .sequences = sequences,
          .step_tokens = ceil_div(std::max(chunk, decoded), a.cp),
          .logit_rows = ceil_div(std::max(a.row_limit, decoded), a.cp)};
}

FoldedLedger fold(const Program& program, const Admission& admission, const Allowances& allowances,
                  const Holdback& holdback) {
  FoldedLedger f;
  f.holdback = holdback;
  f.admission = admission;
  f.activation = activation_profile(program);
  f.activation_band = allowances.activation_band;
  for (const Tensor& t : program.tensors()) {
    if (t.place != Place::Device) continue;
    switch (t.cls) {
      case TensorClass::Kv: add_window(f.kv, f.kv_count, t.repeat * t.per_token, t.window); break;
      case TensorClass::State: f.state += t.repeat * t.per_sequence; break;
      case TensorClass::Workspace:
        f.fixed += t.repeat * t.fixed;
        f.fixed_dynamic += t.repeat * t.fixed;
        if (t.per_token != 0) add_window(f.workspace, f.workspace_count, t.repeat * t.per_token, t.window);
        break;
      case TensorClass::Activation: break;
      case TensorClass::Comm:
        f.fixed += t.repeat * t.fixed;
        f.fixed_dynamic += t.repeat * t.fixed;
        break;
      case TensorClass::Weight:
      case TensorClass::Runtime:
      case TensorClass::Padding:
      case TensorClass::Gradient:
      case TensorClass::Optimizer: f.fixed += t.repeat * t.fixed; break;
    }
  }
  f.fixed += allowances.runtime_context.count();
  const double above = static_cast<double>(in_quadrature(spreads_at(program, f.activation, {}, allowances)).above);
  f.fixed_variance = above * above;
  return f;
}

Bytes total_at(const FoldedLedger& f, Count context, Count sequences) {
  const Residency r = residency_of(f.admission, context, sequences);
  const Count peak = activation_peak(f, r);
  return Bytes(f.fixed + variable_part(f, r) + peak + slack(f, r, peak));
}

Bytes high_at(const FoldedLedger& f, Count context, Count sequences) {
  const Residency r = residency_of(f.admission, context, sequences);
  const Count peak = activation_peak(f, r);
  const double above = static_cast<double>(peak) * f.activation_band;
  return Bytes(f.fixed + variable_part(f, r) + peak + std::llround(std::sqrt(f.fixed_variance + above * above)));
}

Count max_context(const FoldedLedger& f, Bytes budget, Count sequences, Count limit) {
  std::array<Count, 12> breaks{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < f.kv_count && count < 8; ++i)
    if (f.kv[i].window != 0) breaks[count++] = round_up(f.kv[i].window, f.admission.kv_block) * f.admission.cp;
  if (f.admission.chunk != 0) breaks[count++] = f.admission.chunk / std::max<Count>(sequences, 1);
  return solve([&](Count c) { return total_at(f, c, sequences).count(); }, budget.count(), limit,
               f.admission.kv_block * f.admission.cp, breaks, count);
}

Count max_sequences(const FoldedLedger& f, Bytes budget, Count context, Count limit) {
  std::array<Count, 12> breaks{};
  std::size_t count = 0;
  breaks[count++] = f.admission.row_limit / f.admission.per_sequence;
  breaks[count++] = f.admission.chunk == 0 ? context : f.admission.chunk / std::max<Count>(context, 1);
  breaks[count++] = f.admission.chunk / f.admission.per_sequence;
  return solve([&](Count n) { return total_at(f, context, n).count(); }, budget.count(), limit, 1, breaks, count);
}

}  // namespace moeplan
