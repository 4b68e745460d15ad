// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "reports/front_study.h"
#include "reports/frontier.h"
#include "reports/json_parts.h"

namespace moeplan {
namespace {

void write_ranges(JsonWriter& out, std::string_view key, const Frontier& front, const Frontier& base, double low,
                  double high) {
  out.key(key).begin_array();
  for (const SpeedRange& range : where_ratio(front, base, StudyAxis::PerProvisionedMw, low, high))
    out.begin_object().member("from_tokens_per_s", range.from).member("to_tokens_per_s", range.to).end_object();
  out.end_array();
}

void write_side(JsonWriter& out, const StudySide& side, const Frontier& front, const Frontier& base,
                const std::vector<double>& speeds) {
  out.begin_object().member("name", side.name).member("change", side.change);
  out.key("ratios").begin_array();
  for (const double speed : speeds) {
    out.begin_object().member("tokens_per_s_per_user", speed);
    write_optional(out, "per_mw_provisioned", ratio_of(front, base, StudyAxis::PerProvisionedMw, speed));
    write_optional(out, "per_mw_drawn", ratio_of(front, base, StudyAxis::PerMw, speed));
    write_optional(out, "per_gpu", ratio_of(front, base, StudyAxis::PerGpu, speed));
    write_optional(out, "per_usd", ratio_of(front, base, StudyAxis::PerDollar, speed));
    out.end_object();
  }
  out.end_array();
  write_ranges(out, "ten_times_and_more", front, base, kTenfold, std::numeric_limits<double>::infinity());
  write_ranges(out, "three_to_five_times", front, base, kSeveral, kFew);
  out.key("frontier").begin_array();
  for (const FrontierPoint& p : front) {
    out.begin_object().member("deployment", side.alternatives[p.alternative].options);
    out.member("prefill", side.alternatives[p.alternative].prefill);
    write_front_members(out, p);
    out.end_object();
  }
  out.end_array().end_object();
}

}  // namespace

std::string json_of_study(const StudyReport& report) {
  const FrontStudy& study = report.study;
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.simulate.study/1").member("study", study.id);
  out.member("question", study.question).member("source", study.source).member("as_of", study.as_of);
  out.key("load").begin_object().member("isl_tokens", study.load.isl).member("osl_tokens", study.load.osl);
  out.end_object().key("models").begin_array();
  for (const StudyFronts& fronts : report.models) {
    out.begin_object().member("model", fronts.model).member("without_mtp", fronts.without_mtp);
    out.key("sides").begin_array();
    for (std::size_t i = 0; i < fronts.sides.size(); ++i)
      write_side(out, study.sides[i], fronts.sides[i], fronts.sides.front(), study.speeds);
    out.end_array().end_object();
  }
  out.end_array().end_object();
  return out.take();
}

}  // namespace moeplan
