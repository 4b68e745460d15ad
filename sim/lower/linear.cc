// SPDX-License-Identifier: Apache-2.0
// Linear attention, Mamba and LSTM layers: a fixed state per sequence instead of a cache.
#include "sim/lower/builder.h"

namespace moeplan {
namespace {

constexpr Roles kIn{MatrixRole::LinearQkvz, MatrixRole::LinearBa};
constexpr Roles kOut{MatrixRole::LinearOut};
constexpr Roles kStepIn{MatrixRole::LinearX};
constexpr Roles kStep{MatrixRole::LinearDt};
constexpr Count kStateBytes = 4;  // recurrent state in F32 (facts/models: fixed state, fp32)
constexpr Count kConvBytes = 2;   // convolution tail in bf16 (reproduces 73.7 MiB for Qwen3-Next)

// FLOPs per state element and token: decay (1), outer-product update (2), read-out
// with q (2); the delta rule also reads with k first (2).
constexpr Count kLightningFlops = 5;
constexpr Count kDeltaFlops = 7;
// Of an LSTM per unit and token: 3 sigmoids, 2 tanh, 3 products, 1 sum, each taken as one.
constexpr Count kLstmFlops = 9;

struct ScanShape {
  Count state;          // elements per sequence on this rank
  Count conv_channels;  // on this rank
  Count conv_kernel;
  Count flops;                  // per state element and token
  bool projected_step = false;  // Mamba-1: step, B and C by projections of the convolved input
};

void lower_scan(Builder& b, const ScanShape& s) {
  const std::uint16_t norm = b.input_norm();
  const WeightRange in_range = b.weights(kIn);
  const std::uint16_t in = b.gemm(OpName::LinearIn, Part::Attention, in_range);
  b.activation(b.hidden(), norm, in);
  if (s.conv_kernel > 0) b.elementwise(OpName::Conv, Part::Attention, s.conv_channels, s.conv_channels);
  if (s.projected_step) {
    const WeightRange step_in = b.weights(kStepIn);
    b.gemm(OpName::LinearIn, Part::Attention, step_in);
    if (b.layout.tp > 1)
      b.collective(CollectiveKind::AllReduce, OpName::AllReduce, Part::Attention, 2 * step_in.rows, RankGroup::Tensor);
    b.gemm(OpName::LinearIn, Part::Attention, b.weights(kStep));
  }
  Op scan;
  scan.kind = OpKind::Scan;
  scan.name = OpName::Scan;
  scan.part = Part::Attention;
  scan.n = dim(s.state);
  scan.k = dim(s.flops);
  const Count conv_bytes = s.conv_kernel > 0 ? s.conv_channels * (s.conv_kernel - 1) * kConvBytes : 0;
  const Count state_bytes = s.state * kStateBytes + conv_bytes;
  scan.cache_bytes = dim(state_bytes);
  const std::uint16_t scanned = b.add(scan);
  b.activation(in_range.rows, in, scanned);
  b.output_projection(OpName::LinearOut, kOut, scanned);
  b.state(state_bytes);
}

}  // namespace

void lower_block(Builder& b, const LinearAttention& a) {
  const Count tp = b.layout.tp;
  const Count channels = (2 * a.key_heads * a.key_dim + a.value_heads * a.value_dim) / tp;
  lower_scan(b, {.state = a.value_heads / tp * a.key_dim * a.value_dim,
                 .conv_channels = channels,
                 .conv_kernel = a.conv_kernel,
                 .flops = a.kind == LinearKind::GatedDelta ? kDeltaFlops : kLightningFlops});
}

void lower_block(Builder& b, const MambaMixer& m) {
  const Count tp = b.layout.tp;
  lower_scan(b, {.state = m.heads / tp * m.head_dim * m.state,
                 .conv_channels = (m.heads * m.head_dim + (m.dt_rank > 0 ? 0 : 2 * m.groups * m.state)) / tp,
                 .conv_kernel = m.conv_kernel,
                 .flops = kLightningFlops,
                 .projected_step = m.dt_rank > 0});
}

// Every rank steps the whole layer. The state: the cell and the last output, both F32.
void lower_block(Builder& b, const LstmLayer& l) {
  const std::uint16_t gates = b.gemm(OpName::LinearIn, Part::Attention, b.weights(kIn));
  Op step;
  step.kind = OpKind::Scan;
  step.name = OpName::Scan;
  step.part = Part::Attention;
  step.replicas = static_cast<std::uint16_t>(b.layout.tp);
  step.n = dim(l.units);
  step.k = dim(kLstmFlops);
  const Count state_bytes = (l.units + l.output()) * kStateBytes;
  step.cache_bytes = dim(state_bytes);
  const std::uint16_t stepped = b.add(step);
  b.activation(4 * l.units, gates, stepped);
  b.activation(l.units, stepped, stepped);
  if (l.projection > 0) b.gemm(OpName::LinearOut, Part::Attention, b.weights(kOut));
  b.other_weights();
  b.state(state_bytes);
}

}  // namespace moeplan
