// SPDX-License-Identifier: Apache-2.0
#include "sim/study/drafts.h"

#include <gtest/gtest.h>

#include "sim/study/engine_flags.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

FitQuestion question(const char* model, const char* runtime) {
  FitQuestion q;
  q.model = catalog().model(model);
  q.formats = catalog().formats();
  q.runtime = catalog().runtime(runtime);
  q.device.capacity = 640 * kGiB;
  q.workload = {.context = 8192, .sequences = 2};
  return q;
}

FitQuestion with_draft(const char* model, const char* draft, const char* runtime) {
  FitQuestion q = question(model, runtime);
  q.draft = DraftModel{catalog().model(draft), "native", ""};
  return q;
}

Bytes line(const FitResult& f, TensorClass cls, Owner owner) {
  Bytes sum;
  for (const LedgerLine& l : f.ranks.front().ledger.lines())
    if (l.cls == cls && l.owner == owner && l.place == Place::Device) sum += l.bytes;
  return sum;
}

TEST(Draft, ItsWeightsAndCacheAreThoseItHasAlone) {
  for (const char* runtime : {"generic", "vllm", "llama.cpp"}) {
    const FitResult both = evaluate(with_draft("qwen3-32b", "qwen3-0.6b", runtime));
    const FitResult alone = evaluate(question("qwen3-0.6b", runtime));
    EXPECT_EQ(line(both, TensorClass::Weight, Owner::Draft), line(alone, TensorClass::Weight, Owner::Model)) << runtime;
    EXPECT_EQ(line(both, TensorClass::Kv, Owner::Draft), line(alone, TensorClass::Kv, Owner::Model)) << runtime;
  }
}

TEST(Draft, TheEnginesContextIsThereOnce) {
  const FitResult both = evaluate(with_draft("qwen3-32b", "qwen3-0.6b", "vllm"));
  const FitResult alone = evaluate(question("qwen3-32b", "vllm"));
  EXPECT_EQ(line(both, TensorClass::Runtime, Owner::Model), line(alone, TensorClass::Runtime, Owner::Model));
  EXPECT_EQ(line(both, TensorClass::Runtime, Owner::Draft), Bytes(0));
}

