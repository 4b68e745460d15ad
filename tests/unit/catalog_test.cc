// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/catalog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "sim/base/error.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog embedded = Catalog::embedded();
  return embedded;
}

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string unknown_name_error(const std::function<void()>& look_up) {
  try {
    look_up();
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::UnknownName);
    return error.what();
  }
  return "";
}

// A folder below the test's temporary directory, removed afterwards.
class OverrideFolder {
 public:
  OverrideFolder() : path_(std::filesystem::path(testing::TempDir()) / "moeplan_catalog_test") {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~OverrideFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  OverrideFolder(const OverrideFolder&) = delete;
  OverrideFolder& operator=(const OverrideFolder&) = delete;
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(EmbeddedDevices, ReadObeyTheLintsAndRoundTrip) {
  EXPECT_GE(catalog().device_ids().size(), 40U);
  for (const std::string& id : catalog().device_ids()) {
    SCOPED_TRACE(id);
    const DeviceSpec device = catalog().device(id);  // throws if a lint speaks
    EXPECT_TRUE(violations(device).empty());
    EXPECT_EQ(device.id, id);
    EXPECT_EQ(read_device(write_device(device), "again"), device);
  }
}

TEST(EmbeddedDevices, EveryQuantityHasASource) {
  for (const std::string& id : catalog().device_ids()) {
    SCOPED_TRACE(id);
    const DeviceSpec d = catalog().device(id);
    EXPECT_FALSE(d.memory.source.empty());
    EXPECT_FALSE(d.unallocatable.source.empty());
    EXPECT_FALSE(d.bandwidth.source.empty());
    for (const PeakRate& peak : d.peaks) EXPECT_FALSE(peak.rate.source.empty()) << peak.format;
    for (const WorkingSet& set : d.working_sets) EXPECT_FALSE(set.source.empty()) << in_gib(set.ram);
    EXPECT_TRUE(!d.last_level_cache || !d.last_level_cache->source.empty());
    EXPECT_TRUE(!d.power_cap || !d.power_cap->source.empty());
    EXPECT_TRUE(!d.clock || !d.clock->source.empty());
    EXPECT_FALSE(d.peaks.empty());
  }
}

TEST(EmbeddedDevices, DefaultRuntimesExist) {
  for (const std::string& id : catalog().device_ids()) {
    EXPECT_TRUE(contains(catalog().runtime_ids(), catalog().device(id).default_runtime)) << id;
  }
}

TEST(EmbeddedDevices, AssumedFiguresSayWhy) {
  for (const std::string& id : catalog().device_ids()) {
    const DeviceSpec d = catalog().device(id);
    EXPECT_TRUE(d.unallocatable.basis != Basis::Assumed || mentions(d.unallocatable.source, "assumed")) << id;
  }
}

TEST(EmbeddedDevices, H100ProgramsSeeWhatVllmLogged) {
  // 81,559 MiB - 479 MiB = 81,080 MiB = 79.18 GiB
  const DeviceSpec h100 = catalog().device("h100");
  EXPECT_NEAR(in_gib(h100.memory.value - h100.unallocatable.value), 79.18, 0.005);
}

TEST(EmbeddedDevices, Rtx4090ProgramsSeeWhatPyTorchPrints) {
  // 24,564 MiB - 356 MiB = 24,208 MiB = 23.64 GiB
  const DeviceSpec card = catalog().device("rtx-4090");
  EXPECT_NEAR(in_gib(card.memory.value - card.unallocatable.value), 23.64, 0.005);
}

TEST(EmbeddedDevices, H200IsNeither141GBNor141GiB) {
  EXPECT_EQ(catalog().device("h200").memory.value, 143771 * kMiB);  // 140.40 GiB = 150.75e9 B
}

TEST(EmbeddedNodes, ReadObeyTheRulesRoundTripAndNameADevice) {
  EXPECT_GE(catalog().node_ids().size(), 7U);
  for (const std::string& id : catalog().node_ids()) {
    SCOPED_TRACE(id);
    const NodeSpec node = catalog().node(id);
    EXPECT_TRUE(violations(node).empty());
    EXPECT_EQ(read_node(write_node(node), "again"), node);
    for (const NodeGroup& group : node.groups) EXPECT_TRUE(contains(catalog().device_ids(), group.device));
  }
}

TEST(EmbeddedNodes, Nvl72IsTraysOfFourInOneDomain) {
  const ClusterSpec rack = catalog().cluster("gb200-nvl72");
  EXPECT_EQ(rack.node.devices(), 4);
  EXPECT_EQ(rack.fast_domain(), 72);
}

TEST(EmbeddedRuntimes, ReadObeyTheRulesAndRoundTrip) {
  EXPECT_EQ(catalog().runtime_ids(), (std::vector<std::string>{"generic", "llama.cpp", "megatron", "mlx", "ollama",
                                                               "sglang", "trtllm", "vllm", "vllm-0.19"}));
  for (const std::string& id : catalog().runtime_ids()) {
    SCOPED_TRACE(id);
    const RuntimeSpec runtime = catalog().runtime(id);
    EXPECT_TRUE(violations(runtime).empty());
    EXPECT_EQ(read_runtime(write_runtime(runtime), "again"), runtime);
    for (const std::string& device : runtime.small_devices) EXPECT_TRUE(contains(catalog().device_ids(), device));
  }
}

TEST(EmbeddedRuntimes, VllmSamplerMatchesTheLoggedPeak) {
  // 39,150 B x vocabulary at 1,024 sequences: 39,150 / 1,024 = 38.23 B per logit
  EXPECT_NEAR(catalog().runtime("vllm-0.19").sampler_bytes, 39150.0 / 1024, 0.005);
}

TEST(Catalog, NamesAreUniqueAmongIdsAndAliasesOfOneKind) {
  std::map<std::string, std::string> owner;
  for (const std::string& id : catalog().device_ids()) {
    std::vector<std::string> names = catalog().device(id).aliases;
    names.push_back(id);
    for (std::string name : names) {
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      EXPECT_TRUE(owner.emplace(name, id).second) << name << " names both " << owner[name] << " and " << id;
    }
  }
}

TEST(Catalog, IdsAreSorted) {
  const std::vector<std::string> ids = catalog().device_ids();
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_FALSE(contains(catalog().model_ids(), "formats"));
}

TEST(Catalog, LooksUpByAliasAndIgnoresCase) {
  EXPECT_EQ(catalog().device("H200").id, "h200");
  EXPECT_EQ(catalog().device("a100").id, "a100-80");
  EXPECT_EQ(catalog().device("nvidia geforce rtx 4090").id, "rtx-4090");
  EXPECT_EQ(catalog().node("DGX-H200").id, "h200-x8");
  EXPECT_EQ(catalog().runtime("llamacpp").id, "llama.cpp");
  EXPECT_EQ(catalog().runtime("vLLM@0.19").id, "vllm-0.19");
  EXPECT_EQ(catalog().runtime("TensorRT-LLM").id, "trtllm");
}

TEST(Catalog, TextOutsideTheAliasesIsNoName) {
  EXPECT_FALSE(catalog().knows_device("vllm"));       // a default_runtime
  EXPECT_FALSE(catalog().knows_device("datasheet"));  // a basis
  EXPECT_FALSE(catalog().knows_device(""));
}

TEST(Catalog, KnowsDevicesAndNodesApart) {
  EXPECT_TRUE(catalog().knows_device("h200"));
  EXPECT_FALSE(catalog().knows_node("h200"));
  EXPECT_TRUE(catalog().knows_node("gb200-nvl72"));
  EXPECT_FALSE(catalog().knows_device("gb200-nvl72"));
}

TEST(Catalog, UnknownNamesGiveTheNearestAndHowToList) {
  const std::string device = unknown_name_error([] { catalog().device("rtx-4091"); });
  EXPECT_TRUE(mentions(device, "rtx-409")) << device;
  EXPECT_TRUE(mentions(device, "rtx-4090")) << device;
  EXPECT_TRUE(mentions(device, "moeplan hardware list")) << device;
  EXPECT_TRUE(mentions(unknown_name_error([] { catalog().device("dgx-gb20o"); }), "dgx-gb200"));
  EXPECT_TRUE(mentions(unknown_name_error([] { catalog().runtime("vlm"); }), "vllm"));
  EXPECT_TRUE(mentions(unknown_name_error([] { catalog().model("no-such-model"); }), "moeplan models list"));
}

TEST(Catalog, OverrideReplacesAndAddsFiles) {
  OverrideFolder folder;
  DeviceSpec device = catalog().device("h200");
  device.note = "mine";
  folder.write("hw_profiles/devices/h200.json", write_device(device));
  device.id = "h200-special";
  device.aliases = {"special"};
  folder.write("hw_profiles/devices/h200-special.json", write_device(device));
  folder.write("hw_profiles/devices/readme.txt", "not data");
  const Catalog mixed = Catalog::with_override(folder.path());
  EXPECT_EQ(mixed.device("h200").note, "mine");
  EXPECT_EQ(mixed.device("special").id, "h200-special");
  EXPECT_EQ(mixed.device_ids().size(), catalog().device_ids().size() + 1);
  EXPECT_EQ(mixed.runtime_ids(), catalog().runtime_ids());
}

TEST(Catalog, OverrideWithoutDataIsRefused) {
  OverrideFolder folder;
  EXPECT_THROW(Catalog::with_override(folder.path()), InputError);
  EXPECT_THROW(Catalog::with_override(folder.path() + "/missing"), InputError);
}

TEST(Catalog, FileNamedOtherThanItsIdIsRefused) {
  OverrideFolder folder;
  folder.write("hw_profiles/devices/other.json", write_device(catalog().device("h200")));
  const Catalog mixed = Catalog::with_override(folder.path());
  try {
    mixed.device("other");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::InvalidInput);
    EXPECT_TRUE(mentions(error.what(), "hw_profiles/devices/other.json")) << error.what();
  }
}

TEST(Catalog, AnUndisclosedModelIsKnownAndRefusedWithWhatIsSaid) {
  for (const char* name : {"gemini-1.5", "Gemini-1.5-Pro", "gpt-4o"}) {
    const std::string said = unknown_name_error([name] { catalog().model(name); });
    EXPECT_TRUE(mentions(said, "undisclosed")) << said;
    EXPECT_TRUE(mentions(said, "models make")) << said;
  }
  EXPECT_TRUE(mentions(unknown_name_error([] { catalog().model("gemini-1.5"); }), "sparse mixture-of-experts"));
  EXPECT_FALSE(contains(catalog().model_ids(), "undisclosed"));
}

TEST(Catalog, APublishedModelWithoutAModelIsRefusedByNameWithWhatIsKnown) {
  const auto said_of = [](const char* name) { return unknown_name_error([name] { catalog().model(name); }); };
  for (const char* name : {"deepseek-v4-pro", "DeepSeek-V4-Flash", "deepseek-ai/DeepSeek-V4-Pro"}) {
    // Flash 284.33 B, Pro 1,573.00 B: the tensor list of llama.cpp's loader with the published configs.
    EXPECT_TRUE(mentions(said_of(name), "284.33 B")) << name;
    EXPECT_TRUE(mentions(said_of(name), "1,573.00 B")) << name;
    EXPECT_TRUE(mentions(said_of(name), "not modelled")) << name;
  }
  EXPECT_TRUE(mentions(said_of("deepseek-v4-pro"), "models make --total 1573B --active 49B"));
  EXPECT_TRUE(mentions(said_of("kimi-k3"), "delta attention (69 of 93 layers)"));
}

}  // namespace
}  // namespace moeplan
