// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/overlay.h"

#include <algorithm>
#include <cmath>

#include "sim/base/json.h"
#include "sim/spec/fit_error_json.h"
#include "sim/spec/sourced_json.h"

namespace moeplan {
namespace {

// Names of shapes are kept in one text: thousands of them are read by scoring only.
constexpr std::string_view kBetweenShapes = "; ";

std::vector<std::string> split_shapes(std::string_view text) {
  std::vector<std::string> shapes;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(kBetweenShapes), text.size());
    shapes.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + kBetweenShapes.size(), text.size()));
  }
  return shapes;
}

std::string joined_shapes(const std::vector<std::string>& shapes) {
  std::string text;
  for (const std::string& shape : shapes) {
    if (!text.empty()) text += kBetweenShapes;
    text += shape;
  }
  return text;
}

void read_triple(ObjectReader& reader, std::string_view key, const std::function<void(std::size_t, double)>& take) {
  const JsonNode* node = reader.node(key);
  const bool sound = node != nullptr && node->kind == JsonKind::Array && node->items.size() == 3 &&
                     std::all_of(node->items.begin(), node->items.end(), [](const JsonNode& item) {
                       return item.kind == JsonKind::Integer || item.kind == JsonKind::Real;
                     });
  if (!sound) {
    reader.complain(key, "three numbers, one for each regime of sizes");
    return;
  }
  for (std::size_t i = 0; i < 3; ++i) take(i, node->items[i].real);
}

void write_triple(JsonWriter& out, std::string_view key, const std::function<double(std::size_t)>& value) {
  out.key(key).compact(true).begin_array();
  for (std::size_t i = 0; i < 3; ++i) out.value(value(i));
  out.end_array().compact(false);
}

KernelFit read_fit(ObjectReader& item) {
  KernelFit fit;
  fit.key.family = item.text("family");
  fit.key.stack = item.text("stack");
  fit.key.kernel = item.text("kernel");
  fit.key.format = item.text_or("format", "");
  ObjectReader constants = item.object("constants");
  for (const std::string& name : constants.keys()) fit.constants.emplace_back(name, constants.real(name, -1e12, 1e12));
  constants.finish();
  fit.rows = item.count("rows", {1, Count{1} << 40});
  if (item.has("left_out")) fit.left_out = read_error(item.object("left_out"));
  read_triple(item, "band_low", [&](std::size_t i, double value) { fit.bands[i].low = value; });
  read_triple(item, "band_high", [&](std::size_t i, double value) { fit.bands[i].high = value; });
  read_triple(item, "bias", [&](std::size_t i, double value) { fit.bias[i] = value; });
  fit.shapes = split_shapes(item.text("shapes"));
  item.finish();
  return fit;
}

void write_fit(JsonWriter& out, const KernelFit& fit) {
  out.begin_object().member("family", fit.key.family).member("stack", fit.key.stack).member("kernel", fit.key.kernel);
  if (!fit.key.format.empty()) out.member("format", fit.key.format);
  out.key("constants").compact(true).begin_object();
  for (const auto& [name, value] : fit.constants) out.member(name, value);
  out.end_object().compact(false).member("rows", fit.rows);
  if (fit.left_out.rows > 0) write_error(out, "left_out", fit.left_out);
  write_triple(out, "band_low", [&](std::size_t i) { return fit.bands[i].low; });
  write_triple(out, "band_high", [&](std::size_t i) { return fit.bands[i].high; });
  write_triple(out, "bias", [&](std::size_t i) { return fit.bias[i]; });
  out.member("shapes", joined_shapes(fit.shapes)).end_object();
}

}  // namespace

const KernelFit* fit_of(const Overlay& overlay, const KernelKey& key) {
  for (const KernelFit& fit : overlay.fits) {
    if (fit.key == key) return &fit;
  }
  return nullptr;
}

Overlay read_overlay(const JsonDocument& document) {
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  Overlay overlay;
  overlay.id = reader.text("id");
  overlay.as_of = reader.text("as_of");
  overlay.source = reader.text("source");
  for (ObjectReader& item : read_items(reader, "fits")) overlay.fits.push_back(read_fit(item));
  finish_document(reader, overlay);
  return overlay;
}

Overlay read_overlay(std::string text, const std::string& file) {
  return read_overlay(parse_json(std::move(text), file));
}

std::string write_overlay(const Overlay& overlay) {
  JsonWriter out;
  out.begin_object().member("id", overlay.id).member("as_of", overlay.as_of).member("source", overlay.source);
  out.key("fits").begin_array();
  for (const KernelFit& fit : overlay.fits) write_fit(out, fit);
  out.end_array().end_object();
  return out.take();
}

std::vector<std::string> violations(const Overlay& overlay) {
  std::vector<std::string> broken;
  for (std::size_t i = 0; i < overlay.fits.size(); ++i) {
    const KernelFit& fit = overlay.fits[i];
    const std::string name = fit.key.family + " of " + fit.key.stack + " " + fit.key.kernel + " " + fit.key.format;
    if (fit.constants.empty()) broken.push_back(name + ": no constants");
    if (fit.shapes.empty()) broken.push_back(name + ": no shapes named");
    for (const FitBand& band : fit.bands) {
      if (band.low > band.high) broken.push_back(name + ": a band whose low end lies above its high end");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (overlay.fits[j].key == fit.key) broken.push_back(name + ": twice");
    }
  }
  return broken;
}

}  // namespace moeplan
