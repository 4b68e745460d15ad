// SPDX-License-Identifier: Apache-2.0
// Declarations follow NVIDIA's NVML reference; a call the library lacks leaves its
// figure out.
#include "validate/nvml.h"

#include <dlfcn.h>

#include <array>

namespace moeplan {
namespace {

using Device = void*;
constexpr int kSuccess = 0;
constexpr unsigned kMemoryClock = 2;  // NVML_CLOCK_MEM
constexpr unsigned kMostLinks = 18;   // NVML_NVLINK_MAX_LINKS

struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

class Library {
 public:
  explicit Library(const std::string& name) : handle_(dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {}
  ~Library() {
    if (handle_ != nullptr) dlclose(handle_);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  bool is_open() const { return handle_ != nullptr; }
  // Whether the call exists and succeeds.
  template <class... Args>
  bool call(const char* name, Args... args) const {
    const auto function = reinterpret_cast<int (*)(Args...)>(dlsym(handle_, name));
    return function != nullptr && function(args...) == kSuccess;
  }
  Count number(const char* name, Device device) const {
    unsigned value = 0;
    return call(name, device, &value) ? static_cast<Count>(value) : 0;
  }

 private:
  void* handle_;
};

Count links_up(const Library& nvml, Device device) {
  Count up = 0;
  for (unsigned link = 0; link < kMostLinks; ++link) {
    unsigned state = 0;
    if (nvml.call("nvmlDeviceGetNvLinkState", device, link, &state) && state == 1) ++up;
  }
  return up;
}

GpuFacts facts_of(const Library& nvml, Device device, const std::string& source) {
  GpuFacts gpu;
  std::array<char, 96> name{};
  if (nvml.call("nvmlDeviceGetName", device, name.data(), static_cast<unsigned>(name.size() - 1)))
    gpu.name = name.data();
  if (gpu.name.empty()) gpu.name = "NVIDIA GPU";
  gpu.vendor = "NVIDIA";
  Memory memory{};
  if (nvml.call("nvmlDeviceGetMemoryInfo", device, &memory)) {
    gpu.total = Bytes(static_cast<Count>(memory.total));
    gpu.used = Bytes(static_cast<Count>(memory.used));
  }
  gpu.bus_bits = nvml.number("nvmlDeviceGetMemoryBusWidth", device);
  unsigned mhz = 0;
  if (nvml.call("nvmlDeviceGetMaxClockInfo", device, kMemoryClock, &mhz))
    gpu.memory_data_rate = Hertz::from_base(2e6 * static_cast<double>(mhz));  // double data rate
  gpu.power_limit =
      Watts::from_base(1e-3 * static_cast<double>(nvml.number("nvmlDeviceGetEnforcedPowerLimit", device)));
  gpu.pcie_generation = nvml.number("nvmlDeviceGetMaxPcieLinkGeneration", device);
  gpu.pcie_lanes = nvml.number("nvmlDeviceGetMaxPcieLinkWidth", device);
  gpu.nvlinks = links_up(nvml, device);
  gpu.source = source;
  return gpu;
}

}  // namespace

void ask_nvml(MachineFacts& facts, const std::string& library) {
  if (library.empty()) return;
  const Library nvml(library);
  if (!nvml.is_open()) {
    facts.missing.push_back("NVIDIA driver: " + library + " cannot be loaded");
    return;
  }
  if (!nvml.call("nvmlInit_v2")) {
    facts.missing.push_back("NVIDIA driver: " + library +
                            " does not start (no device, or another version of the module)");
    return;
  }
  std::array<char, 96> version{};
  std::string source = "NVIDIA driver";
  if (nvml.call("nvmlSystemGetDriverVersion", version.data(), static_cast<unsigned>(version.size() - 1)))
    source += std::string(" ") + version.data();
  unsigned count = 0;
  if (!nvml.call("nvmlDeviceGetCount_v2", &count)) facts.missing.push_back(source + ": does not count its devices");
  for (unsigned i = 0; i < count; ++i) {
    Device device = nullptr;
    if (!nvml.call("nvmlDeviceGetHandleByIndex_v2", i, &device)) {
      facts.missing.push_back(source + ": device " + std::to_string(i) + " does not answer");
      continue;
    }
    const GpuFacts gpu = facts_of(nvml, device, source);
    if (gpu.total > Bytes(0)) {
      facts.gpus.push_back(gpu);
    } else {
      facts.missing.push_back(gpu.name + ": the driver reports no memory of its own (a unified pool?)");
    }
  }
  nvml.call("nvmlShutdown");
}

}  // namespace moeplan
