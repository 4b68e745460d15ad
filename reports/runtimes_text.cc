// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "reports/runtimes.h"
#include "sim/base/unit_text.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

std::string layouts_text(const LayoutRules& rules) {
  std::vector<std::string> words;
  if (rules.tensor_parallel) words.emplace_back("TP");
  if (rules.data_parallel_attention) words.emplace_back("attention DP");
  if (rules.expert_parallel) words.emplace_back("EP");
  if (rules.expert_tensor_mix) words.emplace_back("EP mixed with TP inside experts");
  if (rules.pipeline_parallel) words.emplace_back("PP");
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string percent(double fraction) { return fmt::format("{:g} %", 100 * fraction); }

std::string admission_text(const RuntimeSpec& r) {
  std::string text;
  for (const SequenceDefault& tier : r.max_sequences)
    text += fmt::format("{}{} from {}", text.empty() ? "" : ", ", grouped(tier.sequences), to_text(tier.min_memory));
  return text;
}

std::string chunk_text(const RuntimeSpec& r) {
  if (r.chunk_tokens == 0) return "the whole prompt";
  std::string text = grouped(r.chunk_tokens) + " tokens";
  if (r.small_chunk_tokens != 0)
    text += fmt::format(", {} below {}", grouped(r.small_chunk_tokens), to_text(r.chunk_memory));
  return text;
}

}  // namespace

Document describe_runtime(const RuntimeSpec& r) {
  Table table;
  table.caption = fmt::format("{}: {} {} (data of {})", r.id, r.name, r.version, r.as_of);
  table.columns = {{"rule", "rule", true, 0}, {"value", "value", true, 0}, {"source", "source", true, 1}};
  const auto add = [&table](const char* rule, const std::string& value, const std::string& source = "") {
    table.rows.push_back({{{rule}, {value}, {source}}, Tone::Plain});
  };
  add("layouts", layouts_text(r.layouts), r.source);
  add("reserve",
      fmt::format("the larger of {} and {} of memory", to_text(r.reserve_fixed), percent(r.reserve_fraction)),
      r.reserve_source);
  add("own memory",
      fmt::format("{}, {} more with several devices, +-{}", to_text(r.context_bytes), to_text(r.context_bytes_multi),
                  percent(r.context_band)),
      r.context_source);
  add("kv blocks", fmt::format("{} tokens", r.kv_block_tokens));
  add("kv format", r.default_kv == "auto" ? "the model's own" : r.default_kv);
  if (r.window_slack_tokens != 0) add("window slack", fmt::format("{} tokens", r.window_slack_tokens));
  add("sequences admitted", admission_text(r));
  add("prefill chunk", chunk_text(r));
  add("sampler", fmt::format("{:g} B per row and vocabulary entry", r.sampler_bytes), r.sampler_source);
  add("activations", fmt::format("{} B per element, +-{}", r.activation_bytes, percent(r.activation_band)));
  add("expert exchange",
      fmt::format("{}, {} tokens per rank",
                  r.dispatch == DispatchKind::AllGather ? "gathers all tokens" : "DeepEP low latency",
                  r.dispatch_tokens));
  for (const PaddingRule& rule : r.padding)
    add("padding", fmt::format("{} widths to {}", rule.format, rule.multiple), rule.source);
  if (r.vocab_multiple > 1) add("vocabulary", fmt::format("rows round up to {}", r.vocab_multiple));
  add("weight formats", r.formats == "gguf" ? "GGUF files only" : r.formats == "tensors" ? "all but GGUF" : "any");
  add("input embedding", r.input_table_on_host ? "in host memory" : "on the device");
  add("experts in host memory", r.host_offload ? "yes" : "no");
  add("vision tower", r.vision_resident ? "loaded" : "left out");
  Document document;
  document.add(table);
  if (!r.note.empty()) document.add(Note{r.note});
  return document;
}

Document list_runtimes(const std::vector<RuntimeSpec>& runtimes) {
  Table table;
  table.columns = {{"id", "runtime", true, 0},
                   {"version", "version", true, 0},
                   {"as_of", "data of", true, 1},
                   {"host_offload", "host experts", true, 2},
                   {"layouts", "layouts", true, 3}};
  for (const RuntimeSpec& r : runtimes)
    table.rows.push_back(
        {{{r.id}, {r.version}, {r.as_of}, {r.host_offload ? "yes" : "no"}, {layouts_text(r.layouts)}}, Tone::Plain});
  Document document;
  document.add(table);
  return document;
}

}  // namespace moeplan
