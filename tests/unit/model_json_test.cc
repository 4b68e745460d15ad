// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "sim/base/json.h"
#include "sim/spec/catalog.h"
#include "sim/spec/import/hf_config.h"

namespace moeplan {
namespace {

const char* const kSmall = R"({
  "id": "small",
  "hidden": 64,
  "vocab": 1000,
  "max_context": 2048,
  "blocks": {
    "attention": {"kind": "softmax", "heads": 8, "kv_heads": 2, "head_dim": 16},
    "moe": {"kind": "moe", "experts": 8, "top_k": 2, "width": 32}
  },
  "layers": [
    ["attention", "moe"],
    {"repeat": 3, "layers": [["attention", "moe"]]}
  ]
}
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// What reading this text complains about.
std::string complaint(const std::string& text) {
  try {
    read_model(text, "small.json");
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::InvalidInput);
    return error.what();
  }
  return "";
}

void expect_complaint(const std::string& text, const std::string& part) {
  const std::string found = complaint(text);
  EXPECT_NE(found.find(part), std::string::npos) << "looking for: " << part << "\nfound: " << found;
}

TEST(ReadModel, DefaultsFillWhatIsLeftOut) {
  const ModelSpec model = read_model(kSmall, "small.json");
  const SoftmaxAttention& a = std::get<SoftmaxAttention>(model.blocks[0].kind);
  EXPECT_EQ(a.value_dim, 16);
  EXPECT_TRUE(a.causal);
  EXPECT_EQ(model.quant.base, "bf16");
  EXPECT_EQ(layer_count(model), 4);
  EXPECT_EQ(model.runs[0].repeat, 1);
}

TEST(WriteModel, GivesBackTheSameText) {
  std::string text = write_model(read_model(kSmall, "small.json"));
  if (text.empty() || text.back() != '\n') text += '\n';
  EXPECT_EQ(text, kSmall);
}

// B8: spec -> JSON -> spec is identical.
TEST(WriteModel, RoundTripsEveryPreset) {
  const Catalog catalog = Catalog::embedded();
  for (const std::string& id : catalog.model_ids()) {
    const ModelSpec model = catalog.model(id);
    EXPECT_EQ(read_model(write_model(model), id), model) << id;
  }
}

TEST(WriteModel, RoundTripsEveryPublishedConfig) {
  const std::filesystem::path folder = std::string(MOEPLAN_SHARED_DIR) + "/models/hf";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no published configs in " << folder;
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    ModelSpec model;
    try {
      model = import_hf_config(read_text_file(entry.path().string(), kMiB), entry.path().string());
    } catch (const InputError&) {
      continue;  // refused by design: hf_config_test.cc
    }
    EXPECT_EQ(read_model(write_model(model), "written"), model) << entry.path();
    ++models;
  }
  EXPECT_GT(models, 50);
}

TEST(WriteModel, RoundTripsAModelWithEveryFieldSet) {
  ModelSpec model = read_model(kSmall, "small.json");
  model.name = "A \"quoted\" name";
  model.aliases = {"a/b", "c"};
  model.source = "s";
  model.note = "n";
  model.tied_embeddings = model.head_bias = true;
  model.norm = NormKind::LayerNoBias;
  model.final_norms = 2;
  model.blocks = {{"a", 2,
                   SoftmaxAttention{8, 4, 16, 8, 128, 0, false, true, true, true, true, false, true, true, true,
                                    QkNorm::PerHead, 2, 8, 64}},
                  {"b", 0, LatentAttention{8, 16, 32, 8, 4, 8, true, Indexer::Shared, 2, 8, 64}},
                  {"c", 1, LinearAttention{LinearKind::Lightning, 2, 4, 8, 16, 4}},
                  {"d", 1, MambaMixer{8, 1, 16, 1, 4, true, true, 12}},
                  {"e", 1, DenseFfn{32, false, true}},
                  {"f", 3, MoeFfn{16, 2, 32, false, true, 8, 64, false, true, true, true, true, 4, 4, 2, true, true}},
                  {"g", 0, LstmLayer{64, 32}}};
  model.basis = ShapeBasis::Rumour;
  model.runs = {{Stack::Encoder, 2, {{0, 4}}}, {Stack::Decoder, 1, {{1, 5}, {2, 5}}}, {Stack::Decoder, 1, {{3, 6}}}};
  model.extras = {{"table", "embedding", 12, true, "x"}, {"tower", "vision", 34, false, ""}};
  model.mtp = {2, {1, 5}, 4, 1, true, true, false};
  model.quant = {"fp16", "fp8", {"experts"}, {"q_a"}};
  model.published = {{"total", 123, 0.25, "y"}, {"active", 456, 0.0, ""}};
  ASSERT_TRUE(violations(model).empty()) << violations(model)[0];
  EXPECT_EQ(read_model(write_model(model), "written"), model);
}

TEST(ReadModel, AnUnknownKeyIsNamedWithTheNearestKnown) {
  expect_complaint(replaced(kSmall, "\"kv_heads\"", "\"kv_head\""), "kv_head");
  expect_complaint(replaced(kSmall, "\"vocab\"", "\"vocabulary\""), "vocabulary");
}