TEST(Draft, ActivationsShareMemoryInVllmAndAddInLlamaCpp) {
  // In the same memory, one after the other: the peak is that of the sampler, which both have,
  // and the model's hidden states (16,384 x 5,120 x 2 B) stay alive while the draft runs.
  const FitResult shared = evaluate(with_draft("qwen3-32b", "qwen3-0.6b", "vllm"));
  const Bytes peak =
      line(shared, TensorClass::Activation, Owner::Model) + line(shared, TensorClass::Activation, Owner::Draft);
  const Bytes model = line(evaluate(question("qwen3-32b", "vllm")), TensorClass::Activation, Owner::Model);
  EXPECT_GE(peak, model);
  EXPECT_LE(peak - model, Bytes(Count{16'384} * 5'120 * 2));
  const FitResult both = evaluate(with_draft("qwen3-32b", "qwen3-0.6b", "llama.cpp"));
  const FitResult alone = evaluate(question("qwen3-0.6b", "llama.cpp"));
  EXPECT_EQ(line(both, TensorClass::Activation, Owner::Draft), line(alone, TensorClass::Activation, Owner::Model));
}

TEST(Draft, EachStageHasItsShareInLlamaCppAndTheLastAllInVllm) {
  FitQuestion q = with_draft("qwen3-32b", "qwen3-0.6b", "vllm");
  q.layout.pp = 2;
  for (const RankResult& r : evaluate(q).ranks) {
    Bytes draft;
    for (const LedgerLine& l : r.ledger.lines())
      if (l.owner == Owner::Draft) draft += l.bytes;
    EXPECT_EQ(draft > Bytes(0), r.rank_class.last);
  }
  q = with_draft("qwen3-32b", "qwen3-0.6b", "llama.cpp");
  const Bytes whole = line(evaluate(q), TensorClass::Weight, Owner::Draft);
  q.layout.pp = 2;
  Bytes sum;
  for (const RankResult& r : evaluate(q).ranks)
    for (const LedgerLine& l : r.ledger.lines())
      if (l.owner == Owner::Draft && l.cls == TensorClass::Weight && l.place == Place::Device) sum += l.bytes;
  EXPECT_EQ(sum, whole);
}

TEST(Draft, VerifyingMakesAStepLonger) {
  // 1024 sequences of n + 1 = 5 tokens: more than a chunk of 2048, and as many logit rows.
  FitQuestion q = with_draft("qwen3-32b", "qwen3-0.6b", "vllm");
  q.workload = {.context = 16, .sequences = 1024};
  q.draft_tokens = 4;
  const Residency r = evaluate(q).ranks.front().residency;
  EXPECT_EQ(r.step_tokens, std::max<Count>(16384, 5 * 1024));
  EXPECT_EQ(r.logit_rows, 5 * 1024);
}

TEST(Draft, HeadroomIsReachedAndNotExceeded) {
  FitQuestion q = with_draft("qwen3-32b", "qwen3-0.6b", "vllm");
  q.device.capacity = 80 * kGiB;
  const FitResult f = evaluate(q);
  ASSERT_GT(f.max_sequences, 1);
  q.workload.sequences = f.max_sequences;
  EXPECT_NE(evaluate(q).verdict, Verdict::No);
  ++q.workload.sequences;
  EXPECT_EQ(evaluate(q).verdict, Verdict::No);
}

TEST(Draft, AnotherVocabularyIsRefusedBeyondWhatTheEngineBridges) {
  EXPECT_EQ(draft_violations(with_draft("llama-3.1-8b", "qwen3-0.6b", "vllm")).size(), 1U);
  FitQuestion q = with_draft("qwen3-32b", "qwen3-0.6b", "llama.cpp");
  q.draft->model.vocab += 128;  // SPEC_VOCAB_MAX_SIZE_DIFFERENCE
  EXPECT_TRUE(draft_violations(q).empty());
  q.draft->model.vocab += 1;
  EXPECT_EQ(draft_violations(q).size(), 1U);
}

TEST(Draft, FlagsSayItAndAreRead) {
  for (const char* runtime : {"vllm", "sglang"}) {
    FitQuestion q = with_draft("qwen3-32b", "qwen3-0.6b", runtime);
    q.draft_tokens = 3;
    const std::string flags = runtime_flags(evaluate(q));
    const EngineDeployment d = read_engine_flags(flags, q.runtime.command_line, q.model, q.formats);
    ASSERT_TRUE(d.draft.has_value()) << flags;
    EXPECT_EQ(d.draft->model, "qwen3-0.6b");
    EXPECT_EQ(d.draft_tokens, 3);
  }
}

// What llama.cpp reports as its compute buffer with flash_attn = 0 and n_ubatch = 512, less
// 32 MiB of other tensors (8,480.00, 2,144.00 and 164.00 MiB): 32 heads and a mask in F32.
TEST(FlashAttention, ScoresAreWhatLlamaCppReports) {
  const auto scores = [](const char* model, Count context) {
    FitQuestion q = question(model, "llama.cpp");
    q.workload = {.context = context, .sequences = 1};
    q.flash_attention = false;
    return line(evaluate(q), TensorClass::Workspace, Owner::Model);
  };
  EXPECT_EQ(scores("llama-3.1-8b", 131'072), (8480 - 32) * kMiB);
  EXPECT_EQ(scores("mistral-7b", 32'768), (2144 - 32) * kMiB);
  EXPECT_EQ(scores("mistral-7b", 2'048), (164 - 32) * kMiB);
}

TEST(FlashAttention, WithItNoScoresLieInMemory) {
  FitQuestion q = question("llama-3.1-8b", "llama.cpp");
  EXPECT_EQ(line(evaluate(q), TensorClass::Workspace, Owner::Model), Bytes(0));
}

}  // namespace
}  // namespace moeplan
