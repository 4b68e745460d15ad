// SPDX-License-Identifier: Apache-2.0
// Do our shapes have exactly the element counts that were published? Once for the
// embedded presets, once for the importer on the published config files (skipped when
// that data is not there). Billions are given to the three decimals of their source.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "sim/base/json.h"
#include "sim/spec/catalog.h"
#include "sim/spec/import/hf_config.h"
#include "sim/spec/matrices.h"

namespace moeplan {
namespace {

// Which figure of ParameterCounts the published one is.
enum class Convention { Total, TotalWithMtp, CheckpointElements };

struct ExactTotal {
  std::string model;
  Convention convention;
  Count published;
  Count difference = 0;  // ours minus published, explained beside it
  std::string preset;    // when its name differs from the config's
};

const Count kBillion = 1000000000;

// Element counts of the published files (safetensors totals, vendor documents).
const std::vector<ExactTotal> kExactTotals = {
    {"mixtral-8x7b", Convention::Total, 46702792704},
    {"mixtral-8x22b", Convention::Total, 140620634112},
    {"deepseek-v3", Convention::Total, 671026419200},
    {"deepseek-v3", Convention::CheckpointElements, 684489845504},
    {"deepseek-r1", Convention::Total, 671026419200},
    {"deepseek-r1", Convention::CheckpointElements, 684489845504},
    {"deepseek-v3.2", Convention::CheckpointElements, 685355329792},
    {"deepseek-v2", Convention::Total, 235741434880},
    {"deepseek-v2-lite", Convention::Total, 15706484224},
    {"deepseek-moe-16b", Convention::Total, 16375728128},
    // The file holds 61 x 56 elements that are no weights of the shape.
    {"kimi-k2", Convention::Total, 1026408235864, -3416},
    // 27 x 64 such elements.
    {"moonlight-16b-a3b", Convention::Total, 15960111936, -1728},
    {"glm-4.5", Convention::CheckpointElements, 358337791296},
    {"glm-4.6", Convention::TotalWithMtp, 356785898816},
    {"glm-5.2", Convention::TotalWithMtp, 753329940480},
    {"qwen3-30b-a3b", Convention::Total, 30532122624},
    {"qwen3-235b-a22b", Convention::Total, 235093634560},
    {"qwen3-coder-480b", Convention::Total, 480154875392},
    {"qwen1.5-moe-a2.7b", Convention::Total, 14315784192},
    {"qwen3-next-80b-a3b", Convention::TotalWithMtp, 81324862720},
    {"qwen3-coder-next", Convention::Total, 79674391296},
    {"gpt-oss-20b", Convention::Total, 20914757184},
    {"gpt-oss-120b", Convention::Total, 116829156672},
    {"minimax-m1", Convention::Total, 456089655296},
    {"minimax-m2.5", Convention::Total, 228689764864},
    {"ling-1t", Convention::Total, 999705328640},
    {"ling-mini-2.0", Convention::Total, 16255643392},
    {"step-3.7-flash", Convention::Total, 196956130368},
    {"llama-2-7b", Convention::Total, 6738415616},
    {"llama-2-70b", Convention::Total, 68976648192},
    {"llama-3.1-8b", Convention::Total, 8030261248},
    {"llama-3.1-70b", Convention::Total, 70553706496},
    {"qwen3-32b", Convention::Total, 32762123264},
    {"gpt2", Convention::Total, 124439808},
    {"gpt2-xl", Convention::Total, 1557611200},
    {"dbrx", Convention::Total, 131596523520},
    {"phi-3.5-moe", Convention::Total, 41873153344},
    {"olmoe-1b-7b", Convention::Total, 6919161856},
    {"ernie-4.5-21b-a3b", Convention::Total, 21825437888},
    {"hunyuan-a13b", Convention::Total, 80393183232},
    // File total minus the 871,932,416 elements of the vision tower.
    {"llama-4-scout", Convention::Total, 107769861120},
    {"llama-4-scout", Convention::CheckpointElements, 107769861120 + 871932416},
    {"llama-4-maverick", Convention::Total, 400711848960},
    {"llama-4-maverick", Convention::CheckpointElements, 400711848960 + 871932416},
    // 23 x 128 router biases are not counted by the publisher.
    {"nemotron-3-nano-30b-a3b", Convention::Total, 31577937344, 23 * 128},
    // The file holds a multi-token-prediction head of 1,197,899,776 elements.
    {"longcat-flash", Convention::Total, 561862880256, -1197899776},
    {"longcat-flash", Convention::CheckpointElements, 561862880256},
};

struct RoundedTotal {
  std::string model;
  Count published;
  double tolerance;  // of a figure rounded like this one
  std::string preset;
};

const std::vector<RoundedTotal> kRoundedTotals = {
    {"qwen3.5-397b-a17b", 397 * kBillion, 0.003, ""},  // vision tower in the published figure
    {"minimax-m3", 427 * kBillion, 0.003, ""},
    {"nemotron-3-ultra-550b-a55b", 550 * kBillion, 0.002, ""},
    {"mistral-large-3", 673 * kBillion, 0.001, ""},
    {"gemma-4-26b-a4b", 25230000000, 0.001, ""},
    {"hunyuan-large", 389 * kBillion, 0.001, ""},
    {"snowflake-arctic", 480 * kBillion, 0.004, ""},
    {"switch-base-128", 7400000000, 0.003, ""},
    {"switch-base-256", 14700000000, 0.003, ""},
    {"switch-large-128", 26300000000, 0.003, ""},
    {"switch-xxl-128", 395 * kBillion, 0.003, ""},
    {"switch-c-2048", 1571 * kBillion, 0.0003, "switch-c"},
    {"llama-1-65b", 65200000000, 0.002, ""},
    {"grok-1", 314 * kBillion, 0.006, ""},  // 315.68 B tied; the card rounds down
    {"phi-mini-moe", 7600000000, 0.01, ""},
    {"granite-3.0-1b-a400m", 1330000000, 0.005, ""},
};

struct ActiveBillions {
  std::string model;
  double active, no_embedding, no_embedding_head;
};

const std::vector<ActiveBillions> kActive = {
    {"mixtral-8x7b", 12.880, 12.749, 12.618},   {"mixtral-8x22b", 39.152, 38.955, 38.759},
    {"deepseek-v3", 37.552, 36.626, 35.699},    {"deepseek-v3.2", 38.404, 37.477, 36.550},
    {"deepseek-v2", 21.376, 20.852, 20.327},    {"deepseek-v2-lite", 2.661, 2.451, 2.242},
    {"deepseek-moe-16b", 2.829, 2.619, 2.409},  {"kimi-k2", 32.862, 31.687, 30.513},
    {"moonlight-16b-a3b", 2.915, 2.579, 2.244}, {"glm-4.5", 33.632, 32.856, 32.080},
    {"qwen1.5-moe-a2.7b", 2.689, 2.378, 2.067}, {"qwen3-next-80b-a3b", 3.875, 3.564, 3.253},
    {"gpt-oss-20b", 4.187, 3.608, 3.029},       {"gpt-oss-120b", 5.712, 5.133, 4.554},
    {"minimax-m1", 48.403, 47.174, 45.945},     {"minimax-m2.5", 11.031, 10.416, 9.801},
    {"ling-1t", 51.054, 49.767, 48.479},        {"ling-mini-2.0", 1.433, 1.111, 0.789},
    {"step-3.7-flash", 11.987, 11.459, 10.931},
};

// Only one of the three is published for these.
const std::vector<std::pair<std::string, double>> kActiveOnly = {
    {"qwen3-30b-a3b", 3.353},
    {"qwen3-235b-a22b", 22.191},
    {"qwen3-coder-480b", 35.475},
    {"grok-1", 83.757},
    // Effective k = 12 x 512 / 768 = 8 with uniform routing.
    {"longcat-flash", 27.955},
};
const std::vector<std::pair<std::string, double>> kActiveNoEmbeddingOnly = {{"mistral-large-3", 39.007},
                                                                            {"nemotron-3-ultra-550b-a55b", 54.985}};

Count value_of(const ParameterCounts& counts, Convention convention) {
  switch (convention) {
    case Convention::Total: return counts.total;
    case Convention::TotalWithMtp: return counts.total_with_mtp;
    case Convention::CheckpointElements: return counts.checkpoint_elements;
  }
  return 0;
}

// A figure in billions printed with three decimals.
void expect_billions(Count value, double billions) {
  EXPECT_NEAR(static_cast<double>(value) / 1e9, billions, 0.000501);
}

class FromPreset : public ::testing::Test {
 protected:
  static ModelSpec model(const std::string& name) {
    static const Catalog catalog = Catalog::embedded();
    return catalog.model(name);
  }
};

class FromConfig : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(folder())) GTEST_SKIP() << "no published configs in " << folder();
  }
  static std::string folder() { return std::string(MOEPLAN_SHARED_DIR) + "/models/hf"; }
  static ModelSpec model(const std::string& name) {
    const std::string file = folder() + "/" + name + ".config.json";
    return import_hf_config(read_text_file(file, kMiB), file);
  }
};