TEST(ReadModel, AValueOutOfRangeIsToldAtItsPlaceWithTheRealBounds) {
  EXPECT_EQ(complaint(replaced(kSmall, "\"hidden\": 64", "\"hidden\": 0")),
            "small.json:3:13: hidden: found 0, expected a whole number from 1 to 262144");
  EXPECT_EQ(complaint(replaced(kSmall, "\"hidden\": 64", "\"hidden\": 1000000000000000000")),
            "small.json:3:13: hidden: found 1000000000000000000, expected a whole number from 1 to 262144");
  expect_complaint(replaced(kSmall, "\"repeat\": 3", "\"repeat\": 0"),
                   "small.json:12:16: layers/1/repeat: found 0, expected a whole number from 1 to 1024");
  expect_complaint(replaced(kSmall, "\"experts\": 8", "\"experts\": 0"), "blocks/moe/experts: found 0");
}

TEST(ReadModel, AMissingRequiredKeyIsNamedWithItsPath) {
  expect_complaint(replaced(kSmall, ", \"width\": 32", ""), "blocks/moe/width");
  expect_complaint(replaced(kSmall, "  \"hidden\": 64,\n", ""), "hidden");
}

TEST(ReadModel, ALayerOfAnUnknownBlockSuggestsTheNearest) {
  expect_complaint(replaced(kSmall, "[\"attention\", \"moe\"],", "[\"attentoin\", \"moe\"],"), "attention");
}

TEST(ReadModel, AnUnknownKindListsTheKinds) {
  expect_complaint(replaced(kSmall, "\"softmax\"", "\"softmaxx\""), "softmax");
}

TEST(ReadModel, ABrokenRuleIsToldAtItsBlock) {
  expect_complaint(replaced(kSmall, "\"top_k\": 2", "\"top_k\": 9"), "blocks/moe: top_k 9 exceeds experts 8");
  expect_complaint(replaced(kSmall, "\"kv_heads\": 2", "\"kv_heads\": 3"), "heads 8 is not a multiple of kv_heads 3");
}

TEST(ReadModel, AllProblemsAreToldAtOnce) {
  const std::string text =
      replaced(replaced(kSmall, "\"experts\": 8", "\"experts\": -8"), "\"vocab\": 1000", "\"vocab\": \"many\"");
  expect_complaint(text, "experts");
  expect_complaint(text, "vocab");
}

TEST(ReadModel, TopKMayEqualTheExperts) { EXPECT_EQ(complaint(replaced(kSmall, "\"top_k\": 2", "\"top_k\": 8")), ""); }

TEST(Violations, ARuleEachBreaksAlone) {
  const ModelSpec sound = read_model(kSmall, "small.json");
  const auto broken = [&](auto change, const std::string& part) {
    ModelSpec model = sound;
    change(model);
    const std::vector<std::string> found = violations(model);
    ASSERT_FALSE(found.empty()) << part;
    EXPECT_NE(found[0].find(part), std::string::npos) << found[0];
  };
  broken([](ModelSpec& m) { m.hidden = 0; }, "hidden is 0");
  broken([](ModelSpec& m) { m.hidden = Count{1} << 40; }, "hidden is");
  broken([](ModelSpec& m) { m.id = "Small Model"; }, "id");
  broken([](ModelSpec& m) { m.blocks.push_back({"spare", 1, DenseFfn{8}}); }, "\"spare\" is in no layer");
  broken([](ModelSpec& m) { m.blocks[1].name = "attention"; }, "used twice");
  broken([](ModelSpec& m) { m.runs[1].repeat = 1024; }, "expected at most 1024");
  broken([](ModelSpec& m) { m.runs[1].repeat = 0; }, "repeat is 0");
  broken([](ModelSpec& m) { m.runs.clear(); }, "layers: there are none");
  broken([](ModelSpec& m) { m.runs[0].layers[0] = {7}; }, "does not exist");
  broken([](ModelSpec& m) { m.mtp.modules = 1; }, "needs a layer");
  broken([](ModelSpec& m) { m.extras = {{"x", "eyes", 1, true, ""}}; }, "\"eyes\" is not a part");
  broken([](ModelSpec& m) { m.published = {{"weight", 1, 0.0, ""}}; }, "\"weight\" is not a quantity");
  broken([](ModelSpec& m) { std::get<MoeFfn>(m.blocks[1].kind).groups = 3; }, "groups 3 do not divide experts 8");
  broken([](ModelSpec& m) { std::get<MoeFfn>(m.blocks[1].kind).group_router = true; }, "group_router needs");
  broken(
      [](ModelSpec& m) {
        MoeFfn& f = std::get<MoeFfn>(m.blocks[1].kind);
        f.groups = 4;
        f.top_groups = 2;
        f.top_k = 3;
        f.group_router = true;
      },
      "top_k 3 is not a multiple of top_groups 2");
  broken([](ModelSpec& m) { m.blocks[0].kind = MambaMixer{8, 8, 16, 1, 4, false, false, 4}; }, "dt_rank (Mamba-1)");
  broken([](ModelSpec& m) { std::get<SoftmaxAttention>(m.blocks[0].kind).cross = true; }, "encoder");
  broken([](ModelSpec& m) { std::get<MoeFfn>(m.blocks[1].kind).top_k = 0; }, "top_k is 0");
}

