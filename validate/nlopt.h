// SPDX-License-Identifier: Apache-2.0
// NLopt by dlopen, so that no other command carries it.
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace moeplan {

// The value at x; writes the gradient where `gradient` is not empty.
using Objective = std::function<double(std::span<const double> x, std::span<double> gradient)>;

struct Box {
  std::vector<double> low;
  std::vector<double> high;
};

// Moves x to a local minimum. algorithm is NLopt's name without the prefix: "LD_LBFGS",
// "LN_SBPLX". Returns the value there. Throws InputError(MissingResource) without the library.
double minimise(const char* algorithm, const Box& box, int evaluations, double tolerance, const Objective& objective,
                std::vector<double>& x);

}  // namespace moeplan
