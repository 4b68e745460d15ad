// SPDX-License-Identifier: Apache-2.0
#include "sim/study/derived_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/base/error.h"
#include "sim/spec/matrices.h"
#include "sim/spec/model_limits.h"
#include "sim/study/family.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, kShapeSizes> kSizeWords = {"experts", "top_k",  "width",
                                                                  "shared",  "hidden", "layers"};
constexpr std::array<std::string_view, kKeeps> kKeepWords = {"none", "active", "total", "total+active"};

template <class E, std::size_t N>
std::optional<E> named(const std::array<std::string_view, N>& words, std::string_view word) {
  const auto found = std::find(words.begin(), words.end(), word);
  if (found == words.end()) return std::nullopt;
  return static_cast<E>(found - words.begin());
}

// The first expert block of a decoder layer.
const MoeFfn* experts_of(const ModelSpec& model) {
  for (const LayerRun& run : model.runs)
    for (const LayerShape& layer : run.layers)
      for (const BlockIndex b : layer)
        if (const auto* moe = std::get_if<MoeFfn>(&model.blocks[b].kind)) return moe;
  return nullptr;
}

// Sizes of one expert block as they would be exactly.
struct Sizes {
  double experts = 0;
  double top_k = 0;
  double width = 0;
  double shared = 0;  // experts of this width
};

Sizes sizes_of(const MoeFfn& moe) {
  return {.experts = static_cast<double>(moe.experts),
          .top_k = static_cast<double>(moe.top_k),
          .width = static_cast<double>(moe.width),
          .shared = static_cast<double>(moe.shared_width) / static_cast<double>(moe.width)};
}

Sizes derived(const Sizes& own, ShapeSize size, double value, Keep keep) {
  const bool active = keep == Keep::Active || keep == Keep::TotalAndActive;
  const bool total = keep == Keep::Total || keep == Keep::TotalAndActive;
  Sizes s = own;
  switch (size) {
    case ShapeSize::Experts:
      s.experts = value;
      if (total) s.width = own.width * own.experts / value;
      if (total && active) s.top_k = own.top_k * value / own.experts;
      break;
    case ShapeSize::TopK:
      s.top_k = value;
      if (active) s.width = own.width * own.top_k / value;
      if (total && active) s.experts = own.experts * value / own.top_k;
      break;
    case ShapeSize::Width:
      s.width = value;
      if (active) s.top_k = own.top_k * own.width / value;
      if (total) s.experts = own.experts * own.width / value;
      break;
    case ShapeSize::Shared:
      s.shared = value;
      if (active) s.top_k = own.top_k + own.shared - value;
      if (total) s.experts = own.experts + own.shared - value;
      break;
    case ShapeSize::Hidden:
    case ShapeSize::Layers: break;
  }
  return s;
}

// The nearest whole size. Below one there is none: half an expert is not one expert.
Count whole(std::string_view what, double exact, Resized& result) {
  if (!(exact >= 1)) {
    if (result.reason.empty()) result.reason = fmt::format("{} would be {:.4g}", what, exact);
    return 1;
  }
  const Count nearest = std::llround(std::min(exact, 1e15));
  if (static_cast<double>(nearest) != exact)
    result.notes.push_back(fmt::format("{} {}: {:.6g} to the nearest", what, nearest, exact));
  return nearest;
}

// Of `value` what `to` is of `from`.
Count in_proportion(Count value, Count to, Count from) {
  if (value == from) return to;
  return std::max<Count>(
      1, std::llround(static_cast<double>(value) * static_cast<double>(to) / static_cast<double>(from)));
}

struct WholeSizes {
  Count experts, top_k, width;
  bool shared_follows;  // the number of shared experts was asked for
  double shared;
};

// Groups stay where they still divide the experts and leave enough of them to choose from.
void check_groups(MoeFfn& moe, Resized& result) {
  if (moe.groups == 1) return;
  const bool fits = moe.experts % moe.groups == 0 && moe.top_k <= moe.experts / moe.groups * moe.top_groups &&
                    (!moe.group_router || moe.top_k % moe.top_groups == 0);
  if (fits) return;
  result.notes.push_back(
      fmt::format("no expert groups: {} do not fit {} experts with top-{}", moe.groups, moe.experts, moe.top_k));
  moe.groups = moe.top_groups = 1;
  moe.group_router = false;
}

void set_sizes(MoeFfn& moe, const MoeFfn& first, const WholeSizes& to, Resized& result) {
  if (moe.zero_experts > 0) moe.zero_experts = in_proportion(moe.zero_experts, to.experts, first.experts);
  moe.experts = in_proportion(moe.experts, to.experts, first.experts);
  moe.top_k = in_proportion(moe.top_k, to.top_k, first.top_k);
  moe.width = in_proportion(moe.width, to.width, first.width);
  if (to.shared_follows) moe.shared_width = std::llround(to.shared * static_cast<double>(moe.width));
  if (moe.shared_width == 0) moe.shared_scalar_gate = false;
  if (moe.top_k > moe.experts + moe.zero_experts && result.reason.empty())
    result.reason = fmt::format("top_k would be {} of {} experts", moe.top_k, moe.experts + moe.zero_experts);
  if ((moe.experts > kExpertsRange.max || moe.width > kWidthRange.max || moe.shared_width > kWidthRange.max) &&
      result.reason.empty())
    result.reason = fmt::format("{} experts of width {}, beside {} shared: more than a model can have", moe.experts,
                                moe.width, moe.shared_width);
  if (result.reason.empty()) check_groups(moe, result);
}

