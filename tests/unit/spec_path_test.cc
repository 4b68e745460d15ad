// SPDX-License-Identifier: Apache-2.0
#include "sim/study/spec_path.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "sim/base/error.h"
#include "sim/base/unit_text.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog embedded = Catalog::embedded();
  return embedded;
}

template <class Spec>
Spec set(const Spec& spec, const std::string& text) {
  return with_overrides(spec, parse_overrides(text));
}

template <class Spec>
std::string refusal(const Spec& spec, const std::string& text) {
  try {
    set(spec, text);
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    return error.what();
  }
  return "";
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const MoeFfn& experts_of(const ModelSpec& model) {
  for (const Block& block : model.blocks)
    if (const auto* moe = std::get_if<MoeFfn>(&block.kind)) return *moe;
  static const MoeFfn kNone;
  return kNone;
}

ModelSpec mixtral() { return catalog().model("mixtral-8x7b"); }
DeviceSpec h200() { return catalog().device("h200"); }

TEST(SpecPath, ABlockGoesByItsName) {
  EXPECT_EQ(experts_of(set(mixtral(), "model.moe.experts=64")).experts, 64);
  EXPECT_EQ(experts_of(set(mixtral(), "model.blocks.moe.experts=64")).experts, 64);
}

TEST(SpecPath, ABlockOfAnotherNameGoesByItsKind) {
  ModelSpec model = mixtral();
  for (Block& block : model.blocks) block.name = "b_" + block.name;
  EXPECT_EQ(experts_of(set(model, "model.moe.top_k=1")).top_k, 1);
}

TEST(SpecPath, EveryExpertBlockIsMeant) {
  ModelSpec model = mixtral();
  Block other = model.blocks.back();
  for (const Block& block : model.blocks)
    if (std::holds_alternative<MoeFfn>(block.kind)) other = block;
  other.name = "moe_late";
  model.blocks.push_back(other);
  model.runs.back().repeat -= 1;
  LayerShape late = model.runs.back().layers.front();
  late.back() = static_cast<BlockIndex>(model.blocks.size() - 1);
  model.runs.push_back({Stack::Decoder, 1, {late}});
  const ModelSpec changed = set(model, "model.moe.experts=32");
  for (const Block& block : changed.blocks) {
    const auto* moe = std::get_if<MoeFfn>(&block.kind);
    if (moe != nullptr) {
      EXPECT_EQ(moe->experts, 32) << block.name;
    }
  }
}

TEST(SpecPath, AFieldAtItsDefaultCanBeSet) {
  EXPECT_EQ(experts_of(set(mixtral(), "model.moe.shared_width=2048")).shared_width, 2048);
  EXPECT_TRUE(set(mixtral(), "model.tied_embeddings=true").tied_embeddings);
}

TEST(SpecPath, TokensTakeTheirSuffix) { EXPECT_EQ(set(mixtral(), "model.max_context=128k").max_context, 128 * 1024); }

TEST(SpecPath, AChangedModelIsNoLongerThePublishedOne) {
  const ModelSpec changed = set(mixtral(), "model.moe.experts=16");
  EXPECT_TRUE(changed.published.empty());
  EXPECT_TRUE(mentions(changed.note, "moe.experts=16"));
  EXPECT_EQ(changed.id, "mixtral-8x7b");
}

TEST(SpecPath, TheSameValueChangesNothing) {
  EXPECT_EQ(set(mixtral(), "model.moe.experts=8"), mixtral());
  EXPECT_EQ(set(h200(), "hardware.launch_stream=" + to_text(h200().launch.stream->value)), h200());
}

TEST(SpecPath, AQuantityIsSetByItsOwnPathAndSaysFromWhere) {
  const DeviceSpec changed = set(h200(), "hardware.bandwidth=9.6TB/s");
  EXPECT_EQ(changed.bandwidth.value.base(), 9.6e12);
  EXPECT_EQ(changed.bandwidth.basis, Basis::Assumed);
  EXPECT_EQ(changed.bandwidth.source, "--set");
  EXPECT_EQ(set(h200(), "hardware.bandwidth.value=9.6TB/s").bandwidth.value.base(), 9.6e12);
}

TEST(SpecPath, WhatContradictsAChangeAndIsOnlyCheckedGoes) {
  const DeviceSpec changed = set(h200(), "hardware.bandwidth=9.6TB/s");
  EXPECT_EQ(changed.bus_bits, 0);
  EXPECT_FALSE(changed.memory_data_rate.has_value());
}

TEST(SpecPath, AnArrayGoesByIndexAndByName) {
  const DeviceSpec by_name = set(h200(), "hardware.peaks.bf16=1.2PFLOP/s,hardware.peaks.fp8=2.4PFLOP/s");
  EXPECT_EQ(peak_of(by_name, "bf16")->rate.value.base(), 1.2e15);
  EXPECT_EQ(peak_of(by_name, "fp8")->rate.value.base(), 2.4e15);
  const DeviceSpec by_index = set(h200(), "hardware.peaks.0.value=1.2PFLOP/s");
  EXPECT_EQ(by_index.peaks[0].rate.value.base(), 1.2e15);
}

TEST(SpecPath, APeakThatWasNotStatedIsAdded) {
  const DeviceSpec changed = set(h200(), "hardware.peaks.fp4=3PFLOP/s");
  ASSERT_NE(peak_of(changed, "fp4"), nullptr);
  EXPECT_EQ(peak_of(changed, "fp4")->rate.value.base(), 3e15);
}

TEST(SpecPath, AQuantityThatWasNotStatedIsAdded) {
  DeviceSpec device = h200();
  device.last_level_cache.reset();
  EXPECT_EQ(set(device, "hardware.last_level_cache=50MiB").last_level_cache->value, Bytes(50 * 1024 * 1024));
}

TEST(SpecPath, EveryRootIsReached) {
  const NodeSpec node = catalog().node("h200-x8");
  const ClusterSpec cluster = catalog().cluster("h200-x8");
  EXPECT_EQ(set(node, "node.host_memory=4TiB").host_memory->value, Bytes(Count{4} << 40));
  EXPECT_EQ(set(*cluster.scaleup, "scaleup.bandwidth=900GB/s").bandwidth.value.base(), 9e11);
  EXPECT_EQ(set(*cluster.scaleout, "scaleout.nics_per_device=2").nics_per_device, 2);
  EXPECT_EQ(set(catalog().runtime("vllm"), "runtime.kv.block_tokens=32").kv_block_tokens, 32);
  EXPECT_EQ(set(catalog().site(catalog().site_ids().front()), "site.pue=1.5").pue.value, 1.5);
  EXPECT_EQ(set(*catalog().price("h200"), "prices.purchase_usd=20000").purchase->usd.value, 20000);
}

TEST(SpecPath, OfOtherRootsNothingChanges) { EXPECT_EQ(set(mixtral(), "hardware.bandwidth=8TB/s"), mixtral()); }

TEST(SpecPath, ACommaThatNoPathFollowsBelongsToTheValue) {
  const std::vector<SpecOverride> both = parse_overrides("model.quant.parts=routed_experts,attention,model.hidden=64");
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].value, "routed_experts,attention");
  EXPECT_EQ(both[1].path, "model.hidden");
}

