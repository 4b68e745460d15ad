// SPDX-License-Identifier: Apache-2.0
// The screen of `simulate --prefill`: what both kinds of units do, and how many of one keep
// up with the other.
#include <fmt/format.h>

#include "reports/numbers.h"
#include "reports/simulate.h"
#include "reports/time_words.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

Row unit_row(const char* role, const Simulation& s, double units) {
  const FitQuestion& d = s.question.deployment;
  return {{{std::string(role)},
           {fmt::format("{:.3g}", units)},
           {fmt::format("{} x {}", d.layout.gpus(), d.device.device)},
           {d.weights},
           {describe(d.layout)},
           {fmt::format("{}", s.question.load.batch)},
           {s.fits ? duration(s.time.base()) : std::string("does not fit")},
           {s.fits ? rate(s.tokens_per_s_per_gpu) : std::string("-")}},
          s.fits ? Tone::Plain : Tone::Bad};
}

Table units_of(const Disaggregated& s) {
  Table table;
  table.columns = {{"unit", "unit", true, 0},     {"units", "units", false, 0},
                   {"hardware", "each", true, 0}, {"weights", "weights", true, 2},
                   {"layout", "layout", true, 1}, {"batch", "batch", false, 1},
                   {"time", "time", false, 0},    {"tokens_per_s_per_gpu", "tok/s/GPU", false, 0}};
  table.rows.push_back(unit_row("prefill", s.prefill, s.prefill_units));
  table.rows.push_back(unit_row("decode", s.decode, 1));
  return table;
}

}  // namespace

Document describe_disaggregated(const DisaggregatedReport& report) {
  const Disaggregated& s = report.answer;
  Document document;
  KeyValues asked;
  asked.entries.push_back({"model", {s.decode.question.deployment.model.id}});
  asked.entries.push_back(
      {"load",
       {fmt::format("{} in flight in a decode unit, prompts of {}, answers of {}",
                    counted(s.load.concurrency, "request"), counted(s.load.isl, "token"), grouped(s.load.osl))}});
  document.add(asked);
  if (s.fits)
    document.add(Heading{fmt::format("{} tok/s/GPU out over both   {} tok/s/user", rate(s.output_tokens_per_s_per_gpu),
                                     rate(s.output_tokens_per_s_per_user))});
  document.add(units_of(s));
  KeyValues block;
  if (!s.fits) {
    block.entries.push_back(
        {"does not fit", {fmt::format("a decode unit holds {}", counted(s.limit, "request"))}, Tone::Bad});
  } else {
    block.entries.push_back({"time per token", {banded(s.tpot, s.tpot_low, s.tpot_high)}});
    block.entries.push_back(
        {"time to first token",
         {fmt::format("{}, of which {} to hand over a cache of ", duration(s.ttft.base()), duration(s.handover.base())),
          s.cache_of_prompt}});
    if (s.joules_per_token)
      block.entries.push_back({"energy", {fmt::format("{:.3g} J per generated token", *s.joules_per_token)}});
    if (s.usd_per_million_tokens)
      block.entries.push_back(
          {"cost", {fmt::format("${:.3g} per million generated tokens", *s.usd_per_million_tokens)}});
    block.entries.push_back({"most requests", {fmt::format("{} fit in a decode unit", grouped(s.limit))}});
  }
  document.add(block);
  document.add(
      Note{"units: as many prefill units as keep one decode unit busy. Prefill: the step that reads `batch` "
           "prompts, tokens read; decode: a step, tokens generated."});
  return document;
}

}  // namespace moeplan
