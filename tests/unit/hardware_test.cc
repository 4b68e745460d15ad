// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/hardware.h"
#include "sim/spec/node.h"

#include <gtest/gtest.h>

#include <string>

namespace moeplan {
namespace {

template <class T>
Sourced<T> sourced(T value) {
  return {value, Basis::Datasheet, "a datasheet"};
}

FlopsPerSecond tflops(double value) { return FlopsPerSecond::from_base(value * 1e12); }

// An H100-like device that breaks no rule.
DeviceSpec sound_device() {
  DeviceSpec d;
  d.id = "test-80";
  d.name = "Test 80 GB";
  d.vendor = "Test";
  d.architecture = "hopper";
  d.default_runtime = "vllm";
  d.memory = sourced(Bytes(85520809984));
  d.unallocatable = sourced(500 * kMiB);
  d.marketed = Bytes(80'000'000'000);
  d.bandwidth = sourced(BytesPerSecond::from_base(3.35e12));
  d.peaks = {{"bf16", sourced(tflops(989.4))}, {"fp8", sourced(tflops(1978.9))}};
  d.units = 132;
  d.clock = sourced(Hertz::from_base(1.83e9));
  d.matrix_fma_per_unit = 2048;
  return d;
}

NodeSpec sound_node() {
  NodeSpec n;
  n.id = "test-x8";
  n.name = "8 x Test";
  n.groups = {{"test-80", 8}};
  n.host_memory = sourced(Bytes(2'000'000'000'000));
  return n;
}

// The single sentence the device earns, "" when it earns none, all of them when several.
template <class Spec>
std::string only_violation(const Spec& spec) {
  std::string all;
  for (const std::string& sentence : violations(spec)) all += sentence + "\n";
  if (!all.empty()) all.pop_back();
  return all;
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
bool is_one_line(const std::string& text) { return !text.empty() && text.find('\n') == std::string::npos; }

TEST(HardwareLint, SoundDeviceHasNoViolations) { EXPECT_EQ(only_violation(sound_device()), ""); }
TEST(HardwareLint, SoundNodeHasNoViolations) { EXPECT_EQ(only_violation(sound_node()), ""); }

TEST(HardwareLint, SparsePeakGivenAsDenseBreaksTheTensorCoreIdentity) {
  DeviceSpec d = sound_device();
  d.peaks = {{"bf16", sourced(tflops(1978.9))}};
  const std::string said = only_violation(d);
  EXPECT_TRUE(is_one_line(said)) << said;
  EXPECT_TRUE(mentions(said, "peak of bf16 is 1978.9 TFLOP/s")) << said;
  EXPECT_TRUE(mentions(said, "989.43")) << said;  // 2048 x 132 x 2 x 1.83e9 = 989.43e12
}

TEST(HardwareLint, TensorCoreIdentityHoldsWithinThreePercent) {
  // identity = 2048 x 132 x 2 x 1.83e9 = 989.43e12; 3 % below is 959.7, above 1019.1
  for (const double inside : {960.0, 1019.0}) {
    DeviceSpec d = sound_device();
    d.peaks = {{"bf16", sourced(tflops(inside))}};
    EXPECT_EQ(only_violation(d), "") << inside;
  }
  for (const double outside : {959.0, 1020.0}) {
    DeviceSpec d = sound_device();
    d.peaks = {{"bf16", sourced(tflops(outside))}};
    EXPECT_TRUE(is_one_line(only_violation(d))) << outside;
  }
}

TEST(HardwareLint, TensorCoreIdentityNeedsAllOfItsTerms) {
  DeviceSpec d = sound_device();
  d.peaks = {{"bf16", sourced(tflops(1978.9))}};
  d.matrix_fma_per_unit = 0;
  EXPECT_EQ(only_violation(d), "");
}

TEST(HardwareLint, SparseFp8IsCaughtByItsRatioToBf16) {
  DeviceSpec d = sound_device();
  d.peaks[1].rate = sourced(tflops(3957.8));  // 4.0 x bf16: 2:4 sparse
  EXPECT_TRUE(mentions(only_violation(d), "4.00 x bf16"));
  d.peaks[1].rate = sourced(tflops(989.4 * 2.49));
  EXPECT_EQ(only_violation(d), "");
}

TEST(HardwareLint, GibibytesWrittenAsGigabytesAreCaught) {
  DeviceSpec d = sound_device();
  d.memory = sourced(Bytes(74'510'000'000));  // 80 GB = 74.51 GiB, written as 74.51 GB: 6.9 % low
  EXPECT_TRUE(mentions(only_violation(d), "6.9 % below the marketed")) << only_violation(d);
  d.memory = sourced(Bytes(76'000'000'000));  // 5.0 % below is still allowed
  EXPECT_EQ(only_violation(d), "");
  d.memory = sourced(Bytes(75'990'000'000));
  EXPECT_TRUE(is_one_line(only_violation(d)));
}

TEST(HardwareLint, MemoryFarAboveTheMarketedFigureIsCaught) {
  DeviceSpec d = sound_device();
  d.memory = sourced(80 * kGiB);  // 7.4 % above: the A100-80 really is 80 GiB
  EXPECT_EQ(only_violation(d), "");
  d.memory = sourced(Bytes(86'500'000'000));  // 8.1 %
  EXPECT_TRUE(mentions(only_violation(d), "above the marketed"));
}

TEST(HardwareLint, UnallocatableIsLessThanMemoryAndNotNegative) {
  DeviceSpec d = sound_device();
  d.unallocatable.value = d.memory.value - Bytes(1);
  EXPECT_EQ(only_violation(d), "");
  d.unallocatable.value = d.memory.value;
  EXPECT_TRUE(mentions(only_violation(d), "unallocatable is"));
  d.unallocatable.value = Bytes(-1);
  EXPECT_TRUE(mentions(only_violation(d), "unallocatable is -1 B"));
}

TEST(HardwareLint, WorkingSetsRiseWithTheRam) {
  DeviceSpec d = sound_device();
  d.marketed.reset();
  d.memory = sourced(32 * kGiB);
  d.working_sets = {{16 * kGiB, 11 * kGiB, "a log"}, {32 * kGiB, 22 * kGiB, "a log"}};
  EXPECT_EQ(only_violation(d), "");
  d.working_sets[1].usable = 11 * kGiB;
  EXPECT_TRUE(mentions(only_violation(d), "working sets must rise"));
}

TEST(HardwareLint, WorkingSetIsAtMostItsRamAndTheMemory) {
  DeviceSpec d = sound_device();
  d.marketed.reset();
  d.memory = sourced(32 * kGiB);
  d.working_sets = {{32 * kGiB, 32 * kGiB, "a log"}};
  EXPECT_EQ(only_violation(d), "");
  d.working_sets = {{32 * kGiB, 32 * kGiB + Bytes(1), "a log"}};
  EXPECT_TRUE(is_one_line(only_violation(d)));
  d.working_sets = {{64 * kGiB, 22 * kGiB, "a log"}};
  EXPECT_TRUE(mentions(only_violation(d), "exceeds memory"));
}

TEST(HardwareLint, EveryQuantityNeedsASource) {
  DeviceSpec d = sound_device();
  d.bandwidth.source = "";
  EXPECT_EQ(only_violation(d), "bandwidth has no source");
  d = sound_device();
  d.peaks[0].rate.source = "";
  EXPECT_EQ(only_violation(d), "peak of bf16 has no source");
  d = sound_device();
  d.working_sets = {{32 * kGiB, 22 * kGiB, ""}};
  EXPECT_EQ(only_violation(d), "working set of 32 GiB has no source");
}

TEST(HardwareLint, ImplausibleBandwidthIsCaughtOnBothSides) {
  DeviceSpec d = sound_device();
  d.bandwidth.value = BytesPerSecond::from_base(1e9);
  EXPECT_EQ(only_violation(d), "");
  d.bandwidth.value = BytesPerSecond::from_base(0.9e9);
  EXPECT_TRUE(mentions(only_violation(d), "bandwidth is 9e+08 B/s"));
  d.bandwidth.value = BytesPerSecond::from_base(1.1e14);
  EXPECT_TRUE(is_one_line(only_violation(d)));
}

TEST(HardwareLint, PeakFormatsAreKnownAndGivenOnce) {
  DeviceSpec d = sound_device();
  d.peaks.push_back({"bf61", sourced(tflops(1))});
  EXPECT_TRUE(mentions(only_violation(d), "\"bf61\" is unknown"));
  d = sound_device();
  d.peaks.push_back({"bf16", sourced(tflops(989.4))});
  EXPECT_EQ(only_violation(d), "peak of bf16 is given twice");
}

TEST(HardwareLint, AllProblemsAreListedAtOnce) {
  DeviceSpec d = sound_device();
  d.id = "Upper Case";
  d.status = "rumoured";
  d.bandwidth.source = "";
  EXPECT_EQ(violations(d).size(), 3U);
}

LinkSpec pcie(Count generation, Count lanes, double gb_per_s) {
  return {.name = "PCIe",
          .peak = sourced(BytesPerSecond::from_base(gb_per_s * 1e9)),
          .pcie_generation = generation,
          .pcie_lanes = lanes};
}

TEST(NodeLint, PcieRateMustBeWhatGenerationAndLanesCarry) {
  NodeSpec n = sound_node();
  n.links = {pcie(5, 16, 63)};  // 32 GT/s x 128/130 / 8 x 16 = 63.0 GB/s
  EXPECT_EQ(only_violation(n), "");
  n.links = {pcie(5, 16, 31.5)};
  EXPECT_TRUE(mentions(only_violation(n), "generation 5 with 16 lanes carries 63 GB/s"));
}

TEST(NodeLint, BothDirectionsOfPcieAddedAreCaught) {
  NodeSpec n = sound_node();
  n.links = {pcie(5, 16, 128)};
  EXPECT_TRUE(mentions(only_violation(n), "both directions added?"));
}

TEST(NodeLint, ALinkBelongsToADeviceOfTheNode) {
  NodeSpec n = sound_node();
  n.links = {pcie(4, 4, 7.9)};
  n.links.front().device = "rtx-3090";
  EXPECT_TRUE(mentions(only_violation(n), "the node does not hold"));
  n.groups.push_back({"rtx-3090", 8});
  EXPECT_EQ(only_violation(n), "");
}

TEST(NodeLint, OneKindInTwoGroupsIsCaught) {
  NodeSpec n = sound_node();
  n.groups = {{"test-80", 4}, {"test-80", 4}};
  EXPECT_TRUE(mentions(only_violation(n), "two groups"));
}

TEST(NodeLinks, TheLinkOfAGroupGoesBeforeTheCommonOne) {
  NodeSpec n = sound_node();
  n.groups = {{"a", 1}, {"b", 1}};
  n.links = {pcie(4, 16, 31.5), pcie(4, 4, 7.9)};
  n.links.back().device = "b";
  EXPECT_EQ(host_link_of(n, "a"), &n.links.front());
  EXPECT_EQ(host_link_of(n, "b"), &n.links.back());
  n.links.clear();
  EXPECT_EQ(host_link_of(n, "a"), nullptr);
}

TEST(NodeLinks, ASharedLinkIsDivided) {
  // NVLink-C2C of a Grace: 450 GB/s for two GPUs
  LinkSpec c2c{.name = "C2C", .kind = LinkKind::C2c, .peak = sourced(BytesPerSecond::from_base(450e9)), .shared_by = 2};
  EXPECT_DOUBLE_EQ(share_of(c2c).base(), 225e9);
}

TEST(NodeLint, UnifiedMemoryIsNotCountedTwice) {
  NodeSpec n = sound_node();
  n.unified = true;
  EXPECT_TRUE(mentions(only_violation(n), "counted twice"));
  n.host_memory.reset();
  EXPECT_EQ(only_violation(n), "");
}

TEST(Words, EveryBasisAndClassHasItsOwn) {
  EXPECT_EQ(word_of(Basis::Datasheet), "datasheet");
  EXPECT_EQ(word_of(Basis::Assumed), "assumed");
  EXPECT_EQ(word_of(DeviceClass::DatacenterGpu), "datacenter_gpu");
  EXPECT_EQ(word_of(DeviceClass::Cpu), "cpu");
}

}  // namespace
}  // namespace moeplan
