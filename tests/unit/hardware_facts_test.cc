// SPDX-License-Identifier: Apache-2.0
// Facts that tables of hardware get wrong, each held to the corrected value; and the
// classic slips, applied to every profile we ship: a lint must speak.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog embedded = Catalog::embedded();
  return embedded;
}

double peak(std::string_view device, std::string_view format) {
  const DeviceSpec d = catalog().device(device);
  const PeakRate* rate = peak_of(d, format);
  return rate == nullptr ? 0 : rate->rate.value.base() / 1e12;
}
double memory_mib(std::string_view device) {
  return static_cast<double>(catalog().device(device).memory.value.count()) / static_cast<double>(kMiB.count());
}
double bandwidth(std::string_view device) { return catalog().device(device).bandwidth.value.base() / 1e9; }
double fabric(std::string_view node) { return catalog().cluster(node).scaleup->bandwidth.value.base() / 1e9; }
double network(std::string_view node) { return catalog().cluster(node).scaleout->per_device().base() / 1e9; }

struct Fact {
  std::string_view claim;
  double found;
  double expected;
};

TEST(HardwareFacts, CorrectedValuesHold) {
  const ClusterSpec mi300x = catalog().cluster("mi300x-x8");
  const ClusterSpec b200 = catalog().cluster("b200-x8");
  const Fact facts[] = {
      {"B200 reads 7680 bit x 7.992 GT/s / 8, not 8.0 TB/s", bandwidth("b200"), 7672},
      {"B200 is neither 192 GB nor 180 GiB", memory_mib("b200"), 183359},
      {"B200 hands out 178.35 GiB",
       memory_mib("b200") - static_cast<double>(catalog().device("b200").unallocatable.value.count()) / 1048576,
       182631},  // 178.35 x 1024
      {"H200 is not 141 GiB", memory_mib("h200"), 143771},
      {"H100 is not 80 GiB", memory_mib("h100"), 81559},
      {"A100-80 is 80 GiB", memory_mib("a100-80"), 81920},
      {"H100 bf16 dense, not 1979", peak("h100", "bf16"), 989.4},
      {"H100 fp8 dense, not 3958", peak("h100", "fp8"), 1979},
      {"B200 bf16 dense, not 4500", peak("b200", "bf16"), 2250},
      {"B200 fp8 dense, not 9000", peak("b200", "fp8"), 4500},
      {"B200 fp4 dense, not 18000", peak("b200", "fp4"), 9000},
      {"GB200 bf16 at 2062 MHz, not the B200's", peak("gb200", "bf16"), 2500},
      {"GB200 fp8", peak("gb200", "fp8"), 5000},
      {"GB200 fp4", peak("gb200", "fp4"), 10000},
      {"GeForce halves FP32 accumulate: 4090", peak("rtx-4090", "bf16"), 165.2},
      {"GeForce halves FP32 accumulate: 5090", peak("rtx-5090", "bf16"), 209.5},
      {"GeForce halves FP32 accumulate: 3090", peak("rtx-3090", "bf16"), 71},
      {"PRO cards do not: L40S", peak("l40s", "bf16"), 362},
      {"PRO cards do not: RTX PRO 6000", peak("rtx-pro-6000", "bf16"), 467.8},
      {"B300 lost INT8", peak("b300", "int8"), 153.5},
      {"DGX B200 carries 400 Gb/s per GPU", network("b200-x8"), 50},
      {"so does the GB200 rack", network("gb200-nvl72"), 50},
      {"800 Gb/s begins with B300", network("b300-x8"), 100},
      {"and GB300", network("gb300-nvl72"), 100},
      {"A100 nodes carry 200 Gb/s", network("a100-80-x8"), 25},
      {"the host of a B200 is PCIe Gen5", host_link_of(b200.node, "b200")->peak.value.base() / 1e9, 63},
      {"one MI300X peer gets 48 after protocol", mi300x.scaleup->per_peer_cap->value.base() / 1e9, 48},
      {"all MI300X peers together 7 x 64", fabric("mi300x-x8"), 448},
      {"MI355X 7 x 76.5", fabric("mi355x-x8"), 535.5},
      {"H800 NVLink per direction, not 400", fabric("h800-x8"), 200},
      {"NVLink 4 per direction, not 900", fabric("h200-x8"), 450},
      {"NVLink 5 per direction, not 1800", fabric("b200-x8"), 900},
      {"H200 L2 as the device reports it",
       static_cast<double>(catalog().device("h200").last_level_cache->value.count()), 60e6},
      {"an NVL72 rack joins 72 GPUs", static_cast<double>(catalog().cluster("gb300-nvl72").fast_domain()), 72},
      {"so does Rubin's: 144 counts dies", static_cast<double>(catalog().cluster("rubin-nvl72").fast_domain()), 72},
      {"Rubin bandwidth", bandwidth("rubin"), 22000},
      {"Rubin fp4, not the 50 PF of inference", peak("rubin", "fp4"), 35000},
      {"MI355X fp8, not 10.1 PF", peak("mi355x", "fp8"), 5000},
      {"MI355X fp4 is 10.1 PF dense", peak("mi355x", "fp4"), 10100},
      {"MI325X is 256 GB, not 288", static_cast<double>(catalog().device("mi325x").marketed->count()), 256e9},
      {"Thor fp4, not the sparse 2070", peak("jetson-thor", "fp4"), 1035},
      {"Trainium2 fp8, not the sparse 2563", peak("trainium2", "fp8"), 1299},
  };
  for (const Fact& fact : facts) EXPECT_NEAR(fact.found, fact.expected, fact.expected * 0.001) << fact.claim;
}

