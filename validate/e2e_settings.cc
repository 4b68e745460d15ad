// SPDX-License-Identifier: Apache-2.0
#include "validate/e2e_settings.h"

#include <array>
#include <charconv>

namespace moeplan {
namespace {

constexpr std::string_view kLargeScale = "sgl-project/sglang issue 6017, commands of the H100 runs";
constexpr std::string_view kRackFirst =
    "ai-dynamo/dynamo examples of SGLang on GB200, as of sgl-project/sglang issue 7227";
constexpr std::string_view kRackSecond = "sgl-project/sglang issue 10903, commands of the GB200 runs";
constexpr std::string_view kModule = "sgl-project/sglang issue 7998, command of the decode instance";

constexpr std::array<PublishedCommand, 6> kCommands = {{
    {"sglang", "h100", E2ePhase::Prefill, 32, "", "",
     "--moe-a2a-backend deepep --deepep-mode normal --moe-dense-tp-size 1 --enable-dp-lm-head --mem-fraction-static "
     "0.85 "
     "--chunked-prefill-size 524288 --ep-num-redundant-experts 32",
     0, true, kLargeScale},
    {"sglang", "h100", E2ePhase::Decode, 72, "", "",
     "--moe-a2a-backend deepep --deepep-mode low_latency --moe-dense-tp-size 1 --enable-dp-lm-head "
     "--mem-fraction-static 0.835 --cuda-graph-max-bs 256 --max-running-requests 18432 --ep-num-redundant-experts 32",
     0, true, kLargeScale},
    {"sglang", "gb200-nvl72", E2ePhase::Decode, 48, "fp8", "",
     "--moe-a2a-backend deepep --deepep-mode low_latency --moe-dense-tp-size 1 --enable-dp-lm-head "
     "--mem-fraction-static 0.82 --cuda-graph-max-bs 768 --max-running-requests 36864 --ep-num-redundant-experts 32",
     768, false, kRackFirst},
    {"sglang", "gb200-nvl72", E2ePhase::Decode, 48, "fp8", "2025-09",
     "--moe-a2a-backend deepep --deepep-mode low_latency --moe-dense-tp-size 1 --enable-dp-lm-head "
     "--mem-fraction-static 0.83 --cuda-graph-max-bs 768 --max-running-requests 36864 --ep-num-redundant-experts 32",
     768, false, kRackSecond},
    {"sglang", "gb200-nvl72", E2ePhase::Decode, 48, "nvfp4", "2025-09",
     "--moe-a2a-backend deepep --deepep-mode low_latency --moe-dense-tp-size 1 --enable-dp-lm-head "
     "--mem-fraction-static 0.83 --cuda-graph-max-bs 1408 --max-running-requests 67584 --ep-num-redundant-experts 32",
     1408, false, kRackSecond},
    {"sglang", "h200", E2ePhase::Decode, 16, "", "2025-07",
     "--moe-a2a-backend deepep --deepep-mode low_latency --moe-dense-tp-size 1 --enable-dp-lm-head "
     "--mem-fraction-static 0.8 --cuda-graph-max-bs 2 --max-running-requests 32 --ep-num-redundant-experts 32",
     256, false, kModule},
}};

bool says(std::string_view text, std::string_view words) { return text.find(words) != std::string_view::npos; }

}  // namespace

const PublishedCommand* published_command(const E2eRow& row) {
  const PublishedCommand* found = nullptr;
  for (const PublishedCommand& c : kCommands)
    if (c.runtime == row.runtime && c.hardware == row.hardware && c.phase == row.phase && c.ep == row.layout.ep &&
        row.layout.dp == row.layout.ep && (c.weights.empty() || c.weights == row.weights) && c.since <= row.date)
      found = &c;
  return found;
}

bool says_two_batches(std::string_view note) {
  if (says(note, "no TBO")) return false;
  for (const std::string_view words : {"two-batch overlap", "TBO", "DBO", "dual micro-batch overlap"})
    if (says(note, words)) return true;
  return false;
}

double accept_length(std::string_view note) {
  constexpr std::string_view kWords = "accept length ";
  const std::size_t place = note.find(kWords);
  double value = 0;
  if (place != std::string_view::npos)
    std::from_chars(note.data() + place + kWords.size(), note.data() + note.size(), value);
  return value;
}

}  // namespace moeplan
