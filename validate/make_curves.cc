// SPDX-License-Identifier: Apache-2.0
#include "validate/make_curves.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "sim/cost/measured_curve.h"
#include "sim/cost/price.h"

namespace moeplan {
namespace {

// The rows of one shape at one size.
struct Sized {
  double size = 0;
  double seconds = 0;               // median of the rows
  double form = 0;                  // of one of them
  std::vector<double> ratios{};     // measured over form, of each row
  std::vector<std::size_t> rows{};  // of OperatorTable::rows
};

struct Shape {
  std::vector<double> shape;
  std::vector<Sized> sizes;  // rising
};

// The shapes of a group that lie on curves, in the order of their sizes.
std::vector<Shape> shapes_of(const OperatorTable& table, const GroupFit& fit, const Machine& machine) {
  const FamilyFacts& family = *facts_of(fit.family);
  std::map<std::vector<double>, std::map<double, Sized>> by_shape;
  for (const std::size_t i : fit.rows) {
    const OperatorRow& row = table.rows[i];
    const std::optional<CurvePlace> place = place_of(row.point);
    if (!place || trust_of(row.point) < 1) continue;
    std::vector<double> shape(place->shape.begin(), place->shape.begin() + static_cast<std::ptrdiff_t>(place->sizes));
    std::map<double, Sized>& sizes = by_shape[std::move(shape)];
    Sized& sized = sizes[place->size];
    sized.size = place->size;
    const double form = family.time(row.point, machine, fit.constants).seconds;
    if (sized.rows.empty()) sized.form = form;
    sized.ratios.push_back(row.measured / form);
    sized.rows.push_back(i);
  }
  std::vector<Shape> shapes;
  for (auto& [shape, sizes] : by_shape) {
    if (sizes.size() < kFewestSizes) continue;
    Shape one{.shape = shape, .sizes = {}};
    for (auto& [key, sized] : sizes) {
      // Rows of one size may be routed differently: what they share is the ratio.
      sized.seconds = sized.form * quantile_of(sized.ratios, 0.5);
      one.sizes.push_back(std::move(sized));
    }
    shapes.push_back(std::move(one));
  }
  return shapes;
}

// The nearest rising sequence in the mean square of logarithms: neighbours that fall are
// pooled.
void make_rise(std::vector<Sized>& sizes) {
  struct Pool {
    double sum;
    std::size_t count;
    double mean() const { return sum / static_cast<double>(count); }
  };
  std::vector<Pool> pools;
  for (const Sized& sized : sizes) {
    pools.push_back({std::log(sized.seconds), 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() > pools.back().mean()) {
      pools[pools.size() - 2].sum += pools.back().sum;
      pools[pools.size() - 2].count += pools.back().count;
      pools.pop_back();
    }
  }
  std::size_t at = 0;
  for (const Pool& pool : pools) {
    for (std::size_t i = 0; i < pool.count; ++i) sizes[at++].seconds = std::exp(pool.mean());
  }
}

TimeKnot knot_of(const Sized& sized) { return {sized.size, sized.seconds, sized.form}; }

// Which sizes to keep: the ends, then again and again the one that is missed most.
std::vector<std::size_t> knots_of(const std::vector<Sized>& sizes, CurveKind kind) {
  std::vector<std::size_t> kept = {0, sizes.size() - 1};
  while (true) {
    double worst = kCurveTolerance;
    std::size_t next = 0;
    for (std::size_t k = 0; k + 1 < kept.size(); ++k) {
      for (std::size_t i = kept[k] + 1; i < kept[k + 1]; ++i) {
        const double seconds =
            between(knot_of(sizes[kept[k]]), knot_of(sizes[kept[k + 1]]), sizes[i].size, sizes[i].form, kind);
        const double miss = std::fabs(std::log(seconds / sizes[i].seconds));
        if (miss <= worst) continue;
        worst = miss;
        next = i;
      }
    }
    if (next == 0) return kept;
    kept.insert(std::upper_bound(kept.begin(), kept.end(), next), next);
  }
}

// Seconds of inner size `out` of a shape by its other sizes.
double without(const Shape& shape, std::size_t out, CurveKind kind) {
  std::vector<Sized> others = shape.sizes;
  others.erase(others.begin() + static_cast<std::ptrdiff_t>(out));
  make_rise(others);
  return between(knot_of(others[out - 1]), knot_of(others[out]), shape.sizes[out].size, shape.sizes[out].form, kind);
}

// Of rows and what they were predicted as, with the shape each belongs to.
struct LeftOut {
  std::vector<std::size_t> rows;
  std::vector<double> seconds;
  std::vector<std::size_t> shape;
};

LeftOut leave_sizes_out(const OperatorTable& table, const std::vector<Shape>& shapes, Family family) {
  LeftOut out;
  for (std::size_t s = 0; s < shapes.size(); ++s) {
    for (std::size_t i = 1; i + 1 < shapes[s].sizes.size(); ++i) {
      const Sized& sized = shapes[s].sizes[i];
      const double ratio = without(shapes[s], i, curve_kind_of(family)) / sized.form;
      for (std::size_t r = 0; r < sized.rows.size(); ++r) {
        out.rows.push_back(sized.rows[r]);
        out.seconds.push_back(ratio * table.rows[sized.rows[r]].measured / sized.ratios[r]);
        out.shape.push_back(s);
      }
    }
  }
  return out;
}

double to_decimals(double value) { return std::round(value * 1e4) / 1e4; }

// Truth over prediction, of the rows `counts` says.
FitBand band_of(const OperatorTable& table, const LeftOut& out, const std::function<bool(std::size_t)>& counts) {
  std::vector<double> errors;
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    if (counts(i)) errors.push_back(std::log(table.rows[out.rows[i]].measured / out.seconds[i]));
  }
  // A quantile of n errors is one of n + 1 places where the next one may fall.
  const double n = static_cast<double>(std::max<std::size_t>(1, errors.size()));
  const double tail = std::max(0.0, 0.1 * (n + 1) / n - 1 / n);
  return {.low = to_decimals(quantile_of(errors, tail)), .high = to_decimals(quantile_of(errors, 1 - tail))};
}

ShapeCurve curve_of(Shape shape, Family family) {
  ShapeCurve curve{.shape = shape.shape, .knots = {}};
  make_rise(shape.sizes);
  constexpr double kNanoseconds = 1e9;
  for (const std::size_t i : knots_of(shape.sizes, curve_kind_of(family))) {
    const Sized& sized = shape.sizes[i];
    curve.knots.push_back({.size = sized.size,
                           .measured = std::round(sized.seconds * kNanoseconds),
                           .form = std::round(sized.form * kNanoseconds)});
  }
  return curve;
}

}  // namespace

KernelCurves kernel_curves_of(const OperatorTable& table, const GroupFit& fit, const Machine& machine) {
  KernelCurves curves{.key = fit.group.key};
  std::vector<Shape> shapes = shapes_of(table, fit, machine);
  if (shapes.empty()) return curves;
  const LeftOut out = leave_sizes_out(table, shapes, fit.family);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < out.rows.size(); ++i)
    ratios.push_back(std::log(out.seconds[i] / table.rows[out.rows[i]].measured));
  curves.left_out = error_of(ratios);
  for (double* value : {&curves.left_out.median, &curves.left_out.mean, &curves.left_out.p90, &curves.left_out.bias})
    *value = to_decimals(*value);
  curves.band = band_of(table, out, [](std::size_t) { return true; });
  for (Shape& shape : shapes) curves.shapes.push_back(curve_of(std::move(shape), fit.family));
  return curves;
}

