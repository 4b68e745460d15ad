// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/shape_builder.h"

#include <algorithm>
#include <utility>

#include "sim/base/error.h"

namespace moeplan {
namespace {

constexpr std::size_t kLongestPattern = 16;

// How often the `period` layers from `first` stand in a row.
std::size_t repeats_at(const std::vector<LayerShape>& layers, std::size_t first, std::size_t period) {
  std::size_t end = first + period;
  while (end < layers.size() && layers[end] == layers[end - period]) ++end;
  return (end - first) / period;
}

}  // namespace

BlockIndex ShapeBuilder::block(const std::string& name, Count norms, const BlockKind& kind) {
  const Block wanted{name, norms, kind};
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    if (model.blocks[i].name != name) continue;
    CHECK(model.blocks[i] == wanted);
    return static_cast<BlockIndex>(i);
  }
  model.blocks.push_back(wanted);
  return static_cast<BlockIndex>(model.blocks.size() - 1);
}

void ShapeBuilder::remark(const std::string& sentence) {
  if (!model.note.empty()) model.note += ' ';
  model.note += sentence;
}

ModelSpec ShapeBuilder::finish() {
  model.runs = fold_layers(encoder_, Stack::Encoder);
  const std::vector<LayerRun> decoder = fold_layers(decoder_, Stack::Decoder);
  model.runs.insert(model.runs.end(), decoder.begin(), decoder.end());
  return model;
}

std::vector<LayerRun> fold_layers(const std::vector<LayerShape>& layers, Stack stack) {
  std::vector<LayerRun> runs;
  for (std::size_t i = 0; i < layers.size();) {
    // The shortest pattern that covers most layers; a single layer when nothing repeats.
    std::size_t period = 1, covered = 1;
    for (std::size_t p = 1; p <= std::min(kLongestPattern, layers.size() - i); ++p) {
      const std::size_t repeats = repeats_at(layers, i, p);
      if (repeats >= 2 && repeats * p > covered) {
        period = p;
        covered = repeats * p;
      }
    }
    LayerRun run;
    run.stack = stack;
    run.repeat = static_cast<Count>(covered / period);
    run.layers.assign(layers.begin() + static_cast<std::ptrdiff_t>(i),
                      layers.begin() + static_cast<std::ptrdiff_t>(i + period));
    runs.push_back(std::move(run));
    i += covered;
  }
  return runs;
}

}  // namespace moeplan
