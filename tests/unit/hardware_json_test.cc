// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "sim/base/error.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

const std::string kDevice = R"({
  "id": "h200", "name": "H200", "aliases": ["H200 SXM"], "vendor": "NVIDIA", "architecture": "hopper",
  "class": "datacenter_gpu", "default_runtime": "vllm",
  "memory": {"value": "143771 MiB", "basis": "driver", "source": "nvidia-smi"},
  "unallocatable": {"value": "0.5 GiB", "basis": "assumed", "source": "typical"},
  "marketed": "141 GB",
  "bandwidth": {"value": "4.8 TB/s", "basis": "datasheet", "source": "datasheet"},
  "peaks": [{"format": "bf16", "value": "989.4 TFLOP/s", "basis": "datasheet", "source": "datasheet"}],
  "power_cap": {"value": "700 W", "basis": "datasheet", "source": "datasheet"},
  "units": 132, "clock": {"value": "1830 MHz", "basis": "datasheet", "source": "datasheet"},
  "matrix_fma_per_unit": 2048, "note": "a note"
})";

const std::string kNode = R"({
  "id": "h200-x8", "name": "8 x H200", "aliases": ["dgx-h200"], "device": "h200", "devices": 8, "scaleup": "nvlink-4-x8",
  "scaleout": "ib-400g",
  "host_memory": {"value": "2 TB", "basis": "datasheet", "source": "user guide"}
})";

