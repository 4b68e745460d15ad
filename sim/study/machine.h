// SPDX-License-Identifier: Apache-2.0
// A machine from what its system and drivers say: which devices of the catalogue it has,
// and a node profile for it. Facts in, profile out; the looking happens elsewhere
// (validate/probe), so this is tested without hardware.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/spec/catalog.h"

namespace moeplan {

struct CpuFacts {
  std::string name;  // "AMD EPYC 9554"; "" = not found
  std::string vendor;
  Count packages = 0;
  Count cores = 0;
  Count threads = 0;
  Count numa_nodes = 0;
  Bytes last_level_cache{};      // the largest, summed over packages; 0 = not found
  std::optional<Hertz> clock;    // highest
  std::vector<std::string> has;  // of avx2, avx512f, avx512_bf16, amx_bf16, asimd
};

// One populated slot, where the firmware's table can be read.
struct MemoryModule {
  Count data_bits = 64;
  Hertz transfers{};
};

struct GpuFacts {
  std::string name;  // as the driver says, or "1002:74a1" (PCI vendor:device)
  std::string vendor;
  Bytes total;
  Bytes used;  // by whatever runs now
  Count bus_bits = 0;
  Hertz memory_data_rate{};
  Watts power_limit{};
  Count pcie_generation = 0;
  Count pcie_lanes = 0;
  Count nvlinks = 0;  // that are up
  std::string source;
};

// One line of what was found, and by whom.
struct FoundFact {
  std::string name;
  std::string value;
  std::string source;
};

struct MachineFacts {
  CpuFacts cpu;
  Bytes ram_total;
  Bytes ram_available;
  std::string ram_source;
  std::vector<MemoryModule> modules;
  std::vector<GpuFacts> gpus;
  std::vector<FoundFact> found;      // in the order of looking
  std::vector<std::string> missing;  // "NVIDIA driver: libnvidia-ml.so.1 cannot be loaded"
};

struct DetectedMachine {
  NodeSpec node;
  std::vector<DeviceSpec> own;        // devices the catalogue does not have, the CPU first
  std::vector<std::string> matches;   // "2 x NVIDIA GeForce RTX 4090: rtx-4090"
  std::vector<std::string> warnings;  // what the profile cannot know or others hold
};

// Throws InputError(MissingResource) when not even the memory was found.
DetectedMachine machine_of(const MachineFacts& facts, const Catalog& catalog);

}  // namespace moeplan
