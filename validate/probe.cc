// SPDX-License-Identifier: Apache-2.0
#include "validate/probe.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "sim/base/unit_text.h"
#include "validate/nvml.h"

namespace moeplan {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  return text.str();
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\n") - first + 1));
}

Count number_in(std::string_view text) {
  const std::size_t digit = text.find_first_of("0123456789");
  if (digit == std::string_view::npos) return 0;
  Count value = 0;
  std::from_chars(text.data() + digit, text.data() + text.size(), value);
  return value;
}

// "MemTotal:       24684100 kB", where kB means KiB.
Bytes meminfo_entry(const std::string& text, std::string_view key) {
  const std::size_t at = text.find(key);
  return at == std::string::npos ? Bytes(0) : kKiB * number_in(std::string_view(text).substr(at + key.size(), 40));
}

// The value after "key : " on the first line that begins with key.
std::string cpuinfo_entry(const std::string& text, std::string_view key) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    const std::size_t colon = line.find(':');
    if (line.starts_with(key) && colon != std::string_view::npos) return trimmed(line.substr(colon + 1));
    at = end + 1;
  }
  return "";
}

bool is_numbered(const std::string& name, std::string_view stem) {
  return name.size() > stem.size() && name.starts_with(stem) &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(stem.size()), name.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

// Folders stem0, stem1, ... sorted.
std::vector<fs::path> numbered(const fs::path& folder, std::string_view stem) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (is_numbered(entry.path().filename().string(), stem)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

void read_caches(CpuFacts& cpu, const std::vector<fs::path>& cpus) {
  std::set<std::string> seen;  // by level and the CPUs that share it
  std::map<Count, Count> size_of_level;
  for (const fs::path& one : cpus) {
    for (const fs::path& cache : numbered(one / "cache", "index")) {
      if (trimmed(read_file(cache / "type")) == "Instruction") continue;
      const Count level = number_in(read_file(cache / "level"));
      if (!seen.insert(std::to_string(level) + " " + trimmed(read_file(cache / "shared_cpu_list"))).second) continue;
      size_of_level[level] += number_in(read_file(cache / "size"));  // "32768K"
    }
  }
  if (!size_of_level.empty()) cpu.last_level_cache = kKiB * size_of_level.rbegin()->second;
}

void read_cpu(MachineFacts& facts, const fs::path& root) {
  CpuFacts& cpu = facts.cpu;
  const std::string info = read_file(root / "proc/cpuinfo");
  cpu.name = cpuinfo_entry(info, "model name");
  cpu.vendor = cpuinfo_entry(info, "vendor_id");
  const std::string flags = " " + cpuinfo_entry(info, "flags") + " " + cpuinfo_entry(info, "Features") + " ";
  for (const char* feature : {"avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd"})
    if (flags.find(std::string(" ") + feature + " ") != std::string::npos) cpu.has.emplace_back(feature);
  const std::vector<fs::path> cpus = numbered(root / "sys/devices/system/cpu", "cpu");
  std::set<std::string> packages;
  std::set<std::string> cores;
  Count khz = 0;
  for (const fs::path& one : cpus) {
    const std::string package = trimmed(read_file(one / "topology/physical_package_id"));
    packages.insert(package);
    cores.insert(package + " " + trimmed(read_file(one / "topology/core_id")));
    khz = std::max(khz, number_in(read_file(one / "cpufreq/cpuinfo_max_freq")));
  }
  cpu.threads = static_cast<Count>(cpus.size());
  cpu.packages = static_cast<Count>(packages.size());
  cpu.cores = static_cast<Count>(cores.size());
  cpu.numa_nodes = static_cast<Count>(numbered(root / "sys/devices/system/node", "node").size());
  if (khz == 0) khz = 1000 * number_in(cpuinfo_entry(info, "cpu MHz"));
  if (khz > 0) cpu.clock = Hertz::from_base(static_cast<double>(khz) * 1e3);
  read_caches(cpu, cpus);
  if (cpu.name.empty()) {
    facts.missing.push_back("name of the CPU: /proc/cpuinfo does not have it");
  } else {
    facts.found.push_back({"CPU", cpu.name, "/proc/cpuinfo"});
  }
}

// SMBIOS type 17, "Memory Device": data width at 0x0a, size at 0x0c, configured speed in MT/s at 0x20.
void read_modules(MachineFacts& facts, const fs::path& root) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(root / "sys/firmware/dmi/entries", error)) {
    if (!entry.path().filename().string().starts_with("17-")) continue;
    const std::string raw = read_file(entry.path() / "raw");
    if (raw.size() < 0x22) continue;
    const auto word = [&raw](std::size_t at) {
      return static_cast<Count>(static_cast<unsigned char>(raw[at])) +
             256 * static_cast<Count>(static_cast<unsigned char>(raw[at + 1]));
    };
    const Count speed = word(0x20);
    if (word(0x0c) == 0 || speed == 0 || speed == 0xffff) continue;
    facts.modules.push_back(
        {std::clamp<Count>(word(0x0a), 8, 128), Hertz::from_base(static_cast<double>(speed) * 1e6)});
  }
  if (facts.modules.empty()) {
    facts.missing.push_back("speed of the memory: /sys/firmware/dmi/entries is absent or needs root");
  } else {
    facts.found.push_back({"memory modules", std::to_string(facts.modules.size()), "/sys/firmware/dmi/entries"});
  }
}

