// SPDX-License-Identifier: Apache-2.0
#include "cli/load_argument.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr Count kMostSequences = Count{1} << 24;
constexpr Count kMostDrafts = 5;
constexpr Count kFewestGenerated = 2;

// Options that say the same of a step.
constexpr std::array<std::string_view, 4> kOfAStep = {"phase", "context", "sequences", "mixed"};

// A share from 0 to 1.
std::optional<double> acceptance_of(const Arguments& arguments) {
  const std::optional<std::string> text = arguments.text("acceptance");
  if (!text) return std::nullopt;
  double rate = -1;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), rate);
  if (error != std::errc{} || end != text->data() + text->size() || !(rate >= 0 && rate <= 1))
    throw_usage("acceptance", in_quotes(*text), "a share from 0 to 1, e.g. 0.8");
  return rate;
}

}  // namespace

SimulatedLoad read_load(const Arguments& arguments, const FitQuestion& q) {
  SimulatedLoad load;
  const bool steady = arguments.has("isl");
  const std::string phase = arguments.choice("phase", {"decode", "prefill"}).value_or("decode");
  load.phase = phase == "decode" ? Phase::Decode : Phase::Prefill;
  load.batch = q.workload.sequences;
  load.context = q.workload.context;
  load.prefix = arguments.tokens("prefix").value_or(0);
  load.chunk = arguments.tokens("chunk").value_or(0);
  load.mixed = arguments.count("mixed", 1, kMostSequences).value_or(0);
  for (const std::string_view name : {"prefix", "chunk", "mixed"}) {
    if (arguments.has(name) && load.phase == Phase::Decode && !steady)
      throw_usage(name, "it with a decode step", "--phase prefill");
  }
  const Count prompt = steady ? *arguments.tokens("isl") : load.context;
  if (load.prefix >= prompt)
    throw_usage("prefix", std::to_string(load.prefix), fmt::format("fewer than the {} tokens of a prompt", prompt));
  const std::optional<Count> drafts = arguments.count("draft-tokens", 1, kMostDrafts);
  const std::optional<double> rate = acceptance_of(arguments);
  const std::string overlap = arguments.choice("overlap", {"off", "two-batch", "auto"}).value_or("off");
  load.overlap = overlap == "off" ? Overlap::None : overlap == "auto" ? Overlap::Faster : Overlap::TwoBatches;
  if (rate && !(q.load_mtp && load.phase == Phase::Decode))
    throw_usage("acceptance", "it without drafts", "--mtp with it, in a decode step or a steady load");
  if (q.load_mtp && load.phase == Phase::Decode) {
    load.drafts = drafts.value_or(1);
    load.accepted = rate ? accepted_tokens(load.drafts, *rate) : accepted_tokens(load.drafts);
  } else if (drafts) {
    throw_usage("draft-tokens", q.load_mtp ? "it with a prefill" : "it alone",
                q.load_mtp ? "--phase decode" : "--mtp with it");
  }
  return load;
}

std::optional<SteadyLoad> read_steady_load(const Arguments& arguments) {
  const bool given = arguments.has("isl") || arguments.has("osl") || arguments.has("concurrency");
  if (!given) return std::nullopt;
  for (const std::string_view name : {"isl", "osl"}) {
    if (!arguments.has(name))
      throw_usage(name, "nothing", "tokens of each " + std::string(name == "isl" ? "prompt" : "answer"),
                  "a steady load is --isl N --osl N, with --concurrency N or max");
  }
  for (const std::string_view name : kOfAStep) {
    if (arguments.has(name))
      throw_usage(name, "it with a steady load", "--isl, --osl and --concurrency alone",
                  "the lengths and the number of requests follow from them");
  }
  SteadyLoad load{.isl = *arguments.tokens("isl"), .osl = *arguments.tokens("osl"), .concurrency = 0};
  if (load.osl < kFewestGenerated)
    throw_usage("osl", std::to_string(load.osl), "at least 2 tokens",
                "the first comes with the prompt: --phase prefill is how long that takes");
  const std::optional<std::string> concurrency = arguments.text("concurrency");
  if (concurrency && *concurrency != "max") {
    const std::optional<Count> count = parse_count(*concurrency);
    if (!count || *count < 1 || *count > kMostSequences)
      throw_usage("concurrency", in_quotes(*concurrency),
                  fmt::format("requests in flight from 1 to {}, or max", kMostSequences));
    load.concurrency = *count;
  }
  return load;
}

}  // namespace moeplan
