// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/op_pricer.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "sim/base/error.h"
#include "sim/cost/ep.h"
#include "sim/program/routing.h"

namespace moeplan {
namespace {

constexpr double kActivationBytes = 2;  // bf16 between kernels

// Part of the fused expert kernel, which is priced at its first GEMM.
bool is_absorbed_by_experts(const Op& op) {
  switch (op.name) {
    case OpName::TopK:
    case OpName::Permute:
    case OpName::Unpermute: return true;
    case OpName::ExpertActivation:
    case OpName::ExpertDown: return op.kind != OpKind::Host;
    default: return false;
  }
}

// The format most of an op's bytes are in.
FormatId format_of(const Op& op, const Program& p, FormatId none) {
  FormatId format = none;
  double most = -1;
  for (std::size_t i = 0; i < op.weights_count; ++i) {
    const Tensor& t = p.tensor_array[op.weights_first + i];
    const double bytes = static_cast<double>(t.fixed) * t.repeat;
    if (bytes <= most) continue;
    most = bytes;
    format = t.format;
  }
  return format;
}

// The down projection of the experts whose gate and up `index` is.
const Op& down_of(const Program& p, std::size_t index) {
  for (std::size_t i = index + 1; i < p.ops().size(); ++i) {
    if (p.ops()[i].name == OpName::ExpertDown) return p.ops()[i];
  }
  return p.ops()[index];
}

CacheWidth cache_width(const Program& p, const FormatTable& formats) {
  for (const Tensor& t : p.tensors()) {
    if (t.cls != TensorClass::Kv) continue;
    const QuantFormat& f = formats[t.format];
    return f.group_bytes * 2 < f.group * 3 ? CacheWidth::Fp8 : CacheWidth::Bf16;
  }
  return CacheWidth::Bf16;
}

OperatorPoint gemm_point(const PlannedOp& planned, const Op& op, double rows, const Kernels& kernels) {
  GemmPoint point;
  point.kernel =
      rows <= kernels.vector_rows ? GemmKernel::Vectors : kernels.gemm_tiles[static_cast<std::size_t>(planned.format)];
  point.format = planned.format;
  point.weight_bytes = planned.weight_bytes;
  point.m = rows;
  point.n = op.padded_n != 0 ? op.padded_n : op.n;
  point.k = op.padded_k != 0 ? op.padded_k : op.k;
  return point;
}

OperatorPoint attention_point(const PlannedOp& planned, const Op& op, const Segment& s) {
  AttentionPoint point;
  point.context = !s.generates();
  point.causal = op.causal;
  point.cache_bytes = planned.cache == CacheWidth::Fp8 ? 1 : kActivationBytes;
  point.sequences = static_cast<double>(s.sequences);
  point.q_len = static_cast<double>(s.new_tokens);
  point.kv_len = static_cast<double>(s.context + s.new_tokens);
  point.heads = op.a;
  point.kv_heads = op.b;
  point.head_dim = op.n;
  point.value_dim = op.k;
  point.window = op.cross ? 0 : op.window;
  if (op.chunk != 0 && !op.cross) {
    // A token attends within its own chunk: prompts fall into chunks that see nothing of each other.
    const double chunk = op.chunk;
    point.sequences *= std::max(1.0, std::ceil(point.q_len / chunk));
    point.q_len = std::min(point.q_len, chunk);
    point.kv_len = std::min(point.kv_len, chunk);
  }
  return point;
}

OperatorPoint mla_point(const PlannedOp& planned, const Op& op, const Segment& s) {
  const bool absorbed = planned.absorbed || s.generates();
  MlaPoint point;
  point.context = !absorbed;
  point.cache_bytes = planned.cache == CacheWidth::Fp8 ? 1 : kActivationBytes;
  point.sequences = static_cast<double>(s.sequences);
  point.q_len = static_cast<double>(s.new_tokens);
  point.kv_len = static_cast<double>(s.context + s.new_tokens);
  point.heads = op.a;
  point.selected = op.window;
  // Prompts of sparse attention run in latent space too, over the keys the indexer leaves.
  if (point.selected > 0 && !s.generates()) point.context = true;
  if (absorbed) {
    point.latent = op.b;
    point.rope = op.choices;
  } else {
    point.key_dim = op.n;
    point.value_dim = op.k;
  }
  return point;
}

// Scores of a sparse indexer: one shared key of `n` dims for all heads, no values.
OperatorPoint index_point(const Op& op, const Segment& s) {
  AttentionPoint point;
  point.context = !s.generates();
  point.cache_bytes = static_cast<double>(op.cache_bytes) / op.n;
  point.sequences = static_cast<double>(s.sequences);
  point.q_len = static_cast<double>(s.new_tokens);
  point.kv_len = static_cast<double>(s.context + s.new_tokens);
  point.heads = op.a;
  point.kv_heads = 1;
  point.head_dim = op.n;
  point.value_dim = 0;
  return point;
}

OperatorPoint collective_point(const PlannedOp& planned, const Op& op, double rows) {
  CollectivePoint point;
  point.ranks = op.a;
  point.near = planned.span.near;
  point.leaf = planned.span.leaf;
  point.bytes = rows * op.n;
  switch (op.collective) {
    case CollectiveKind::AllReduce: {
      // Engines sum small messages in one kernel of their own, inside a fast domain.
      constexpr double kLargestCustom = 8.0 * 1024 * 1024;
      const bool custom = point.bytes <= kLargestCustom && point.ranks <= point.near;
      point.op = custom ? CollectiveOp::AllReduceCustom : CollectiveOp::AllReduce;
      break;
    }
    case CollectiveKind::AllGather:
      point.op = CollectiveOp::AllGather;
      point.bytes *= op.a;
      break;
    case CollectiveKind::ReduceScatter:
      point.op = CollectiveOp::ReduceScatter;
      point.bytes *= op.a;
      break;
    case CollectiveKind::SendRecv: point.op = CollectiveOp::SendRecv; break;
    case CollectiveKind::Dispatch:
    case CollectiveKind::Combine: point.op = CollectiveOp::AllToAll; break;  // priced as an exchange
  }
  return point;
}

EpMode mode_of(DispatchKind kind) {
  switch (kind) {
    case DispatchKind::DeepEpNormal: return EpMode::Normal;
    case DispatchKind::NvlinkOneSided: return EpMode::NvlinkOneSided;
    case DispatchKind::NvlinkTwoSided: return EpMode::NvlinkTwoSided;
    case DispatchKind::AllGather:
    case DispatchKind::DeepEp:
    case DispatchKind::DeepEpLowLatency: return EpMode::LowLatency;
  }
  return EpMode::LowLatency;
}

OperatorPoint exchange_point(const PlannedOp& planned, const Op& op, const Program& p, const Binding& b) {
  EpPoint point;
  const double width = static_cast<double>(op.n) / op.k;  // with scales
  point.mode = mode_of(op.exchange);
  point.op = op.collective == CollectiveKind::Dispatch ? EpOp::Dispatch : EpOp::Combine;
  point.ranks = op.a;
  point.ranks_per_node = planned.span.near;
  point.ranks_per_leaf = planned.span.leaf;
  point.hidden = op.k;
  point.top_k = op.b;
  point.experts = op.choices;
  // Ranks that cut one attention layer have the same tokens and share the sending.
  point.tokens = rows_of(op, b) / static_cast<double>(p.tp);
  point.element_bytes = width >= 2 ? 2 : width >= 1 ? 1 : 0.5;
  if (const LoadTable* table = b.loads == nullptr ? nullptr : b.loads->find(op.choices, op.b); table != nullptr) {
    const Destinations reached = table->destinations();
    point.destinations = reached.ranks;
    point.nodes = reached.nodes;
    const ExpertLoad load = table->at(rows_of(op, b) * static_cast<double>(p.dp * p.cp));
    if (load.mean_rows > 0) point.busiest = std::max(1.0, load.rows / load.mean_rows);
  }
  return point;
}

OperatorPoint stream_point(const Op& op, const Work& work) {
  StreamPoint point;
  point.bytes = work.activation_bytes + work.weight_bytes;
  // A recurrent state is read and written.
  if (op.kind == OpKind::Scan) point.bytes += 2 * work.cache_bytes;
  return point;
}

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

// Experts of this load on the device.
MoePoint moe_point_of(const PlannedOp& planned, const Op& op, const Program& p, const Binding& b, double hidden,
                      const ExpertLoad& load) {
  MoePoint point;
  point.format = planned.format;
  point.weight_bytes = planned.weight_bytes;
  point.gated = planned.gated;
  point.tokens = static_cast<double>(b.group_tokens);
  point.hidden = hidden;
  point.inter = planned.inter;
  point.top_k = op.b;
  point.experts = op.choices;
  point.local_experts = op.a;
  point.ranks = static_cast<double>(p.ep);
  point.load = {.rows = load.rows, .distinct = load.distinct, .peak = load.peak};
  if (op.exchange != DispatchKind::AllGather) {
    // Only the rank's own pairs arrive: kernels see no tokens and no buffers of other ranks.
    point.tokens = load.rows / point.top_k;
    point.experts = point.local_experts;
    point.ranks = 1;
  }
  return point;
}

OperatorPoint moe_point(const PlannedOp& planned, const Op& op, const Program& p, const Kernels& kernels,
                        const Binding& b) {
  MoePoint point = moe_point_of(planned, op, p, b, op.padded_k != 0 ? op.padded_k : op.k, load_of(op, b));
  point.vectors = point.tokens <= kernels.vector_rows;
  return point;
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

// Experts off the device: those that are kept on it run there, beside the host's, or all run
// there once copied.
Price host_price(const PlannedOp& planned, const Op& op, const Program& p, const Kernels& kernels, const Binding& b) {
  HostMachine host = kernels.host;
  const double tokens = static_cast<double>(b.group_tokens);
  if (host.use == HostUse::Compute && host.stream_rows > 0 && tokens >= host.stream_rows) host.use = HostUse::Stream;
  const ExpertLoad load = load_of(op, b);
  const CacheMisses misses = misses_of(op, load, b, kernels.expert_cache);
  const double missed = 1 - misses.hit_rate();
  const Work work = work_of(op, p, b);
  const double matrix = std::max(1.0, planned.hidden * planned.inter);
  const auto device_seconds = [&](double share) {
    if (share <= 0 || planned.handovers <= 0) return 0.0;
    MoePoint point = moe_point_of(planned, op, p, b, planned.hidden, share_of_load(load, share));
    point.vectors = point.tokens <= kernels.vector_rows;
    const ResolvedKernel& kernel = kernels.moe[static_cast<std::size_t>(planned.format)];
    return planned.handovers * price_of(kernel, point, kernels.machine, PriceDetail::TimeOnly).time.seconds().base();
  };
  HostPoint point;
  point.bytes = missed * work.weight_bytes;
  point.drive_bytes = missed * touched_weights(op, p, b, Place::Ssd);
  point.flops = missed * work.flops;
  point.pieces = missed * load.distinct * std::max(1.0, std::round(static_cast<double>(op.n) * op.k / matrix));
  point.handovers = planned.handovers * misses.any;
  point.sent = point.handovers * 2 * tokens * planned.hidden * kActivationBytes;
  point.ahead = p.phase == Phase::Prefill;
  point.device = host.use == HostUse::Compute ? 0 : device_seconds(1);
  FormTime form = host_time(point, host);
  // The device's own share runs beside the host's cores, but not beside the hand-over: its
  // calls into the host stand in the order of its stream.
  if (host.use == HostUse::Compute) form.seconds = std::max(form.seconds, form.fixed + device_seconds(1 - missed));
  return priced(form, host_floor(point, host));
}

// The point of a segment, for kinds that are priced segment by segment.
OperatorPoint segment_point(const PlannedOp& planned, const Op& op, const Segment& whole, Count cp) {
  const Segment s = shard_of(whole, cp);
  if (op.name == OpName::IndexScores) return index_point(op, s);
  if (cp == 1 || !whole.generates())
    return op.kind == OpKind::Mla ? mla_point(planned, op, s) : attention_point(planned, op, s);
  Op local = op;
  local.window = static_cast<std::int32_t>(kept_of(op.window, whole, cp));
  local.chunk = static_cast<std::int32_t>(kept_of(op.chunk, whole, cp));
  return op.kind == OpKind::Mla ? mla_point(planned, local, s) : attention_point(planned, local, s);
}

bool by_segment(const Op& op) { return op.kind == OpKind::Attention || op.kind == OpKind::Mla; }

// The device's matrices of the same layers say how wide the experts are. Of two operators of
// one layer (a placement may part gate and up from down) the first hands the layer over, the
// second those that the first does not.
void plan_host(PlannedOp& planned, const Program& p, std::size_t index, const Kernels& kernels) {
  const std::span<const Op> ops = p.ops();
  const Op& op = ops[index];
  planned.family = Family::Stream;
  const FormatId format = format_of(op, p, 0);
  planned.format = kernels.format_of[format];
  planned.weight_bytes = kernels.weight_bytes_of[format];
  for (std::size_t i = index; i-- > 0;) {
    if (ops[i].name == OpName::ExpertDown && planned.inter == 0) planned.inter = ops[i].k;
    if (ops[i].name != OpName::ExpertGateUp) continue;
    planned.hidden = ops[i].k;
    planned.gated = ops[i].n > planned.inter;
    break;
  }
  const bool second = index > 0 && ops[index - 1].kind == OpKind::Host;
  const double before = second ? ops[index - 1].repeat : 0;
  planned.handovers = op.repeat == 0 ? 0 : std::max(0.0, op.repeat - before) / op.repeat;
}

PlannedOp planned_of(const Program& p, std::size_t index, const Kernels& kernels, CacheWidth cache) {
  const Op& op = p.ops()[index];
  PlannedOp planned;
  planned.op = static_cast<std::uint16_t>(index);
  planned.cache = cache;
  switch (op.kind) {
    case OpKind::Gemm:
    case OpKind::Moe: {
      const FormatId format = format_of(op, p, 0);
      planned.family = op.kind == OpKind::Moe ? Family::Moe : Family::Gemm;
      planned.format = op.weights_count == 0 ? KernelFormat::Bf16 : kernels.format_of[format];
      planned.weight_bytes = op.weights_count == 0 ? 2 : kernels.weight_bytes_of[format];
      if (op.kind == OpKind::Moe) {
        const Op& down = down_of(p, index);
        planned.inter = down.padded_k != 0 ? down.padded_k : down.k;
        planned.gated = op.n > down.k;
      }
      break;
    }
    case OpKind::Mla:
      // Absorbed, a key is the cached latent itself (two bytes an element or less).
      planned.absorbed = op.cache_bytes <= 2.2 * op.n;
      planned.family = planned.absorbed ? Family::MlaGeneration : Family::MlaContext;
      break;
    case OpKind::Attention: planned.family = Family::AttentionGeneration; break;
    case OpKind::Collective: {
      const bool exchange = op.collective == CollectiveKind::Dispatch || op.collective == CollectiveKind::Combine;
      planned.family = exchange ? Family::Ep : Family::Collective;
      planned.span = span_of(op.group, p, kernels.machine.link);
      break;
    }
    case OpKind::Scan:
    case OpKind::Elementwise:
    case OpKind::Gather:
    case OpKind::Copy: planned.family = Family::Stream; break;
    case OpKind::Host: plan_host(planned, p, index, kernels); break;
  }
  return planned;
}

}  // namespace

OpPlan plan_ops(const Program& p, const Kernels& kernels, const FormatTable& formats) {
  OpPlan plan;
  const CacheWidth cache = cache_width(p, formats);
  for (std::size_t i = 0; i < p.ops().size(); ++i) {
    const Op& op = p.ops()[i];
    if (op.repeat == 0 || is_absorbed_by_experts(op)) continue;
    plan.ops[plan.count++] = planned_of(p, i, kernels, cache);
  }
  return plan;
}

OperatorPoint point_of(const PlannedOp& planned, const Program& p, const Kernels& kernels, const Binding& b) {
  const Op& op = p.op_array[planned.op];
  if (by_segment(op)) return segment_point(planned, op, b.step.size > 0 ? b.step.segments[0] : Segment{}, b.cp);
  switch (planned.family) {
    case Family::Gemm: return gemm_point(planned, op, rows_of(op, b), kernels);
    case Family::Moe: return moe_point(planned, op, p, kernels, b);
    case Family::Collective: return collective_point(planned, op, rows_of(op, b));
    case Family::Ep: return exchange_point(planned, op, p, b);
    default: return stream_point(op, work_of(op, p, b));
  }
}

namespace {

const ResolvedKernel& exchange_kernel_of(const EpPoint& point, const Kernels& k) {
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

}  // namespace

const ResolvedKernel& kernel_of(const PlannedOp& planned, const OperatorPoint& point, const Kernels& k) {
  const std::size_t format = static_cast<std::size_t>(planned.format);
  const std::size_t cache = static_cast<std::size_t>(planned.cache);
  if (const auto* attention = std::get_if<AttentionPoint>(&point))
    return attention->context ? k.attention_context[cache] : k.attention_generation[cache];
  if (const auto* mla = std::get_if<MlaPoint>(&point))
    return mla->context ? k.mla_context[cache] : k.mla_generation[cache];
  if (const auto* message = std::get_if<CollectivePoint>(&point))
    return k.collective[static_cast<std::size_t>(message->op)];
  if (const auto* exchange = std::get_if<EpPoint>(&point)) return exchange_kernel_of(*exchange, k);
  if (std::holds_alternative<GemmPoint>(point)) return k.gemm[format];
  if (std::holds_alternative<MoePoint>(point)) return k.moe[format];
  return k.stream;
}

namespace {

struct ActivityOf {
  const Machine* machine;
  Activity operator()(const auto& point) const { return activity_of(point, *machine); }
};

void slow_down(Price& price, double times) {
  for (Picoseconds* time : {&price.time, &price.low, &price.high})
    *time = picoseconds_of(time->seconds().base() * times);
}

// The price with what the board draws meanwhile, at the clock its limit leaves.
Price powered(Price price, const Activity& activity, const PowerModel& power) {
  if (!power.is_known()) return price;
  double seconds = price.time.seconds().base();
  if (power.lowered) {
    const double times = power.slowdown(activity, seconds);
    slow_down(price, times);
    seconds *= times;
  }
  price.joules = power.joules(activity, seconds);
  return price;
}

// Unified memory whose pages stay on the host: every kernel reads its weights from there.
Price read_from_host(Price price, const Op& op, const Program& p, const Kernels& kernels, const Binding& b) {
  if (kernels.host.use != HostUse::Page || op.weights_count == 0) return price;
  const HostPoint point{.bytes = touched_weights(op, p, b, Place::Device)};
  const FormTime form = host_time(point, kernels.host);
  if (picoseconds_of(form.seconds) <= price.time) return price;
  return powered(priced(form, host_floor(point, kernels.host)), {}, kernels.power);
}

Price point_price(const ResolvedKernel& kernel, const OperatorPoint& point, const Kernels& kernels,
                  PriceDetail detail) {
  const Price price = price_of(kernel, point, kernels.machine, detail);
  return powered(price, std::visit(ActivityOf{&kernels.machine}, point), kernels.power);
}

// Of a scan: its products beside its bytes.
Activity scan_activity(const PlannedOp& planned, const Op& op, const Work& work, const Kernels& kernels) {
  Activity activity = activity_of(std::get<StreamPoint>(stream_point(op, work)), kernels.machine);
  activity.math = facts_of(planned.format).math;
  activity.flops = work.flops;
  return activity;
}

// Two-sided: ranks tell each other how many tokens come before they do.
Price exchange_price(const EpPoint& point, const Kernels& k, PriceDetail detail) {
  const Price price = point_price(exchange_kernel_of(point, k), point, k, detail);
  if (point.mode != EpMode::NvlinkTwoSided || point.op != EpOp::Dispatch) return price;
  EpPoint prepare = point;
  prepare.op = EpOp::Prepare;
  return combined(price, point_price(exchange_kernel_of(prepare, k), prepare, k, detail));
}

}  // namespace

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

Price price_op(const PlannedOp& planned, const Program& p, const Kernels& kernels, const Binding& b,
               PriceDetail detail) {
  const Op& op = p.op_array[planned.op];
  // The board waits for the host.
  if (op.kind == OpKind::Host) return powered(host_price(planned, op, p, kernels, b), {}, kernels.power);
  if (op.kind == OpKind::Scan) {
    const Work work = work_of(op, p, b);
    return powered(scan_price(planned, op, work, kernels), scan_activity(planned, op, work, kernels), kernels.power);
  }
  // Beside context-parallel attention some collectives have nothing to move in this step.
  if ((op.rows == Rows::CachedShard || op.rows == Rows::GeneratedTokens) && rows_of(op, b) == 0) return {};
  if (!by_segment(op)) {
    const OperatorPoint point = point_of(planned, p, kernels, b);
    if (const auto* exchange = std::get_if<EpPoint>(&point)) return exchange_price(*exchange, kernels, detail);
    return read_from_host(point_price(kernel_of(planned, point, kernels), point, kernels, detail), op, p, kernels, b);
  }
  Price total;
  for (std::size_t i = 0; i < b.step.size; ++i) {
    const OperatorPoint point = segment_point(planned, op, b.step.segments[i], b.cp);
    const Price one = point_price(kernel_of(planned, point, kernels), point, kernels, detail);
    total = i == 0 ? one : combined(total, one);
  }
  return total;
}

}  // namespace moeplan