void read_memory(MachineFacts& facts, const fs::path& root) {
  const std::string info = read_file(root / "proc/meminfo");
  facts.ram_total = meminfo_entry(info, "MemTotal:");
  facts.ram_available = meminfo_entry(info, "MemAvailable:");
  facts.ram_source = "/proc/meminfo";
  if (facts.ram_total == Bytes(0)) {
    facts.missing.push_back("size of the memory: /proc/meminfo does not have it");
    return;
  }
  facts.found.push_back({"memory", to_text(facts.ram_total), "/proc/meminfo"});
  facts.found.push_back({"memory available", to_text(facts.ram_available), "/proc/meminfo"});
}

// Cards of the amdgpu driver; the name is not in /sys, so the PCI id stands for it.
void read_amd(MachineFacts& facts, const fs::path& root) {
  for (const fs::path& card : numbered(root / "sys/class/drm", "card")) {
    const fs::path device = card / "device";
    const std::string vendor = trimmed(read_file(device / "vendor"));
    const Count total = number_in(read_file(device / "mem_info_vram_total"));
    if (vendor != "0x1002" || total == 0) continue;
    GpuFacts gpu;
    const std::string product = trimmed(read_file(device / "product_name"));
    const std::string id = trimmed(read_file(device / "device"));
    gpu.name = product.empty() ? "1002:" + (id.starts_with("0x") ? id.substr(2) : id) : product;
    gpu.vendor = "AMD";
    gpu.total = Bytes(total);
    gpu.used = Bytes(number_in(read_file(device / "mem_info_vram_used")));
    gpu.pcie_lanes = number_in(read_file(device / "max_link_width"));
    const std::string speed = trimmed(read_file(device / "max_link_speed"));  // "32.0 GT/s PCIe"
    constexpr std::array<std::string_view, 6> kSpeeds = {"2.5 ", "5.0 ", "8.0 ", "16.0 ", "32.0 ", "64.0 "};
    for (std::size_t i = 0; i < kSpeeds.size(); ++i)
      if (speed.starts_with(kSpeeds[i])) gpu.pcie_generation = static_cast<Count>(i + 1);
    gpu.source = "/sys/class/drm/" + card.filename().string();
    facts.gpus.push_back(std::move(gpu));
  }
}

// The few calls of hwloc 2 that count things; types as in its header.
void ask_hwloc(MachineFacts& facts, const std::string& library) {
  if (library.empty()) return;
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    facts.missing.push_back("hwloc: " + library + " cannot be loaded; /sys was read instead");
    return;
  }
  const auto init = reinterpret_cast<int (*)(void**)>(dlsym(handle, "hwloc_topology_init"));
  const auto load = reinterpret_cast<int (*)(void*)>(dlsym(handle, "hwloc_topology_load"));
  const auto depth = reinterpret_cast<int (*)(void*, int)>(dlsym(handle, "hwloc_get_type_depth"));
  const auto count = reinterpret_cast<unsigned (*)(void*, int)>(dlsym(handle, "hwloc_get_nbobjs_by_depth"));
  const auto destroy = reinterpret_cast<void (*)(void*)>(dlsym(handle, "hwloc_topology_destroy"));
  void* topology = nullptr;
  if (init != nullptr && load != nullptr && depth != nullptr && count != nullptr && destroy != nullptr &&
      init(&topology) == 0) {
    if (load(topology) == 0) {
      constexpr int kPackage = 1;
      constexpr int kCore = 2;
      constexpr int kThread = 3;
      constexpr int kNumaNode = 13;
      const auto number_of = [&](int type) { return static_cast<Count>(count(topology, depth(topology, type))); };
      if (number_of(kCore) > 0) {
        facts.cpu.packages = std::max<Count>(number_of(kPackage), 1);
        facts.cpu.cores = number_of(kCore);
        facts.cpu.threads = number_of(kThread);
        facts.cpu.numa_nodes = number_of(kNumaNode);
        facts.found.push_back({"topology", "packages, cores, threads, NUMA nodes", library});
      }
    }
    destroy(topology);
  }
  dlclose(handle);
}

void say_cpu(MachineFacts& facts) {
  const CpuFacts& cpu = facts.cpu;
  const auto say = [&facts](const char* name, Count value) {
    if (value > 0) facts.found.push_back({name, std::to_string(value), "hwloc or /sys/devices/system"});
  };
  say("packages", cpu.packages);
  say("cores", cpu.cores);
  say("threads", cpu.threads);
  say("NUMA nodes", cpu.numa_nodes);
  if (cpu.last_level_cache > Bytes(0))
    facts.found.push_back({"last-level cache", to_text(cpu.last_level_cache), "/sys/devices/system/cpu"});
  if (cpu.clock) facts.found.push_back({"clock", to_text(*cpu.clock), "/sys or /proc/cpuinfo"});
}

}  // namespace

MachineFacts probe_machine(const ProbePlaces& places) {
  MachineFacts facts;
  const fs::path root = places.root.empty() ? "/" : places.root;
  read_cpu(facts, root);
  if (places.root.empty()) ask_hwloc(facts, places.hwloc);
  say_cpu(facts);
  read_memory(facts, root);
  read_modules(facts, root);
  ask_nvml(facts, places.nvml);
  read_amd(facts, root);
  for (const GpuFacts& gpu : facts.gpus)
    facts.found.push_back({gpu.name, to_text(gpu.total) + ", in use " + to_text(gpu.used), gpu.source});
  if (facts.gpus.empty()) facts.missing.push_back("GPU: neither the NVIDIA driver nor /sys/class/drm shows one");
  return facts;
}

}  // namespace moeplan
