// SPDX-License-Identifier: Apache-2.0
#include "reports/formats.h"

#include <fmt/format.h>

namespace moeplan {
namespace {

// Bits of one element of a 4096 x 4096 matrix, scales included.
std::string bits_text(const QuantFormat& format) {
  constexpr Count kSide = 4096;
  const double bytes = bytes_of(format, kSide, kSide).size().base();
  return fmt::format("{:.2f}", 8 * bytes / static_cast<double>(kSide * kSide));
}

}  // namespace

Document list_formats(const FormatTable& formats, const std::vector<std::string>& mixtures) {
  Table table;
  table.caption = "one format for every weight that quantised checkpoints convert (--weights, and --kv where marked)";
  table.columns = {{"id", "format", true, 0},
                   {"bits", "bits", false, 0},
                   {"kv", "kv", true, 0},
                   {"aliases", "also called", true, 1},
                   {"source", "source", true, 2}};
  for (const QuantFormat& f : formats.formats)
    table.rows.push_back(
        {{{f.id}, {bits_text(f)}, {f.for_kv ? "yes" : ""}, {fmt::format("{}", fmt::join(f.aliases, ", "))}, {f.source}},
         Tone::Plain});
  Document document;
  document.add(table);
  document.add(Note{fmt::format("GGUF labels, smallest first, which mix formats by llama.cpp's rules: {}.",
                                fmt::join(mixtures, ", "))});
  document.add(Note{"native is the checkpoint as published."});
  return document;
}

}  // namespace moeplan
