// SPDX-License-Identifier: Apache-2.0
// The weights of a file balance: every byte of it is in the checkpoint, in the ledger of
// one device, and once over the ranks of any layout.
#include <gtest/gtest.h>

#include "sim/ledger/ledger.h"
#include "sim/study/fit.h"
#include "tests/books/books_support.h"
#include "tests/support/stored_like.h"

namespace moeplan {
namespace {

const FormatTable& formats() {
  static const FormatTable kFormats = catalog().formats();
  return kFormats;
}

Bytes of_part(const CheckpointSize& size, Part part) { return size.by_part[static_cast<std::size_t>(part)]; }

// Weight bytes of one copy of the model, device and host, replicas counted once. Exact
// where no tensor is cut.
Bytes distinct_bytes(const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options) {
  Bytes total;
  for (const RankClass& c : rank_classes(plan, options.layout)) {
    const Program p = lower(plan, runtime, options, c, Phase::Decode);
    for (const Tensor& t : p.tensors())
      if (t.cls == TensorClass::Weight && t.elements > 0) total += Bytes(t.fixed * t.repeat) * c.stages;
  }
  return total;
}

TEST(StoredWeights, EveryByteOfAnyFileIsInTheCheckpoint) {
  for (const std::string& id : all_models())
    for (const char* label : {"native", "q4_k_m", "iq2_xs", "int4"}) {
      const ModelSpec model = with_stored(catalog().model(id), formats(), label);
      const CheckpointSize size = checkpoint_size(model, plan_weights(model, formats(), "native"), formats());
      EXPECT_EQ(size.bytes, model.stored->payload) << id << " " << label;
      EXPECT_EQ(size.low, size.high) << id << " " << label;
    }
}

TEST(StoredWeights, EachPartHasTheBytesItHasByTheRulesThatMadeTheFile) {
  for (const std::string& id : all_models()) {
    const ModelSpec published = catalog().model(id);
    const ModelSpec model = with_stored(published, formats(), "native");
    const CheckpointSize file = checkpoint_size(model, plan_weights(model, formats(), "native"), formats());
    const CheckpointSize rules = checkpoint_size(published, plan_weights(published, formats(), "native"), formats());
    for (std::size_t part = 0; part < kPartWords.size(); ++part)
      EXPECT_EQ(file.by_part[part], rules.by_part[part]) << id << " " << kPartWords[part];
  }
}

TEST(StoredWeights, OverStagesAndHostTheyAreTheFile) {
  const RuntimeSpec runtime = catalog().runtime("llama.cpp");
  for (const std::string& id : all_models()) {
    const ModelSpec model = with_stored(catalog().model(id), formats(), "q4_k_m");
    const ModelPlan plan = plan_model(model, formats(), "native");
    const Bytes mtp = of_part(checkpoint_size(model, plan.weights, formats()), Part::Mtp);
    const Count decoder_layers = static_cast<Count>(plan.layers.size()) - plan.encoder_layers;
    for (const Count pp : {1, 2, 5}) {
      if (pp > decoder_layers) continue;
      for (const Count host : {0, 3, 400}) {
        LowerOptions options = options_for(plan, runtime, {.pp = pp});
        options.host_expert_layers = host;
        // A file in llama.cpp's hands: its MTP module is not loaded, a vision tower is another file.
        EXPECT_EQ(distinct_bytes(plan, runtime, options), model.stored->payload - mtp)
            << id << " pp " << pp << " host " << host;
      }
    }
  }
}

TEST(StoredWeights, WithTheMtpModuleLoadedOnlyItsCopiesOfTablesAreMissing) {
  const RuntimeSpec runtime = catalog().runtime("vllm");
  const ModelSpec model = with_stored(catalog().model("deepseek-v3"), formats(), "native");
  const ModelPlan plan = plan_model(model, formats(), "native");
  LowerOptions options = options_for(plan, runtime, {});
  options.load_mtp = true;
  // embedding and head again: 2 x 129,280 x 7,168 bf16
  const Bytes copies = Bytes(2 * 129'280 * Count{7'168} * 2);
  EXPECT_EQ(distinct_bytes(plan, runtime, options), model.stored->payload - copies);
}

// Elements over distinct shards, as in B1.
TEST(StoredWeights, CutByAnyLayoutTheShardsAreTheParameters) {
  for (const char* id : {"mixtral-8x7b", "deepseek-v3", "gpt-oss-20b", "qwen3-next-80b-a3b"}) {
    const ModelSpec model = with_stored(catalog().model(id), formats(), "native");
    const ModelPlan plan = plan_model(model, formats(), "native");
    const RuntimeSpec runtime = catalog().runtime("generic");
    const ParameterCounts counts = count_parameters(model);
    for (const Layout& layout : layouts_for(model, runtime)) {
      const LowerOptions options = options_for(plan, runtime, layout);
      Count over_ranks = 0;  // in units of 1 / stage ranks
      for (const RankClass& c : rank_classes(plan, layout)) {
        const Program p = lower(plan, runtime, options, c, Phase::Decode);
        for (const Tensor& t : p.tensors()) {
          if (t.cls != TensorClass::Weight || t.part == Part::Embedding || t.part == Part::Head) continue;
          over_ranks += c.ranks * t.elements * t.repeat * (p.stage_ranks / t.replicas);
        }
      }
      const auto part = [&](Part p) { return counts.by_part[static_cast<std::size_t>(p)]; };
      const Count expected = counts.total_with_mtp - part(Part::Mtp) - part(Part::Embedding) - part(Part::Head) +
                             (runtime.vision_resident ? part(Part::Vision) : 0);
      EXPECT_EQ(over_ranks, expected * layout.ranks_per_stage()) << id << " " << describe(layout);
    }
  }
}

// The same deployment from the label's rules and from a file that obeys them.
TEST(StoredWeights, ALayoutThatCutsWholeBlocksHasTheBytesOfTheLabel) {
  const RuntimeSpec runtime = catalog().runtime("llama.cpp");
  const ModelSpec published = catalog().model("mixtral-8x7b");
  const ModelPlan rules = plan_model(published, formats(), "q4_k_m");
  const ModelPlan file = plan_model(with_stored(published, formats(), "q4_k_m"), formats(), "native");
  for (const Layout& layout : {Layout{}, Layout{.tp = 2, .ep = 2}, Layout{.tp = 4, .moe_tp = 4}, Layout{.pp = 4}}) {
    const LowerOptions options = options_for(rules, runtime, layout);
    const Residency residency{.context = 1, .sequences = 1};
    for (const RankClass& c : rank_classes(rules, layout)) {
      const MemoryLedger of_rules = ledger_of(lower(rules, runtime, options, c, Phase::Decode), residency, {});
      const MemoryLedger of_file = ledger_of(lower(file, runtime, options, c, Phase::Decode), residency, {});
      EXPECT_EQ(of_file.total, of_rules.total) << describe(layout);
    }
  }
}

TEST(StoredWeights, AnExplicitLabelReplacesThem) {
  const ModelSpec published = catalog().model("qwen3-30b-a3b");
  const ModelSpec model = with_stored(published, formats(), "q8_0");
  EXPECT_EQ(checkpoint_size(model, plan_weights(model, formats(), "q4_k_m"), formats()).bytes,
            checkpoint_size(published, plan_weights(published, formats(), "q4_k_m"), formats()).bytes);
}

// ---- what no rule foresees ----

StoredWeights one_layer_changed(const ModelSpec& model, MatrixRole role, Count layer, const char* format, Bytes bytes) {
  StoredWeights stored = stored_like(model, formats(), "q4_k_m");
  for (StoredEntry& e : stored.entries) {
    if (e.role != role || e.layer != layer) continue;
    stored.payload += bytes - e.bytes;
    e.bytes = bytes;
    e.format = format;
  }
  return stored;
}

TEST(StoredWeights, ALayerOfItsOwnFormatAndSizeIsKeptToTheByte) {
  ModelSpec model = catalog().model("mixtral-8x7b");
  model.stored = std::make_shared<const StoredWeights>(
      one_layer_changed(model, MatrixRole::ExpertUp, 17, "q8_0", Bytes(499'122'177)));
  const ModelPlan plan = plan_model(model, formats(), "native");
  EXPECT_EQ(checkpoint_size(model, plan.weights, formats()).bytes, model.stored->payload);
  const RuntimeSpec runtime = catalog().runtime("llama.cpp");
  for (const Count pp : {1, 3}) {
    const LowerOptions options = options_for(plan, runtime, {.pp = pp});
    EXPECT_EQ(distinct_bytes(plan, runtime, options), model.stored->payload) << pp;
  }
}

TEST(StoredWeights, LayersOfOneFormatAndDifferentSizesSumExactly) {
  ModelSpec model = catalog().model("mixtral-8x7b");
  model.stored = std::make_shared<const StoredWeights>(
      one_layer_changed(model, MatrixRole::ExpertUp, 17, "q4_k", Bytes(264'241'155)));
  const ModelPlan plan = plan_model(model, formats(), "native");
  const RuntimeSpec runtime = catalog().runtime("llama.cpp");
  EXPECT_EQ(distinct_bytes(plan, runtime, options_for(plan, runtime, {})), model.stored->payload);
}

TEST(StoredWeights, ATensorThatNoMatrixExplainsIsAnExtraOfItsPart) {
  ModelSpec model = catalog().model("mixtral-8x7b");
  StoredWeights stored = stored_like(model, formats(), "q4_k_m");
  stored.entries.push_back({.role = MatrixRole::Extra, .format = "fp32", .elements = 64, .bytes = Bytes(256)});
  stored.payload += Bytes(256);
  model.stored = std::make_shared<const StoredWeights>(std::move(stored));
  const WeightPlan plan = plan_weights(model, formats(), "native");
  ASSERT_EQ(plan.extras.size(), 1U);
  EXPECT_EQ(plan.extras[0].matrix.part, Part::Attention);
  EXPECT_EQ(plan.extras[0].stored, std::vector<Bytes>{Bytes(256)});
}

TEST(StoredWeights, MoreFormatsThanSharesKeepTheBytes) {
  ModelSpec model = catalog().model("mixtral-8x7b");
  StoredWeights stored = stored_like(model, formats(), "q4_k_m");
  Count n = 0;
  stored.payload = Bytes(0);
  for (StoredEntry& e : stored.entries) {
    if (e.layer >= 0) e.format = formats()[static_cast<FormatId>(++n % 20)].id;
    stored.payload += e.bytes;
  }
  model.stored = std::make_shared<const StoredWeights>(std::move(stored));
  const ModelPlan plan = plan_model(model, formats(), "native");
  const RuntimeSpec runtime = catalog().runtime("llama.cpp");
  LowerOptions options = options_for(plan, runtime, {});
  options.host_expert_layers = 13;
  EXPECT_EQ(distinct_bytes(plan, runtime, options), model.stored->payload);
}

}  // namespace
}  // namespace moeplan
