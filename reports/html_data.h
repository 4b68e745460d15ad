// SPDX-License-Identifier: Apache-2.0
// The data of a page as JSON, for its scripts: what charts draw and big tables hold.
#pragma once

#include <string>

#include "reports/document.h"
#include "reports/numbers.h"

namespace moeplan {

// {"charts": [...], "tables": [...]} in the order of the document, numbers raw, each with
// the scale and unit it is shown in. The keys are read by reports/html/*.js.
std::string json_of_page(const Document& document, const ByteUnit& unit);

}  // namespace moeplan
