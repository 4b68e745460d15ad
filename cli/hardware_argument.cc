// SPDX-License-Identifier: Apache-2.0
#include "cli/hardware_argument.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/hardware_file.h"
#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/base/unit_text.h"
#include "sim/study/fit.h"

namespace moeplan {
namespace {

constexpr Bytes kLeastMemory{1'000'000};

std::string gib_text(Bytes bytes) { return fmt::format("{:.2f} GiB", in_gib(bytes)); }

// "80 GB" on the box is neither 80 GB nor 80 GiB for a program.
void warn_if_marketed(const Catalog& catalog, Bytes memory, std::vector<std::string>& warnings) {
  const std::vector<std::string> matches = catalog.devices_marketed_as(memory);
  if (matches.empty()) return;
  constexpr std::size_t kMostNames = 3;
  std::string names;
  for (std::size_t i = 0; i < std::min(matches.size(), kMostNames); ++i) names += (i == 0 ? "" : ", ") + matches[i];
  if (matches.size() > kMostNames) names += fmt::format(" and {} more", matches.size() - kMostNames);
  const DeviceSpec first = catalog.device(matches.front());
  warnings.push_back(
      fmt::format("{} is the size on the box of {}; as bytes it is {}, while {} shows {} to the driver: "
                  "--hardware {} uses its profile",
                  to_text(memory), names, gib_text(memory), first.id, gib_text(first.memory.value), first.id));
}

// RAM is sold as "64 GB" and holds 64 GiB.
bool is_ram_size(Bytes asked, Bytes ram) {
  return asked == ram || asked.count() == ram.count() / kGiB.count() * 1'000'000'000;
}

void use_working_set(HardwareChoice& choice, std::optional<Bytes> ram) {
  const std::vector<WorkingSet>& sets = choice.device->working_sets;
  const WorkingSet* found = ram ? nullptr : &sets.back();
  std::string known;
  for (const WorkingSet& set : sets) {
    if (ram && is_ram_size(*ram, set.ram)) found = &set;
    known += (known.empty() ? "" : ", ") + to_text(set.ram);
  }
  if (found == nullptr) throw_usage("memory", to_text(*ram), "a RAM size of " + choice.device->id + ": " + known);
  if (!ram && sets.size() > 1)
    choice.warnings.push_back(fmt::format("{} is taken with its largest memory, {}; say --memory {} for a smaller one",
                                          choice.device->id, to_text(found->ram), to_text(sets.front().ram)));
  choice.visible = found->ram;
  choice.unallocatable = found->ram - found->usable;
  choice.memory_source = found->source;
}

void use_device(HardwareChoice& choice, std::optional<Bytes> memory) {
  const DeviceSpec& device = *choice.device;
  choice.visible = device.memory.value;
  choice.unallocatable = device.unallocatable.value;
  choice.memory_source = fmt::format("{}: {}; out of reach: {}", word_of(device.memory.basis), device.memory.source,
                                     device.unallocatable.source);
  if (device.status == "announced")
    choice.warnings.push_back(device.id + " is announced, not shipping: its figures may change");
  if (!device.working_sets.empty()) return use_working_set(choice, memory);
  if (!memory) return;
  choice.visible = *memory;
  choice.memory_source = "--memory";
  choice.memory_note = fmt::format("--memory replaces the {} of the profile", gib_text(device.memory.value));
  // Beside an operating system the same share stays out of reach; a card shows what --memory says.
  const double share = choice.is_shared() ? device.unallocatable.value.size() / device.memory.value.size() : 0.0;
  choice.unallocatable = scaled(*memory, share);
  if (share == 0.0) return;
  choice.memory_note += fmt::format(", its share out of reach ({:.0f} %) stays", 100 * share);
  choice.memory_source += "; out of reach: the share of the profile (" + device.unallocatable.source + ")";
}

// The part of the RAM that Metal lets the GPU use, moved by hand.
void use_gpu_limit(HardwareChoice& choice, const Arguments& arguments) {
  const std::optional<Bytes> limit = arguments.bytes("gpu-limit", kLeastMemory);
  if (!limit) return;
  if (!choice.has_working_sets())
    throw_usage("gpu-limit", choice.name.empty() ? "it with a bare --memory" : "it with " + choice.name,
                "an Apple device, whose GPU gets a part of the RAM that iogpu.wired_limit_mb sets",
                "how much other devices may use, say with --memory or --reserve");
  if (*limit > choice.visible)
    throw_usage("gpu-limit", to_text(*limit), "at most the " + to_text(choice.visible) + " of RAM there are",
                "name the RAM of the machine with --memory");
  choice.unallocatable = choice.visible - *limit;
  choice.memory_source += "; --gpu-limit";
  choice.memory_note = fmt::format("after {}", gpu_limit_command(*limit));
}

void use_host(HardwareChoice& choice, const Arguments& arguments) {
  choice.host_is_device = choice.is_shared();
  const std::optional<Bytes> asked = arguments.bytes("host-memory", Bytes(0));
  if (choice.host_is_device) {
    if (asked)
      throw_usage("host-memory", "it for " + choice.name, "nothing",
                  "CPU and GPU share one memory there: moving experts to the host frees nothing");
    return;
  }
  if (choice.node && choice.node->host_memory) choice.host_per_node = choice.node->host_memory->value;
  if (asked) choice.host_per_node = asked;
}

constexpr Count kMostMixed = 64;

void add_mixed(HardwareChoice& choice, const DeviceSpec& device, Count count) {
  if (count < 1 || count + static_cast<Count>(choice.mixed.size()) > kMostMixed)
    throw_usage("hardware", fmt::format("{} of {}", count, device.id),
                fmt::format("1 to {} devices in a machine of unlike ones", kMostMixed));
  choice.mixed.insert(choice.mixed.end(), static_cast<std::size_t>(count), device);
}

// "2xrtx-3090+rtx-4090": devices in one machine, in this order.
void read_mixed(HardwareChoice& choice, const Catalog& catalog, const std::string& name) {
  std::size_t begin = 0;
  while (begin <= name.size()) {
    const std::size_t end = std::min(name.find('+', begin), name.size());
    std::string part = name.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t x = part.find('x');
    std::optional<Count> count = x == std::string::npos ? std::nullopt : parse_count(part.substr(0, x));
    if (count) part = part.substr(x + 1);
    const DeviceSpec device = catalog.device(part);
    add_mixed(choice, device, count.value_or(1));
    choice.name +=
        (choice.name.empty() ? "" : "+") + (count.value_or(1) > 1 ? fmt::format("{}x", *count) : "") + device.id;
  }
}

void use_smallest(HardwareChoice& choice, std::optional<Bytes> memory) {
  if (memory) throw_usage("memory", "it with unlike devices", "the devices' own memory");
  const auto capacity = [](const DeviceSpec& d) { return d.memory.value - d.unallocatable.value; };
  choice.device =
      *std::min_element(choice.mixed.begin(), choice.mixed.end(),
                        [&capacity](const DeviceSpec& a, const DeviceSpec& b) { return capacity(a) < capacity(b); });
  const bool alike = std::all_of(choice.mixed.begin(), choice.mixed.end(),
                                 [&choice](const DeviceSpec& d) { return d.id == choice.mixed.front().id; });
  for (const DeviceSpec& device : choice.mixed)
    if (!device.working_sets.empty() || device.device_class == DeviceClass::Cpu ||
        device.device_class == DeviceClass::IntegratedGpu)
      throw_usage("hardware", device.id + " beside other devices", "devices with memory of their own");
  if (alike)
    throw_usage("hardware", in_quotes(choice.name), "unlike devices",
                fmt::format("like ones are --hardware {} --gpus {}", choice.mixed.front().id, choice.mixed.size()));
}

// The device and the fabric as --set has them; of a machine of unlike devices, every one.
void set_device_fields(HardwareChoice& choice) {
  if (choice.device) choice.device = with_overrides(*choice.device, choice.overrides);
  for (DeviceSpec& device : choice.mixed) device = with_overrides(device, choice.overrides);
  if (choice.scaleup) choice.scaleup = with_overrides(*choice.scaleup, choice.overrides);
}

}  // namespace

bool HardwareChoice::is_shared() const {
  if (node && node->unified) return true;
  return device && (device->device_class == DeviceClass::IntegratedGpu || device->device_class == DeviceClass::Cpu);
}

Count HardwareChoice::default_gpus() const {
  if (!mixed.empty()) return static_cast<Count>(mixed.size());
  if (!node) return 1;
  // A torus is a pod of many machines, not something one asks for by naming one.
  return scaleup && scaleup->is_crossbar() ? std::max(node->devices(), scaleup->domain) : node->devices();
}

Count HardwareChoice::node_devices(Count gpus) const {
  return !mixed.empty() ? static_cast<Count>(mixed.size()) : node ? node->devices() : gpus;
}

std::vector<SpecOverride> read_overrides(const Arguments& arguments) {
  const std::optional<std::string> text = arguments.text("set");
  return text ? parse_overrides(*text) : std::vector<SpecOverride>{};
}

HardwareChoice choose_hardware(const Catalog& catalog, const Arguments& arguments) {
  HardwareChoice choice;
  choice.overrides = read_overrides(arguments);
  const std::optional<Bytes> memory = arguments.bytes("memory", kLeastMemory);
  const std::optional<std::string> name = arguments.text("hardware");
  if (!name && !memory)
    throw_usage("", "neither --memory nor --hardware", "one of them",
                "e.g. --memory 24GiB or --hardware rtx-4090; \"moeplan hardware list\" lists the known");
  if (name) {
    if (*name == kThisMachine || is_hardware_file(*name)) {
      const LoadedHardware loaded = load_hardware(catalog, *name);
      if (is_machine(loaded.cluster)) choice.node = with_overrides(loaded.cluster.node, choice.overrides);
      choice.scaleup = loaded.cluster.scaleup;
      choice.device = loaded.cluster.devices.front();
      choice.warnings = loaded.warnings;
      if (choice.node && choice.node->is_mixed())
        for (std::size_t g = 0; g < choice.node->groups.size(); ++g)
          add_mixed(choice, loaded.cluster.devices[g], choice.node->groups[g].count);
    } else if (!catalog.knows_node(*name) && name->find('+') != std::string::npos) {
      read_mixed(choice, catalog, *name);
    } else {
      if (catalog.knows_node(*name)) choice.node = with_overrides(catalog.node(*name), choice.overrides);
      if (choice.node && !choice.node->scaleup.empty()) choice.scaleup = catalog.scaleup(choice.node->scaleup);
      choice.device = catalog.device(choice.node ? choice.node->groups.front().device : *name);
      if (choice.node && choice.node->is_mixed())
        for (const NodeGroup& group : choice.node->groups) add_mixed(choice, catalog.device(group.device), group.count);
    }
    set_device_fields(choice);
    if (choice.name.empty()) choice.name = choice.node ? choice.node->id : choice.device->id;
    if (!choice.mixed.empty()) use_smallest(choice, memory);
    use_device(choice, memory);
    use_gpu_limit(choice, arguments);
  } else {
    choice.visible = *memory;
    choice.memory_source = "--memory";
    warn_if_marketed(catalog, *memory, choice.warnings);
    use_gpu_limit(choice, arguments);
  }
  if (!choice.device && touches(choice.overrides, SpecRoot::Hardware))
    throw_usage("set", "a field of hardware with a bare --memory", "--hardware NAME");
  use_host(choice, arguments);
  return choice;
}

}  // namespace moeplan