void finish(Resized& result, const ModelSpec& own) {
  if (!result.reason.empty()) return;
  if (const std::vector<std::string> broken = violations(result.model); !broken.empty()) {
    result.reason = broken.front();
    return;
  }
  const ParameterCounts was = count_parameters(own);
  const ParameterCounts is = count_parameters(result.model);
  result.total = is.total;
  result.active = is.active;
  result.off_total = static_cast<double>(is.total) / static_cast<double>(was.total) - 1;
  result.off_active = static_cast<double>(is.active) / static_cast<double>(was.active) - 1;
}

Resized resized_experts(const ModelSpec& model, ShapeSize size, Count value, Keep keep) {
  Resized result;
  const MoeFfn* found = experts_of(model);
  if (found == nullptr) {
    result.reason = "the model has no experts";
    return result;
  }
  const MoeFfn first = *found;
  const Sizes exact = derived(sizes_of(first), size, static_cast<double>(value), keep);
  const WholeSizes to{.experts = whole("experts", exact.experts, result),
                      .top_k = whole("top_k", exact.top_k, result),
                      .width = whole("width", exact.width, result),
                      .shared_follows = size == ShapeSize::Shared,
                      .shared = exact.shared};
  result.model = model;
  result.model.stored = nullptr;
  for (Block& block : result.model.blocks)
    if (auto* moe = std::get_if<MoeFfn>(&block.kind)) set_sizes(*moe, first, to, result);
  if (result.model != model) result.model.published.clear();
  finish(result, model);
  return result;
}

Resized resized_family(const ModelSpec& model, ShapeSize size, Count value, Keep keep) {
  Resized result;
  if (keep != Keep::None) {
    result.reason = fmt::format("nothing can follow {} to keep parameters", word_of(size));
    return result;
  }
  const CountRange range = size == ShapeSize::Hidden ? kHiddenRange : kLayersRange;
  if (value < range.min || value > range.max) {
    result.reason = fmt::format("{} {} is outside {} to {}", word_of(size), value, range.min, range.max);
    return result;
  }
  try {
    const Family family(model, std::nullopt, std::nullopt);
    FamilySizes sizes = size == ShapeSize::Hidden ? family.scaled_to(value) : family.own();
    if (size == ShapeSize::Layers) {
      const std::optional<Count> repeats = family.repeats_for(value);
      if (!repeats) {
        result.reason =
            fmt::format("{} layers are not {} and a multiple of {}", value, family.other_layers(), family.period());
        return result;
      }
      sizes.repeats = *repeats;
    }
    result.model = family.with(sizes);
    finish(result, family.with(family.own()));
  } catch (const InputError& error) {
    result.reason = "the model cannot be resized: " + error.problems().front().expected + " can";
  }
  return result;
}

}  // namespace

std::string_view word_of(ShapeSize size) { return kSizeWords[static_cast<std::size_t>(size)]; }
std::optional<ShapeSize> shape_size_named(std::string_view word) { return named<ShapeSize>(kSizeWords, word); }
std::string_view word_of(Keep keep) { return kKeepWords[static_cast<std::size_t>(keep)]; }
std::optional<Keep> keep_named(std::string_view word) { return named<Keep>(kKeepWords, word); }

Resized resized(const ModelSpec& model, ShapeSize size, Count value, Keep keep) {
  const Count least = size == ShapeSize::Shared ? 0 : 1;
  if (value < least) {
    Resized result;
    result.reason = fmt::format("{} {} is less than {}", word_of(size), value, least);
    return result;
  }
  const bool whole_model = size == ShapeSize::Hidden || size == ShapeSize::Layers;
  return whole_model ? resized_family(model, size, value, keep) : resized_experts(model, size, value, keep);
}

std::optional<Count> size_of(const ModelSpec& model, ShapeSize size) {
  if (size == ShapeSize::Hidden) return model.hidden;
  if (size == ShapeSize::Layers) return layer_count(model);
  const MoeFfn* moe = experts_of(model);
  if (moe == nullptr) return std::nullopt;
  switch (size) {
    case ShapeSize::Experts: return moe->experts;
    case ShapeSize::TopK: return moe->top_k;
    case ShapeSize::Width: return moe->width;
    default: return std::llround(static_cast<double>(moe->shared_width) / static_cast<double>(moe->width));
  }
}

}  // namespace moeplan
