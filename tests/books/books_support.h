// SPDX-License-Identifier: Apache-2.0
// What the book-keeping tests iterate over: every preset, the engines that differ
// most, and legal layouts up to a rack.
#pragma once

#include <string>
#include <vector>

#include "sim/lower/lower.h"
#include "sim/spec/catalog.h"
#include "sim/spec/layout.h"

namespace moeplan {

struct Case {
  std::string model;
  std::string runtime;
  Layout layout;
};

inline const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

inline std::vector<std::string> all_models() { return catalog().model_ids(); }

// A spread of legal layouts: for each GPU count the first few of every family.
inline std::vector<Layout> layouts_for(const ModelSpec& model, const RuntimeSpec& runtime) {
  std::vector<Layout> result;
  for (const Count gpus : {1, 2, 3, 4, 6, 8, 16, 64, 72}) {
    const std::vector<Layout> legal = legal_layouts(model, runtime, gpus);
    const std::size_t stride = legal.size() / 6 + 1;
    for (std::size_t i = 0; i < legal.size(); i += stride) {
      result.push_back(legal[i]);
      Layout cut = legal[i];
      cut.sp = true;
      if (i % 3 == 0 && violations(cut, model, runtime).empty()) result.push_back(cut);
      // Its data-parallel ranks as context-parallel ones, half of them and all.
      for (const Count cp : {legal[i].dp / 2, legal[i].dp}) {
        Layout shared = legal[i];
        shared.cp = cp;
        shared.dp = cp > 1 ? legal[i].dp / cp : 1;
        if (cp > 1 && legal[i].dp % cp == 0 && violations(shared, model, runtime).empty()) result.push_back(shared);
      }
    }
  }
  return result;
}

inline std::string label(const Case& c) { return c.model + " " + c.runtime + " " + describe(c.layout); }

// Calls fn(case, plan, runtime) for every preset x runtime x layout.
template <class Fn>
void for_each_case(Fn fn) {
  const FormatTable formats = catalog().formats();
  for (const std::string& id : all_models()) {
    const ModelPlan plan = plan_model(catalog().model(id), formats, "native");
    for (const char* runtime_id : {"generic", "vllm", "llama.cpp", "sglang", "trtllm", "megatron"}) {
      const RuntimeSpec runtime = catalog().runtime(runtime_id);
      for (const Layout& layout : layouts_for(plan.model, runtime)) fn(Case{id, runtime_id, layout}, plan, runtime);
    }
  }
}

inline LowerOptions options_for(const ModelPlan& plan, const RuntimeSpec& runtime, const Layout& layout) {
  LowerOptions options;
  options.layout = layout;
  options.kv_format = default_kv_format(plan, runtime);
  options.dispatch_tokens = runtime.dispatch_tokens;
  // As violations() takes it: beyond a node of eight.
  options.exchange = layout.ranks_per_stage() > 8 ? runtime.dispatch_across : runtime.dispatch;
  return options;
}

}  // namespace moeplan