TEST_F(FromPreset, ElementCountsAreThePublishedOnes) {
  for (const ExactTotal& row : kExactTotals) {
    SCOPED_TRACE(row.model);
    EXPECT_EQ(value_of(count_parameters(model(row.model)), row.convention), row.published + row.difference);
  }
}

TEST_F(FromConfig, ElementCountsAreThePublishedOnes) {
  for (const ExactTotal& row : kExactTotals) {
    SCOPED_TRACE(row.model);
    EXPECT_EQ(value_of(count_parameters(model(row.model)), row.convention), row.published + row.difference);
  }
}

TEST_F(FromPreset, RoundedTotalsAreWithinTheirRounding) {
  for (const RoundedTotal& row : kRoundedTotals) {
    SCOPED_TRACE(row.model);
    const double ours = static_cast<double>(count_parameters(model(row.preset.empty() ? row.model : row.preset)).total);
    EXPECT_NEAR(ours / static_cast<double>(row.published), 1.0, row.tolerance);
  }
}

TEST_F(FromConfig, RoundedTotalsAreWithinTheirRounding) {
  for (const RoundedTotal& row : kRoundedTotals) {
    SCOPED_TRACE(row.model);
    const double ours = static_cast<double>(count_parameters(model(row.model)).total);
    EXPECT_NEAR(ours / static_cast<double>(row.published), 1.0, row.tolerance);
  }
}

