// SPDX-License-Identifier: Apache-2.0
// Facts in, profile out; and the looking, in a folder and a driver library of our own.
#include "sim/study/machine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "sim/base/error.h"
#include "validate/probe.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog embedded = Catalog::embedded();
  return embedded;
}

MachineFacts desktop() {
  MachineFacts facts;
  facts.cpu = {"A CPU", "A vendor", 1, 16, 32, 1, 32 * kMiB, Hertz::from_base(4e9), {"avx2"}};
  facts.ram_total = 64 * kGiB;
  facts.ram_available = 60 * kGiB;
  facts.ram_source = "/proc/meminfo";
  return facts;
}

GpuFacts gpu(std::string name, Count mib) {
  GpuFacts g;
  g.name = std::move(name);
  g.vendor = "NVIDIA";
  g.total = mib * kMiB;
  g.pcie_generation = 4;
  g.pcie_lanes = 16;
  g.source = "NVIDIA driver 1.2";
  return g;
}

bool any_mentions(const std::vector<std::string>& texts, const std::string& part) {
  for (const std::string& text : texts)
    if (text.find(part) != std::string::npos) return true;
  return false;
}

// What hardware check and --hardware do with it.
ClusterSpec round_trip(const DetectedMachine& machine) {
  return catalog().read_cluster(write_machine(machine.node, machine.own), "this.json");
}

TEST(DetectedMachine, WithoutAGpuIsItsCpuWithOnePool) {
  const ClusterSpec c = round_trip(machine_of(desktop(), catalog()));
  ASSERT_EQ(c.devices.size(), 1U);
  EXPECT_EQ(c.devices.front().device_class, DeviceClass::Cpu);
  EXPECT_EQ(c.devices.front().memory.value, 64 * kGiB);
  EXPECT_TRUE(c.node.unified);
  // 16 cores x 32 FLOP per cycle x 4 GHz
  EXPECT_DOUBLE_EQ(peak_of(c.devices.front(), "fp32")->rate.value.base(), 16 * 32 * 4e9);
}

TEST(DetectedMachine, AmxCounts1024FlopPerCoreAndCycle) {
  MachineFacts facts = desktop();
  facts.cpu.has = {"avx2", "avx512f", "avx512_bf16", "amx_bf16"};
  const DeviceSpec cpu = machine_of(facts, catalog()).own.front();
  EXPECT_DOUBLE_EQ(peak_of(cpu, "bf16")->rate.value.base(), 16 * 1024 * 4e9);
  EXPECT_DOUBLE_EQ(peak_of(cpu, "fp32")->rate.value.base(), 16 * 64 * 4e9);
}

TEST(DetectedMachine, MemoryModulesGiveTheBandwidth) {
  MachineFacts facts = desktop();
  facts.modules = {{64, Hertz::from_base(5.6e9)}, {64, Hertz::from_base(5.6e9)}};
  const DetectedMachine machine = machine_of(facts, catalog());
  EXPECT_DOUBLE_EQ(machine.own.front().bandwidth.value.base(), 89.6e9);  // 2 x 8 B x 5600 MT/s
  EXPECT_EQ(machine.own.front().bandwidth.basis, Basis::Driver);
}

TEST(DetectedMachine, UnreadableMemorySpeedIsAssumedAndSaid) {
  const DetectedMachine machine = machine_of(desktop(), catalog());
  EXPECT_EQ(machine.own.front().bandwidth.basis, Basis::Assumed);
  EXPECT_TRUE(any_mentions(machine.warnings, "not readable without root"));
}

TEST(DetectedMachine, CardsAreMatchedByTheNameOfTheDriver) {
  MachineFacts facts = desktop();
  facts.gpus = {gpu("NVIDIA GeForce RTX 4090", 24564), gpu("NVIDIA GeForce RTX 4090", 24564)};
  const ClusterSpec c = round_trip(machine_of(facts, catalog()));
  EXPECT_EQ(c.node.groups, (std::vector<NodeGroup>{{"rtx-4090", 2}}));
  EXPECT_EQ(c.devices.front(), catalog().device("rtx-4090"));
  EXPECT_EQ(host_link_of(c.node, "rtx-4090")->name, "PCIe 4.0 x16");
  EXPECT_EQ(c.node.host_memory->value, 60 * kGiB);  // 64 less 4 for the system
  EXPECT_EQ(c.cpu->name, "A CPU");
}

TEST(DetectedMachine, UnequalCardsBecomeGroupsWithLinksOfTheirOwn) {
  MachineFacts facts = desktop();
  facts.gpus = {gpu("NVIDIA GeForce RTX 4090", 24564), gpu("NVIDIA GeForce RTX 3090", 24576)};
  facts.gpus.back().pcie_lanes = 4;
  const ClusterSpec c = round_trip(machine_of(facts, catalog()));
  EXPECT_TRUE(c.node.is_mixed());
  EXPECT_EQ(host_link_of(c.node, "rtx-3090")->name, "PCIe 4.0 x4");
}

