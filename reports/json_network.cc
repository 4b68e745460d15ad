// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "reports/network.h"
#include "sim/base/json.h"

namespace moeplan {

std::string json_of_network(const NetworkReport& report) {
  static constexpr std::array<std::string_view, 4> kModes = {"exact", "classes", "port", "quantised"};
  const NetworkAnswer& a = report.answer;
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.network/1");
  out.key("inputs").begin_object();
  out.member("fabric", report.fabric);
  if (report.matrix.empty()) {
    out.key("matrix").null();
  } else {
    out.member("matrix", report.matrix);
  }
  if (report.gpus > 0) out.member("gpus", report.gpus);
  out.member("link_rates", report.basis).end_object();
  out.member("mode", kModes[static_cast<std::size_t>(a.mode)]);
  out.member("makespan_s", a.times.makespan).member("relative_error", a.times.error);
  out.member("lower_bound_s", a.bound);
  out.member("first_completion_s", a.times.first).member("mean_completion_s", a.times.mean);
  out.member("distinct_completions", a.times.distinct_completions);
  out.member("hosts", a.hosts).member("flows", a.flows).member("bytes", a.bytes);
  out.key("links").begin_array();
  for (const NetworkLink& link : a.links) {
    out.compact(true).begin_object().member("id", static_cast<Count>(link.id));
    if (!link.name.empty()) out.member("name", link.name);
    out.member("bandwidth_bytes_per_s", link.bandwidth).member("bytes", link.bytes);
    out.member("utilisation", link.utilisation).end_object().compact(false);
  }
  out.end_array().end_object();
  return out.take();
}

}  // namespace moeplan
