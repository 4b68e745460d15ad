// SPDX-License-Identifier: Apache-2.0
// B9: a form fitted to a synthetic machine gives its constants back.
#include "validate/fit_form.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "sim/base/error.h"

namespace moeplan {
namespace {

constexpr std::array<FormConstant, 3> kForm = {{{"floor_s", 1e-7, 5e-6, 1e-3, true, "seconds of an empty kernel"},
                                                {"share", 0.1, 0.5, 1.0, false, "of peak bandwidth"},
                                                {"power", 1.0, 2.0, 8.0, true, "of the soft maximum"}}};

// t = (floor^p + (bytes / (share * 1e12))^p)^(1/p)
double form(double bytes, std::span<const double> c) {
  return std::pow(std::pow(c[0], c[2]) + std::pow(bytes / (c[1] * 1e12), c[2]), 1 / c[2]);
}

struct Machine {
  std::vector<double> bytes;
  std::vector<double> log_measured;
  FitRows rows() const {
    FitRows r;
    r.log_measured = log_measured;
    r.predict = [this](std::span<const double> c, std::span<double> out) {
      for (std::size_t i = 0; i < bytes.size(); ++i) out[i] = std::log(form(bytes[i], c));
    };
    return r;
  }
};

constexpr std::array<double, 3> kTruth = {2e-6, 0.8, 3.0};

// noise(i) is added to the logarithm of row i.
template <class Noise>
Machine synthetic(const Noise& noise) {
  Machine m;
  for (int i = 0; i < 200; ++i) {
    m.bytes.push_back(std::pow(10.0, 4 + 0.025 * i));
    m.log_measured.push_back(std::log(form(m.bytes.back(), kTruth)) + noise(i));
  }
  return m;
}

class FitForm : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      fit_constants(kForm, synthetic([](int) { return 0.0; }).rows(), {.evaluations = 10});
    } catch (const InputError& error) {
      GTEST_SKIP() << error.what();
    }
  }
};

TEST_F(FitForm, GivesTheConstantsOfASyntheticMachineBack) {
  const FittedConstants fit = fit_constants(kForm, synthetic([](int) { return 0.0; }).rows());
  for (std::size_t i = 0; i < kForm.size(); ++i) EXPECT_NEAR(fit.constants[i] / kTruth[i], 1, 0.005) << kForm[i].name;
}

TEST_F(FitForm, IsNotMovedByAFewMistunedRows) {
  // Every twentieth row takes six times as long.
  const FittedConstants fit =
      fit_constants(kForm, synthetic([](int i) { return i % 20 == 7 ? std::log(6) : 0.0; }).rows());
  EXPECT_NEAR(fit.constants[0] / kTruth[0], 1, 0.03);
  EXPECT_NEAR(fit.constants[1] / kTruth[1], 1, 0.03);
}

TEST_F(FitForm, GivesTheSameConstantsAgain) {
  const Machine m = synthetic([](int i) { return 0.1 * std::sin(i * 12.9898); });
  EXPECT_EQ(fit_constants(kForm, m.rows()).constants, fit_constants(kForm, m.rows()).constants);
}

TEST_F(FitForm, StaysInsideTheBounds) {
  // A machine ten times faster than the largest share allows.
  const Machine m = synthetic([](int) { return -std::log(10); });
  EXPECT_LE(fit_constants(kForm, m.rows()).constants[1], kForm[1].high);
}

// Above 1 MB every machine is 20 % slower than the form can bend to: 50 rows of 200.
TEST_F(FitForm, CentresARegimeThatLeans) {
  const Machine m = synthetic([](int i) { return i >= 100 && i < 150 ? 0.2 : 0.0; });
  std::vector<std::int32_t> regimes;
  for (std::size_t i = 0; i < m.bytes.size(); ++i) regimes.push_back(i >= 100 && i < 150 ? 1 : 0);
  const auto lean_of = [&](std::span<const double> constants) {
    double sum = 0;
    for (std::size_t i = 100; i < 150; ++i) sum += std::log(form(m.bytes[i], constants)) - m.log_measured[i];
    return std::fabs(sum / 50);
  };
  FitRows centred = m.rows();
  centred.regimes = regimes;
  const FittedConstants fit = fit_constants(kForm, centred);
  EXPECT_LT(lean_of(fit.centred), 0.8 * lean_of(fit.constants));
}

TEST_F(FitForm, LeavesConstantsAloneWhereNoRegimeLeans) {
  const Machine m = synthetic([](int i) { return 0.1 * std::sin(i * 12.9898); });
  const std::vector<std::int32_t> regimes(m.bytes.size(), 0);
  FitRows centred = m.rows();
  centred.regimes = regimes;
  const FittedConstants fit = fit_constants(kForm, centred);
  EXPECT_EQ(fit.centred, fit.constants);
}

TEST(FitFormWithoutRows, AnswersTheStart) {
  const FittedConstants fit = fit_constants(kForm, FitRows{});
  EXPECT_EQ(fit.constants, (std::vector<double>{5e-6, 0.5, 2.0}));
}

}  // namespace
}  // namespace moeplan
