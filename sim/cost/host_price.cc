// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/host_price.h"

#include <algorithm>
#include <cmath>

#include "sim/cost/op_points.h"

namespace moeplan {
namespace {

constexpr double kActivationBytes = 2;  // bf16 between kernels

// What a step finds on the device of the experts that lie off it.
CacheMisses misses_of(const Op& op, const ExpertLoad& load, const Binding& b, const ExpertCache* cache) {
  if (cache == nullptr || cache->experts() != op.choices || cache->top_k() != op.b)
    return {.distinct = load.distinct, .missed = load.distinct, .any = 1};
  return cache->at(static_cast<double>(b.group_tokens));
}

ExpertLoad share_of_load(ExpertLoad load, double share) {
  load.rows *= share;
  load.distinct *= share;
  load.peak *= share;
  return load;
}

Price priced(const FormTime& form, double floor) {
  Price price;
  price.time = picoseconds_of(form.seconds);
  price.low = picoseconds_of(std::max(floor, form.seconds * std::exp(kDefaultBand.low)));
  price.high = picoseconds_of(form.seconds * std::exp(kDefaultBand.high));
  price.bound = form.bound;
  price.tier = Tier::Default;
  return price;
}

// What experts off the device ask of the host in one execution.
struct OffDevice {
  HostPoint point;
  HostUse use = HostUse::Compute;
  double missed = 1;  // of what the step needs, not on the device
};

double device_seconds(const PlannedOp& planned, const Op& op, const Program& p, const Kernels& kernels,
                      const Binding& b, double share) {
  if (share <= 0 || planned.handovers <= 0) return 0;
  MoePoint point = moe_point_of(planned, op, p, b, planned.hidden, share_of_load(load_of(op, b), share));
  point.vectors = point.tokens <= kernels.vector_rows;
  const ResolvedKernel& kernel = kernels.moe[static_cast<std::size_t>(planned.format)];
  return planned.handovers * price_of(kernel, point, kernels.machine, PriceDetail::TimeOnly).time.seconds().base();
}

OffDevice off_device(const PlannedOp& planned, const Op& op, const Program& p, const Kernels& kernels,
                     const Binding& b) {
  OffDevice share{.point = {}, .use = kernels.host.use};
  const double tokens = static_cast<double>(b.group_tokens);
  if (share.use == HostUse::Compute && kernels.host.stream_rows > 0 && tokens >= kernels.host.stream_rows)
    share.use = HostUse::Stream;
  const ExpertLoad load = load_of(op, b);
  const CacheMisses misses = misses_of(op, load, b, kernels.expert_cache);
  share.missed = 1 - misses.hit_rate();
  const double missed = share.missed;
  const Work work = work_of(op, p, b);
  const double matrix = std::max(1.0, planned.hidden * planned.inter);
  HostPoint& point = share.point;
  point.bytes = missed * work.weight_bytes;
  point.drive_bytes = missed * touched_weights(op, p, b, Place::Ssd);
  point.flops = missed * work.flops;
  point.pieces = missed * load.distinct * std::max(1.0, std::round(static_cast<double>(op.n) * op.k / matrix));
  point.handovers = planned.handovers * misses.any;
  point.sent = point.handovers * 2 * tokens * planned.hidden * kActivationBytes;
  point.ahead = p.phase == Phase::Prefill;
  return share;
}

// The part of the copies that is made before, or left for, the layer's turn.
HostPoint part_of_copies(HostPoint point, double part) {
  point.bytes *= part;
  point.drive_bytes *= part;
  point.pieces *= part;
  return point;
}

}  // namespace

Price host_price(const PlannedOp& planned, const Op& op, const Program& p, const Kernels& kernels, const Binding& b) {
  OffDevice share = off_device(planned, op, p, kernels, b);
  HostMachine host = kernels.host;
  host.use = share.use;
  if (host.use == HostUse::Stream) share.point = part_of_copies(share.point, 1 - host.fetched_ahead);
  share.point.device = host.use == HostUse::Compute ? 0 : device_seconds(planned, op, p, kernels, b, 1);
  FormTime form = host_time(share.point, host);
  // The device's own share runs beside the host's cores, but not beside the hand-over: its
  // calls into the host stand in the order of its stream.
  if (host.use == HostUse::Compute)
    form.seconds = std::max(form.seconds, form.fixed + device_seconds(planned, op, p, kernels, b, 1 - share.missed));
  return powered(priced(form, host_floor(share.point, host)), {}, kernels.power);
}

Picoseconds copy_ahead(const PlannedOp& planned, const Op& op, const Program& p, const Kernels& kernels,
                       const Binding& b) {
  const OffDevice share = off_device(planned, op, p, kernels, b);
  if (share.use != HostUse::Stream || kernels.host.fetched_ahead <= 0) return {};
  HostMachine host = kernels.host;
  host.use = HostUse::Stream;
  return picoseconds_of(host_time(part_of_copies(share.point, host.fetched_ahead), host).seconds);
}

// Every kernel reads its weights from there.
Price read_from_host(const Price& price, const Op& op, const Program& p, const Kernels& kernels, const Binding& b) {
  if (kernels.host.use != HostUse::Page || op.weights_count == 0) return price;
  const HostPoint point{.bytes = touched_weights(op, p, b, Place::Device)};
  const FormTime form = host_time(point, kernels.host);
  if (picoseconds_of(form.seconds) <= price.time) return price;
  return powered(priced(form, host_floor(point, kernels.host)), {}, kernels.power);
}

}  // namespace moeplan