TEST(SpecPath, ARefusalNamesTheNearestField) {
  EXPECT_TRUE(mentions(refusal(mixtral(), "model.moe.expertz=3"), "did you mean \"experts\"?"));
  EXPECT_TRUE(mentions(refusal(mixtral(), "model.mow.experts=3"), "did you mean \"moe\"?"));
  EXPECT_TRUE(mentions(refusal(h200(), "hardware.bandwith=8TB/s"), "did you mean \"bandwidth\"?"));
  EXPECT_TRUE(mentions(refusal(h200(), "hardware.bandwidth.valu=8TB/s"), "valu"));
}

TEST(SpecPath, GarbageIsRefused) {
  for (const char* text :
       {"foo", "foo=1", "model=", "model.=1", "model.hidden=", "modle.hidden=1", "=", "", "model.moe.experts=-1",
        "model.moe.experts=a", "model.moe.experts=1.5", "model.moe=3", "model.moe.experts.x=1", "model.layers.99=1",
        "model.hidden=1,model.hidden=2", "model.moe.experts=99999999999999999999", "model.hidden.0=1"})
    EXPECT_NE(refusal(mixtral(), text), "") << text;
  for (const char* text : {"hardware.bandwidth=4", "hardware.bandwidth=9GB", "hardware.bandwidth=nan",
                           "hardware.bandwidth=-4TB/s", "hardware.peaks=3", "hardware.peaks.bf17=1PFLOP/s",
                           "hardware.peaks.9=1PFLOP/s", "hardware.memory=80G", "hardware.class=toaster"})
    EXPECT_NE(refusal(h200(), text), "") << text;
}

TEST(SpecPath, TheChecksOfAFileHold) {
  EXPECT_TRUE(mentions(refusal(mixtral(), "model.moe.top_k=9"), "top_k 9"));
  EXPECT_TRUE(mentions(refusal(mixtral(), "model.moe.experts=3,model.moe.top_k=9"), "top_k 9"));
}

TEST(SpecPath, PathsOfADocumentLeadBackIntoIt) {
  for (const std::string& path : spec_paths(SpecRoot::Hardware, write_device(h200()))) EXPECT_TRUE(is_spec_path(path));
  const std::vector<std::string> paths = spec_paths(SpecRoot::Model, write_model(mixtral()));
  EXPECT_NE(std::find(paths.begin(), paths.end(), "model.blocks.moe.experts"), paths.end());
}

// Sweeps change a spec for each point; a second is a generous bound for a hundred of them in a
// build without optimisation (0.2 ms each in one with).
TEST(SpecPath, AHundredChangesTakeLessThanASecond) {
  const ModelSpec model = catalog().model("deepseek-v3");
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) set(model, "model.moe.width=" + std::to_string(2048 + 64 * i));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

}  // namespace
}  // namespace moeplan