TEST(DetectedMachine, ACardWithOtherMemoryKeepsTheDriversFigure) {
  MachineFacts facts = desktop();
  facts.gpus = {gpu("NVIDIA GeForce RTX 4090", 49140)};
  const DetectedMachine machine = machine_of(facts, catalog());
  const ClusterSpec c = round_trip(machine);
  EXPECT_EQ(c.devices.front().id, "rtx-4090-48gib");
  EXPECT_EQ(c.devices.front().memory.value, 49140 * kMiB);
  EXPECT_TRUE(any_mentions(machine.warnings, "the driver's figure is taken"));
}

TEST(DetectedMachine, AnUnknownCardHasItsMemoryAndItsBusAndSaysSo) {
  MachineFacts facts = desktop();
  facts.gpus = {gpu("NVIDIA Future 9000", 98304)};
  facts.gpus.front().bus_bits = 512;
  facts.gpus.front().memory_data_rate = Hertz::from_base(28e9);
  const DetectedMachine machine = machine_of(facts, catalog());
  const ClusterSpec c = round_trip(machine);
  EXPECT_EQ(c.devices.front().id, "nvidia-future-9000");
  EXPECT_DOUBLE_EQ(c.devices.front().bandwidth.value.base(), 1792e9);  // 512 bit x 28 GT/s / 8
  EXPECT_TRUE(c.devices.front().peaks.empty());
  EXPECT_TRUE(any_mentions(machine.warnings, "not in the catalogue"));
}

TEST(DetectedMachine, MemoryThatOthersHoldIsSaidAboveAGibibyte) {
  MachineFacts facts = desktop();
  facts.gpus = {gpu("NVIDIA GeForce RTX 4090", 24564)};
  facts.gpus.front().used = kGiB;
  EXPECT_FALSE(any_mentions(machine_of(facts, catalog()).warnings, "other programs hold"));
  facts.gpus.front().used = kGiB + Bytes(1);
  EXPECT_TRUE(any_mentions(machine_of(facts, catalog()).warnings, "other programs hold"));
}

TEST(DetectedMachine, EightLinkedH200AreTheMachineOfTheCatalogue) {
  MachineFacts facts = desktop();
  for (int i = 0; i < 8; ++i) {
    facts.gpus.push_back(gpu("NVIDIA H200", 143771));
    facts.gpus.back().nvlinks = 18;
  }
  EXPECT_EQ(machine_of(facts, catalog()).node.scaleup, "nvlink-4-x8");
  facts.gpus.front().nvlinks = 0;
  EXPECT_EQ(machine_of(facts, catalog()).node.scaleup, "");
}

TEST(DetectedMachine, WithoutAMemorySizeThereIsNothingToSay) {
  try {
    machine_of({}, catalog());
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::MissingResource);
  }
}

