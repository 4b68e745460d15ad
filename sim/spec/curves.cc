// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/curves.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "sim/base/error.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::string_view kKernel = "kernel|";

// Takes a text apart from its front and knows where it is.
class Reader {
 public:
  Reader(std::string_view text, const std::string& file, std::size_t start = 0)
      : text_(text), file_(&file), at_(start) {}

  bool at_end() const { return at_ >= text_.size(); }

  std::string_view line() {
    line_start_ = at_;
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view line = text_.substr(at_, end - at_);
    at_ = end + 1;
    return line;
  }

  [[noreturn]] void refuse(std::string_view found, const std::string& expected) const {
    int number = 1;
    for (std::size_t i = 0; i < line_start_; ++i) number += text_[i] == '\n' ? 1 : 0;
    Problem problem;
    problem.file = *file_;
    problem.line = number;
    problem.found = in_quotes(found);
    problem.expected = expected;
    throw InputError(ErrorKind::InvalidInput, problem);
  }

  double number(std::string_view cell) const {
    double value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc{} || end != cell.data() + cell.size()) refuse(cell, "a number");
    return value;
  }

  // Whole numbers are most of a file.
  double whole(std::string_view& rest) const {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc{}) refuse(rest, "a whole number");
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return static_cast<double>(value);
  }

 private:
  std::string_view text_;
  const std::string* file_;
  std::size_t at_;
  std::size_t line_start_ = 0;
};

KernelCurves read_kernel_line(std::string_view line, const Reader& reader) {
  constexpr std::size_t kCells = 12;
  std::array<std::string_view, kCells> cells;
  std::size_t count = 0;
  for (std::string_view rest = line; count < kCells; ++count) {
    const std::size_t end = std::min(rest.find('|'), rest.size());
    cells[count] = rest.substr(0, end);
    if (end == rest.size()) {
      ++count;
      break;
    }
    rest.remove_prefix(end + 1);
  }
  if (count != kCells) reader.refuse(line, "kernel|family|stack|kernel|format|rows|median|mean|p90|bias|low|high");
  KernelCurves curves;
  curves.key = {.family = std::string(cells[1]),
                .stack = std::string(cells[2]),
                .kernel = std::string(cells[3]),
                .format = std::string(cells[4])};
  curves.left_out = {.rows = static_cast<Count>(reader.number(cells[5])),
                     .median = reader.number(cells[6]),
                     .mean = reader.number(cells[7]),
                     .p90 = reader.number(cells[8]),
                     .bias = reader.number(cells[9])};
  curves.band = {.low = reader.number(cells[10]), .high = reader.number(cells[11])};
  if (curves.band.low > curves.band.high) reader.refuse(line, "a band whose low end lies below its high end");
  return curves;
}

ShapeCurve read_shape_line(std::string_view line, const Reader& reader) {
  ShapeCurve curve;
  std::string_view rest = line;
  while (!rest.starts_with(':')) {
    curve.shape.push_back(reader.whole(rest));
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    if (rest.empty()) reader.refuse(line, "a colon after the sizes of the shape");
  }
  rest.remove_prefix(1);
  while (rest.starts_with(' ')) {
    rest.remove_prefix(1);
    CurveKnot knot;
    knot.size = reader.whole(rest);
    if (!rest.starts_with('=')) reader.refuse(line, "size=measured/form");
    rest.remove_prefix(1);
    knot.measured = reader.whole(rest);
    if (!rest.starts_with('/')) reader.refuse(line, "measured/form");
    rest.remove_prefix(1);
    knot.form = reader.whole(rest);
    const bool rises =
        curve.knots.empty() || (knot.size > curve.knots.back().size && knot.measured >= curve.knots.back().measured);
    if (!rises || !(knot.measured > 0) || !(knot.form > 0))
      reader.refuse(line, "sizes and times that rise, all above 0");
    curve.knots.push_back(knot);
  }
  if (!rest.empty() || curve.knots.empty()) reader.refuse(line, "size=measured/form and a space between two of them");
  return curve;
}

// Shapes until the next kernel.
void read_shapes(Reader& reader, KernelCurves& curves, std::string_view& line) {
  line = {};
  while (!reader.at_end()) {
    line = reader.line();
    if (line.starts_with(kKernel)) return;
    if (line.empty()) continue;
    curves.shapes.push_back(read_shape_line(line, reader));
  }
  line = {};
}

std::string prefix_of(const KernelKey& key) {
  return fmt::format("{}{}|{}|{}|{}|", kKernel, key.family, key.stack, key.kernel, key.format);
}

}  // namespace

CurveFile read_curves(std::string_view text, const std::string& file) {
  CurveFile curves;
  Reader reader(text, file);
  std::string_view line;
  while (!reader.at_end()) {
    line = reader.line();
    if (line.starts_with(kKernel)) break;
    if (line.starts_with("device ")) {
      curves.device = line.substr(7);
    } else if (line.starts_with("as_of ")) {
      curves.as_of = line.substr(6);
    } else if (line.starts_with("source ")) {
      curves.source = line.substr(7);
    } else if (!line.empty()) {
      reader.refuse(line, "device, as_of, source or kernel|...");
    }
  }
  if (curves.device.empty()) reader.refuse(line, "the device: device h200");
  while (line.starts_with(kKernel)) {
    KernelCurves kernel = read_kernel_line(line, reader);
    read_shapes(reader, kernel, line);
    curves.kernels.push_back(std::move(kernel));
  }
  return curves;
}

std::optional<KernelCurves> curves_of(std::string_view text, const std::string& file, const KernelKey& key) {
  const std::string prefix = prefix_of(key);
  for (std::size_t at = text.find(prefix); at != std::string_view::npos; at = text.find(prefix, at + 1)) {
    if (at != 0 && text[at - 1] != '\n') continue;
    Reader reader(text, file, at);
    std::string_view line = reader.line();
    KernelCurves curves = read_kernel_line(line, reader);
    read_shapes(reader, curves, line);
    return curves;
  }
  return std::nullopt;
}

std::string write_curves(const CurveFile& curves) {
  std::string out = fmt::format("device {}\nas_of {}\nsource {}\n", curves.device, curves.as_of, curves.source);
  for (const KernelCurves& kernel : curves.kernels) {
    const FitError& error = kernel.left_out;
    out += fmt::format("{}{}|{}|{}|{}|{}|{}|{}\n", prefix_of(kernel.key), error.rows, error.median, error.mean,
                       error.p90, error.bias, kernel.band.low, kernel.band.high);
    for (const ShapeCurve& curve : kernel.shapes) {
      for (std::size_t i = 0; i < curve.shape.size(); ++i)
        out += fmt::format("{}{:.0f}", i == 0 ? "" : " ", curve.shape[i]);
      out += ':';
      for (const CurveKnot& knot : curve.knots)
        out += fmt::format(" {:.0f}={:.0f}/{:.0f}", knot.size, knot.measured, knot.form);
      out += '\n';
    }
  }
  return out;
}

}  // namespace moeplan
