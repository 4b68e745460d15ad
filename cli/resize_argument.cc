// SPDX-License-Identifier: Apache-2.0
#include "cli/resize_argument.h"

#include <fmt/format.h>

#include "sim/base/text.h"
#include "sim/study/derived_shape.h"

namespace moeplan {
namespace {

constexpr Count kMostOfASize = Count{1} << 24;
constexpr std::string_view kExpected = "SIZE=N or SIZE=N@KEEP, e.g. experts=64@active, width=1024@total, top_k=16@both";

struct Resize {
  ShapeSize size = ShapeSize::Experts;
  Count value = 0;
  Keep keep = Keep::None;
};

// "model.moe.experts=64@active" as well as "experts=64@active".
Resize parse_resize(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) throw_usage("resize", in_quotes(text), std::string(kExpected));
  const std::size_t at = std::min(text.find('@', equals), text.size());
  const std::string path = text.substr(0, equals);
  const std::string name = path.substr(path.rfind('.') + 1);
  const std::string word = at < text.size() ? text.substr(at + 1) : "none";
  const std::optional<ShapeSize> size = shape_size_named(name);
  const std::optional<Count> value = parse_count(text.substr(equals + 1, at - equals - 1));
  const std::optional<Keep> keep = word == "both" ? Keep::TotalAndActive : keep_named(word);
  if (!size) throw_usage("resize", in_quotes(name), "experts, top_k, width, shared, hidden or layers");
  if (!value || *value < 0 || *value > kMostOfASize)
    throw_usage("resize", in_quotes(text), fmt::format("a whole number from 0 to {}", kMostOfASize));
  if (!keep) throw_usage("resize", in_quotes(word) + " behind @", "active, total or both");
  return {.size = *size, .value = *value, .keep = *keep};
}

}  // namespace

ModelSpec with_resizes(ModelSpec model, const Arguments& arguments, std::vector<SpecOverride>& changed) {
  for (const std::string& text : arguments.texts(kResizeOption)) {
    const Resize resize = parse_resize(text);
    Resized made = resized(model, resize.size, resize.value, resize.keep);
    if (!made.is_possible()) throw_usage("resize", text + " of " + model.id, "a size it can have", made.reason);
    model = std::move(made.model);
    changed.push_back({text.substr(0, text.find('=')), text.substr(text.find('=') + 1)});
  }
  return model;
}

}  // namespace moeplan