std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// What reading says, "" when it succeeds.
std::string complaint_of(const std::function<void()>& read) {
  try {
    read();
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::InvalidInput);
    return error.what();
  }
  return "";
}
std::string device_complaint(const std::string& text) {
  return complaint_of([&text] { read_device(text, "h200.json"); });
}
std::string node_complaint(const std::string& text) {
  return complaint_of([&text] { read_node(text, "h200-x8.json"); });
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(DeviceJson, ReadsUnitsIntoBaseUnits) {
  const DeviceSpec device = read_device(kDevice, "h200.json");
  EXPECT_EQ(device.memory.value, 143771 * kMiB);
  EXPECT_EQ(device.memory.basis, Basis::Driver);
  EXPECT_EQ(device.unallocatable.value, 512 * kMiB);
  EXPECT_EQ(device.marketed, Bytes(141'000'000'000));
  EXPECT_DOUBLE_EQ(device.bandwidth.value.base(), 4.8e12);
  ASSERT_EQ(device.peaks.size(), 1U);
  EXPECT_DOUBLE_EQ(device.peaks[0].rate.value.base(), 989.4e12);
  EXPECT_EQ(device.status, "shipping");
}

TEST(DeviceJson, WritingThenReadingGivesAnEqualSpec) {
  DeviceSpec device = read_device(kDevice, "h200.json");
  EXPECT_EQ(read_device(write_device(device), "again"), device);
  device.marketed.reset();
  device.aliases.clear();
  device.peaks.clear();
  device.clock.reset();
  device.memory.value = Bytes(150754820097);  // an odd count of bytes
  device.working_sets = {{16 * kGiB, 10922 * kMiB, "a log"}, {128 * kGiB, Bytes(115448600001), "another"}};
  EXPECT_EQ(read_device(write_device(device), "again"), device);
}

TEST(DeviceJson, BareNumberInsideAQuantityIsRefusedWithItsPath) {
  const std::string said = device_complaint(with(kDevice, R"("4.8 TB/s")", "4.8"));
  EXPECT_TRUE(mentions(said, "h200.json:")) << said;
  EXPECT_TRUE(mentions(said, "bandwidth/value")) << said;
  EXPECT_TRUE(mentions(said, "4.8")) << said;
}

TEST(DeviceJson, QuantityWithoutItsObjectIsRefusedWithTheShape) {
  const std::string said = device_complaint(
      with(kDevice, R"({"value": "4.8 TB/s", "basis": "datasheet", "source": "datasheet"})", R"("4.8 TB/s")"));
  EXPECT_TRUE(mentions(said, "bandwidth")) << said;
  EXPECT_TRUE(mentions(said, R"("basis")")) << said;
}

TEST(DeviceJson, MissingSourceIsAProblem) {
  EXPECT_TRUE(mentions(device_complaint(with(kDevice, R"(, "source": "nvidia-smi")", "")), "memory"));
  EXPECT_TRUE(mentions(device_complaint(with(kDevice, R"("nvidia-smi")", R"("")")), "memory has no source"));
}

TEST(DeviceJson, UnknownBasisNamesTheKnownOnes) {
  const std::string said = device_complaint(with(kDevice, R"("driver")", R"("measured")"));
  EXPECT_TRUE(mentions(said, "memory/basis")) << said;
  EXPECT_TRUE(mentions(said, "calibrated")) << said;
}

TEST(DeviceJson, UnknownKeyIsAProblem) {
  EXPECT_TRUE(mentions(device_complaint(with(kDevice, R"("note")", R"("nota")")), "nota"));
}

TEST(DeviceJson, LintsSpeakWhenTheShapeIsSound) {
  const std::string said = device_complaint(with(kDevice, "989.4 TFLOP/s", "1979 TFLOP/s"));
  EXPECT_TRUE(mentions(said, "h200.json:1:1: peak of bf16 is 1979 TFLOP/s")) << said;
}

TEST(DeviceJson, AllProblemsAreReportedAtOnce) {
  const std::string text = with(with(kDevice, R"("4.8 TB/s")", "4.8"), R"("class": "datacenter_gpu", )", "");
  try {
    read_device(text, "h200.json");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.problems().size(), 2U) << error.what();
  }
}

TEST(NodeJson, WritingThenReadingGivesAnEqualSpec) {
  NodeSpec node = read_node(kNode, "h200-x8.json");
  EXPECT_EQ(node.host_memory->value, Bytes(2'000'000'000'000));
  EXPECT_EQ(read_node(write_node(node), "again"), node);
  node.host_memory.reset();
  node.unified = true;
  node.note = "one pool";
  EXPECT_EQ(read_node(write_node(node), "again"), node);
}

TEST(NodeJson, UnequalDevicesLinksAndDrivesRoundTrip) {
  NodeSpec node = read_node(kNode, "h200-x8.json");
  const auto rate = [](double gb) {
    return Sourced<BytesPerSecond>{BytesPerSecond::from_base(gb * 1e9), Basis::Datasheet, "a datasheet"};
  };
  node.groups = {{"rtx-4090", 6}, {"rtx-3090", 2}};
  node.cpu = "epyc";
  node.cpus = 2;
  node.host_dram_bandwidth = rate(1200);
  LinkSpec pcie{.name = "PCIe 4.0 x4", .device = "rtx-3090", .peak = rate(7.9), .pcie_generation = 4, .pcie_lanes = 4};
  pcie.achieved = rate(6.5);
  LinkSpec mesh{.name = "mesh", .kind = LinkKind::Mesh, .endpoints = 8, .peak = rate(448), .shared_by = 2};
  mesh.per_peer_cap = rate(64);
  node.links = {pcie, mesh};
  node.ssds = {{2, {Bytes(4'000'000'000'000), Basis::Datasheet, "box"}, rate(7), {}}};
  node.ssds.front().latency = {Seconds::from_base(80e-6), Basis::Assumed, "a guess"};
  node.static_power = {Watts::from_base(500), Basis::Assumed, "a guess"};
  node.max_power = {Watts::from_base(10200), Basis::Datasheet, "a datasheet"};
  EXPECT_EQ(read_node(write_node(node), "again"), node);
}

TEST(DeviceJson, MeasuredValuesPowerPointsAndBusRoundTrip) {
  DeviceSpec device = read_device(kDevice, "h200.json");
  const auto published = [](auto value) { return Sourced<decltype(value)>{value, Basis::Published, "a paper"}; };
  device.status = "unvalidated";
  device.bus_bits = 6144;
  device.memory_data_rate = published(Hertz::from_base(6.25e9));
  device.effective_bandwidth = {{"weights", published(BytesPerSecond::from_base(4.068e12))}};
  device.effective_rates = {{"bf16", "sustained", published(FlopsPerSecond::from_base(693e12))}};
  device.launch = {published(Seconds::from_base(2.5e-6)), published(Seconds::from_base(1.3e-6)),
                   published(Seconds::from_base(2.2e-6))};
  device.power_points = {{Watts::from_base(130), "bf16", published(FlopsPerSecond::from_base(70.6e12))}};
  device.power_idle = published(Watts::from_base(115));
  EXPECT_EQ(read_device(write_device(device), "again"), device);
}

TEST(NodeJson, DeviceAndGroupsTogetherAreRefused) {
  const std::string both = with(kNode, R"("devices": 8, )", R"("devices": 8, "groups": [], )");
  EXPECT_TRUE(mentions(node_complaint(both), "either device and devices, or groups"));
}

TEST(NodeJson, NumberOfDevicesIsRequiredAndPositive) {
  EXPECT_TRUE(mentions(node_complaint(with(kNode, R"("devices": 8, )", "")), "devices"));
  EXPECT_TRUE(mentions(node_complaint(with(kNode, R"("devices": 8)", R"("devices": 0)")), "devices"));
  EXPECT_EQ(node_complaint(kNode), "");
}

TEST(NodeJson, BareByteCountIsRefusedWhereAUnitBelongs) {
  EXPECT_TRUE(mentions(node_complaint(with(kNode, R"("2 TB")", "2")), "host_memory/value"));
}

}  // namespace
}  // namespace moeplan
