// SPDX-License-Identifier: Apache-2.0
// What a measured run's source says beyond the columns: the command its engine was started with,
// where one was published, and what the note tells of overlap, accepted drafts and exchange.
#pragma once

#include <string_view>

#include "validate/e2e_rows.h"

namespace moeplan {

struct PublishedCommand {
  std::string_view runtime;
  std::string_view hardware;
  E2ePhase phase;
  Count ep;
  std::string_view weights;  // "" = any
  std::string_view since;    // dates of rows, "2025-09"; the last that is not later holds
  std::string_view flags;    // without the degrees of the layout, which the columns say
  Count dispatch_tokens;     // room for the exchange, told by an environment variable; 0 = the runtime's
  bool two_batches;          // --enable-two-batch-overlap
  std::string_view source;
};

// Null where none is known.
const PublishedCommand* published_command(const E2eRow& row);

// Does the note say that halves of a batch overlap?
bool says_two_batches(std::string_view note);
// "accept length 2.18": tokens a step gains; 0 = not said.
double accept_length(std::string_view note);

}  // namespace moeplan
