// SPDX-License-Identifier: Apache-2.0
// The books balance (DESIGN.md section 6): invariants over every preset, engine and
// layout, so that two numbers of a report cannot disagree.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "sim/ledger/headroom.h"
#include "sim/program/work.h"
#include "sim/study/fit.h"
#include "tests/books/books_support.h"

namespace moeplan {
namespace {

using Wide = __int128;

bool is_weight(const Tensor& t) { return t.cls == TensorClass::Weight; }

bool is_vocab_table(const Tensor& t) { return t.role == MatrixRole::Embedding || t.role == MatrixRole::Head; }

// Weight elements over distinct shards. A shard held by r of a stage's ranks counts
// 1/r on each; the tp ranks round the vocabulary up, which is taken back.
Count distinct_elements(const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options) {
  Wide over_ranks = 0;  // in units of 1 / stage_ranks
  Wide overhang = 0;
  for (const RankClass& c : rank_classes(plan, options.layout, runtime.sharding.stages)) {
    const Program p = lower(plan, runtime, options, c, Phase::Decode);
    for (const Tensor& t : p.tensors()) {
      if (!is_weight(t)) continue;
      EXPECT_EQ(p.stage_ranks % t.replicas, 0);
      over_ranks += Wide{c.ranks} * t.elements * t.repeat * (p.stage_ranks / t.replicas);
      if (is_vocab_table(t) && t.elements > 0 && t.part != Part::Mtp)
        overhang +=
            Wide{c.ranks} * (t.role == MatrixRole::Head ? p.head_overhang : p.vocab_overhang) * plan.model.hidden;
    }
  }
  const Wide stage = options.layout.ranks_per_stage();
  EXPECT_EQ((over_ranks - overhang) % stage, 0);
  return static_cast<Count>((over_ranks - overhang) / stage);
}

Count expected_elements(const ModelSpec& model, const RuntimeSpec& runtime, bool with_mtp) {
  const ParameterCounts counts = count_parameters(model);
  const auto part = [&](Part p) { return counts.by_part[static_cast<std::size_t>(p)]; };
  Count expected = counts.total_with_mtp - (with_mtp ? 0 : part(Part::Mtp));
  if (runtime.vision_resident) expected += part(Part::Vision);
  return expected;
}

TEST(B1, DistinctWeightShardsSumToTheParameterCount) {
  Count cases = 0;
  for_each_case([&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime) {
    LowerOptions options = options_for(plan, runtime, c.layout);
    EXPECT_EQ(distinct_elements(plan, runtime, options), expected_elements(plan.model, runtime, false)) << label(c);
    ++cases;
    if (plan.model.mtp.modules == 0) return;
    options.load_mtp = true;
    EXPECT_EQ(distinct_elements(plan, runtime, options), expected_elements(plan.model, runtime, true)) << label(c);
  });
  EXPECT_GT(cases, 500);
}

// Of the adapters a shard held by r of a stage's ranks counts 1/r on each.
Wide distinct_adapter_elements(const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options) {
  Wide over_ranks = 0;
  for (const RankClass& c : rank_classes(plan, options.layout, runtime.sharding.stages)) {
    const Program p = lower(plan, runtime, options, c, Phase::Decode);
    for (const Tensor& t : p.tensors()) {
      if (t.owner != Owner::Adapter) continue;
      EXPECT_EQ(p.stage_ranks % t.replicas, 0);
      over_ranks += Wide{c.ranks} * t.elements * t.repeat * (p.stage_ranks / t.replicas);
    }
  }
  return over_ranks;
}

// The rank divides by every tensor-parallel width here, so that fully sharded halves are even.
TEST(B1, AdapterShardsOfEveryLayoutSumToTheAdapter) {
  AdapterSpec adapter;
  adapter.rank = 5040 * 8;
  Count cases = 0;
  for_each_case([&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime) {
    if (!runtime.adapters.supported) return;
    LowerOptions options = options_for(plan, runtime, c.layout);
    adapter.targets = targets_in(plan.model, usual_targets() | roles_of_module("router"));
    if (adapter.targets.none()) return;
    options.adapter = &adapter;
    options.adapter_format = options.kv_format;
    for (const bool fully : {false, true}) {
      adapter.fully_sharded = fully;
      const Count widest = runtime.sharding.dense == Spread::Stage ? c.layout.ranks_per_stage() : c.layout.tp;
      if (fully && (plan.model.hidden % widest != 0 || plan.model.hidden % c.layout.moe_tp != 0)) continue;
      EXPECT_TRUE(distinct_adapter_elements(plan, runtime, options) ==
                  Wide{count_adapter(plan.model, adapter)} * options.layout.ranks_per_stage())
          << label(c) << fully;
    }
    ++cases;
  });
  EXPECT_GT(cases, 500);
}

TEST(B1, ExpertsMovedToTheHostAreStillCounted) {
  const RuntimeSpec runtime = catalog().runtime("llama.cpp");
  const ModelPlan plan = plan_model(catalog().model("mixtral-8x7b"), catalog().formats(), "q4_k_m");
  for (const Count layers : {0, 1, 7, 31, 32}) {
    LowerOptions options = options_for(plan, runtime, {});
    options.host_expert_layers = layers;
    EXPECT_EQ(distinct_elements(plan, runtime, options), 46'702'792'704) << layers;
  }
}

// Bytes of all weights on all ranks, device and host, with shards that several ranks hold
// counted once. Only without tensor parallelism do block scales and groups stay whole.
Bytes distinct_bytes(const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options) {
  Bytes total;
  for (const RankClass& c : rank_classes(plan, options.layout, runtime.sharding.stages)) {
    const Program p = lower(plan, runtime, options, c, Phase::Decode);
    for (const Tensor& t : p.tensors())
      if (is_weight(t) && t.elements > 0) total += Bytes(t.fixed * t.repeat) * c.stages;
  }
  return total;
}

TEST(B1, BytesOfAnyLabelOverStagesAndHostAreTheCheckpoint) {
  const FormatTable formats = catalog().formats();
  RuntimeSpec runtime = catalog().runtime("llama.cpp");
  for (const char* id :
       {"mixtral-8x7b", "deepseek-v2-lite", "qwen3-30b-a3b", "gpt-oss-20b", "llama-4-maverick", "llama-3.1-8b"}) {
    for (const char* label : {"native", "bf16", "q2_k", "q3_k_m", "q4_k_m", "q5_k_m", "q6_k", "q8_0", "iq4_xs"}) {
      const ModelPlan plan = plan_model(catalog().model(id), formats, label);
      const CheckpointSize file = checkpoint_size(plan.model, plan.weights, formats);
      // The vision tower is another file under llama.cpp.
      const Bytes expected = file.bytes - file.by_part[static_cast<std::size_t>(Part::Vision)];
      for (const Count pp : {1, 2, 3, 5, 7}) {
        for (const Count host : {0, 1, 5, 20, 400}) {
          LowerOptions options = options_for(plan, runtime, {.pp = pp});
          options.host_expert_layers = host;
          options.input_table_on_host = host > 0;
          EXPECT_EQ(distinct_bytes(plan, runtime, options), expected)
              << id << " " << label << " pp " << pp << " host " << host;
        }
      }
    }
  }
}

// FLOPs with work that several ranks repeat counted once. Replication is read off the
// weights of the op (a fused qkv has replicated and cut columns) or, without weights,
// off the op.
double distinct_flops(const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options,
                      const Step& step) {
  double total = 0;
  for (const RankClass& c : rank_classes(plan, options.layout, runtime.sharding.stages)) {
    const Program p = lower(plan, runtime, options, c, Phase::Decode);
    const Binding b = bind(p, step);
    for (const Op& op : p.ops()) {
      const Work w = work_of(op, p, b);
      if (op.weights_count == 0) {
        total += w.flops * op.repeat / op.replicas * static_cast<double>(c.ranks);
        continue;
      }
      if (op.kind == OpKind::Gather) continue;
      double all = 0;
      double once = 0;
      for (std::size_t i = 0; i < op.weights_count; ++i) {
        const Tensor& t = p.tensor_array[op.weights_first + i];
        if (!is_weight(t)) continue;
        const double elements = static_cast<double>(t.elements) * t.repeat;
        const double work_replicas = op.rows == Rows::Routed || op.rows == Rows::TensorShard
                                         ? 1.0
                                         : std::max<double>(1.0, t.replicas / static_cast<double>(p.dp * p.cp));
        all += elements;
        once += elements / work_replicas;
      }
      if (all == 0) continue;
      total += w.flops * op.repeat * once / all * static_cast<double>(c.ranks);
    }
  }
  return total;
}

TEST(B2, FlopsOverAllRanksDoNotDependOnTheLayout) {
  // 576 = 2^6 * 3^2 sequences and keys divide evenly over every dp and cp used here.
  const Step step{{.sequences = 576, .new_tokens = 1, .context = 575}};
  std::string last_model;
  double reference = 0;
  Count compared = 0;
  for_each_case([&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime) {
    if (plan.model.tied_embeddings && c.layout.pp > 1) return;  // the head's copy has no elements of its own
    if (576 % c.layout.token_groups() != 0) return;
    if ((c.layout.cp & (c.layout.cp - 1)) != 0) return;  // windows are powers of two
    const LowerOptions options = options_for(plan, runtime, c.layout);
    const double flops = distinct_flops(plan, runtime, options, step);
    if (c.model != last_model) {
      last_model = c.model;
      reference = flops;
      return;
    }
    // The padded vocabulary adds less than a row of the head per rank that shares it: under 0.5 %.
    const Count sharers = runtime.sharding.head == Spread::Stage ? c.layout.ranks_per_stage() : c.layout.tp;
    const double vocab_slack = static_cast<double>(sharers) / static_cast<double>(plan.model.vocab);
    EXPECT_NEAR(flops / reference, 1.0, 1e-9 + vocab_slack) << label(c);
    ++compared;
  });
  EXPECT_GT(compared, 300);
}

bool has_group_routers(const ModelSpec& model) {
  return std::any_of(model.blocks.begin(), model.blocks.end(), [](const Block& block) {
    const auto* moe = std::get_if<MoeFfn>(&block.kind);
    return moe != nullptr && moe->group_router;
  });
}

TEST(B2, AGemmDoesTwoFlopsPerRowAndWeightOnItsRank) {
  const Step step{{.sequences = 64, .new_tokens = 1, .context = 500}};
  for_each_case([&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime) {
    const LowerOptions options = options_for(plan, runtime, c.layout);
    const Program p =
        lower(plan, runtime, options, rank_classes(plan, c.layout, runtime.sharding.stages).front(), Phase::Decode);
    const Binding b = bind(p, step);
    for (const Op& op : p.ops()) {
      if (op.kind != OpKind::Gemm || op.rows != Rows::Tokens || op.layers == 0) continue;
      if (op.name == OpName::Router && has_group_routers(plan.model)) continue;  // those of the chosen groups only
      Wide elements = 0;
      for (std::size_t i = 0; i < op.weights_count; ++i) {
        const Tensor& t = p.tensor_array[op.weights_first + i];
        if (is_weight(t)) elements += Wide{t.elements} * t.repeat;
      }
      const double expected = 2.0 * static_cast<double>(b.tokens) * static_cast<double>(elements);
      EXPECT_DOUBLE_EQ(work_of(op, p, b).flops * op.layers, expected) << label(c) << " " << word_of(op.name);
    }
  });
}

TEST(B4, LinesSumToTheTotalAndClassesToTheRanks) {
  for_each_case([&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime) {
    const LowerOptions options = options_for(plan, runtime, c.layout);
    Count ranks = 0;
    for (const RankClass& rc : rank_classes(plan, c.layout, runtime.sharding.stages)) {
      ranks += rc.ranks;
      const Program p = lower(plan, runtime, options, rc, Phase::Prefill);
      const Residency r{.context = 5000, .sequences = 3, .step_tokens = 512, .logit_rows = 7};
      const MemoryLedger ledger =
          ledger_of(p, r, {.runtime_context = kGiB, .context_band = 0.3, .activation_band = 0.2});
      Bytes device;
      Bytes host;
      for (const LedgerLine& line : ledger.lines()) {
        (line.place == Place::Host ? host : device) += line.bytes;
        EXPECT_LE(line.low, line.bytes);
        EXPECT_GE(line.high, line.bytes);
      }
      EXPECT_EQ(device, ledger.total) << label(c);
      EXPECT_EQ(host, ledger.host) << label(c);
      // And the lines are exactly the tensors.
      Bytes tensors = kGiB;
      for (const Tensor& t : p.tensors()) tensors += bytes_at(t, r, ledger.peak_op);
      EXPECT_EQ(tensors, device + host) << label(c);
    }
    EXPECT_EQ(ranks, c.layout.gpus()) << label(c);
  });
}

TEST(B4, EveryVerdictAddsUpOnEveryDevice) {
  const FormatTable formats = catalog().formats();
  for (const std::string& device_id : catalog().device_ids()) {
    const DeviceSpec device = catalog().device(device_id);
    for (const std::string& id : all_models()) {
      FitQuestion q;
      q.model = catalog().model(id);
      q.formats = formats;
      q.runtime = catalog().runtime(device.default_runtime.empty() ? "generic" : device.default_runtime);
      q.device.device = device_id;
      q.device.capacity = device.memory.value - device.unallocatable.value;
      q.device.reserve = std::max(q.runtime.reserve_fixed, scaled(q.device.capacity, q.runtime.reserve_fraction));
      q.workload = {.context = 4096, .sequences = 3};
      const std::optional<Layout> layout = choose_layout(q, 2);
      ASSERT_TRUE(layout.has_value()) << device_id << " " << id;
      q.layout = *layout;
      const FitResult r = evaluate(q);
      Count ranks = 0;
      for (const RankResult& rank : r.ranks) {
        ranks += rank.rank_class.ranks;
        EXPECT_EQ(rank.margin, rank.budget() - rank.ledger.total) << device_id << " " << id;
        EXPECT_GE(rank.margin, r.margin) << device_id << " " << id;
      }
      EXPECT_EQ(ranks * q.layout.replicas, 2) << device_id << " " << id;
      EXPECT_EQ(r.verdict == Verdict::No, r.margin < Bytes(0)) << device_id << " " << id;
    }
  }
}

TEST(B4, TheFoldedLedgerAgreesWithTheLinesAtEveryLoad) {
  const Admission admission{.kv_block = 16, .chunk = 8192, .row_limit = 100};
  for_each_case([&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime) {
    const LowerOptions options = options_for(plan, runtime, c.layout);
    const Program p =
        lower(plan, runtime, options, rank_classes(plan, c.layout, runtime.sharding.stages).front(), Phase::Prefill);
    const Allowances allowances{
        .runtime_context = kMiB, .context_band = 0.5, .activation_band = 0.25, .weight_low = 0.9, .weight_high = 1.2};
    const FoldedLedger folded = fold(p, admission, allowances);
    for (const Count context : {0, 1, 127, 128, 4096, 8191, 8192, 8193, 131072}) {
      for (const Count sequences : {0, 1, 99, 101, 9000}) {
        const MemoryLedger ledger = ledger_of(p, residency_of(admission, context, sequences), allowances);
        EXPECT_EQ(total_at(folded, context, sequences), ledger.total) << label(c) << " " << context << " " << sequences;
        // Lines round their bands one by one: a byte each at most.
        EXPECT_NEAR(static_cast<double>((high_at(folded, context, sequences) - ledger.high).count()), 0.0, 4096.0);
      }
    }
  });
}

TEST(B6, MoreContextOrMoreSequencesNeverFreeMemory) {
  for_each_case([&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime) {
    const LowerOptions options = options_for(plan, runtime, c.layout);
    const Program p =
        lower(plan, runtime, options, rank_classes(plan, c.layout, runtime.sharding.stages).front(), Phase::Prefill);
    const FoldedLedger folded =
        fold(p, {.kv_block = runtime.kv_block_tokens, .chunk = runtime.tiers.front().chunk_tokens, .row_limit = 0}, {});
    Bytes before;
    for (Count context = 1; context <= 200000; context = context * 3 / 2 + 1) {
      const Bytes total = total_at(folded, context, 4);
      EXPECT_GE(total, before) << label(c) << " context " << context;
      before = total;
    }
    before = Bytes(0);
    for (Count sequences = 0; sequences <= 20000; sequences = sequences * 3 / 2 + 1) {
      const Bytes total = total_at(folded, 3000, sequences);
      EXPECT_GE(total, before) << label(c) << " sequences " << sequences;
      before = total;
    }
  });
}

TEST(B6, SolvedHeadroomIsTheLargestThatFits) {
  for_each_case([&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime) {
    const LowerOptions options = options_for(plan, runtime, c.layout);
    const Program p =
        lower(plan, runtime, options, rank_classes(plan, c.layout, runtime.sharding.stages).front(), Phase::Prefill);
    const FoldedLedger folded = fold(
        p, {.kv_block = runtime.kv_block_tokens, .chunk = runtime.tiers.front().chunk_tokens, .row_limit = 64}, {});
    const Count limit = 1 << 20;
    for (const Count gib : {1, 3, 20, 37, 80, 141, 700}) {
      const Bytes budget = kGiB * gib;
      const Count context = max_context(folded, budget, 2, limit);
      EXPECT_TRUE(context < 0 || total_at(folded, context, 2) <= budget) << label(c);
      EXPECT_TRUE(context == limit || total_at(folded, context + 1, 2) > budget) << label(c);
      const Count sequences = max_sequences(folded, budget, 4096, limit);
      EXPECT_TRUE(sequences < 0 || total_at(folded, 4096, sequences) <= budget) << label(c);
      EXPECT_TRUE(sequences == limit || total_at(folded, 4096, sequences + 1) > budget) << label(c);
    }
  });
}

FitQuestion question(const std::string& model, const std::string& runtime, Bytes capacity, const Layout& layout) {
  FitQuestion q;
  q.model = catalog().model(model);
  q.formats = catalog().formats();
  q.runtime = catalog().runtime(runtime);
  q.device.capacity = capacity;
  q.device.reserve = std::max(q.runtime.reserve_fixed, scaled(capacity, q.runtime.reserve_fraction));
  q.layout = layout;
  q.workload = {.context = 4096, .sequences = 8};
  return q;
}

TEST(B6, MoreMemoryNeverTurnsAYesIntoANo) {
  for (const std::string& id : all_models()) {
    for (const char* runtime : {"generic", "vllm", "llama.cpp"}) {
      bool fitted = false;
      for (Count gib = 4; gib <= 4096; gib = gib * 3 / 2) {
        const bool fits = evaluate(question(id, runtime, kGiB * gib, {})).verdict != Verdict::No;
        EXPECT_TRUE(fits || !fitted) << id << " " << runtime << " " << gib;
        fitted = fitted || fits;
      }
    }
  }
}

TEST(B6, MoreDevicesNeverTurnAYesIntoANo) {
  for (const std::string& id : all_models()) {
    for (const char* runtime : {"generic", "vllm"}) {
      bool fitted = false;
      for (const Count gpus : {1, 2, 4, 8, 16, 32, 64}) {
        FitQuestion q = question(id, runtime, kGiB * 79, {});
        const std::optional<Layout> layout = choose_layout(q, gpus);
        if (!layout.has_value()) continue;
        q.layout = *layout;
        const bool fits = evaluate(q).verdict != Verdict::No;
        EXPECT_TRUE(fits || !fitted) << id << " " << runtime << " " << gpus;
        fitted = fitted || fits;
      }
    }
  }
}

// A one-layer model with one expert, k = 1, and its dense twin.
ModelSpec tiny(bool moe) {
  ModelSpec m;
  m.id = m.name = moe ? "one-expert" : "dense-twin";
  m.hidden = 512;
  m.vocab = 1000;
  m.max_context = 4096;
  SoftmaxAttention a;
  a.heads = 8;
  a.kv_heads = 2;
  a.head_dim = a.value_dim = 64;
  m.blocks.push_back({.name = "attention", .norms = 1, .kind = a});
  if (moe) {
    MoeFfn f;
    f.experts = f.top_k = 1;
    f.width = 1536;
    m.blocks.push_back({.name = "moe", .norms = 1, .kind = f});
  } else {
    DenseFfn f;
    f.width = 1536;
    m.blocks.push_back({.name = "dense", .norms = 1, .kind = f});
  }
  m.runs.push_back({.stack = Stack::Decoder, .repeat = 1, .layers = {{0, 1}}});
  return m;
}

struct TinyCost {
  Work work;
  MemoryLedger ledger;
};

TinyCost cost_of(bool moe) {
  const RuntimeSpec runtime = catalog().runtime("generic");
  const ModelPlan plan = plan_model(tiny(moe), catalog().formats(), "native");
  const LowerOptions options = options_for(plan, runtime, {});
  const Program p = lower(plan, runtime, options, rank_classes(plan, {}).front(), Phase::Decode);
  return {total_work(p, bind(p, {{.sequences = 3, .new_tokens = 1, .context = 100}})),
          ledger_of(p, {.context = 100, .sequences = 3, .step_tokens = 3, .logit_rows = 3}, {})};
}

TEST(B7, OneExpertWithTopOneIsADenseFfnPlusItsRouter) {
  const TinyCost moe = cost_of(true);
  const TinyCost dense = cost_of(false);
  // The router is 512 weights: 2 FLOPs each for 3 tokens, 2 B each in bf16.
  EXPECT_DOUBLE_EQ(moe.work.flops, dense.work.flops + 2.0 * 512 * 3);
  EXPECT_DOUBLE_EQ(moe.work.weight_bytes, dense.work.weight_bytes + 2.0 * 512);
  Bytes moe_weights;
  Bytes dense_weights;
  for (const LedgerLine& line : moe.ledger.lines())
    if (line.cls == TensorClass::Weight) moe_weights += line.bytes;
  for (const LedgerLine& line : dense.ledger.lines())
    if (line.cls == TensorClass::Weight) dense_weights += line.bytes;
  EXPECT_EQ(moe_weights, dense_weights + Bytes(1024));
}

TEST(B7, WithoutExpertAndDataParallelismNothingIsExchanged) {
  for_each_case([&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime) {
    if (c.layout.token_groups() != 1) return;
    const LowerOptions options = options_for(plan, runtime, c.layout);
    const Program p =
        lower(plan, runtime, options, rank_classes(plan, c.layout, runtime.sharding.stages).front(), Phase::Decode);
    for (const Op& op : p.ops()) {
      EXPECT_NE(op.name, OpName::Dispatch) << label(c);
      EXPECT_NE(op.name, OpName::Combine) << label(c);
      EXPECT_TRUE(c.layout.gpus() > 1 || op.kind != OpKind::Collective) << label(c);
    }
    for (const Tensor& t : p.tensors()) EXPECT_NE(t.cls, TensorClass::Comm) << label(c);
  });
}

TEST(B7, AnEmptyContextHoldsNoCacheAndOneTokenDoesTheSmallestStep) {
  for_each_case([&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime) {
    const LowerOptions options = options_for(plan, runtime, c.layout);
    const Program p =
        lower(plan, runtime, options, rank_classes(plan, c.layout, runtime.sharding.stages).front(), Phase::Decode);
    const MemoryLedger empty = ledger_of(p, {.context = 0, .sequences = 1, .step_tokens = 1, .logit_rows = 1}, {});
    for (const LedgerLine& line : empty.lines())
      EXPECT_TRUE(line.cls != TensorClass::Kv || line.bytes == Bytes(0)) << label(c);
    const Work work = total_work(p, bind(p, {{.sequences = 1, .new_tokens = 1, .context = 0}}));
    EXPECT_TRUE(std::isfinite(work.flops) && work.flops >= 0) << label(c);
    EXPECT_TRUE(std::isfinite(work.weight_bytes) && work.weight_bytes >= 0) << label(c);
  });
}

TEST(B7, ResidentWeightsDoNotDependOnTopK) {
  const FormatTable formats = catalog().formats();
  const RuntimeSpec runtime = catalog().runtime("generic");
  ModelSpec model = catalog().model("deepseek-v3");
  Bytes first;
  for (const Count k : {1, 8, 256}) {
    for (Block& block : model.blocks)
      if (auto* moe = std::get_if<MoeFfn>(&block.kind)) moe->top_k = k;
    const ModelPlan plan = plan_model(model, formats, "native");
    const Program p =
        lower(plan, runtime, options_for(plan, runtime, {}), rank_classes(plan, {}).front(), Phase::Decode);
    Bytes weights;
    const MemoryLedger ledger = ledger_of(p, {}, {});
    for (const LedgerLine& line : ledger.lines())
      if (line.cls == TensorClass::Weight) weights += line.bytes;
    if (k == 1) first = weights;
    EXPECT_EQ(weights, first) << k;
  }
}

TEST(B10, VerdictsAreTheSameFromAnyNumberOfThreads) {
  const auto answer = [](std::size_t i) {
    const std::vector<std::string> ids = all_models();
    FitQuestion q = question(ids[i % ids.size()], "generic", kGiB * 80, {});
    const FitResult r = evaluate(q);
    return std::make_tuple(r.margin.count(), r.uncertainty.count(), r.max_context, r.max_sequences,
                           r.cache_room.count());
  };
  const std::size_t n = all_models().size() * 2;
  std::vector<decltype(answer(0))> serial(n);
  for (std::size_t i = 0; i < n; ++i) serial[i] = answer(i);
  for (const std::size_t workers : {2U, 5U}) {
    std::vector<decltype(answer(0))> parallel(n);
    std::vector<std::jthread> pool;
    for (std::size_t w = 0; w < workers; ++w)
      pool.emplace_back([&, w] {
        for (std::size_t i = w; i < n; i += workers) parallel[i] = answer(i);
      });
    pool.clear();
    EXPECT_EQ(parallel, serial);
  }
}

}  // namespace
}  // namespace moeplan
