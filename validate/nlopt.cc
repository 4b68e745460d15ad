// SPDX-License-Identifier: Apache-2.0
// Declarations follow nlopt.h of NLopt 2.7.
#include "validate/nlopt.h"

#include <dlfcn.h>

#include <cmath>
#include <string>

#include "sim/base/error.h"

namespace moeplan {
namespace {

using Optimiser = void*;
using Function = double (*)(unsigned, const double*, double*, void*);

struct Library {
  int (*algorithm_from_string)(const char*) = nullptr;
  Optimiser (*create)(int, unsigned) = nullptr;
  void (*destroy)(Optimiser) = nullptr;
  int (*set_min_objective)(Optimiser, Function, void*) = nullptr;
  int (*set_lower_bounds)(Optimiser, const double*) = nullptr;
  int (*set_upper_bounds)(Optimiser, const double*) = nullptr;
  int (*set_maxeval)(Optimiser, int) = nullptr;
  int (*set_ftol_rel)(Optimiser, double) = nullptr;
  int (*set_initial_step)(Optimiser, const double*) = nullptr;
  int (*optimize)(Optimiser, double*, double*) = nullptr;
};

template <class F>
void resolve(void* handle, const char* name, F& function) {
  function = reinterpret_cast<F>(dlsym(handle, name));
  CHECK(function != nullptr);
}

Library open_library() {
  void* handle = dlopen("libnlopt.so.0", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) handle = dlopen("libnlopt.so.1", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr)
    throw InputError(ErrorKind::MissingResource, Problem{.file = "calibrate",
                                                         .path = {},
                                                         .found = "no libnlopt.so.0 on this machine",
                                                         .expected = "the NLopt library, which fits the constants",
                                                         .hint = "apt install libnlopt0"});
  Library l;
  resolve(handle, "nlopt_algorithm_from_string", l.algorithm_from_string);
  resolve(handle, "nlopt_create", l.create);
  resolve(handle, "nlopt_destroy", l.destroy);
  resolve(handle, "nlopt_set_min_objective", l.set_min_objective);
  resolve(handle, "nlopt_set_lower_bounds", l.set_lower_bounds);
  resolve(handle, "nlopt_set_upper_bounds", l.set_upper_bounds);
  resolve(handle, "nlopt_set_maxeval", l.set_maxeval);
  resolve(handle, "nlopt_set_ftol_rel", l.set_ftol_rel);
  resolve(handle, "nlopt_set_initial_step", l.set_initial_step);
  resolve(handle, "nlopt_optimize", l.optimize);
  return l;
}

double call_objective(unsigned n, const double* x, double* gradient, void* data) {
  const Objective& objective = *static_cast<const Objective*>(data);
  const std::span<double> out = gradient == nullptr ? std::span<double>{} : std::span<double>(gradient, n);
  const double value = objective(std::span<const double>(x, n), out);
  return std::isfinite(value) ? value : 1e300;
}

}  // namespace

double minimise(const char* algorithm, const Box& box, int evaluations, double tolerance, const Objective& objective,
                std::vector<double>& x) {
  const Library library = open_library();
  const int number = library.algorithm_from_string(algorithm);
  CHECK(number >= 0);
  Optimiser optimiser = library.create(number, static_cast<unsigned>(x.size()));
  CHECK(optimiser != nullptr);
  Objective copy = objective;
  std::vector<double> steps(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) steps[i] = 0.1 * (box.high[i] - box.low[i]);
  library.set_min_objective(optimiser, call_objective, &copy);
  library.set_lower_bounds(optimiser, box.low.data());
  library.set_upper_bounds(optimiser, box.high.data());
  library.set_maxeval(optimiser, evaluations);
  library.set_ftol_rel(optimiser, tolerance);
  library.set_initial_step(optimiser, steps.data());
  double value = 0;
  // A search that ran into rounding errors leaves its best point in x, which is what is wanted.
  library.optimize(optimiser, x.data(), &value);
  library.destroy(optimiser);
  return value;
}

}  // namespace moeplan
