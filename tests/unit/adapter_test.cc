// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/adapter.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"
#include "sim/study/fit.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

AdapterSpec adapter_of(Count rank, std::initializer_list<const char*> modules) {
  AdapterSpec a;
  a.rank = rank;
  for (const char* name : modules) {
    a.modules.emplace_back(name);
    a.targets |= roles_of_module(name);
  }
  return a;
}

FitQuestion question(const char* model, const char* runtime, const AdapterSpec& adapter) {
  FitQuestion q;
  q.model = catalog().model(model);
  q.formats = catalog().formats();
  q.runtime = catalog().runtime(runtime);
  q.device.capacity = 640 * kGiB;
  q.workload = {.context = 8192, .sequences = 1};
  q.adapter = resident_adapter(adapter, q.runtime, q.model);
  return q;
}

// Of the first rank class, on the device or in host memory.
Bytes lora_bytes(const FitQuestion& q, Place place = Place::Device) {
  const FitResult f = evaluate(q);
  for (const LedgerLine& line : f.ranks.front().ledger.lines())
    if (line.owner == Owner::Adapter && line.place == place) return line.bytes;
  return Bytes(0);
}

TEST(Adapter, AllLinearLayersOfLlamaAtRank16) {
  // A layer: q 4096+4096, k and v 4096+1024 each, o 4096+4096, gate, up, down 4096+14336 each
  // = 8192 + 2 x 5120 + 8192 + 3 x 18432 = 81,920; x 32 layers x 16 = 41,943,040, the figure
  // that fine-tuning tools print for Llama-3.1-8B.
  EXPECT_EQ(count_adapter(catalog().model("llama-3.1-8b"), adapter_of(16, {"all"})), 41'943'040);
}

