// SPDX-License-Identifier: Apache-2.0
// Fresh memory costs a page fault per 4 KiB, which for a header of 12 MB takes longer than
// to parse it. Large pages make that one fault per 2 MiB where the system offers them.
#pragma once

#include <cstddef>

namespace moeplan {

// A wish, before the memory is first written: nothing depends on it. Ignored below 4 MiB.
void prefer_large_pages(const void* begin, std::size_t bytes);

}  // namespace moeplan
