// SPDX-License-Identifier: Apache-2.0
// Sequence parallelism: the residual stream of tp ranks cut along the tokens (Korthikanti et
// al. 2022): as many bytes between the ranks, a part of the norms and of the stream on each.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/ledger/ledger.h"
#include "sim/lower/lower.h"
#include "sim/program/work.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

struct Lowered {
  Program program;
  Binding binding;
};

Lowered lowered(const char* model, const Layout& layout, Count tokens) {
  static const Catalog kCatalog = Catalog::embedded();
  const ModelPlan plan = plan_model(kCatalog.model(model), kCatalog.formats(), "native");
  const RuntimeSpec runtime = kCatalog.runtime("generic");
  LowerOptions options;
  options.layout = layout;
  options.kv_format = default_kv_format(plan, runtime);
  const RankClass c = rank_classes(plan, layout, runtime.sharding.stages).front();
  Lowered result{lower(plan, runtime, options, c, Phase::Prefill), {}};
  result.binding = bind(result.program, Step{{.sequences = 1, .new_tokens = tokens}});
  return result;
}

template <class Chosen>
double sent(const Lowered& l, Chosen chosen) {
  double bytes = 0;
  for (const Op& op : l.program.ops())
    if (chosen(op)) bytes += work_of(op, l.program, l.binding).sent_bytes * op.repeat;
  return bytes;
}

double norm_bytes(const Lowered& l) {
  double bytes = 0;
  for (const Op& op : l.program.ops())
    if (op.name == OpName::Norm) bytes += work_of(op, l.program, l.binding).activation_bytes * op.repeat;
  return bytes;
}

constexpr Layout kPlain{.tp = 8, .moe_tp = 8};
constexpr Layout kSequence{.tp = 8, .moe_tp = 8, .sp = true};

TEST(SequenceParallel, AGatherAndAReduceScatterMoveWhatAnAllReduceDoes) {
  for (const char* model : {"llama-3.1-70b", "mixtral-8x7b", "deepseek-v3"}) {
    const double summed = sent(lowered(model, kPlain, 4096),
                               [](const Op& op) { return op.collective == CollectiveKind::AllReduce && op.n > 0; });
    const double cut = sent(lowered(model, kSequence, 4096),
                            [](const Op& op) { return op.kind == OpKind::Collective && op.rows == Rows::TensorShard; });
    EXPECT_GT(summed, 0) << model;
    EXPECT_DOUBLE_EQ(cut, summed) << model;
  }
}

TEST(SequenceParallel, NothingIsSummedOnAllRanks) {
  const Lowered l = lowered("mixtral-8x7b", kSequence, 4096);
  for (const Op& op : l.program.ops())
    EXPECT_FALSE(op.kind == OpKind::Collective && op.collective == CollectiveKind::AllReduce) << word_of(op.name);
}

TEST(SequenceParallel, NormsReadAPartOfTheTokens) {
  EXPECT_DOUBLE_EQ(norm_bytes(lowered("mixtral-8x7b", kSequence, 4096)) * 8,
                   norm_bytes(lowered("mixtral-8x7b", kPlain, 4096)));
}

TEST(SequenceParallel, TheStreamIsHeldInParts) {
  const auto stream = [](const Layout& layout) {
    const Lowered l = lowered("mixtral-8x7b", layout, 4096);
    for (const Tensor& t : l.program.tensors())
      if (t.cls == TensorClass::Activation && t.first_op == 0 && t.last_op == kNone) return t.per_token;
    return Count{0};
  };
  EXPECT_EQ(stream(kPlain), 4096 * 2);  // hidden in bf16
  EXPECT_EQ(stream(kSequence), 4096 / 8 * 2);
}

TEST(SequenceParallel, ATokenIsDispatchedByTheOneRankThatHasIt) {
  // Attention tp 4 x dp 2 over experts of 8: nothing but the shared expert needs a sum.
  const Lowered l = lowered("deepseek-v3", {.tp = 4, .dp = 2, .ep = 8, .sp = true}, 4096);
  for (const Op& op : l.program.ops()) {
    if (op.name == OpName::Router || op.name == OpName::TopK) {
      EXPECT_EQ(op.rows, Rows::TensorShard);
    }
  }
  // Qwen3 has no shared expert: of an expert layer only attention's gather and sum are left.
  const Lowered q = lowered("qwen3-235b-a22b", {.tp = 4, .dp = 2, .ep = 8, .sp = true}, 4096);
  const auto sums = std::count_if(q.program.ops().begin(), q.program.ops().end(),
                                  [](const Op& op) { return op.name == OpName::ReduceScatter; });
  EXPECT_EQ(sums, 1);
}

TEST(SequenceParallel, OneTensorRankAndEnginesWithoutItRefuse) {
  const Catalog catalog = Catalog::embedded();
  const ModelSpec model = catalog.model("mixtral-8x7b");
  EXPECT_EQ(violations({.dp = 8, .ep = 8, .sp = true}, model, catalog.runtime("generic")),
            std::vector<std::string>{"sequence parallelism cuts tokens over tp ranks, tp is 1"});
  EXPECT_EQ(violations(kSequence, model, catalog.runtime("trtllm")),
            std::vector<std::string>{"trtllm has no sequence parallelism"});
  EXPECT_EQ(describe(kSequence), "TP8+SP");
}

}  // namespace
}  // namespace moeplan
