// SPDX-License-Identifier: Apache-2.0
// `moeplan models make`: a model file from asked totals.
#pragma once

#include "cli/session.h"

namespace moeplan {

int make_model(Session& session, const Arguments& arguments);

}  // namespace moeplan
