// SPDX-License-Identifier: Apache-2.0
#include "sim/study/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/base/error.h"
#include "sim/base/unit_text.h"

namespace moeplan {
namespace {

constexpr double kSameMemory = 0.02;  // drivers of one card differ by less (H200 0.1 %)
constexpr Bytes kWorthSaying = kGiB;  // memory that others hold
constexpr std::string_view kCpuId = "this-cpu";
// What programs cannot have beside an operating system; assumed as in the shipped CPU profiles.
constexpr Bytes kSystemMemory = 4 * kGiB;
// Bytes per second and lane after line coding (PCI-SIG), generations 1 to 6.
constexpr std::array<double, 6> kPcieLane = {0.25e9, 0.5e9, 0.985e9, 1.969e9, 3.938e9, 7.563e9};

bool has(const CpuFacts& cpu, std::string_view feature) {
  return std::find(cpu.has.begin(), cpu.has.end(), feature) != cpu.has.end();
}

// FLOP per cycle and core: two FMA units of the widest vectors; AMX one tile product of
// 16 x 16 x 32 in 16 cycles (1024), avx512_bf16 twice fp32.
void add_cpu_peaks(DeviceSpec& device, const CpuFacts& cpu) {
  if (!cpu.clock || cpu.cores == 0) return;
  const double cycles = static_cast<double>(cpu.cores) * cpu.clock->base();
  const double fp32 = has(cpu, "avx512f") ? 64 : has(cpu, "avx2") ? 32 : has(cpu, "asimd") ? 16 : 0;
  const auto add = [&device, &cpu, cycles](std::string format, double per_cycle, std::string_view why) {
    device.peaks.push_back({std::move(format),
                            {FlopsPerSecond::from_base(cycles * per_cycle), Basis::Derived,
                             fmt::format("derived: {} cores x {:g} FLOP per cycle ({}) x {}", cpu.cores, per_cycle, why,
                                         to_text(*cpu.clock))}});
  };
  if (fp32 > 0) add("fp32", fp32, fp32 == 64 ? "AVX-512" : fp32 == 32 ? "AVX2" : "ASIMD");
  if (has(cpu, "amx_bf16")) {
    add("bf16", 1024, "AMX");
  } else if (has(cpu, "avx512_bf16")) {
    add("bf16", 128, "AVX-512 BF16");
  }
}

Sourced<BytesPerSecond> cpu_bandwidth(const MachineFacts& facts, std::vector<std::string>& warnings) {
  double rate = 0;
  for (const MemoryModule& module : facts.modules)
    rate += static_cast<double>(module.data_bits) / 8 * module.transfers.base();
  if (rate > 0) {
    return {BytesPerSecond::from_base(rate), Basis::Driver,
            fmt::format("firmware table: {} modules, a channel each", facts.modules.size())};
  }
  const bool server = facts.cpu.packages > 1 || facts.cpu.cores > 24;
  const double channels = server ? 8.0 * static_cast<double>(std::max<Count>(facts.cpu.packages, 1)) : 2.0;
  warnings.push_back(
      fmt::format("the speed of the memory is not readable without root: {:g} channels of DDR4-3200 are "
                  "assumed; correct the bandwidth in the profile",
                  channels));
  return {BytesPerSecond::from_base(channels * 8 * 3.2e9), Basis::Assumed,
          fmt::format("assumed: {:g} channels x 8 B x 3200 MT/s; the firmware table needs root", channels)};
}

DeviceSpec cpu_device(const MachineFacts& facts, std::vector<std::string>& warnings) {
  DeviceSpec device;
  device.id = kCpuId;
  device.name = facts.cpu.name.empty() ? "CPU of this machine" : facts.cpu.name;
  device.vendor = facts.cpu.vendor.empty() ? "unknown" : facts.cpu.vendor;
  device.architecture = "cpu";
  device.device_class = DeviceClass::Cpu;
  device.default_runtime = "llama.cpp";
  device.memory = {facts.ram_total, Basis::Driver, facts.ram_source};
  const Bytes system = std::min(kSystemMemory, scaled(facts.ram_total, 0.25));
  device.unallocatable = {system, Basis::Assumed,
                          "assumed: the operating system and what else runs; at most a quarter"};
  device.bandwidth = cpu_bandwidth(facts, warnings);
  if (facts.cpu.last_level_cache > Bytes(0))
    device.last_level_cache = Sourced<Bytes>{facts.cpu.last_level_cache, Basis::Driver, "/sys: the largest cache"};
  device.units = facts.cpu.cores;
  if (facts.cpu.clock) device.clock = Sourced<Hertz>{*facts.cpu.clock, Basis::Driver, "/sys or /proc: the highest"};
  add_cpu_peaks(device, facts.cpu);
  return device;
}

std::string slug_of(std::string_view name) {
  std::string slug;
  for (const char c : name) {
    const char low = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool sound = (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9');
    if (sound)
      slug += low;
    else if (!slug.empty() && slug.back() != '-')
      slug += '-';
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug.empty() ? "gpu" : slug;
}

DeviceSpec unknown_gpu(const GpuFacts& gpu, std::vector<std::string>& warnings) {
  DeviceSpec device;
  device.id = slug_of(gpu.name);
  device.name = gpu.name;
  device.vendor = gpu.vendor;
  device.architecture = "unknown";
  device.device_class = DeviceClass::ConsumerGpu;
  device.default_runtime = "llama.cpp";
  device.memory = {gpu.total, Basis::Driver, gpu.source};
  device.unallocatable = {std::min(512 * kMiB, scaled(gpu.total, 0.05)), Basis::Assumed,
                          "assumed: 0.5 GiB as on known cards"};
  if (gpu.bus_bits > 0 && gpu.memory_data_rate.base() > 0) {
    device.bus_bits = gpu.bus_bits;
    device.memory_data_rate = Sourced<Hertz>{gpu.memory_data_rate, Basis::Driver, gpu.source};
    device.bandwidth = {BytesPerSecond::from_base(static_cast<double>(gpu.bus_bits) / 8 * gpu.memory_data_rate.base()),
                        Basis::Derived, gpu.source + ": bus width x twice the memory clock / 8"};
  } else {
    device.bandwidth = {BytesPerSecond::from_base(200e9), Basis::Assumed, "assumed: the driver does not say"};
    warnings.push_back(fmt::format("the memory bandwidth of {} is not known: 200 GB/s are assumed", gpu.name));
  }
  warnings.push_back(
      fmt::format("{} is not in the catalogue: its memory is right, its compute rate unknown", gpu.name));
  return device;
}

// The device of the catalogue by the driver's name, with the memory this card really has.
DeviceSpec device_of(const GpuFacts& gpu, const Catalog& catalog, std::vector<std::string>& warnings) {
  if (!catalog.knows_device(gpu.name)) return unknown_gpu(gpu, warnings);
  DeviceSpec device = catalog.device(gpu.name);
  if (std::abs(gpu.total.size() / device.memory.value.size() - 1) <= kSameMemory) return device;
  warnings.push_back(fmt::format("{} shows {:.2f} GiB, {} has {:.2f}: the driver's figure is taken", gpu.name,
                                 in_gib(gpu.total), device.id, in_gib(device.memory.value)));
  device.id += fmt::format("-{:.0f}gib", in_gib(gpu.total));
  device.aliases.clear();
  device.marketed.reset();
  device.memory = {gpu.total, Basis::Driver, gpu.source};
  return device;
}

void add_link(NodeSpec& node, const GpuFacts& gpu, const std::string& device) {
  if (gpu.pcie_generation < 1 || gpu.pcie_generation > static_cast<Count>(kPcieLane.size()) || gpu.pcie_lanes < 1)
    return;
  LinkSpec link;
  link.name = fmt::format("PCIe {}.0 x{}", gpu.pcie_generation, gpu.pcie_lanes);
  link.device = device;
  link.pcie_generation = gpu.pcie_generation;
  link.pcie_lanes = gpu.pcie_lanes;
  link.peak = {BytesPerSecond::from_base(kPcieLane[static_cast<std::size_t>(gpu.pcie_generation - 1)] *
                                         static_cast<double>(gpu.pcie_lanes)),
               Basis::Derived, gpu.source + ": generation and lanes that device and slot allow"};
  const bool known = std::any_of(node.links.begin(), node.links.end(),
                                 [&link](const LinkSpec& l) { return l.device == link.device && l.name == link.name; });
  if (!known) node.links.push_back(std::move(link));
}

void add_gpus(DetectedMachine& machine, const MachineFacts& facts, const Catalog& catalog) {
  for (const GpuFacts& gpu : facts.gpus) {
    std::vector<std::string> said;
    const DeviceSpec device = device_of(gpu, catalog, said);
    const auto same = [&device](const NodeGroup& group) { return group.device == device.id; };
    const auto group = std::find_if(machine.node.groups.begin(), machine.node.groups.end(), same);
    if (group != machine.node.groups.end()) {
      ++group->count;
    } else {
      machine.node.groups.push_back({device.id, 1});
      machine.warnings.insert(machine.warnings.end(), said.begin(), said.end());
      if (!catalog.knows_device(device.id)) machine.own.push_back(device);
      machine.matches.push_back(fmt::format(
          "{}: {}", gpu.name, catalog.knows_device(gpu.name) ? catalog.device(gpu.name).id : "not in the catalogue"));
    }
    add_link(machine.node, gpu, device.id);
    if (gpu.used > kWorthSaying)
      machine.warnings.push_back(
          fmt::format("{}: other programs hold {:.2f} of {:.2f} GiB; the budget counts all of it", gpu.name,
                      in_gib(gpu.used), in_gib(gpu.total)));
  }
}

// NVLink between all devices of a known machine: the fabric of the machine of the catalogue
// that has as many of the same device.
void add_fabric(DetectedMachine& machine, const MachineFacts& facts, const Catalog& catalog) {
  const bool linked =
      std::all_of(facts.gpus.begin(), facts.gpus.end(), [](const GpuFacts& g) { return g.nvlinks > 0; });
  if (facts.gpus.size() < 2 || !linked || machine.node.is_mixed()) return;
  for (const std::string& id : catalog.node_ids()) {
    const NodeSpec known = catalog.node(id);
    if (known.groups != machine.node.groups || known.scaleup.empty()) continue;
    machine.node.scaleup = known.scaleup;
    machine.matches.push_back(fmt::format("the machine: like {}", id));
    return;
  }
  machine.warnings.push_back(
      "NVLink is up, but no machine of the catalogue has these devices: no fast fabric is assumed");
}

}  // namespace

DetectedMachine machine_of(const MachineFacts& facts, const Catalog& catalog) {
  if (facts.ram_total <= Bytes(0)) {
    Problem problem;
    problem.file = "this machine";
    problem.found = "no memory size";
    problem.expected = "/proc/meminfo";
    throw InputError(ErrorKind::MissingResource, problem);
  }
  DetectedMachine machine;
  machine.node.id = "this-machine";
  machine.node.name = "This machine";
  machine.own.push_back(cpu_device(facts, machine.warnings));
  add_gpus(machine, facts, catalog);
  if (facts.gpus.empty()) {
    machine.node.groups = {{std::string(kCpuId), 1}};
    machine.node.unified = true;
    if (facts.ram_total - facts.ram_available > machine.own.front().unallocatable.value)
      machine.warnings.push_back(fmt::format("other programs hold {:.2f} of {:.2f} GiB; the budget assumes {:.2f}",
                                             in_gib(facts.ram_total - facts.ram_available), in_gib(facts.ram_total),
                                             in_gib(machine.own.front().unallocatable.value)));
    return machine;
  }
  add_fabric(machine, facts, catalog);
  machine.node.cpu = kCpuId;
  machine.node.cpus = std::max<Count>(facts.cpu.packages, 1);
  machine.node.host_memory = Sourced<Bytes>{facts.ram_total - machine.own.front().unallocatable.value, Basis::Derived,
                                            facts.ram_source + " less what the operating system keeps (assumed)"};
  machine.node.host_dram_bandwidth = machine.own.front().bandwidth;
  return machine;
}

}  // namespace moeplan
