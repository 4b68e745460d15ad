// SPDX-License-Identifier: Apache-2.0
// The sizes a model may have: far above any published model, and low enough that no
// product of sizes leaves 64 bits and no operator's size 32. The readers of documents
// refuse a value outside at its place; violations() has the same limits for models made
// in code, and the rules between fields.
#pragma once

#include "sim/base/json.h"

namespace moeplan {

inline constexpr CountRange kHiddenRange{1, Count{1} << 18};
inline constexpr CountRange kVocabRange{1, Count{1} << 24};
inline constexpr CountRange kContextRange{1, Count{1} << 32};
inline constexpr CountRange kHeadsRange{1, Count{1} << 14};
inline constexpr CountRange kHeadDimRange{1, Count{1} << 14};
inline constexpr CountRange kLoraRange{0, Count{1} << 18};
inline constexpr CountRange kWindowRange{0, (Count{1} << 30) - 1};  // keys; 0 = all
inline constexpr CountRange kWidthRange{1, Count{1} << 22};
inline constexpr CountRange kExpertsRange{1, Count{1} << 18};  // Shazeer 2017 had 2^17
inline constexpr CountRange kTopKRange{1, Count{1} << 19};     // experts and zero experts
inline constexpr CountRange kKernelRange{0, 64};
inline constexpr CountRange kLayersRange{1, 1024};
inline constexpr CountRange kNormsRange{0, 16};
inline constexpr CountRange kModulesRange{0, 64};
inline constexpr CountRange kExtraRange{1, Count{1} << 48};
inline constexpr CountRange kPublishedRange{1, Count{1} << 60};

// The same size where 0 means that the model has none, or where at least 1 is needed.
constexpr CountRange or_none(CountRange range) { return {0, range.max}; }
constexpr CountRange at_least_one(CountRange range) { return {1, range.max}; }

inline constexpr double kMaxParameters = 4503599627370496.0;  // 2^52: bytes of any format stay below 2^56
inline constexpr Count kMaxMatrixSide = Count{1} << 28;       // rows or columns of one matrix; q, k and v together
inline constexpr Count kMaxStateElements = Count{1} << 30;    // recurrent state of a layer and sequence
inline constexpr Count kMaxCacheElements = Count{1} << 24;    // K and V of a token and layer
inline constexpr std::size_t kMaxReaches = 6;                 // different windows and chunks

}  // namespace moeplan
