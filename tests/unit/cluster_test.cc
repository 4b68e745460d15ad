// SPDX-License-Identifier: Apache-2.0
// What surrounds a node: lints on the classic slips, composition, inheritance.
#include "sim/spec/cluster.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog embedded = Catalog::embedded();
  return embedded;
}

template <class T>
Sourced<T> sourced(T value) {
  return {value, Basis::Datasheet, "a datasheet"};
}
BytesPerSecond gb_per_s(double value) { return BytesPerSecond::from_base(value * 1e9); }

template <class Spec>
std::string said(const Spec& spec) {
  std::string all;
  for (const std::string& sentence : violations(spec)) all += sentence + "\n";
  return all;
}
bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string complaint_about(const std::string& text) {
  try {
    catalog().read_profile(text, "mine.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(EmbeddedSurroundings, ObeyTheRulesAndRoundTrip) {
  for (const std::string& id : catalog().scaleup_ids()) {
    const ScaleupSpec s = catalog().scaleup(id);
    EXPECT_EQ(said(s), "") << id;
    EXPECT_EQ(read_scaleup(parse_json(write_scaleup(s), "again")), s) << id;
  }
  for (const std::string& id : catalog().scaleout_ids()) {
    const ScaleoutSpec s = catalog().scaleout(id);
    EXPECT_EQ(said(s), "") << id;
    EXPECT_EQ(read_scaleout(parse_json(write_scaleout(s), "again")), s) << id;
  }
  for (const std::string& id : catalog().site_ids()) {
    const SiteSpec s = catalog().site(id);
    EXPECT_EQ(said(s), "") << id;
    EXPECT_EQ(read_site(parse_json(write_site(s), "again")), s) << id;
  }
  EXPECT_GE(catalog().price_ids().size(), 15U);
  for (const std::string& id : catalog().price_ids()) {
    const PriceSpec p = *catalog().price(id);
    EXPECT_EQ(said(p), "") << id;
    EXPECT_EQ(read_price(parse_json(write_price(p), "again")), p) << id;
    EXPECT_TRUE(catalog().knows_device(id)) << id;
  }
}

TEST(EmbeddedNodes, ComposeWithTheirFabricNetworkSiteAndPrice) {
  for (const std::string& id : catalog().node_ids()) EXPECT_NO_THROW(catalog().cluster(id)) << id;
  const ClusterSpec h200 = catalog().cluster("h200-x8");
  EXPECT_EQ(h200.scaleup->id, "nvlink-4-x8");
  EXPECT_EQ(h200.scaleout->id, "ib-400g");
  EXPECT_EQ(h200.site->id, "default");
  EXPECT_TRUE(h200.prices.front().has_value());
}

TEST(ScaleupLint, BothDirectionsAddedAreCaughtOnEveryKnownGeneration) {
  for (const std::string& id : catalog().scaleup_ids()) {
    ScaleupSpec s = catalog().scaleup(id);
    if (s.generation.empty()) continue;
    s.bandwidth.value = s.bandwidth.value * 2.0;
    EXPECT_TRUE(mentions(said(s), "both directions added?")) << id << ": " << said(s);
  }
}

TEST(ScaleupLint, AMeshSaysWhatOnePairGets) {
  ScaleupSpec s = catalog().scaleup("xgmi-mi300-x8");
  s.per_peer_cap.reset();
  EXPECT_TRUE(mentions(said(s), "one pair gets a part"));
}

TEST(ScaleupLint, DimensionsOfATorusMultiplyToItsDomain) {
  ScaleupSpec s = catalog().scaleup("ici-v5e-256");
  s.dimensions = {16, 8};
  EXPECT_TRUE(mentions(said(s), "hold 128 devices, domain is 256"));
}

TEST(ScaleupLint, AllToAllBeyondTheWireIsCaught) {
  ScaleupSpec s = catalog().scaleup("nvlink-4-x8");
  s.all_to_all->value = s.bandwidth.value * 1.36;
  EXPECT_TRUE(mentions(said(s), "1.36 x the peak"));
  s.all_to_all->value = s.bandwidth.value * 1.35;
  EXPECT_EQ(said(s), "");
}

TEST(ClusterLint, BitsTakenForBytesInTheNetworkAreCaught) {
  ClusterSpec c = catalog().cluster("a100-80-x8");
  c.scaleout->nic_rate = sourced(gb_per_s(200));  // 200 Gb/s of HDR
  c.scaleout->nics_per_device = 2;
  EXPECT_TRUE(mentions(said(c), "bits for bytes?"));
}

TEST(ClusterLint, DomainAndDevicesDivideEachOther) {
  ClusterSpec c = catalog().cluster("gb200-nvl72");  // 18 trays of 4
  EXPECT_EQ(said(c), "");
  c.scaleup->domain = 70;
  EXPECT_TRUE(mentions(said(c), "one must be a multiple of the other"));
}

TEST(PriceLint, ThePriceOfANodeIsNotThatOfADevice) {
  PriceSpec p = *catalog().price("h200");
  p.rentals.front().low.value = UsdPerSecond::from_base(36.0 / 3600);  // 8 x 4.5 USD/h
  p.rentals.front().high = p.rentals.front().low.value;
  EXPECT_TRUE(mentions(said(p), "the price of a node?"));
}

TEST(PriceLint, DatesMustBeDates) {
  PriceSpec p = *catalog().price("h200");
  for (const char* wrong : {"2026", "2026-13", "2026-02-30", "April 2026", "2026/04"}) {
    p.rentals.front().as_of = wrong;
    EXPECT_TRUE(mentions(said(p), "must be a date")) << wrong;
  }
}

TEST(PriceAge, WarnsAfter180Days) {
  PriceSpec p;
  p.id = "test";
  p.rentals = {{"on_demand", "any", sourced(UsdPerSecond::from_base(1)), UsdPerSecond::from_base(1), "2026-01-01"}};
  // 30 more days of January, 28, 31, 30, 31, 30: the 180th day after 1 January is 30 June
  EXPECT_TRUE(stale_prices(p, "2026-06-30").empty());
  EXPECT_EQ(stale_prices(p, "2026-07-01").size(), 1U);
}

TEST(SiteLint, CentsTakenForDollarsAreCaught) {
  SiteSpec s = catalog().site("default");
  s.usd_per_kwh.value = 8;
  EXPECT_TRUE(mentions(said(s), "cents for dollars?"));
}

TEST(Inheritance, OneOverrideMakesAMachineWithAFasterNetwork) {
  const std::string text = R"({"id": "h200-x8-800g", "like": "h200-x8", "scaleout": "ib-800g"})";
  const HardwareProfile profile = catalog().read_profile(text, "mine.json");
  const ClusterSpec mine = catalog().cluster_of(std::get<NodeSpec>(profile));
  EXPECT_DOUBLE_EQ(mine.scaleout->per_device().base(), 100e9);
  NodeSpec same = catalog().node("h200-x8");
  same.id = "h200-x8-800g";
  same.aliases.clear();
  same.scaleout = "ib-800g";
  EXPECT_EQ(mine.node, same);
}

TEST(Inheritance, AnOverriddenQuantityIsCheckedLikeAnyOther) {
  const std::string sparse =
      R"({"id": "mine", "like": "h200", "peaks": [{"format": "bf16", "value": "1979 TFLOP/s", "basis": "datasheet",
          "source": "a page"}]})";
  EXPECT_TRUE(mentions(complaint_about(sparse), "a sparse figure")) << complaint_about(sparse);
}

TEST(Inheritance, UnknownAndSecondHandBasesAreRefused) {
  EXPECT_TRUE(mentions(complaint_about(R"({"id": "x", "like": "h201", "class": "cpu"})"), "the id of a profile"));
  EXPECT_TRUE(mentions(complaint_about(R"({"id": "x", "like": 7, "class": "cpu"})"), "the id of a profile"));
}

TEST(Machine, OwnDevicesGoBeforeThoseOfTheCatalogue) {
  DeviceSpec own = catalog().device("rtx-4090");
  own.memory.value = 49140 * kMiB;
  own.marketed = Bytes(48'000'000'000);
  NodeSpec node = catalog().node("rtx-4090-3090");
  const ClusterSpec read = catalog().read_cluster(write_machine(node, {own}), "mine.json");
  EXPECT_EQ(read.devices.front(), own);
  EXPECT_EQ(read.devices.back(), catalog().device("rtx-3090"));
  EXPECT_EQ(read.node, node);
}

TEST(Torus, IsNoCrossbar) {
  EXPECT_FALSE(catalog().scaleup("ici-7-9216").is_crossbar());
  EXPECT_TRUE(catalog().scaleup("nvlink-5-nvl72").is_crossbar());
}

}  // namespace
}  // namespace moeplan
