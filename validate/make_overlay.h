// SPDX-License-Identifier: Apache-2.0
// From fitted groups to an overlay: constants by name, errors on shapes left out, bands.
#pragma once

#include <string>
#include <vector>

#include "validate/leave_out.h"

namespace moeplan {

// Constants are rounded to five digits; errors and bands to four decimals.
KernelFit kernel_fit_of(const OperatorTable& table, const GroupFit& fit);

// The overlay with these fits in place of its own of the same kernels; sorted by key.
Overlay merged(Overlay overlay, const std::vector<KernelFit>& fits);

}  // namespace moeplan