std::vector<RowPrediction> left_out_sizes(const OperatorTable& table, const std::vector<GroupFit>& fits,
                                          const std::map<std::string, Machine>& machines) {
  std::vector<RowPrediction> predictions(table.rows.size());
  for (const GroupFit& fit : fits) {
    const LeftOut out = leave_sizes_out(table, shapes_of(table, fit, machines.at(fit.group.gpu)), fit.family);
    // Even shapes by the errors of odd ones and the other way round.
    const auto band = [&](std::size_t parity) {
      return band_of(table, out, [&](std::size_t i) { return out.shape[i] % 2 != parity; });
    };
    const std::array<FitBand, 2> bands = {band(0), band(1)};
    for (std::size_t i = 0; i < out.rows.size(); ++i) {
      const FitBand& of_others = bands[out.shape[i] % 2];
      predictions[out.rows[i]] = {.scored = true,
                                  .seconds = out.seconds[i],
                                  .low = out.seconds[i] * std::exp(of_others.low),
                                  .high = out.seconds[i] * std::exp(of_others.high),
                                  .basis = word_of(Tier::Measured)};
    }
  }
  return predictions;
}

std::vector<GroupFit> known_fits(const Catalog& catalog, const OperatorTable& table) {
  std::map<std::string, std::optional<Overlay>> overlays;
  std::vector<GroupFit> fits;
  for (std::size_t g = 0; g < table.groups.size(); ++g) {
    const OperatorGroup& group = table.groups[g];
    const auto [place, is_new] = overlays.try_emplace(group.gpu);
    if (is_new) place->second = catalog.overlay(catalog.device(group.gpu).id, ShapeNames::Skip);
    const KernelFit* known = place->second ? fit_of(*place->second, group.key) : nullptr;
    const FamilyFacts* family = family_named(group.key.family);
    if (known == nullptr || family == nullptr) continue;
    GroupFit fit{.group = group, .family = family->family};
    for (const FormConstant& constant : family->constants) {
      const auto found = std::find_if(known->constants.begin(), known->constants.end(),
                                      [&](const auto& named) { return named.first == constant.name; });
      fit.constants.push_back(found == known->constants.end() ? constant.start : found->second);
    }
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
      if (table.rows[i].group == static_cast<std::int32_t>(g) && table.rows[i].bad == nullptr) fit.rows.push_back(i);
    }
    if (!fit.rows.empty()) fits.push_back(std::move(fit));
  }
  return fits;
}

CurveFile merged(CurveFile file, const std::vector<KernelCurves>& kernels) {
  for (const KernelCurves& kernel : kernels) {
    std::erase_if(file.kernels, [&](const KernelCurves& old) { return old.key == kernel.key; });
    if (!kernel.shapes.empty()) file.kernels.push_back(kernel);
  }
  std::sort(file.kernels.begin(), file.kernels.end(),
            [](const KernelCurves& a, const KernelCurves& b) { return a.key < b.key; });
  return file;
}

}  // namespace moeplan