TEST_F(FromPreset, ActiveParametersAgreeInAllThreeConventions) {
  for (const ActiveBillions& row : kActive) {
    SCOPED_TRACE(row.model);
    const ParameterCounts counts = count_parameters(model(row.model));
    expect_billions(counts.active, row.active);
    expect_billions(counts.active_no_embedding, row.no_embedding);
    expect_billions(counts.active_no_embedding_head, row.no_embedding_head);
  }
}

TEST_F(FromConfig, ActiveParametersAgreeInAllThreeConventions) {
  for (const ActiveBillions& row : kActive) {
    SCOPED_TRACE(row.model);
    const ParameterCounts counts = count_parameters(model(row.model));
    expect_billions(counts.active, row.active);
    expect_billions(counts.active_no_embedding, row.no_embedding);
    expect_billions(counts.active_no_embedding_head, row.no_embedding_head);
  }
}

TEST_F(FromPreset, ActiveParametersAgreeWhereOneFigureIsPublished) {
  for (const auto& [name, billions] : kActiveOnly) {
    SCOPED_TRACE(name);
    expect_billions(count_parameters(model(name)).active, billions);
  }
  for (const auto& [name, billions] : kActiveNoEmbeddingOnly) {
    SCOPED_TRACE(name);
    expect_billions(count_parameters(model(name)).active_no_embedding, billions);
  }
}

