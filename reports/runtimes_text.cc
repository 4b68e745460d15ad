// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>

#include "reports/runtimes.h"
#include "sim/base/unit_text.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

std::string layouts_text(const LayoutRules& rules) {
  std::vector<std::string> words;
  if (rules.tensor_parallel) words.emplace_back("TP");
  if (rules.data_parallel_attention)
    words.emplace_back(rules.partial_attention_dp ? "attention DP" : "attention DP over all ranks");
  if (rules.context_parallel) words.emplace_back("CP");
  if (rules.sequence_parallel) words.emplace_back("SP");
  if (rules.expert_parallel) words.emplace_back("EP");
  if (rules.expert_tensor_mix) words.emplace_back("EP mixed with TP inside experts");
  if (rules.pipeline_parallel) words.emplace_back("PP");
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string percent(double fraction) { return fmt::format("{:g} %", 100 * fraction); }

// "8,192 tokens from 70 GiB" by tiers; "" where no tier says anything.
std::string tiers_text(const RuntimeSpec& r, Count AdmissionTier::*field, std::string_view noun) {
  std::vector<std::string> parts;
  Count last = -1;
  for (const AdmissionTier& tier : r.tiers) {
    if (tier.*field == last || (last < 0 && tier.*field == 0)) continue;
    last = tier.*field;
    std::string part = fmt::format("{}{}", grouped(last), noun);
    if (tier.min_memory != Bytes(0)) part += fmt::format(" from {}", to_text(tier.min_memory));
    parts.push_back(part);
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string reserve_text(const RuntimeSpec& r) {
  switch (r.reserve) {
    case ReserveKind::Total:
      if (r.reserve_fixed == Bytes(0))
        return r.reserve_fraction == 0 ? "none" : percent(r.reserve_fraction) + " of memory";
      return fmt::format("the larger of {} and {} of memory", to_text(r.reserve_fixed), percent(r.reserve_fraction));
    case ReserveKind::Static: {
      const AutoReserve& a = r.auto_reserve;
      return fmt::format(
          "weights and caches leave to activations: {} + {} x chunk + {} x rank + {} x sequence of the largest graph "
          "({} more x dp with attention DP, {} on top above {}) + {} x prefill graph (latent attention: {}); at least "
          "{} above {}; {} more with MTP",
          to_text(a.fixed), to_text(a.per_chunk_token), to_text(a.per_rank), to_text(a.per_graph_sequence),
          to_text(a.per_graph_sequence_dp), to_text(a.more_per_graph_sequence_dp), a.more_from,
          to_text(a.per_prefill_graph), to_text(a.latent_prefill_graphs), to_text(a.least), to_text(a.least_from),
          to_text(a.draft));
    }
    case ReserveKind::Free: break;
  }
  return fmt::format("{} of what weights, activations and the rest leave", percent(r.reserve_fraction));
}

std::string sharding_text(const RuntimeSpec& r) {
  static constexpr std::array<std::string_view, 5> kStages = {
      "extra layers to the stages before the last", "extra layers to the last stages",
      "extra layers to the first stages", "even shares of layers and head", "stages must be equal"};
  std::string text(kStages[static_cast<std::size_t>(r.sharding.stages)]);
  if (!r.layouts.data_parallel_attention) return text;
  std::vector<std::string> over;
  if (r.sharding.dense == Spread::Stage) over.emplace_back("dense layers");
  if (r.sharding.shared == Spread::Stage) over.emplace_back("shared experts");
  if (r.sharding.head == Spread::Stage) over.emplace_back("head");
  if (over.empty()) return text + "; data-parallel ranks copy all but the experts";
  return text + fmt::format("; data-parallel ranks share {}", fmt::join(over, ", "));
}

Table kernel_table(const RuntimeSpec& r) {
  Table table;
  table.caption = "kernel families, the first rule that matches holds";
  table.columns = {{"op", "operator", true, 0},
                   {"format", "format", true, 0},
                   {"architecture", "device", true, 0},
                   {"kernel", "kernel", true, 0},
                   {"source", "source", true, 1}};
  for (const KernelRule& rule : r.kernels)
    table.rows.push_back({{{rule.op},
                           {rule.format.empty() ? "any" : rule.format},
                           {rule.architecture.empty() ? "any" : rule.architecture},
                           {rule.kernel},
                           {rule.source}},
                          Tone::Plain});
  return table;
}

}  // namespace

Document describe_runtime(const RuntimeSpec& r) {
  Table table;
  table.caption = fmt::format("{}: {} {} (data of {})", r.id, r.name, r.version, r.as_of);
  table.columns = {{"rule", "rule", true, 0}, {"value", "value", true, 0}, {"source", "source", true, 1}};
  const auto add = [&table](const char* rule, const std::string& value, const std::string& source = "") {
    table.rows.push_back({{{rule}, {value}, {source}}, Tone::Plain});
  };
  add("layouts", layouts_text(r.layouts), r.layouts.source);
  add("sharding", sharding_text(r), r.sharding.source);
  add("reserve", reserve_text(r), r.reserve_source);
  add("own memory",
      fmt::format("{}, {} more with several devices, +-{}", to_text(r.context_bytes), to_text(r.context_bytes_multi),
                  percent(r.context_band)),
      r.context_source);
  add("kv blocks", fmt::format("{} tokens", r.kv_block_tokens), r.kv_source);
  add("kv format", (r.default_kv == "auto" ? "the model's own" : r.default_kv) +
                       (r.cache_formats.empty() ? "" : fmt::format("; one of {}", fmt::join(r.cache_formats, ", "))));
  if (r.window_slack_tokens != 0) add("window slack", fmt::format("{} tokens", r.window_slack_tokens));
  const std::string admitted = tiers_text(r, &AdmissionTier::sequences, "");
  add("sequences admitted", admitted.empty() ? "any number" : admitted, r.admission_source);
  const std::string chunk = tiers_text(r, &AdmissionTier::chunk_tokens, " tokens");
  add("prefill chunk", chunk.empty() ? "the whole prompt" : chunk);
  const std::string context = tiers_text(r, &AdmissionTier::context, " tokens");
  if (!context.empty()) add("context by default", context);
  const std::string graphs = tiers_text(r, &AdmissionTier::graph_sequences_wide, " sequences");
  if (!graphs.empty()) add("largest decode graph", graphs + " (4 ranks and more)");
  add("sampler",
      fmt::format("{:g} B per vocabulary entry and {}", r.sampler_bytes,
                  r.logits_for_chunk   ? "token of a chunk"
                  : r.logits_for_limit ? "admitted sequence"
                                       : "sequence"),
      r.sampler_source);
  add("activations", fmt::format("{} B per element, +-{}", r.activation_bytes, percent(r.activation_band)));
  add("expert exchange",
      fmt::format("{}, in a rack {}, across fast domains {}; {} tokens per rank", word_of(r.dispatch),
                  word_of(r.dispatch_rack), word_of(r.dispatch_across), r.dispatch_tokens),
      r.dispatch_source);
  if (r.adapters.supported)
    add("LoRA adapters",
        fmt::format("{}, in {}", r.adapters.every_module ? "slots beside every module" : "beside their targets",
                    r.adapters.format == "auto" ? "the model's base format" : r.adapters.format),
        r.adapters.source);
  if (r.drafts.supported)
    add("draft model",
        fmt::format("{}, {}; {} tokens", r.drafts.every_stage ? "on every stage" : "on the last stage",
                    r.drafts.own_buffers ? "with its own buffers" : "in the model's buffers", r.drafts.tokens),
        r.drafts.source);
  for (const PaddingRule& rule : r.padding)
    add("padding", fmt::format("{} widths to {}", rule.format, rule.multiple), rule.source);
  if (r.vocab_multiple > 1)
    add("vocabulary", fmt::format("rows{} round up to {}", r.vocab_per_rank ? " of each rank" : "", r.vocab_multiple));
  if (!r.command_line.empty()) add("options", "of " + r.command_line + ": fit writes and reads them");
  add("weight formats", r.formats == "gguf" ? "GGUF files only" : r.formats == "tensors" ? "all but GGUF" : "any");
  add("input embedding", r.input_table_on_host ? "in host memory" : "on the device");
  add("experts in host memory", r.host_offload ? "yes" : "no");
  add("vision tower", r.vision_resident ? "loaded" : "left out");
  Document document;
  document.add(table);
  if (!r.kernels.empty()) document.add(kernel_table(r));
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