TEST(Adapter, AttentionOfMixtralKnowsNothingOfExperts) {
  // q 8192, k and v 5120 each, o 8192: 26,624 x 32 layers x 16.
  EXPECT_EQ(count_adapter(catalog().model("mixtral-8x7b"), adapter_of(16, {"attention"})), 26'624 * 32 * 16);
}

TEST(Adapter, ExpertsHaveOneEach) {
  // w1, w2, w3 of 4096 and 14336: 3 x 18,432 x 8 experts x 32 layers x 16.
  EXPECT_EQ(count_adapter(catalog().model("mixtral-8x7b"), adapter_of(16, {"w1", "w2", "w3"})),
            Count{3} * 18'432 * 8 * 32 * 16);
}

TEST(Adapter, OneDeviceHoldsTwoBytesOfEveryElementPerSlot) {
  AdapterSpec a = adapter_of(16, {"all"});
  EXPECT_EQ(lora_bytes(question("llama-3.1-8b", "generic", a)), Bytes(41'943'040 * 2));
  a.slots = 5;
  EXPECT_EQ(lora_bytes(question("llama-3.1-8b", "generic", a)), Bytes(Count{41'943'040} * 2 * 5));
}

TEST(Adapter, VllmCutsTheHalfBesideTheCutDimension) {
  // q on 2 ranks: A 16 x 4096 whole, B 2048 x 16; o: A 16 x 2048, B 4096 x 16 whole.
  FitQuestion q = question("llama-3.1-8b", "vllm", adapter_of(16, {"q_proj"}));
  q.layout = {.tp = 2, .moe_tp = 2};
  EXPECT_EQ(lora_bytes(q), Bytes((4096 + 2048) * 16 * 2 * 32));
  q.adapter = resident_adapter(adapter_of(16, {"o_proj"}), q.runtime, q.model);
  EXPECT_EQ(lora_bytes(q), Bytes((2048 + 4096) * 16 * 2 * 32));
}

TEST(Adapter, FullyShardedCutsBothHalves) {
  // q: A 8 x 4096, B 2048 x 16; o: A 16 x 2048, B 2048 x 16: half of 8192 x 16 each.
  AdapterSpec a = adapter_of(16, {"q_proj", "o_proj"});
  a.fully_sharded = true;
  FitQuestion q = question("llama-3.1-8b", "vllm", a);
  q.layout = {.tp = 2, .moe_tp = 2};
  EXPECT_EQ(lora_bytes(q), Bytes(2 * (8192 * 16 / 2) * 2 * 32));
}

TEST(Adapter, VllmMakesRoomForEveryModuleAndTheNextRank) {
  // Nothing named: the linear layers, the tables (128,256 x 4,096 each); rank 12 takes 16.
  AdapterSpec a;
  a.rank = 12;
  const FitQuestion q = question("llama-3.1-8b", "vllm", a);
  EXPECT_EQ(q.adapter->rank, 16);
  EXPECT_EQ(lora_bytes(q), Bytes((41'943'040 + 2 * (128'256 + 4'096) * 16) * 2));
}

TEST(Adapter, LlamaCppKeepsThemBesideTheirTensors) {
  // Experts of 8 of 32 layers on the host, and a quarter of their adapters with them, in f32.
  FitQuestion q = question("mixtral-8x7b", "llama.cpp", adapter_of(16, {"experts"}));
  q.device.host = 64 * kGiB;
  q.host_expert_layers = 8;
  const Bytes all = Bytes(Count{3} * 18'432 * 8 * 32 * 16 * 4);
  EXPECT_EQ(lora_bytes(q, Place::Host), Bytes(all.count() / 4));
  EXPECT_EQ(lora_bytes(q), Bytes(all.count() / 4 * 3));
}

TEST(Adapter, HeadroomShrinksByItsBytes) {
  FitQuestion with = question("llama-3.1-8b", "generic", adapter_of(64, {"all"}));
  FitQuestion without = with;
  without.adapter.reset();
  EXPECT_EQ(evaluate(without).cache_room - evaluate(with).cache_room, Bytes(Count{41'943'040} * 4 * 2));
}

TEST(Adapter, APeftConfigSaysItsShape) {
  const AdapterSpec a = read_peft_config(
      R"({"peft_type": "LORA", "r": 8, "target_modules": ["q_proj", "v_proj"], "modules_to_save": ["lm_head"],
          "rank_pattern": {"q_proj": 32}, "lora_alpha": 16})",
      "adapter_config.json");
  EXPECT_EQ(a.rank, 32);  // room for the largest
  EXPECT_EQ(a.targets, roles_of_module("q_proj") | roles_of_module("v_proj"));
  EXPECT_EQ(a.saved, roles_of_module("lm_head"));
  // 32 x (8192 + 5120) x 32 layers and a whole head of 128,256 x 4,096.
  EXPECT_EQ(count_adapter(catalog().model("llama-3.1-8b"), a), 32 * 13'312 * 32 + Count{128'256} * 4'096);
}

TEST(Adapter, AllLinearCountsTheRouterToo) {
  const AdapterSpec a = read_peft_config(R"({"r": 8, "target_modules": "all-linear"})", "adapter_config.json");
  EXPECT_TRUE(a.targets.test(static_cast<std::size_t>(MatrixRole::Router)));
  EXPECT_FALSE(a.targets.test(static_cast<std::size_t>(MatrixRole::Head)));
}

TEST(Adapter, ABadConfigIsRefusedWithEveryReason) {
  try {
    read_peft_config(R"({"r": 0, "use_dora": true, "target_modules": ["q_pro"]})", "adapter_config.json");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.problems().size(), 3U);
  }
}

TEST(Adapter, WhatAnEngineCannotHoldIsSaid) {
  AdapterSpec a = adapter_of(1024, {"q_proj"});
  a.saved = roles_of_module("lm_head");
  a.fully_sharded = true;
  FitQuestion q = question("llama-3.1-8b", "vllm", a);
  q.layout = {.tp = 3, .moe_tp = 1};  // 1024 is not divisible by 3
  EXPECT_EQ(adapter_violations(q).size(), 3U);
  q.runtime = catalog().runtime("trtllm");
  EXPECT_EQ(adapter_violations(q).size(), 1U);
  EXPECT_TRUE(adapter_violations(question("llama-3.1-8b", "vllm", adapter_of(16, {"q_proj"}))).empty());
}

TEST(Adapter, ModuleNamesGiveTheSameTargetsBack) {
  for (const std::string& id : catalog().model_ids()) {
    const ModelSpec model = catalog().model(id);
    for (const std::string& name : module_names()) {
      const RoleSet targets = targets_in(model, roles_of_module(name));
      RoleSet back;
      for (const std::string& written : modules_of(targets, model)) back |= roles_of_module(written);
      EXPECT_EQ(targets_in(model, back), targets) << id << " " << name;
    }
  }
}

}  // namespace
}  // namespace moeplan
