// SPDX-License-Identifier: Apache-2.0
#include "sim/study/placement_plan.h"

#include <gtest/gtest.h>

#include "sim/study/engine_flags.h"
#include "sim/study/fit_search.h"
#include "sim/study/placement_words.h"
#include "sim/study/tensor_names.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

TierRate gigabytes_per_s(double gb) { return {.peak = BytesPerSecond::from_base(gb * 1e9), .effective = {}}; }

// Devices of these sizes in GiB, one stage each; the first is twice as fast as the others.
FitQuestion question_on(const char* model, std::vector<Count> gib, Count host_gib, Count ssd_gib = 0) {
  FitQuestion q;
  q.model = catalog().model(model);
  q.formats = catalog().formats();
  q.runtime = catalog().runtime("llama.cpp");
  q.weights = "q4_k_m";
  q.workload = {.context = 4096, .sequences = 1};
  q.layout = {.pp = static_cast<Count>(gib.size())};
  q.device.device = "smallest";
  q.device.capacity = *std::min_element(gib.begin(), gib.end()) * kGiB;
  q.device.reserve = q.runtime.reserve_fixed;
  if (host_gib > 0) q.device.host = host_gib * kGiB;
  if (ssd_gib > 0) q.device.ssd = ssd_gib * kGiB;
  q.rates = {.device = gigabytes_per_s(1000), .mixed = {}, .host = gigabytes_per_s(90), .ssd = gigabytes_per_s(7)};
  if (std::equal(gib.begin() + 1, gib.end(), gib.begin())) return q;
  for (const Count size : gib) {
    q.mixed.push_back({"card", size * kGiB, q.runtime.reserve_fixed});
    q.rates.mixed.push_back(gigabytes_per_s(q.mixed.size() == 1 ? 1000 : 500));
  }
  return q;
}

std::vector<Problem> asked(FitQuestion& q, const char* shares, const char* overrides) {
  Problem where;
  where.file = "here";
  std::vector<Problem> problems;
  AskedPlacement a;
  if (*shares != 0) a.shares = read_shares(shares, where, problems);
  if (*overrides != 0) a.overrides = read_overrides(overrides, where, problems);
  if (!problems.empty()) return problems;
  return place(a, {where, where}, q);
}