TEST(HardwareFacts, AppleWorkingSetsFollowTheTable) {
  const auto usable = [](std::string_view device, Count gib) {
    for (const WorkingSet& set : catalog().device(device).working_sets)
      if (set.ram == gib * kGiB) return in_gib(set.usable);
    return 0.0;
  };
  EXPECT_NEAR(usable("apple-m4", 16), 10.67, 0.01);
  EXPECT_NEAR(usable("apple-m5", 16), 11.84, 0.01);
  for (const char* device : {"apple-m2", "apple-m3", "apple-m4", "apple-m4-pro", "apple-m5", "apple-m5-pro"})
    EXPECT_NEAR(usable(device, 24), 17.76, 0.01) << device;
  for (const char* device : {"apple-m1-ultra", "apple-m2-ultra", "apple-m3-max", "apple-m4-max", "apple-m5-max"})
    EXPECT_NEAR(usable(device, 128), 107.52, 0.01) << device;
  EXPECT_FALSE(catalog().knows_device("apple-m4-ultra"));  // no such product
}

TEST(HardwareFacts, MeasuredRatesMayPassThePeak) {
  // 254 of 209.5 TFLOP/s: real clocks exceed the rated boost
  const DeviceSpec card = catalog().device("rtx-5090");
  EXPECT_GT(effective_rate_of(card, "bf16", "best")->rate.value, peak_of(card, "bf16")->rate.value);
}

TEST(HardwareFacts, EveryMachineOfTheMinimumSetIsThere) {
  for (const char* node : {"h200-x8", "h200-sxm-x8", "h100-sxm-x8", "a100-80-x8", "b200-x8", "b300-x8", "gb200-nvl72",
                           "gb300-nvl72", "mi300x-x8", "mi325x-x8", "mi355x-x8", "rtx-pro-6000-x8", "l40s-x8",
                           "laptop-16gb", "epyc-turin-2s", "xeon6-amx-2s", "rubin-nvl72", "rtx-4090-3090"})
    EXPECT_TRUE(catalog().knows_node(node)) << node;
  for (const char* device : {"rtx-3090",     "rtx-4090",   "rtx-5090",   "rtx-4090-laptop", "rtx-5090-laptop",
                             "rtx-pro-6000", "dgx-spark",  "strix-halo", "jetson-thor",     "jetson-agx-orin",
                             "arc-pro-b60",  "phone-12gb", "grace",      "tpu-v5e",         "tpu-v5p",
                             "tpu-v6e",      "tpu7x",      "trn2",       "trainium3",       "h20",
                             "h800",         "l4",         "gh200-96"})
    EXPECT_TRUE(catalog().knows_device(device)) << device;
}

TEST(HardwareFacts, WhatNobodyMeasuredSaysSo) {
  for (const char* device : {"tpu7x", "trainium2", "trainium3"})
    EXPECT_EQ(catalog().device(device).status, "unvalidated") << device;
  EXPECT_EQ(catalog().device("rubin").status, "announced");
}

// A slip, and which profiles it can happen to.
struct Slip {
  std::string_view name;
  std::function<bool(DeviceSpec&)> make;  // false: does not apply
};

