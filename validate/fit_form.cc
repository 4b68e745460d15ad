// SPDX-License-Identifier: Apache-2.0
#include "validate/fit_form.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/base/error.h"
#include "validate/nlopt.h"

namespace moeplan {
namespace {

// The search runs over logarithms where the form says so.
double to_search(const FormConstant& c, double value) {
  const double inside = std::clamp(value, c.low, c.high);
  return c.logarithmic ? std::log(inside) : inside;
}

double from_search(const FormConstant& c, double x) {
  return std::clamp(c.logarithmic ? std::exp(x) : x, c.low, c.high);
}

// sum w * d^2 (sqrt(1 + (r/d)^2) - 1) / sum w, in units of d: about |r| beyond d.
double loss_of(const FitRows& rows, std::span<const double> log_predicted, double delta) {
  double sum = 0;
  double total = 0;
  for (std::size_t i = 0; i < rows.log_measured.size(); ++i) {
    const double r = (log_predicted[i] - rows.log_measured[i]) / delta;
    const double w = rows.weights.empty() ? 1.0 : rows.weights[i];
    sum += w * (std::sqrt(1.0 + r * r) - 1.0);
    total += w;
  }
  return delta * sum / total;
}

// balance * sum over regimes of (lean beyond the tolerance)^2 * n / (n + 20): few rows say
// little about where a regime lies. The lean of a regime is one Newton step from none
// towards the centre that the robust mean of its errors has.
double cost_of_leaning(const FitRows& rows, std::span<const double> log_predicted, const FitOptions& options) {
  constexpr double kSoft = 0.05;
  constexpr double kFew = 20;
  struct Lean {
    double pull = 0;
    double stiffness = 0;
    double count = 0;
  };
  std::array<Lean, kMostRegimes> leans{};
  for (std::size_t i = 0; i < rows.regimes.size(); ++i) {
    const double r = (log_predicted[i] - rows.log_measured[i]) / kSoft;
    const double q = 1.0 / std::sqrt(1.0 + r * r);
    Lean& lean = leans[static_cast<std::size_t>(rows.regimes[i])];
    lean.pull += r * q;
    lean.stiffness += q * q * q;
    lean.count += 1;
  }
  double cost = 0;
  for (const Lean& lean : leans) {
    if (lean.count == 0) continue;
    // Errors all far to one side have hardly any stiffness: a twentieth of the rows' at least.
    const double off = kSoft * std::fabs(lean.pull) / std::max(lean.stiffness, 0.05 * lean.count);
    const double beyond = std::max(0.0, off - options.tolerance);
    cost += beyond * beyond * lean.count / (lean.count + kFew);
  }
  return options.balance * cost;
}

class Search {
 public:
  Search(std::span<const FormConstant> form, const FitRows& rows, const FitOptions& options)
      : form_(form), rows_(rows), options_(options), predicted_(rows.log_measured.size()), constants_(form.size()) {
    for (const FormConstant& c : form) {
      CHECK(c.low <= c.start && c.start <= c.high && (!c.logarithmic || c.low > 0));
      box_.low.push_back(to_search(c, c.low));
      box_.high.push_back(to_search(c, c.high));
    }
  }

  FittedConstants run() {
    std::vector<double> x;
    for (std::size_t i = 0; i < form_.size(); ++i)
      x.push_back(to_search(form_[i], options_.start.empty() ? form_[i].start : options_.start[i]));
    const Objective objective = [this](std::span<const double> at, std::span<double> gradient) {
      return value_at(at, gradient);
    };
    // Slopes first, then a search without them over the kinks that tiles leave.
    const int steep = options_.evaluations / 2 / static_cast<int>(form_.size() + 1);
    minimise("LD_LBFGS", box_, std::max(steep, 10), 1e-7, objective, x);
    minimise("LN_SBPLX", box_, std::max(options_.evaluations - evaluations_, 100), 1e-6, objective, x);
    FittedConstants fitted;
    fitted.loss = value_at(x, {});
    fitted.constants = constants_;
    // Regimes that came out leaning are centred from there: a search that minds them from
    // the start ends elsewhere and predicts unseen shapes worse.
    centres_ = true;
    if (value_at(x, {}) > fitted.loss)
      minimise("LN_SBPLX", box_, std::max(options_.evaluations / 4, 100), 1e-6, objective, x);
    loss_at(x);
    fitted.centred = constants_;
    fitted.evaluations = evaluations_;
    return fitted;
  }

 private:
  double loss_at(std::span<const double> x) {
    for (std::size_t i = 0; i < form_.size(); ++i) constants_[i] = from_search(form_[i], x[i]);
    rows_.predict(constants_, predicted_);
    ++evaluations_;
    const double loss = loss_of(rows_, predicted_, options_.delta);
    return centres_ ? loss + cost_of_leaning(rows_, predicted_, options_) : loss;
  }

  double value_at(std::span<const double> x, std::span<double> gradient) {
    const double value = loss_at(x);
    if (gradient.empty()) return value;
    std::vector<double> moved(x.begin(), x.end());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double width = box_.high[i] - box_.low[i];
      const double step = (x[i] + 1e-3 * width <= box_.high[i] ? 1e-3 : -1e-3) * width;
      if (step == 0) {
        gradient[i] = 0;
        continue;
      }
      moved[i] = x[i] + step;
      gradient[i] = (loss_at(moved) - value) / step;
      moved[i] = x[i];
    }
    return value;
  }

  std::span<const FormConstant> form_;
  const FitRows& rows_;
  const FitOptions& options_;
  Box box_;
  std::vector<double> predicted_;
  std::vector<double> constants_;
  bool centres_ = false;  // leaning regimes cost
  int evaluations_ = 0;
};

}  // namespace

FittedConstants fit_constants(std::span<const FormConstant> form, const FitRows& rows, const FitOptions& options) {
  if (form.empty() || rows.log_measured.empty()) {
    FittedConstants fitted;
    for (std::size_t i = 0; i < form.size(); ++i)
      fitted.constants.push_back(options.start.empty() ? form[i].start : options.start[i]);
    fitted.centred = fitted.constants;
    return fitted;
  }
  return Search(form, rows, options).run();
}

}  // namespace moeplan
