// SPDX-License-Identifier: Apache-2.0
#include "sim/study/front_study.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/base/error.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

// tokens/s per device = a / speed^b: a straight line in logarithms.
Frontier line(double a, double b, double from, double to) {
  Frontier front;
  for (double speed = from; speed <= to * 1.0001; speed *= 2) {
    FrontierPoint p;
    p.per_user = speed;
    p.per_gpu = a / std::pow(speed, b);
    p.per_mw = p.per_gpu * 500;
    p.per_provisioned_mw = p.per_gpu * 400;
    p.usd_per_million = 1000 / p.per_gpu;
    front.push_back(p);
  }
  return front;
}

std::string refusal(const std::string& text) {
  try {
    read_front_study(text, "study.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(FrontStudy, ARatioHoldsBetweenTheSpeedsWhereTheLinesSaySo) {
  // 1000 / v over 10000 / v^2: v / 10. Nine times and more from 90 on, up to where both end.
  const Frontier front = line(1000, 1, 5, 320);
  const Frontier base = line(10000, 2, 5, 160);
  const std::vector<SpeedRange> tenfold = where_ratio(front, base, StudyAxis::PerProvisionedMw, 9, 1e9);
  ASSERT_EQ(tenfold.size(), 1U);
  EXPECT_NEAR(tenfold[0].from, 90, 90 * 0.02);
  EXPECT_DOUBLE_EQ(tenfold[0].to, 160);
  const std::vector<SpeedRange> several = where_ratio(front, base, StudyAxis::PerProvisionedMw, 3, 5);
  ASSERT_EQ(several.size(), 1U);
  EXPECT_NEAR(several[0].from, 30, 30 * 0.02);
  EXPECT_NEAR(several[0].to, 50, 50 * 0.02);
  EXPECT_TRUE(where_ratio(front, base, StudyAxis::PerProvisionedMw, 50, 100).empty());
}

TEST(FrontStudy, DollarsAreTurnedRound) {
  const Frontier front = line(2000, 1, 5, 160);
  const Frontier base = line(1000, 1, 5, 160);
  for (const StudyAxis axis : {StudyAxis::PerProvisionedMw, StudyAxis::PerMw, StudyAxis::PerGpu, StudyAxis::PerDollar})
    EXPECT_NEAR(ratio_of(front, base, axis, 40).value(), 2, 1e-9);
}

TEST(FrontStudy, NobodyComparesWhereOneSideDoesNotReach) {
  const Frontier front = line(2000, 1, 5, 320);
  const Frontier base = line(1000, 1, 5, 160);
  EXPECT_TRUE(ratio_of(front, base, StudyAxis::PerGpu, 160));
  EXPECT_FALSE(ratio_of(front, base, StudyAxis::PerGpu, 200));
  EXPECT_TRUE(where_ratio({}, base, StudyAxis::PerGpu, 0, 10).empty());
}

TEST(FrontStudy, TheFrontOverSeveralTakesTheBestOfEachAndSaysWhose) {
  // Flat and far, steep and high: they cross at 10.
  const Frontier over = front_over({line(100, 1, 1, 64), line(1000, 2, 1, 64)});
  for (const FrontierPoint& p : over) {
    EXPECT_EQ(p.alternative, p.per_user > 10 ? 0U : 1U) << p.per_user;
    EXPECT_DOUBLE_EQ(p.per_gpu, std::max(100 / p.per_user, 1000 / (p.per_user * p.per_user)));
  }
}

TEST(FrontStudy, AFileIsRefusedWithAllItsProblems) {
  const std::string said = refusal(
      R"({"id": "x", "question": "?", "source": "s", "as_of": "2026", "models": [], "isl_tokens": 10, "osl_tokens": 1,
          "speeds": [20, 10], "sides": [{"name": "a", "change": "b", "any_of": []}], "extra": 1})");
  for (const char* part : {"models", "osl_tokens", "speeds", "sides", "extra"})
    EXPECT_NE(said.find(part), std::string::npos) << part << " in " << said;
}

TEST(FrontStudy, EveryStudyOfTheCatalogueIsRead) {
  const Catalog catalog = Catalog::embedded();
  const std::vector<std::string> ids = catalog.study_ids();
  EXPECT_FALSE(ids.empty());
  for (const std::string& id : ids) {
    const DataFile file = catalog.study(id);
    if (file.text.find("\"sides\"") == std::string_view::npos) continue;  // of another kind
    const FrontStudy study = read_front_study(std::string(file.text), file.path);
    EXPECT_EQ(study.id, id);
    for (const std::string& model : study.models) EXPECT_NO_THROW(catalog.model(model)) << model;
  }
}

}  // namespace
}  // namespace moeplan