TEST(ClassicSlips, ALintSpeaksOnEveryShippedProfile) {
  const auto scale_peak = [](std::string_view format, double factor) {
    return [format, factor](DeviceSpec& d) {
      for (PeakRate& p : d.peaks) {
        if (p.format != format) continue;
        p.rate.value = p.rate.value * factor;
        return true;
      }
      return false;
    };
  };
  const Slip slips[] = {
      {"sparse bf16 given as dense",
       [&](DeviceSpec& d) { return d.matrix_fma_per_unit > 0 && d.units > 0 && d.clock && scale_peak("bf16", 2)(d); }},
      {"sparse fp8 given as dense",  // TPU v6e does fp8 at the bf16 rate: twice that looks dense
       [&](DeviceSpec& d) { return peak_of(d, "bf16") != nullptr && d.id != "tpu-v6e" && scale_peak("fp8", 2)(d); }},
      {"sparse fp4 given as dense",  // GB10 is listed as measured, far below any dense rule
       [&](DeviceSpec& d) { return peak_of(d, "bf16") != nullptr && d.id != "dgx-spark" && scale_peak("fp4", 2)(d); }},
      {"a GiB figure converted to GiB once more",
       [](DeviceSpec& d) {
         // Where the box says decimal bytes (B300, Rubin), 288 GiB looks like the A100's honest 80 GiB.
         if (!d.marketed || d.memory.value < scaled(*d.marketed, 1.01)) return false;
         d.memory.value = scaled(d.memory.value, 1.0737);
         return true;
       }},
      {"the driver's GiB written as GB",
       [](DeviceSpec& d) {
         if (!d.marketed) return false;
         d.memory.value = scaled(*d.marketed, 1 / 1.0737);
         return true;
       }},
      {"a memory clock where the data rate belongs",
       [](DeviceSpec& d) {
         if (!d.memory_data_rate) return false;
         d.memory_data_rate->value = d.memory_data_rate->value / 2.0;
         return true;
       }},
      {"a bandwidth of the larger sibling",
       [](DeviceSpec& d) {
         if (!d.memory_data_rate) return false;
         d.bandwidth.value = d.bandwidth.value * 1.04;
         return true;
       }},
      {"a measurement over a wrong peak",
       [](DeviceSpec& d) {
         if (d.effective_bandwidth.empty()) return false;
         d.effective_bandwidth.front().rate.value = d.bandwidth.value * 1.36;
         return true;
       }},
      {"milliwatts",
       [](DeviceSpec& d) {
         if (!d.power_cap || d.power_cap->value.base() < 40 || peak_of(d, "bf16") == nullptr) return false;
         d.power_cap->value = d.power_cap->value / 1000.0;
         return true;
       }},
  };
  for (const Slip& slip : slips) {
    Count applied = 0;
    for (const std::string& id : catalog().device_ids()) {
      DeviceSpec device = catalog().device(id);
      if (!slip.make(device)) continue;
      ++applied;
      EXPECT_FALSE(violations(device).empty()) << slip.name << " on " << id;
    }
    EXPECT_GE(applied, 3) << slip.name;
  }
}

TEST(MatrixWidth, TheConstantOfTheGenerationIsChecked) {
  DeviceSpec card = catalog().device("rtx-4090");
  card.matrix_fma_per_unit = 512;  // an RTX PRO's, with a clock that makes the identity hold
  card.clock->value = card.clock->value / 2.0;
  ASSERT_EQ(violations(card).size(), 1U);
  EXPECT_NE(violations(card).front().find("ada-geforce does 256"), std::string::npos);
}

TEST(LaptopRate, FollowsTheConfiguredPower) {
  const DeviceSpec laptop = catalog().device("rtx-4090-laptop");
  const auto tflops = [&laptop](double watt) {
    return rate_at_power(laptop, "bf16", Watts::from_base(watt))->base() / 1e12;
  };
  EXPECT_DOUBLE_EQ(tflops(130), 70.6);
  EXPECT_DOUBLE_EQ(tflops(140), 75);  // (70.6 + 79.4) / 2
  EXPECT_DOUBLE_EQ(tflops(150), 79.4);
  EXPECT_DOUBLE_EQ(tflops(80), 70.6);  // nothing published below: the nearest point
  EXPECT_DOUBLE_EQ(tflops(200), 79.4);
  EXPECT_FALSE(rate_at_power(catalog().device("h200"), "bf16", Watts::from_base(500)).has_value());
}

}  // namespace
}  // namespace moeplan
