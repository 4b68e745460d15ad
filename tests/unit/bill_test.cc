// SPDX-License-Identifier: Apache-2.0
#include "sim/study/bill.h"

#include <gtest/gtest.h>

namespace moeplan {
namespace {

PowerModel board() {
  PowerModel power;
  power.rated = power.limit = 700;
  power.idle = 100;
  power.low = 0.8;
  power.high = 1.25;
  return power;
}

DevicePrice hourly(double usd) {
  DevicePrice price;
  price.usd_per_hour = price.low = price.high = usd;
  return price;
}

Rates rates() {
  Rates r;
  r.node = {.devices = 8, .rest = 1600, .supply = 0.8, .source = "test"};
  r.site = {.pue = 1.25, .usd_per_kwh = 0.1, .gco2_per_kwh = 500, .name = "test", .source = "test"};
  r.price = r.rent = hourly(2);
  r.own = hourly(1);
  r.own->tenure = Tenure::Own;
  r.provisioned = 1500;
  return r;
}

// Eight boards of 400 W, 100 tokens a second.
Stretch stretch() {
  return {.seconds = 2, .board_joules = 2 * 8 * 400, .tokens = 200, .all_tokens = 600, .devices = 8};
}

TEST(Bill, TheNodeAddsItsRestAndItsSuppliesLoss) {
  // (8 x 400 + 1,600) / 0.8 = 6,000 W
  EXPECT_DOUBLE_EQ(bill_of(stretch(), board(), rates()).energy->node_watts, 6000);
}

TEST(Bill, TheSiteAddsItsCooling) {
  EXPECT_DOUBLE_EQ(bill_of(stretch(), board(), rates()).energy->facility_joules, 6000 * 1.25 / 100);
}

TEST(Bill, EachLevelDrawsAtLeastTheOneBelow) {
  const EnergyBill energy = *bill_of(stretch(), board(), rates()).energy;
  EXPECT_GE(energy.node_watts, energy.board_watts);
  EXPECT_GE(energy.facility_watts, energy.node_watts);
}

TEST(Bill, PartOfANodePaysPartOfItsRest) {
  Stretch one = stretch();
  one.devices = 1;
  one.board_joules = 2 * 400;
  // (400 + 1,600 / 8) / 0.8
  EXPECT_DOUBLE_EQ(bill_of(one, board(), rates()).energy->node_watts, 750);
}

TEST(Bill, DrawnAndProvisionedMegawattsAreKeptApart) {
  const EnergyBill energy = *bill_of(stretch(), board(), rates()).energy;
  EXPECT_DOUBLE_EQ(energy.tokens_per_s_per_mw, 100 / 0.006);
  EXPECT_DOUBLE_EQ(*energy.tokens_per_s_per_provisioned_mw, 100 / (8 * 0.0015));
}

TEST(Bill, CarbonFollowsTheFacility) {
  // 75 J a token x 1e6 / 3.6e6 J per kWh x 500 g
  EXPECT_DOUBLE_EQ(bill_of(stretch(), board(), rates()).energy->gco2_per_million, 75e6 / 3.6e6 * 500);
}

TEST(Bill, TheBandEndsAtIdleAndAtTheLimit) {
  PowerModel power = board();
  power.low = 0.01;
  power.high = 100;
  const EnergyBill energy = *bill_of(stretch(), power, rates()).energy;
  EXPECT_DOUBLE_EQ(energy.low_joules, (8 * 100 + 1600) / 0.8 * 1.25 / 100);
  EXPECT_DOUBLE_EQ(energy.high_joules, (8 * 700 + 1600) / 0.8 * 1.25 / 100);
}

TEST(Bill, RentHasItsElectricityIn) {
  const MoneyBill money = *bill_of(stretch(), board(), rates()).money;
  EXPECT_DOUBLE_EQ(money.usd_per_hour, 16);
  EXPECT_NEAR(money.electricity_usd_per_hour, 0, 1e-12);
  // 16 USD an hour over 100 tokens/s
  EXPECT_DOUBLE_EQ(money.usd_per_million, 16.0 / 3600 / 100 * 1e6);
  EXPECT_DOUBLE_EQ(money.usd_per_million_all, money.usd_per_million / 3);
}

TEST(Bill, OwnersPayForElectricity) {
  Rates r = rates();
  r.price = r.own;
  // 8 x 1 USD + 7.5 kW x 0.1 USD
  EXPECT_NEAR(bill_of(stretch(), board(), r).money->usd_per_hour, 8.75, 1e-12);
}

TEST(Bill, OwningHasNoPriceWithoutThePowerOfItsBoards) {
  Rates r = rates();
  r.price = r.own;
  EXPECT_FALSE(bill_of(stretch(), PowerModel{}, r).money);
}

TEST(Bill, APurchaseIsPaidOverItsYears) {
  PriceSpec prices;
  prices.purchase = Purchase{.usd = {.value = 35064}, .as_of = "2026-06"};
  // 35,064 USD / (4 x 8,766 h) = 1 USD; 10 % a year = 0.4 USD more
  EXPECT_DOUBLE_EQ(owned(prices, {.years = 4, .opex_share = 0.1})->usd_per_hour, 1.4);
}

TEST(BreakEven, OwningBeatsRentingWhereTheirLinesCross) {
  // Owned: idle (800 + 1,600) / 0.8 x 1.25 = 3.75 kW, busy 7.5 kW: 8.375 + u 0.375 = 16 u
  const BreakEven even = break_even(stretch(), board(), rates(), {});
  EXPECT_NEAR(*even.own_over_rent, 8.375 / (16 - 0.375), 1e-12);
}

TEST(BreakEven, NothingWhereOwningNeverPays) {
  Rates r = rates();
  r.own->usd_per_hour = 3;
  EXPECT_FALSE(break_even(stretch(), board(), r, {}).own_over_rent);
}

TEST(BreakEven, AnApiIsPaidByTheToken) {
  // 100 tokens/s at 100 USD a million: 36 USD an hour
  const BreakEven even = break_even(stretch(), board(), rates(), 100.0);
  EXPECT_NEAR(*even.own_over_api, 8.375 / (36 - 0.375), 1e-12);
  EXPECT_TRUE(even.rent_under_api);
  EXPECT_FALSE(break_even(stretch(), board(), rates(), 10.0).rent_under_api);
}

}  // namespace
}  // namespace moeplan
