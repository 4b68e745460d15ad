// SPDX-License-Identifier: Apache-2.0
// Quantities as people read them. The only place where a number becomes digits for
// a screen.
#pragma once

#include <string>
#include <string_view>

#include "reports/document.h"

namespace moeplan {

// What sizes are counted in: one unit for a whole report.
struct ByteUnit {
  std::string_view name = "GiB";
  Bytes size = kGiB;
};

// "GiB", "GB", "MiB", "MB", "TiB", "TB"; false when the word is none of them.
bool find_byte_unit(std::string_view word, ByteUnit& unit);

std::string number_text(Bytes value, const ByteUnit& unit);  // "23.14"; "<0.01" for a trace
std::string parameters_text(Count value);                    // "46.70 B"
std::string share_text(double value);                        // "12.3 %"
std::string flops_text(double value);                        // "41.23 GFLOP"
std::string speed_text(double tokens_per_s);                 // "31", "3.1": two digits at least

// One atom. Within a sentence sizes carry their unit, in a table the header does.
enum class Setting { Sentence, Table };
std::string atom_text(const Atom& atom, const ByteUnit& unit, Setting setting);
std::string phrase_text(const Phrase& phrase, const ByteUnit& unit, Setting setting);

bool holds_bytes(const Phrase& phrase);

}  // namespace moeplan