// A small /proc and /sys.
class FakeRoot {
 public:
  FakeRoot() : path_(std::filesystem::temp_directory_path() / ("moeplan_root_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
  }
  ~FakeRoot() { std::filesystem::remove_all(path_); }
  void file(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  ProbePlaces places() const { return {.root = path_.string(), .hwloc = "", .nvml = ""}; }

 private:
  std::filesystem::path path_;
};

// Two sockets with two cores of two threads each.
void add_two_sockets(FakeRoot& root) {
  root.file("proc/cpuinfo", "processor\t: 0\nvendor_id\t: V\nmodel name\t: Test CPU\nflags\t\t: fpu avx2 avx512f\n");
  root.file("proc/meminfo", "MemTotal:       67108864 kB\nMemFree: 1 kB\nMemAvailable:   33554432 kB\n");
  for (int cpu = 0; cpu < 8; ++cpu) {
    const std::string folder = "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/";
    root.file(folder + "topology/physical_package_id", std::to_string(cpu / 4) + "\n");
    root.file(folder + "topology/core_id", std::to_string(cpu / 2 % 2) + "\n");
    root.file(folder + "cpufreq/cpuinfo_max_freq", "3700000\n");
    root.file(folder + "cache/index3/level", "3\n");
    root.file(folder + "cache/index3/type", "Unified\n");
    root.file(folder + "cache/index3/size", "32768K\n");
    root.file(folder + "cache/index3/shared_cpu_list", cpu < 4 ? "0-3\n" : "4-7\n");
  }
  root.file("sys/devices/system/node/node0/meminfo", "");
  root.file("sys/devices/system/node/node1/meminfo", "");
}

TEST(Probe, CountsPackagesCoresThreadsNodesAndCaches) {
  FakeRoot root;
  add_two_sockets(root);
  const MachineFacts facts = probe_machine(root.places());
  EXPECT_EQ(facts.cpu.name, "Test CPU");
  EXPECT_EQ(facts.cpu.packages, 2);
  EXPECT_EQ(facts.cpu.cores, 4);
  EXPECT_EQ(facts.cpu.threads, 8);
  EXPECT_EQ(facts.cpu.numa_nodes, 2);
  EXPECT_EQ(facts.cpu.last_level_cache, 64 * kMiB);  // one of 32 MiB for each socket
  EXPECT_DOUBLE_EQ(facts.cpu.clock->base(), 3.7e9);
  EXPECT_EQ(facts.ram_total, 64 * kGiB);
  EXPECT_EQ(facts.ram_available, 32 * kGiB);
  EXPECT_TRUE(any_mentions(facts.missing, "GPU"));
}

TEST(Probe, ReadsTheFirmwaresTableOfMemory) {
  FakeRoot root;
  add_two_sockets(root);
  std::string module(0x28, '\0');
  module[0x0a] = 64;    // data bits
  module[0x0d] = 0x40;  // 16,384 MiB
  module[0x20] = static_cast<char>(0xe0);
  module[0x21] = 0x15;  // 5600 = 0x15e0
  root.file("sys/firmware/dmi/entries/17-0/raw", module);
  root.file("sys/firmware/dmi/entries/17-1/raw", std::string(0x28, '\0'));  // an empty slot
  const MachineFacts facts = probe_machine(root.places());
  ASSERT_EQ(facts.modules.size(), 1U);
  EXPECT_DOUBLE_EQ(facts.modules.front().transfers.base(), 5.6e9);
}

TEST(Probe, KnowsAnAmdCardByItsPciId) {
  FakeRoot root;
  add_two_sockets(root);
  const std::string card = "sys/class/drm/card1/device/";
  root.file(card + "vendor", "0x1002\n");
  root.file(card + "device", "0x74a1\n");
  root.file(card + "mem_info_vram_total", "206141652992\n");
  root.file(card + "mem_info_vram_used", "297771008\n");
  root.file(card + "max_link_width", "16\n");
  root.file(card + "max_link_speed", "32.0 GT/s PCIe\n");
  root.file("sys/class/drm/card1-DP-1/status", "connected\n");
  const MachineFacts facts = probe_machine(root.places());
  ASSERT_EQ(facts.gpus.size(), 1U);
  const ClusterSpec c = round_trip(machine_of(facts, catalog()));
  EXPECT_EQ(c.devices.front().id, "mi300x");
  EXPECT_EQ(c.node.links.front().name, "PCIe 5.0 x16");
}

TEST(Probe, AnEmptyRootIsHonest) {
  FakeRoot root;
  root.file("proc/nothing", "");
  const MachineFacts facts = probe_machine(root.places());
  EXPECT_TRUE(any_mentions(facts.missing, "size of the memory"));
  EXPECT_TRUE(any_mentions(facts.missing, "name of the CPU"));
}

TEST(Probe, AMissingDriverIsSaid) {
  FakeRoot root;
  add_two_sockets(root);
  ProbePlaces places = root.places();
  places.nvml = "/nowhere/libnvidia-ml.so.1";
  EXPECT_TRUE(any_mentions(probe_machine(places).missing, "/nowhere/libnvidia-ml.so.1 cannot be loaded"));
}

TEST(Probe, AsksTheDriverForMemoryBusLinksAndPower) {
  FakeRoot root;
  add_two_sockets(root);
  ProbePlaces places = root.places();
  places.nvml = MOEPLAN_FAKE_NVML;  // tests/fake_nvml.cc: an H200 and a 4090
  const MachineFacts facts = probe_machine(places);
  ASSERT_EQ(facts.gpus.size(), 2U);
  const GpuFacts& h200 = facts.gpus.front();
  EXPECT_EQ(h200.name, "NVIDIA H200");
  EXPECT_EQ(h200.total, 143771 * kMiB);
  EXPECT_EQ(h200.used, 2 * kGiB);
  EXPECT_EQ(h200.bus_bits, 6144);
  EXPECT_DOUBLE_EQ(h200.memory_data_rate.base(), 2 * 3201e6);
  EXPECT_DOUBLE_EQ(h200.power_limit.base(), 700);
  EXPECT_EQ(h200.nvlinks, 18);
  EXPECT_EQ(h200.source, "NVIDIA driver 580.95.05");
  EXPECT_EQ(facts.gpus.back().nvlinks, 0);
  EXPECT_EQ(round_trip(machine_of(facts, catalog())).node.groups,
            (std::vector<NodeGroup>{{"h200", 1}, {"rtx-4090", 1}}));
}

TEST(Probe, ThisMachineGivesAProfileThatHolds) {
  const MachineFacts facts = probe_machine({});
  EXPECT_GT(facts.ram_total, kGiB);
  EXPECT_GE(facts.cpu.cores, 1);
  EXPECT_NO_THROW(round_trip(machine_of(facts, catalog())));
}

}  // namespace
}  // namespace moeplan
