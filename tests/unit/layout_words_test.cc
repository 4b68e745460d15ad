// SPDX-License-Identifier: Apache-2.0
#include "sim/study/layout_words.h"

#include <gtest/gtest.h>

#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

TEST(LayoutWords, EveryLegalLayoutReadsBack) {
  const Catalog catalog = Catalog::embedded();
  for (const char* model : {"deepseek-v3", "mixtral-8x7b", "llama-3.1-8b"})
    for (const char* runtime : {"vllm", "sglang", "trtllm"})
      for (const Count gpus : {1, 8, 12, 32})
        for (const Layout& layout : legal_layouts(catalog.model(model), catalog.runtime(runtime), gpus))
          EXPECT_EQ(parse_layout(describe(layout)), layout) << describe(layout);
}

TEST(LayoutWords, CaseAndOrderDoNotMatter) {
  EXPECT_EQ(parse_layout("ep8+dp8"), parse_layout("DP8 EP8"));
  EXPECT_EQ(parse_layout("tp4 x3")->replicas, 3);
}

TEST(LayoutWords, OtherWordsAreNone) {
  for (const char* text : {"", "tp", "tp0", "tp-1", "tp8x", "xx3", "tp8,ep8", "tp99999999999"})
    EXPECT_FALSE(parse_layout(text)) << text;
}

}  // namespace
}  // namespace moeplan
