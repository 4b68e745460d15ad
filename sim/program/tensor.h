// SPDX-License-Identifier: Apache-2.0
// Something that occupies memory on one rank. Sizes are affine in the step, so one
// Program answers for every context, batch and chunk:
//
//   weights, buffers   repeat * fixed
//   kv                 repeat * per_token * min(context, window) * sequences
//   state              repeat * per_sequence * sequences
//   activations        fixed + per_token * step tokens + per_sequence * logit rows,
//                      alive from first_op to last_op (one layer at a time: repeat is 1)
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/base/units.h"
#include "sim/spec/format.h"
#include "sim/spec/matrices.h"

namespace moeplan {

enum class TensorClass : std::uint8_t {
  Weight,
  Kv,
  State,
  Activation,
  Workspace,
  Comm,
  Runtime,
  Padding,
  Gradient,
  Optimizer
};

// Whose it is: the model's, a LoRA adapter's, or the draft model's that runs beside it.
enum class Owner : std::uint8_t { Model, Adapter, Draft };

// The line of a ledger a byte belongs to: "weights.experts", "weights.lora", "draft.kv", ...
// (CLI.md section 6).
std::string_view ledger_kind(TensorClass cls, Part part, Owner owner = Owner::Model);

// Where it lies. Ssd: what the host's memory cannot hold and is paged in when used.
enum class Place : std::uint8_t { Device, Host, Ssd };
std::string_view word_of(Place place);

// What a cache line of the ledger holds.
enum class CacheKind : std::uint8_t { None, Full, Window, Chunk, Latent, Indexer, Cross };
std::string_view word_of(CacheKind kind);

enum class AdapterHalf : std::uint8_t { A, B, Whole };

struct Tensor {
  TensorClass cls = TensorClass::Weight;
  Part part = Part::Attention;
  MatrixRole role = MatrixRole::Extra;  // of a weight
  FormatId format = 0;
  Place place = Place::Device;
  CacheKind cache = CacheKind::None;
  Owner owner = Owner::Model;
  AdapterHalf half = AdapterHalf::A;  // of an adapter
  bool estimated = false;             // size known by a mixture label only
  std::uint16_t replicas = 1;         // ranks of the stage that hold this very shard
  std::uint16_t first_op = 0;         // lifetime of activations, in op indices
  std::uint16_t last_op = 0xFFFF;
  std::int32_t repeat = 1;     // layers that each have one
  std::int32_t window = 0;     // kv: tokens that are kept; 0 = all
  std::int64_t elements = 0;   // weights: elements per instance on this rank
  std::int64_t fixed = 0;      // bytes
  std::int64_t per_token = 0;  // bytes
  std::int64_t per_sequence = 0;
};

}  // namespace moeplan
