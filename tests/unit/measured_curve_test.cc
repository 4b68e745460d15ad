// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/measured_curve.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/cost/cost_model.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

KernelCurves gemm_curves() {
  KernelCurves curves;
  curves.key = {.family = "gemm", .stack = "s", .kernel = "k", .format = "bfloat16"};
  curves.band = {.low = -0.05, .high = 0.04};
  curves.shapes = {{.shape = {4096, 7168}, .knots = {{1, 1000, 900}, {64, 2000, 1800}, {128, 5000, 3600}}},
                   {.shape = {7168, 4096}, .knots = {{1, 10, 10}, {2, 20, 20}}}};
  return curves;
}

CurvePlace gemm_place(double m, double n, double k) { return *place_of(GemmPoint{.m = m, .n = n, .k = k}); }

TEST(MeasuredCurve, MeetsItsKnots) {
  const CurveTable table(gemm_curves());
  const std::optional<CurveTable::Reading> reading = table.at(gemm_place(64, 4096, 7168), 1.8e-6);
  ASSERT_TRUE(reading);
  EXPECT_DOUBLE_EQ(reading->seconds, 2e-6);
  EXPECT_TRUE(reading->reaches);
}

TEST(MeasuredCurve, LetsTheFormSayWhereItsStepsLie) {
  const CurveTable table(gemm_curves());
  // The form has done a third of its way from 1,800 to 3,600 ns: so has the time, from 2,000 to 5,000.
  EXPECT_NEAR(table.at(gemm_place(65, 4096, 7168), 2.4e-6)->seconds, 3e-6, 1e-15);
  EXPECT_NEAR(table.at(gemm_place(127, 4096, 7168), 2.4e-6)->seconds, 3e-6, 1e-15);
}

TEST(MeasuredCurve, GoesStraightWhereTheFormIsFlat) {
  const TimeKnot a{.size = 10, .measured = 1, .form = 5};
  const TimeKnot b{.size = 20, .measured = 2, .form = 5};
  EXPECT_DOUBLE_EQ(between(a, b, 15, 5, CurveKind::FollowsForm), 1.5);
}

TEST(MeasuredCurve, GoesOnWithTheFormBeyondItsEnds) {
  const CurveTable table(gemm_curves());
  const std::optional<CurveTable::Reading> above = table.at(gemm_place(256, 4096, 7168), 7.2e-6);
  // 7,200 ns of the form x 5,000 measured / 3,600 of the form at the last knot.
  EXPECT_NEAR(above->seconds, 1e-5, 1e-15);
  EXPECT_FALSE(above->reaches);
}

TEST(MeasuredCurve, KnowsOnlyTheVeryShape) {
  const CurveTable table(gemm_curves());
  EXPECT_FALSE(table.at(gemm_place(64, 4096, 7167), 1e-6));
  EXPECT_TRUE(table.at(gemm_place(1, 7168, 4096), 1e-8));
}

TEST(MeasuredCurve, ScalesExpertLayersByMeasuredOverForm) {
  const TimeKnot a{.size = 10, .measured = 2, .form = 1};
  const TimeKnot b{.size = 30, .measured = 4, .form = 4};
  // Ratios 2 and 1; half way 1.5 times what the form says of the routing at hand.
  EXPECT_DOUBLE_EQ(between(a, b, 20, 3, CurveKind::ScalesForm), 4.5);
}

MoePoint layer(double tokens, double rows, double peak) {
  MoePoint point;
  point.tokens = tokens;
  point.hidden = 2048;
  point.inter = 768;
  point.top_k = 8;
  point.experts = 128;
  point.local_experts = 128;
  point.load = {.rows = rows, .distinct = 128, .peak = peak};
  return point;
}

TEST(MeasuredCurve, TrustsLessOfItselfTheLessEvenTheRouting) {
  // 4,096 tokens x 8 / 128 experts = 256 rows each.
  EXPECT_EQ(trust_of(layer(4096, 32768, 256)), 1);
  EXPECT_LT(trust_of(layer(4096, 32768, 1024)), 0.6);
  EXPECT_GE(trust_of(layer(4096, 32768, 4096)), 0.5);
  // Two rows an expert: weights decide whatever the routing.
  EXPECT_GT(trust_of(layer(32, 256, 32)), 0.99);
}

TEST(MeasuredCurve, HasNoPlaceForWhatWasNeverMeasured) {
  EXPECT_FALSE(place_of(GemmPoint{.m = 1, .n = 1, .k = 1, .recorded = false}));
  EXPECT_FALSE(place_of(EpPoint{.destinations = 3}));
  EXPECT_FALSE(place_of(MlaPoint{}));
}

// The curves that are committed: more work is never faster, and a price is never below the floor.
TEST(MeasuredCurve, RisesWithSizeOnEveryCommittedCurve) {
  const Catalog catalog = Catalog::embedded();
  for (const std::string& id : catalog.overlay_ids()) {
    const Catalog::CurveText text = catalog.curve_text(id);
    if (text.text.empty()) continue;
    for (const KernelCurves& kernel : read_curves(text.text, text.file).kernels) {
      if (kernel.key.family != "gemm" && kernel.key.family != "collective") continue;
      const CurveTable table(kernel);
      for (const ShapeCurve& curve : kernel.shapes) {
        double before = 0;
        for (std::size_t i = 0; i + 1 < curve.knots.size(); ++i) {
          const CurveKnot& a = curve.knots[i];
          const CurveKnot& b = curve.knots[i + 1];
          for (int part = 0; part <= 8; ++part) {
            CurvePlace place;
            std::ranges::copy(curve.shape, place.shape.begin());
            place.sizes = curve.shape.size();
            place.size = a.size + (b.size - a.size) * part / 8;
            // A form that rises from knot to knot.
            const double form = (a.form + (b.form - a.form) * part / 8) * 1e-9;
            const double seconds = table.at(place, form)->seconds;
            ASSERT_GE(seconds, before * (1 - 1e-12)) << id << " " << kernel.key.stack << " " << kernel.key.kernel;
            before = seconds;
          }
        }
      }
    }
  }
}

TEST(MeasuredCurve, PricesOfItsOwnDeviceSayMeasuredOthersDoNot) {
  const Catalog catalog = Catalog::embedded();
  const DeviceSpec device = catalog.device("h200");
  Overlay overlay = *catalog.overlay("h200");
  const auto gemm = std::find_if(overlay.fits.begin(), overlay.fits.end(),
                                 [](const KernelFit& fit) { return fit.key.family == "gemm"; });
  ASSERT_NE(gemm, overlay.fits.end());
  CurveFile file{.device = "h200", .as_of = "2026-11-22", .source = "made", .kernels = {gemm_curves()}};
  file.kernels[0].key = gemm->key;
  const std::string text = write_curves(file);
  const GemmPoint point{.m = 64, .n = 4096, .k = 7168};
  for (const std::string& id : {std::string("h200"), std::string("h100")}) {
    const DeviceSpec priced = catalog.device(id);
    const CostModel model(priced, machine_of(priced),
                          {{.overlay = &overlay,
                            .device = "h200",
                            .architecture = device.architecture,
                            .device_class = device.device_class,
                            .vendor = device.vendor,
                            .curves = text,
                            .curves_file = "made"}});
    const Price price = price_of(model.resolve(Family::Gemm, gemm->key), point, model.machine());
    EXPECT_EQ(price.tier, id == "h200" ? Tier::Measured : Tier::Transferred);
  }
}

}  // namespace
}  // namespace moeplan
