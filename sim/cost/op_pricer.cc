// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/op_pricer.h"

#include <cmath>
#include <variant>

#include "sim/base/error.h"
#include "sim/cost/ep.h"
#include "sim/cost/host_price.h"
#include "sim/cost/op_points.h"

namespace moeplan {
namespace {

Price combined(const Price& a, const Price& b) {
  Price sum = a;
  sum.time += b.time;
  sum.low += b.low;
  sum.high += b.high;
  sum.joules += b.joules;
  if (b.time > a.time) {
    sum.bound = b.bound;
    sum.tier = b.tier;
  }
  return sum;
}

// A scan multiplies little by little: a third of the bf16 peak at best (assumed; chunked
// kernels of linear attention publish 30 to 45 %).
constexpr double kScanShare = 0.3;

Price scan_price(const PlannedOp& planned, const Op& op, const Work& work, const Kernels& kernels) {
  Price price = price_of(kernels.stream, stream_point(op, work), kernels.machine);
  const double seconds = work.flops / (kScanShare * kernels.machine.peak_of(planned.format));
  if (picoseconds_of(seconds) <= price.time) return price;
  price.time = picoseconds_of(seconds);
  price.low = picoseconds_of(seconds * kScanShare);
  price.high = picoseconds_of(seconds * std::exp(kDefaultBand.high));
  price.bound = Bound::Compute;
  price.tier = Tier::Default;
  return price;
}

// The kernel of a point, by its kind.
const ResolvedKernel& kernel_at(const PlannedOp& planned, const GemmPoint&, const Kernels& k) {
  return k.gemm[static_cast<std::size_t>(planned.format)];
}
const ResolvedKernel& kernel_at(const PlannedOp& planned, const MoePoint&, const Kernels& k) {
  return k.moe[static_cast<std::size_t>(planned.format)];
}
const ResolvedKernel& kernel_at(const PlannedOp& planned, const AttentionPoint& point, const Kernels& k) {
  const std::size_t cache = static_cast<std::size_t>(planned.cache);
  return point.context ? k.attention_context[cache] : k.attention_generation[cache];
}
const ResolvedKernel& kernel_at(const PlannedOp& planned, const MlaPoint& point, const Kernels& k) {
  const std::size_t cache = static_cast<std::size_t>(planned.cache);
  return point.context ? k.mla_context[cache] : k.mla_generation[cache];
}
const ResolvedKernel& kernel_at(const PlannedOp&, const CollectivePoint& point, const Kernels& k) {
  return k.collective[static_cast<std::size_t>(point.op)];
}
const ResolvedKernel& kernel_at(const PlannedOp&, const EpPoint& point, const Kernels& k) {
  // What comes back is 16 bits wide whatever went there; the engine's kernels are one pair.
  const Kernels::Exchange& pair =
      k.exchange[static_cast<std::size_t>(point.mode)][static_cast<std::size_t>(width_of(point.element_bytes))];
  switch (point.op) {
    case EpOp::Prepare: return pair.prepare;
    case EpOp::Dispatch: return pair.dispatch;
    case EpOp::Combine:
    case EpOp::CombineLowPrecision: return pair.combine;
  }
  return pair.combine;
}
const ResolvedKernel& kernel_at(const PlannedOp&, const StreamPoint&, const Kernels& k) { return k.stream; }
const ResolvedKernel& kernel_at(const PlannedOp&, const PowerReading&, const Kernels& k) { return k.stream; }

template <class Point>
Price point_price(const PlannedOp& planned, const Point& point, const Kernels& kernels, PriceDetail detail) {
  const Price price = price_of(kernel_at(planned, point, kernels), point, kernels.machine, detail);
  return powered(price, activity_of(point, kernels.machine), kernels.power);
}

// Of a scan: its products beside its bytes.
Activity scan_activity(const PlannedOp& planned, const Op& op, const Work& work, const Kernels& kernels) {
  Activity activity = activity_of(stream_point(op, work), kernels.machine);
  activity.math = facts_of(planned.format).math;
  activity.flops = work.flops;
  return activity;
}

// Two-sided: ranks tell each other how many tokens come before they do.
Price exchange_price(const PlannedOp& planned, const EpPoint& point, const Kernels& k, PriceDetail detail) {
  const Price price = point_price(planned, point, k, detail);
  if (point.mode != EpMode::NvlinkTwoSided || point.op != EpOp::Dispatch) return price;
  EpPoint prepare = point;
  prepare.op = EpOp::Prepare;
  return combined(price, point_price(planned, prepare, k, detail));
}

Price sum_of_segments(const PlannedOp& planned, const Op& op, const Binding& b, const Kernels& k, PriceDetail detail) {
  Price total;
  for (std::size_t i = 0; i < b.step.size; ++i) {
    const Price one = with_segment_point(planned, op, b.step.segments[i], b.cp,
                                         [&](const auto& point) { return point_price(planned, point, k, detail); });
    total = i == 0 ? one : combined(total, one);
  }
  return total;
}

}  // namespace

const ResolvedKernel& kernel_of(const PlannedOp& planned, const OperatorPoint& point, const Kernels& k) {
  return std::visit([&](const auto& kind) -> const ResolvedKernel& { return kernel_at(planned, kind, k); }, point);
}

TierBytes sent_bytes(const PlannedOp& planned, const Program& p, const Kernels& kernels, const Binding& b) {
  const Op& op = p.op_array[planned.op];
  if (op.kind != OpKind::Collective) return {};
  const OperatorPoint point = point_of(planned, p, kernels, b);
  // The payload: headers that a library adds are priced, not counted.
  if (const auto* exchange = std::get_if<EpPoint>(&point)) return exchange_bytes(*exchange, op.n);
  return choice_of(std::get<CollectivePoint>(point), kernels).sent;
}

CollectiveChoice choice_of(const CollectivePoint& point, const Kernels& k) {
  const ResolvedKernel& kernel = k.collective[static_cast<std::size_t>(point.op)];
  return collective_choice(point, k.machine, std::span(kernel.constants).first(kernel.family->constants.size()));
}

Price price_experts(const PlannedOp& planned, const Program& p, const Kernels& k, const Binding& b,
                    const ExpertLoad& load, PriceDetail detail) {
  const Op& op = p.op_array[planned.op];
  CHECK(op.kind == OpKind::Moe);
  const MoePoint point = moe_point_for(planned, op, p, k, b, load);
  return read_from_host(point_price(planned, point, k, detail), op, p, k, b);
}

Price price_exchange(const PlannedOp& planned, const Program& p, const Kernels& k, const Binding& b, double busiest,
                     PriceDetail detail) {
  CHECK(planned.family == Family::Ep);
  EpPoint point = exchange_point(planned, p.op_array[planned.op], p, b);
  point.busiest = 1;
  Price price = exchange_price(planned, point, k, detail);
  if (busiest == 1) return price;
  // Curves were measured with even traffic: the form says how it grows from there.
  const double even = time_of(kernel_at(planned, point, k), point, k.machine).seconds;
  point.busiest = busiest;
  const double growth = time_of(kernel_at(planned, point, k), point, k.machine).seconds / even;
  for (Picoseconds* time : {&price.time, &price.low, &price.high})
    *time = picoseconds_of(time->seconds().base() * growth);
  price.joules *= growth;
  return price;
}

Price price_op(const PlannedOp& planned, const Program& p, const Kernels& k, const Binding& b, PriceDetail detail) {
  const Op& op = p.op_array[planned.op];
  switch (op.kind) {
    case OpKind::Gemm:
      return read_from_host(point_price(planned, gemm_point(planned, op, rows_of(op, b), k), k, detail), op, p, k, b);
    case OpKind::Moe:
      return read_from_host(point_price(planned, moe_point(planned, op, p, k, b), k, detail), op, p, k, b);
    case OpKind::Attention:
    case OpKind::Mla: return sum_of_segments(planned, op, b, k, detail);
    case OpKind::Collective:
      // Beside context-parallel attention some have nothing to move in this step.
      if ((op.rows == Rows::CachedShard || op.rows == Rows::GeneratedTokens) && rows_of(op, b) == 0) return {};
      if (planned.family == Family::Ep) return exchange_price(planned, exchange_point(planned, op, p, b), k, detail);
      return point_price(planned, collective_point(planned, op, rows_of(op, b)), k, detail);
    case OpKind::Scan: {
      const Work work = work_of(op, p, b);
      return powered(scan_price(planned, op, work, k), scan_activity(planned, op, work, k), k.power);
    }
    case OpKind::Elementwise:
    case OpKind::Gather:
    case OpKind::Copy: return point_price(planned, stream_point(op, work_of(op, p, b)), k, detail);
    case OpKind::Host: return host_price(planned, op, p, k, b);
  }
  return {};
}

}  // namespace moeplan