std::string complaint(const char* model, std::vector<Count> gib, const char* shares, const char* overrides) {
  FitQuestion q = question_on(model, std::move(gib), 64);
  std::string text;
  for (const Problem& p : asked(q, shares, overrides)) text += describe(p) + "\n";
  return text;
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

FitResult placed(const char* model, std::vector<Count> gib, const char* shares, const char* overrides) {
  FitQuestion q = question_on(model, std::move(gib), 64);
  EXPECT_TRUE(asked(q, shares, overrides).empty());
  return evaluate(q);
}

Bytes expert_bytes(const FitResult& f, Place place, Count stage = 0) {
  Bytes sum;
  for (const RankResult& r : f.ranks)
    for (const LedgerLine& line : r.ledger.lines())
      if (r.rank_class.first_stage == stage && line.part == Part::Experts && line.cls == TensorClass::Weight &&
          line.place == place)
        sum += line.bytes;
  return sum;
}

// ---- names ----

TEST(TensorNames, AreThoseOfTheFiles) {
  std::vector<std::string> names;
  for (const TensorName& n : gguf_tensor_names(catalog().model("deepseek-v3"))) names.push_back(n.name);
  for (const char* name : {"token_embd.weight", "output.weight", "blk.0.ffn_up.weight", "blk.0.attn_kv_a_mqa.weight",
                           "blk.3.ffn_gate_inp.weight", "blk.3.ffn_up_shexp.weight", "blk.60.ffn_down_exps.weight"})
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  // The first three layers are dense.
  EXPECT_EQ(std::find(names.begin(), names.end(), "blk.2.ffn_down_exps.weight"), names.end());
}

// ---- --override-tensor ----

TEST(OverrideTensor, MovesWholeTensorsAndNoByteIsLost) {
  const FitResult home = placed("mixtral-8x7b", {80}, "", "exps=CUDA0");
  const FitResult moved = placed("mixtral-8x7b", {80}, "", "blk\\.(1[0-9])\\.ffn_(gate|up)_exps=CPU");
  // 10 layers x 2 matrices x 14,336 x 4,096 x 8 weights of q4_k: 144 B hold 256.
  const Bytes expected(Count{10} * 2 * 14'336 * 4'096 * 8 / 256 * 144);
  EXPECT_EQ(expert_bytes(moved, Place::Host), expected);
  EXPECT_EQ(expert_bytes(home, Place::Device) - expert_bytes(moved, Place::Device), expected);
}

TEST(OverrideTensor, TheFirstPatternThatMatchesDecides) {
  const FitResult all = placed("mixtral-8x7b", {80}, "", "exps=CPU");
  const FitResult but_two = placed("mixtral-8x7b", {80}, "", "blk\\.[01]\\.ffn_.*=CUDA0,exps=CPU");
  const FitResult none_kept = placed("mixtral-8x7b", {80}, "", "exps=CPU,blk\\.[01]\\.ffn_.*=CUDA0");
  EXPECT_EQ(none_kept.host_bytes, all.host_bytes);
  EXPECT_EQ(expert_bytes(all, Place::Device), Bytes(0));
  EXPECT_EQ(expert_bytes(but_two, Place::Device) + expert_bytes(but_two, Place::Host), expert_bytes(all, Place::Host));
  EXPECT_GT(expert_bytes(but_two, Place::Device), Bytes(0));
}

TEST(OverrideTensor, ExpertsGoToAnotherDevice) {
  const FitResult home = placed("mixtral-8x7b", {80, 24}, "3,1", "exps=CUDA0,blk\\.0\\.attn_q=CUDA0");
  EXPECT_EQ(expert_bytes(home, Place::Device, 1), Bytes(0));
  EXPECT_EQ(expert_bytes(home, Place::Device, 0),
            expert_bytes(placed("mixtral-8x7b", {80}, "", "exps=CUDA0"), Place::Device));
}

TEST(OverrideTensor, AllExpertsOfTheFirstLayersAreTheOneFlagLlamaCppHasForThem) {
  FitQuestion q = question_on("deepseek-v3", {24}, 512);
  EXPECT_TRUE(asked(q, "", "blk\\.[0-9]\\.ffn_.*_exps=CPU").empty());
  EXPECT_EQ(q.host_expert_layers, 10);
  EXPECT_TRUE(q.placement.is_default());
}

TEST(OverrideTensor, ExpertsWithoutGatesMoveByUpAndDown) {
  FitQuestion q = question_on("switch-base-8", {24}, 64);
  q.weights = "native";
  if (!expand_layers(q.model, Stack::Encoder).empty()) {
    EXPECT_TRUE(mentions(describe(asked(q, "", "exps=CPU").at(0)), "without an encoder"));
    return;
  }
  EXPECT_TRUE(asked(q, "", "exps=CPU").empty());
}

TEST(OverrideTensor, WhatCannotBeFollowedIsSaid) {
  const char* const m = "mixtral-8x7b";
  EXPECT_TRUE(mentions(complaint(m, {24}, "", "exps=CUDA1"), "CPU or CUDA0"));
  EXPECT_TRUE(mentions(complaint(m, {24, 12}, "", "exps=GPU"), "CPU or CUDA0 to CUDA1"));
  EXPECT_TRUE(mentions(complaint(m, {24}, "", "(=CPU"), "regular expression"));
  EXPECT_TRUE(mentions(complaint(m, {24}, "", "exps"), "PATTERN=DEVICE"));
  EXPECT_TRUE(mentions(complaint(m, {24}, "", "ffn=CPU"), "which moves blk.0.ffn_gate_inp.weight"));
  EXPECT_TRUE(mentions(complaint(m, {24}, "", "blk\\.40\\.ffn_up_exps=CPU"), "matches no tensor"));
  EXPECT_TRUE(mentions(complaint(m, {24}, "", "ffn_donw_exps=CPU"), "ffn_down_exps"));
  EXPECT_TRUE(mentions(complaint("llama-3.1-8b", {24}, "", "exps=CPU"), "matches no tensor"));
}

// ---- --tensor-split ----

TEST(TensorSplit, DealsLayersAndTheHeadInProportion) {
  FitQuestion q = question_on("mixtral-8x7b", {24, 24}, 64);
  EXPECT_TRUE(asked(q, "3,1", "").empty());
  // 33 places, layer i at i / 33: below 0.75 are 0 to 24.
  EXPECT_EQ(q.placement.stage_layers, (std::vector<Count>{25, 7}));
  EXPECT_TRUE(asked(q, "25/8", "").empty());
  EXPECT_EQ(q.placement.stage_layers, (std::vector<Count>{25, 7}));
}

TEST(TensorSplit, EqualSharesAreTheRuntimesOwnSplit) {
  for (const char* model : {"mixtral-8x7b", "deepseek-v3", "qwen3-30b-a3b", "gpt-oss-120b"})
    for (const char* shares : {"1,1", "1,1,1", "1,1,1,1,1,1"}) {
      FitQuestion q = question_on(model, std::vector<Count>((std::string(shares).size() + 1) / 2, 24), 64);
      EXPECT_TRUE(asked(q, shares, "").empty());
      EXPECT_TRUE(q.placement.is_default()) << model << " " << shares;
    }
}

TEST(TensorSplit, WhatIsNoSplitIsSaid) {
  EXPECT_TRUE(mentions(complaint("mixtral-8x7b", {24, 24}, "3,1,1", ""), "found 3 shares, expected 2"));
  EXPECT_TRUE(mentions(complaint("mixtral-8x7b", {24, 24}, "3,x", ""), "3,1"));
  EXPECT_TRUE(mentions(complaint("mixtral-8x7b", {24, 24}, "3,-1", ""), "3,1"));
  EXPECT_TRUE(mentions(complaint("mixtral-8x7b", {24, 24}, "0,0", ""), "above 0"));
  EXPECT_TRUE(mentions(complaint("mixtral-8x7b", {24, 24}, "1,0.001", ""), "no layer for device 1"));
}

// ---- SSD ----

TEST(Paging, TheDriveHoldsWhatTheHostCannotAndNoMore) {
  FitQuestion q = question_on("deepseek-v3", {24}, 256, 1000);
  q.host_expert_layers = 61;
  const ModelPlan plan = plan_model(q.model, q.formats, q.weights);
  FitQuestion roomy = q;
  roomy.device.host = 1000 * kGiB;
  const FitResult all = evaluate_planned(plan, page_to_ssd(plan, roomy));
  EXPECT_EQ(all.ssd_bytes, Bytes(0));
  const FitQuestion paged = page_to_ssd(plan, q);
  const FitResult f = evaluate_planned(plan, paged);
  EXPECT_EQ(f.host_bytes + f.ssd_bytes, all.host_bytes);
  EXPECT_LE(f.host_bytes, *q.device.host);
  // One expert matrix more would not go in: 256 x 2,048 x 7,168 weights of at most 210 / 256 B (q6_k).
  EXPECT_GT(f.host_bytes + Bytes(Count{256} * 2'048 * 7'168 / 256 * 210), *q.device.host);
  // Said again it is the same.
  EXPECT_EQ(page_to_ssd(plan, paged).placement, paged.placement);
}

TEST(Paging, AStepReadsTheShareOfTheExpertsItRoutesTo) {
  FitQuestion q = question_on("mixtral-8x7b", {24}, 16, 1000);
  q.host_expert_layers = 32;
  const ModelPlan plan = plan_model(q.model, q.formats, q.weights);
  q = page_to_ssd(plan, q);
  const FitResult f = evaluate_planned(plan, q);
  const DecodeFloor floor = decode_floor(plan, f, q.rates);
  const double host = expert_bytes(f, Place::Host).size().base();
  const double ssd = expert_bytes(f, Place::Ssd).size().base();
  EXPECT_GT(ssd, 0);
  // One token goes to 2 of 8 experts, wherever they lie.
  EXPECT_NEAR(floor.touched.host, host * 2 / 8, 1e-6 * host);
  EXPECT_NEAR(floor.touched.ssd, ssd * 2 / 8, 1e-6 * ssd);
  const double seconds = floor.touched.device / 1e12 + floor.touched.host / 90e9 + floor.touched.ssd / 7e9;
  EXPECT_NEAR(floor.value, 1 / seconds, 1e-6 / seconds);
  // At the low end the page cache has lost what the host holds.
  const double evicted = floor.touched.device / 1e12 + (floor.touched.host + floor.touched.ssd) / 7e9;
  EXPECT_NEAR(floor.low, kReachedShare / evicted, 1e-6 / evicted);
}

TEST(Paging, ADriveThatIsTooSmallIsANo) {
  FitQuestion q = question_on("deepseek-v3", {24}, 256, 50);
  q.host_expert_layers = 61;
  const ModelPlan plan = plan_model(q.model, q.formats, q.weights);
  const FitResult f = evaluate_planned(plan, page_to_ssd(plan, q));
  EXPECT_GT(f.ssd_bytes, 50 * kGiB);
  EXPECT_EQ(f.verdict, Verdict::No);
  EXPECT_TRUE(f.host_short);
}

// ---- plans as flags ----

// The ledgers of every rank, the host's and the drive's.
std::string ledgers_of(const FitResult& f) {
  std::string text;
  for (const RankResult& r : f.ranks) {
    text += "stage " + std::to_string(r.rank_class.first_stage) + " x " + std::to_string(r.rank_class.ranks) + ": ";
    for (const LedgerLine& line : r.ledger.lines())
      if (line.bytes != Bytes(0))
        text += std::to_string(static_cast<int>(line.cls)) + "/" + std::to_string(static_cast<int>(line.part)) + "/" +
                std::to_string(static_cast<int>(line.place)) + "=" + std::to_string(line.bytes.count()) + " ";
  }
  return text + " host " + std::to_string(f.host_bytes.count()) + " ssd " + std::to_string(f.ssd_bytes.count());
}

// `plan` as its flags read back on the same machine, which `base` asks about.
void expect_same_ledger(const FitQuestion& base, const FitResult& plan) {
  const std::string flags = runtime_flags(plan);
  const EngineDeployment d = read_engine_flags(flags, base.runtime.command_line, base.model, base.formats);
  FitQuestion q = base;
  apply(d, q);
  q.weights = d.weights.value_or("native");
  q.kv = d.kv.value_or("");
  q.workload.context = d.context.value_or(q.workload.context);
  q.workload.sequences = d.sequences.value_or(1);
  q.layout = {.pp = d.pp.value_or(plan.question.layout.pp)};
  q.host_expert_layers = d.host_expert_layers.value_or(0);
  q.placement = {};
  ASSERT_TRUE(place(d.placement, placement_origins(), q).empty()) << flags;
  q = page_to_ssd(plan_model(q.model, q.formats, q.weights), q);
  const FitResult again = evaluate(q);
  EXPECT_EQ(ledgers_of(again), ledgers_of(plan)) << base.model.id << ": " << flags;
  EXPECT_EQ(again.verdict, plan.verdict) << flags;
  EXPECT_EQ(runtime_flags(again), flags) << base.model.id;
}

struct Machine {
  std::vector<Count> gib;
  Count host, ssd;
};

TEST(PlacementPlan, EveryPlanReadsBackFromItsFlags) {
  const Machine machines[] = {{{24}, 512, 0},     {{16}, 96, 2000},         {{24, 24}, 64, 0},
                              {{12, 24}, 512, 0}, {{24, 16, 8}, 128, 2000}, {{48, 24, 24, 12}, 256, 0}};
  Count plans = 0;
  Count by_tensor = 0;
  Count paged = 0;
  for (const char* model : {"mixtral-8x7b", "gpt-oss-120b", "deepseek-v3"})
    for (const Machine& m : machines) {
      const FitQuestion q = question_on(model, m.gib, m.host, m.ssd);
      std::vector<FitResult> found;
      for (const Change& c : find_changes(q).fitting) found.push_back(c.result);
      const ModelPlan plan = plan_model(q.model, q.formats, q.weights);
      for (const bool with_host : {false, true})
        if (const std::optional<Placement> placement = plan_placement(plan, q, with_host)) {
          FitQuestion best = q;
          best.placement = *placement;
          found.push_back(evaluate_planned(plan, page_to_ssd(plan, best)));
        }
      for (const FitResult& f : found) {
        if (f.question.layout.pp > 16) continue;  // more than llama.cpp splits
        expect_same_ledger(q, f);
        ++plans;
        by_tensor += f.question.placement.experts.empty() ? 0 : 1;
        paged += f.ssd_bytes > Bytes(0) ? 1 : 0;
      }
    }
  EXPECT_GT(plans, 30);
  EXPECT_GT(by_tensor, 8);
  EXPECT_GT(paged, 1);
}

TEST(PlacementPlan, TheFasterDeviceIsFilledFirst) {
  const FitQuestion q = question_on("mixtral-8x7b", {24, 16}, 0);
  const ModelPlan plan = plan_model(q.model, q.formats, q.weights);
  const std::optional<Placement> found = plan_placement(plan, q, false);
  ASSERT_TRUE(found.has_value());
  FitQuestion best = q;
  best.placement = *found;
  FitQuestion one_more = best;  // on the faster device
  ++one_more.placement.stage_layers[0];
  --one_more.placement.stage_layers[1];
  EXPECT_NE(evaluate_planned(plan, best).verdict, Verdict::No);
  EXPECT_NE(evaluate_planned(plan, one_more).verdict, Verdict::Yes);
}

TEST(PlacementPlan, PatternsReachEveryCombinationOfMatrices) {
  for (const char* overrides :
       {"ffn_gate_exps=CPU", "ffn_up_exps=CPU", "ffn_down_exps=CPU", "ffn_(gate|down)_exps=CUDA1",
        "blk\\.[02468]\\.ffn_(up|down)_exps=CPU,blk\\.1[0-9]\\.ffn_gate_exps=CUDA0", "blk\\..\\.ffn_.*_exps=CUDA1"}) {
    FitQuestion q = question_on("mixtral-8x7b", {48, 24}, 64);
    ASSERT_TRUE(asked(q, "2,1", overrides).empty()) << overrides;
    expect_same_ledger(question_on("mixtral-8x7b", {48, 24}, 64), evaluate(q));
  }
}

TEST(PlacementPlan, TheOrderAmongHostFlagsDecides) {
  const auto host = [](const char* flags) {
    FitQuestion q = question_on("mixtral-8x7b", {80}, 64);
    const EngineDeployment d = read_engine_flags(flags, "llama.cpp", q.model, q.formats);
    q.host_expert_layers = d.host_expert_layers.value_or(0);
    EXPECT_TRUE(place(d.placement, placement_origins(), q).empty()) << flags;
    return q.host_expert_layers;
  };
  EXPECT_EQ(host("-ncmoe 4"), 4);
  EXPECT_EQ(host("-ncmoe 4 -ot 'blk\\.[23]\\.ffn_.*_exps=CUDA0'"), 4);
  EXPECT_EQ(host("-ot 'blk\\.[23]\\.ffn_.*_exps=CUDA0' -ncmoe 4"), 2);
  EXPECT_EQ(host("-ot 'blk\\.[01]\\.ffn_.*_exps=CPU' -ot 'blk\\.2\\.ffn_.*_exps=CPU'"), 3);
}

}  // namespace
}  // namespace moeplan