TEST(Violations, SizesThatOperatorsCannotHoldAreRefused) {
  const ModelSpec sound = read_model(kSmall, "small.json");
  const auto said = [&](const BlockKind& kind) {
    ModelSpec model = sound;
    model.blocks[0].kind = kind;
    const std::vector<std::string> found = violations(model);
    return found.empty() ? "" : found[0];
  };
  constexpr Count k14 = Count{1} << 14;
  // q 2^14 x 2^14 = 2^28 rows fit alone, with k and v they do not.
  EXPECT_EQ(said(SoftmaxAttention{.heads = k14, .kv_heads = 1, .head_dim = k14, .value_dim = 1}),
            "attention: q, k and v have 268451841 rows together, expected at most 268435456");
  // 1,024 heads of 2 x 8,192 = 2^24 elements are the most a token may keep.
  SoftmaxAttention cache{.heads = 1024, .kv_heads = 1024, .head_dim = 8192, .value_dim = 8192};
  EXPECT_EQ(said(cache), "");
  cache.value_dim = 8193;
  EXPECT_NE(said(cache).find("elements per token, expected at most 16777216"), std::string::npos) << said(cache);
  // 16 heads x 2^12 x 2^14 = 2^30.
  LinearAttention linear{.key_heads = 16, .value_heads = 16, .key_dim = 4096, .value_dim = k14};
  EXPECT_EQ(said(linear), "");
  linear.value_heads = 32;
  EXPECT_NE(said(linear).find("the state has 2147483648 elements"), std::string::npos) << said(linear);
  MambaMixer mamba{.heads = 16, .head_dim = 4096, .state = k14, .groups = 1, .conv_kernel = 4};
  EXPECT_EQ(said(mamba), "");
  mamba.heads = 32;
  EXPECT_NE(said(mamba).find("the state has"), std::string::npos) << said(mamba);
  EXPECT_NE(said(SoftmaxAttention{.heads = 8, .kv_heads = 2, .head_dim = 16, .value_dim = 16, .window = 1 << 30})
                .find("window is 1073741824, expected 0 to 1073741823"),
            std::string::npos);
}

TEST(Violations, AtMostTenBlocksAndSixReaches) {
  ModelSpec model = read_model(kSmall, "small.json");
  const auto add = [&](Count window) {
    Block block = model.blocks[0];
    block.name = "window" + std::to_string(window);
    std::get<SoftmaxAttention>(block.kind).window = window;
    model.blocks.push_back(block);
    model.runs[0].layers.push_back({static_cast<BlockIndex>(model.blocks.size() - 1)});
  };
  for (Count window = 1; window <= 6; ++window) add(window);
  EXPECT_TRUE(violations(model).empty()) << violations(model)[0];
  add(7);
  ASSERT_EQ(violations(model).size(), 1U);
  EXPECT_EQ(violations(model)[0], "blocks: 7 different windows and chunks, expected at most 6");
  for (std::size_t b = 2; b < model.blocks.size(); ++b) std::get<SoftmaxAttention>(model.blocks[b].kind).window = 6;
  add(0);
  EXPECT_TRUE(violations(model).empty()) << violations(model)[0];
  add(8);
  std::get<SoftmaxAttention>(model.blocks.back().kind).window = 0;
  ASSERT_EQ(violations(model).size(), 1U);
  EXPECT_EQ(violations(model)[0], "blocks: there are 11, expected at most 10");
}

// Each size is legal alone, their product is not.
TEST(Violations, TotalsThatCouldLeave64BitsAreRefused) {
  ModelSpec model = read_model(kSmall, "small.json");
  model.hidden = Count{1} << 18;
  MoeFfn& moe = std::get<MoeFfn>(model.blocks[1].kind);
  moe.experts = Count{1} << 18;
  moe.width = Count{1} << 22;
  ASSERT_EQ(violations(model).size(), 1u);
  EXPECT_NE(violations(model)[0].find("parameters, expected at most"), std::string::npos);
}

TEST(Presets, IdsNamesAndAliasesAreUnique) {
  const Catalog catalog = Catalog::embedded();
  std::set<std::string> seen;
  for (const std::string& id : catalog.model_ids()) {
    const ModelSpec model = catalog.model(id);
    EXPECT_EQ(model.id, id);
    EXPECT_TRUE(seen.insert(id).second) << id;
    for (const std::string& alias : model.aliases) EXPECT_TRUE(seen.insert(alias).second) << alias;
    EXPECT_FALSE(model.source.empty()) << id;
    EXPECT_FALSE(model.name.empty()) << id;
  }
}

}  // namespace
}  // namespace moeplan
