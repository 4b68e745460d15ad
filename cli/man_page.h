// SPDX-License-Identifier: Apache-2.0
// moeplan(1) as roff (man macros), made of what `help` prints.
#pragma once

#include <string>
#include <vector>

#include "cli/verb.h"

namespace moeplan {

std::string man_page(const std::vector<Verb>& verbs);

}  // namespace moeplan
