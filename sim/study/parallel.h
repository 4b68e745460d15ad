// SPDX-License-Identifier: Apache-2.0
// Pieces of work done on several threads and taken in order, a bounded number in flight:
// oneTBB's pipeline, in a library of its own beside the program (libmoeplan_tbb.so) that is
// loaded when more than one thread is first wanted, so that no other command carries it; plain
// threads where a copied program stands alone. Which of them runs decides about time only.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "sim/base/units.h"

namespace moeplan {

// One thread for each core this process may use.
int usual_threads();

struct OrderedWork {
  using Result = std::shared_ptr<void>;
  Count count = 0;
  std::function<Result(Count piece)> work;               // of pieces [0, count), several at a time
  std::function<void(Count piece, Result result)> take;  // one at a time, in order
  std::function<bool()> stopped;                         // true = begin no further piece
};

// What work or take throws is thrown here when all in flight have ended.
void run_in_order(int threads, const OrderedWork& work);

// "oneTBB" or "threads".
std::string_view parallel_backend();

}  // namespace moeplan