TEST_F(FromPreset, EveryPublishedFigureInAPresetHolds) {
  const Catalog catalog = Catalog::embedded();
  for (const std::string& id : catalog.model_ids()) {
    const ModelSpec m = catalog.model(id);
    const ParameterCounts counts = count_parameters(m);
    for (const PublishedTotal& p : m.published) {
      SCOPED_TRACE(id + " " + p.quantity);
      Count ours = 0;
      if (p.quantity == "total")
        ours = counts.total;
      else if (p.quantity == "total_with_mtp")
        ours = counts.total_with_mtp;
      else if (p.quantity == "checkpoint_elements")
        ours = counts.checkpoint_elements;
      else if (p.quantity == "total_no_embedding_head")
        ours = counts.total - (counts.active - counts.active_no_embedding_head);
      else if (p.quantity == "active")
        ours = counts.active;
      else if (p.quantity == "active_no_embedding")
        ours = counts.active_no_embedding;
      else if (p.quantity == "active_no_embedding_head")
        ours = counts.active_no_embedding_head;
      else
        continue;  // bytes: checkpoint_size_test.cc
      if (p.tolerance == 0.0) {
        EXPECT_EQ(ours, p.value);
      } else {
        EXPECT_NEAR(static_cast<double>(ours) / static_cast<double>(p.value), 1.0, p.tolerance);
      }
    }
  }
}

// The unique weights of the module; the report of DeepSeek-V3 says 11.5 B without norms and router bias.
TEST_F(FromPreset, DeepSeekV3MultiTokenPredictionHas11610MillionUniqueWeights) {
  const ParameterCounts counts = count_parameters(model("deepseek-v3"));
  expect_billions(counts.total_with_mtp - counts.total, 11.610);
}

// 78 layers, of which 57 use the selection of another: 21 indexers, and one in the MTP layer.
TEST_F(FromPreset, Glm52OwnsOneIndexerInAboutFourLayers) {
  const ModelSpec m = model("glm-5.2");
  Count owners = 0, layers = 0;
  for (const LayerShape& layer : expand_layers(m, Stack::Decoder)) {
    ++layers;
    if (std::get<LatentAttention>(m.blocks[layer[0]].kind).indexer == Indexer::Full) ++owners;
  }
  EXPECT_EQ(layers, 78);
  EXPECT_EQ(owners, 78 - 57);
}

TEST_F(FromPreset, PartsSumToTheWhole) {
  const Catalog catalog = Catalog::embedded();
  for (const std::string& id : catalog.model_ids()) {
    SCOPED_TRACE(id);
    const ParameterCounts counts = count_parameters(catalog.model(id));
    Count sum = 0;
    for (Count part : counts.by_part) sum += part;
    EXPECT_EQ(sum, counts.total_with_mtp + counts.by_part[static_cast<std::size_t>(Part::Vision)]);
  }
}

// With k = E every parameter is active (Jacobs and Jordan 1991: dense gating).
TEST_F(FromPreset, RoutingToAllExpertsMakesEveryParameterActive) {
  ModelSpec m = model("mixtral-8x7b");
  for (Block& block : m.blocks)
    if (MoeFfn* moe = std::get_if<MoeFfn>(&block.kind)) moe->top_k = moe->experts;
  EXPECT_TRUE(violations(m).empty());
  const ParameterCounts counts = count_parameters(m);
  EXPECT_EQ(counts.active, counts.total);
}

// All four experts of MoE-4 see every word (Shazeer 2017, appendix C).
TEST_F(FromPreset, ADenselyGatedPresetUsesEveryParameter) {
  const ParameterCounts counts = count_parameters(model("shazeer-2017-moe-4"));
  EXPECT_EQ(counts.active, counts.total);
}

// The routed layer alone: 131,072 experts of 512 x 1024 + 1024 x 512.
TEST_F(FromPreset, Shazeer2017Has137BillionInItsExperts) {
  const ParameterCounts counts = count_parameters(model("moe-131072-h"));
  EXPECT_EQ(counts.by_part[static_cast<std::size_t>(Part::Experts)], Count{131'072} * 1'048'576);
}

TEST_F(FromPreset, ARumourIsMarkedInNameNoteAndBasis) {
  const ModelSpec m = model("gpt-4");
  EXPECT_EQ(m.id, "gpt-4-rumour");
  EXPECT_EQ(m.basis, ShapeBasis::Rumour);
  EXPECT_NE(m.name.find("rumour"), std::string::npos);
  EXPECT_NE(m.note.find("RUMOUR"), std::string::npos);
}

}  // namespace
}  // namespace moeplan
