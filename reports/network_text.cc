// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "reports/network.h"
#include "reports/time_words.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

constexpr std::size_t kShownLinks = 10;

std::string name_of(const NetworkLink& link) { return link.name.empty() ? fmt::format("{}", link.id) : link.name; }

std::string sized(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.4g} GB", bytes / 1e9);
  if (bytes >= 1e6) return fmt::format("{:.4g} MB", bytes / 1e6);
  return bytes >= 1e3 ? fmt::format("{:.4g} kB", bytes / 1e3) : fmt::format("{:.4g} B", bytes);
}

// How the time was found, and how far it may be off.
std::string method_of(const NetworkAnswer& a) {
  switch (a.mode) {
    case NetworkMode::Exact: return "exact: every flow, every completion";
    case NetworkMode::Classes: return "exact: flows that are alike solved as one";
    case NetworkMode::Ports:
      return fmt::format("ports: links as single flows, the lower bound; at most {:.1f} % more", 100 * a.times.error);
    case NetworkMode::Quantised:
      return fmt::format("quantised: completions joined; within {:.2g} %", 100 * a.times.error);
  }
  return "";
}

KeyValues question_of(const NetworkReport& r) {
  KeyValues asked;
  asked.entries.push_back({r.matrix.empty() ? "flows" : "fabric", {r.fabric}});
  if (!r.matrix.empty()) asked.entries.push_back({"matrix", {r.matrix}});
  asked.entries.push_back({"traffic",
                           {fmt::format("{} between {}, {}", counted(r.answer.flows, "flow"),
                                        counted(r.answer.hosts, "host"), sized(r.answer.bytes))}});
  asked.entries.push_back({"link rates", {r.basis}});
  asked.entries.push_back({"method", {method_of(r.answer)}});
  return asked;
}

KeyValues times_of(const NetworkAnswer& a) {
  KeyValues times;
  const std::string ratio = a.bound > 0 ? fmt::format(", {:.3f}x of it", a.times.makespan / a.bound) : "";
  times.entries.push_back({"lower bound", {duration(a.bound) + ratio}});
  times.entries.push_back({"first completion", {duration(a.times.first)}});
  times.entries.push_back({"mean completion", {duration(a.times.mean)}});
  times.entries.push_back({"distinct completions", {grouped(a.times.distinct_completions)}});
  return times;
}

// Those that decide, the busiest first; links without traffic are left out.
std::vector<NetworkLink> busiest(const NetworkAnswer& a) {
  std::vector<NetworkLink> links;
  for (const NetworkLink& link : a.links)
    if (link.bytes > 0) links.push_back(link);
  std::stable_sort(links.begin(), links.end(),
                   [](const NetworkLink& x, const NetworkLink& y) { return x.utilisation > y.utilisation; });
  return links;
}

Row row_of(const NetworkLink& link) {
  return {{{name_of(link)}, {sized(link.bytes)}, {sized(link.bandwidth) + "/s"}, {Share{link.utilisation}}},
          Tone::Plain};
}

}  // namespace

Document describe_network(const NetworkReport& report) {
  const NetworkAnswer& a = report.answer;
  Document document;
  document.add(question_of(report));
  document.add(Heading{"makespan " + duration(a.times.makespan)});
  document.add(times_of(a));
  const std::vector<NetworkLink> links = busiest(a);
  if (links.empty()) return document;
  Table table;
  table.caption = "busiest links";
  table.columns = {{"link", "link", true, 0},
                   {"bytes", "carries", false, 0},
                   {"bandwidth_bytes_per_s", "rate", false, 1},
                   {"utilisation", "busy", false, 0}};
  for (std::size_t i = 0; i < std::min(kShownLinks, links.size()); ++i) table.rows.push_back(row_of(links[i]));
  document.add(table);
  if (links.size() > kShownLinks)
    document.add(
        Note{fmt::format("{} more with traffic: --format csv or --json. busy: bytes over what the link could "
                         "carry in the makespan.",
                         grouped(static_cast<Count>(links.size() - kShownLinks)))});
  return document;
}

Document tabulate_network(const NetworkReport& report) {
  Table table;
  table.columns = {{"id", "id", false, 0},
                   {"link", "link", true, 0},
                   {"bandwidth_bytes_per_s", "bandwidth", false, 0},
                   {"bytes", "bytes", false, 0},
                   {"utilisation", "utilisation", false, 0}};
  for (const NetworkLink& link : report.answer.links)
    table.rows.push_back({{{static_cast<Count>(link.id)},
                           {name_of(link)},
                           {fmt::format("{}", link.bandwidth)},
                           {fmt::format("{}", link.bytes)},
                           {fmt::format("{}", link.utilisation)}},
                          Tone::Plain});
  Document document;
  document.add(table);
  return document;
}

}  // namespace moeplan
