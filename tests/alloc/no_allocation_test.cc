// SPDX-License-Identifier: Apache-2.0
// A verdict, its headroom and a lowering never touch the heap: counted, not believed.
#include <gtest/gtest.h>

#include "sim/engine/flow_network.h"
#include "sim/program/routed_draw.h"
#include "sim/study/fit.h"
#include "validate/counting_allocator.h"

namespace moeplan {
namespace {

class NoAllocation : public testing::TestWithParam<const char*> {};

TEST_P(NoAllocation, InLoweringFoldingVerdictAndHeadroom) {
  const Catalog catalog = Catalog::embedded();
  const RuntimeSpec runtime = catalog.runtime("vllm");
  const ModelPlan plan = plan_model(catalog.model(GetParam()), catalog.formats(), "native");
  LowerOptions options;
  options.kv_format = default_kv_format(plan, runtime);
  const RankClass rank_class = rank_classes(plan, options.layout).front();

  const long before = allocations.load();
  Count seen = 0;
  for (Count i = 1; i <= 100; ++i) {
    const Program p = lower(plan, runtime, options, rank_class, i % 2 == 0 ? Phase::Prefill : Phase::Decode);
    const FoldedLedger folded = fold(p, {.kv_block = 16, .chunk = 8192, .row_limit = 256}, {});
    seen += total_at(folded, 100 * i, i).count() > high_at(folded, 100 * i, i).count() ? 1 : 0;
    seen += max_context(folded, kGiB * i, i, 100000);
    seen += max_sequences(folded, kGiB * i, 100 * i, 100000);
  }
  EXPECT_EQ(allocations.load() - before, 0);
  EXPECT_NE(seen, 0);
}

TEST(NoAllocation, ForATokenOfADraw) {
  const Routing routing{.skew = Skew::Gini, .parameter = 0.3, .groups = 8, .kept_groups = 4};
  RoutedLayers layers(routing, {.choices = 256, .experts = 256, .top_k = 8, .ranks = 16, .nodes = 2}, {});
  const auto allocations_of = [&](Count tokens) {
    const std::vector<Count> each(16, tokens);
    layers.draw(0, 0, each, {.kind = CopyKind::PerNode, .there_bytes = 1, .back_bytes = 1});
    const long before = allocations.load();
    layers.draw(0, 1, each, {.kind = CopyKind::PerNode, .there_bytes = 1, .back_bytes = 1});
    return allocations.load() - before;
  };
  EXPECT_EQ(allocations_of(100), allocations_of(1));
}

TEST(AFlow, TakesNoMemoryOnceOthersHaveComeAndGone) {
  const std::vector<FlowLink> links(16, {.bandwidth = 1e9, .latency = 1e-6});
  FlowNetwork network(links);
  const auto exchange = [&network] {
    Count ended = 0;
    for (std::uint32_t i = 0; i < 8; ++i)
      for (std::uint32_t j = 0; j < 8; ++j) {
        const FlowHop route[] = {{.link = i}, {.link = 8 + j}};
        network.start(route, 1000 + 37 * i + 101 * j, network.now());
      }
    while (network.next_event() < 1e300) ended += static_cast<Count>(network.advance(network.next_event()).size());
    return ended;
  };
  exchange();
  exchange();  // ids and routes of the first are in use again
  const long before = allocations.load();
  EXPECT_EQ(exchange(), 64);
  EXPECT_EQ(allocations.load() - before, 0);
}

TEST(TheCounter, CountsAnAllocation) {
  const long before = allocations.load();
  int* volatile p = new int(1);
  EXPECT_EQ(allocations.load() - before, 1);
  delete p;
}

INSTANTIATE_TEST_SUITE_P(Models, NoAllocation,
                         testing::Values("deepseek-v3.2", "gpt-oss-120b", "llama-4-maverick", "switch-c"),
                         [](const auto& row) {
                           std::string name = row.param;
                           for (char& c : name)
                             if (c == '-' || c == '.') c = '_';
                           return name;
                         });

}  // namespace
}  // namespace moeplan
