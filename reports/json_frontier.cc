// SPDX-License-Identifier: Apache-2.0
#include "reports/frontier.h"
#include "reports/json_parts.h"
#include "sim/base/json.h"

namespace moeplan {
namespace {

void write_point(JsonWriter& out, const FrontierPoint& p) {
  out.begin_object();
  write_front_members(out, p);
  out.end_object();
}

}  // namespace

void write_front_members(JsonWriter& out, const FrontierPoint& p) {
  write_layout(out, p.layout);
  out.member("concurrency", p.concurrency).member("tokens_per_s_per_user", p.per_user);
  out.member("tokens_per_s_per_gpu", p.per_gpu).member("ttft_s", p.ttft.base());
  write_optional(out, "tokens_per_s_per_mw_drawn", p.per_mw);
  write_optional(out, "tokens_per_s_per_mw_provisioned", p.per_provisioned_mw);
  write_optional(out, "usd_per_million_tokens", p.usd_per_million);
}

std::string json_of_frontier(const FrontierReport& report) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.simulate.frontier/1");
  out.key("load").begin_object().member("isl_tokens", report.load.isl).member("osl_tokens", report.load.osl);
  out.end_object().key("sides").begin_array();
  for (const FrontierSide& side : report.sides) {
    out.begin_object().member("model", side.model).member("hardware", side.hardware);
    out.member("weights", side.weights).member("runtime", side.runtime).member("overlay", side.overlay);
    out.member("draft_tokens", side.drafts).key("frontier").begin_array();
    for (const FrontierPoint& p : side.front) write_point(out, p);
    out.end_array().end_object();
  }
  out.end_array();
  if (report.claim) {
    out.key("claim").begin_object().member("ratio", report.claim->ratio).member("axis", report.claim->axis);
    out.member("tokens_per_s_per_user", report.claim->at);
    write_optional(out, "predicted", ratio_at(report, report.claim->axis, report.claim->at));
    out.member("holds", holds(report)).end_object();
  }
  out.end_object();
  return out.take();
}

}  // namespace moeplan
