// SPDX-License-Identifier: Apache-2.0
// What tells this program from another build of it: the identifier that the linker wrote into
// it, a hash of its contents.
#pragma once

#include <string>

namespace moeplan {

// In hexadecimal; "" where the linker wrote none.
std::string build_id();

}  // namespace moeplan
