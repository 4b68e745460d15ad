// SPDX-License-Identifier: Apache-2.0
// `models show` and `models list` for people: the shape, where the parameters are,
// what one token uses, what a cache takes, what others published.
#include <fmt/format.h>

#include <algorithm>

#include "reports/models.h"
#include "reports/stored.h"
#include "reports/words.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

std::string plural(Count n, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(n), noun, n == 1 ? "" : "s");
}

double ratio(Count part, Count whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// How often each block occurs over the expanded layers of a stack.
std::vector<Count> uses_of_blocks(const ModelSpec& model, Stack stack) {
  std::vector<Count> uses(model.blocks.size(), 0);
  for (const LayerShape& layer : expand_layers(model, stack))
    for (const BlockIndex block : layer) ++uses[block];
  return uses;
}

// "32 x ", and of a model with an encoder "encoder: 12 x ", "encoder 6 + decoder 6 x ".
std::string uses_text(Count encoder, Count decoder, bool has_encoder) {
  if (!has_encoder) return fmt::format("{} x ", decoder);
  if (encoder == 0) return fmt::format("decoder: {} x ", decoder);
  if (decoder == 0) return fmt::format("encoder: {} x ", encoder);
  return fmt::format("encoder {} + decoder {} x ", encoder, decoder);
}

KeyValues shape_of(const ModelSpec& model) {
  KeyValues block;
  block.entries.push_back(
      {"model", {model.name.empty() ? model.id : fmt::format("{} ({})", model.name, model.id)}, Tone::Strong});
  std::string size = fmt::format("{}, hidden {}, vocabulary {}", plural(layer_count(model), "layer"),
                                 grouped(model.hidden), grouped(model.vocab));
  if (model.max_context > 0) size += fmt::format(", context up to {}", grouped(model.max_context));
  block.entries.push_back({"shape", {size}});
  const std::vector<Count> encoder = uses_of_blocks(model, Stack::Encoder);
  const std::vector<Count> decoder = uses_of_blocks(model, Stack::Decoder);
  const bool has_encoder = !expand_layers(model, Stack::Encoder).empty();
  for (std::size_t i = 0; i < model.blocks.size(); ++i)
    block.entries.push_back(
        {i == 0 ? "blocks" : "", {uses_text(encoder[i], decoder[i], has_encoder) + describe_block(model.blocks[i])}});
  if (model.mtp.modules > 0)
    block.entries.push_back(
        {"mtp", {fmt::format("{} for multi-token prediction", plural(model.mtp.modules, "module"))}});
  if (model.tied_embeddings) block.entries.push_back({"tables", {"the output head is the embedding table"}});
  if (model.basis != ShapeBasis::Published)
    block.entries.push_back(
        {"basis", {basis_note(model)}, model.basis == ShapeBasis::Rumour ? Tone::Bad : Tone::Plain});
  if (!model.note.empty()) block.entries.push_back({"note", {model.note}});
  if (!model.source.empty()) block.entries.push_back({"source", {model.source}});
  return block;
}

Table parameters_table(const ModelReport& report) {
  const ParameterCounts& p = report.parameters;
  Table table;
  table.caption = "parameters";
  table.columns = {{"part", "part", true, 0}, {"parameters", "parameters", false, 0}, {"share", "share", false, 1}};
  Count sum = 0;
  for (const Count part : p.by_part) sum += part;
  for (std::size_t i = 0; i < p.by_part.size(); ++i)
    if (p.by_part[i] != 0)
      table.rows.push_back(
          {{{std::string(kPartWords[i])}, {p.by_part[i]}, {Share{ratio(p.by_part[i], sum)}}}, Tone::Plain});
  table.rows.push_back({{{"total"}, {p.total}, {Parameters{p.total}}}, Tone::Strong});
  if (p.total_with_mtp != p.total)
    table.rows.push_back({{{"total with MTP"}, {p.total_with_mtp}, {Parameters{p.total_with_mtp}}}, Tone::Plain});
  return table;
}

Table active_table(const ModelReport& report) {
  const ParameterCounts& p = report.parameters;
  Table table;
  table.caption = fmt::format("parameters {} uses, in the three ways of counting found in model cards",
                              active_convention(report.model));
  table.columns = {{"convention", "convention", true, 0},
                   {"active", "active", false, 0},
                   {"short", "short", false, 0},
                   {"of_total", "of total", false, 1}};
  const auto add = [&table, &p](const char* name, Count value) {
    table.rows.push_back({{{name}, {value}, {Parameters{value}}, {Share{ratio(value, p.total)}}}, Tone::Plain});
  };
  add("active: everything a token touches", p.active);
  add("active_no_embedding: without the input table", p.active_no_embedding);
  add("active_no_embedding_head: without both tables", p.active_no_embedding_head);
  return table;
}

std::string describe_weights(const ModelReport& report) {
  if (report.weights != "native") return report.weights;
  if (report.model.stored != nullptr) return "stored in " + report.model.stored->file;
  return "native: " + describe_native(report.model);
}

KeyValues memory_of(const ModelReport& report, const FormatTable& formats) {
  KeyValues block;
  const CheckpointSize& c = report.checkpoint;
  Phrase checkpoint = {c.bytes, fmt::format(" ({} B) as {}", grouped(c.bytes.count()), describe_weights(report))};
  if (c.low != c.high) checkpoint.insert(checkpoint.end(), {", between ", BytesRange{c.low, c.high}});
  block.entries.push_back({"checkpoint", checkpoint});
  block.entries.push_back(
      {"kv cache",
       {fmt::format("{} B per token in {}", grouped(report.kv_per_token.count()), formats[report.kv_format].id)}});
  if (report.kv_marginal_per_token != report.kv_per_token)
    block.entries.push_back(
        {"", {fmt::format("{} B per token beyond every window", grouped(report.kv_marginal_per_token.count()))}});
  block.entries.push_back({"",
                           {report.kv_at_context, fmt::format(" at {} x {}", plural(report.context, "token"),
                                                              plural(report.batch, "sequence"))}});
  for (const CacheLayer& layer : report.layers) {
    std::string text =
        fmt::format("{}: {} B per token each", plural(layer.count, std::string(word_of(layer.kind)) + " cache layer"),
                    grouped(layer.bytes_per_token.count()));
    if (layer.window != 0) text += fmt::format(", the last {} tokens", grouped(layer.window));
    block.entries.push_back({"", {text}});
  }
  if (report.state_bytes != Bytes(0))
    block.entries.push_back({"state", {report.state_bytes, " per sequence, whatever its length"}});
  return block;
}

KeyValues flops_of(const ModelReport& report) {
  const FlopsPerToken& f = report.flops;
  const std::string at = fmt::format(" at {} of context", plural(report.context, "token"));
  KeyValues block;
  block.entries.push_back(
      {"work", {FlopCount{f.weights}, " per token in the weights (2 per active parameter that multiplies)"}});
  if (!is_encoder_only(report.model))
    block.entries.push_back(
        {"decode", {FlopCount{f.decode_total}, " per token, of it attention ", FlopCount{f.decode_attention}, at}});
  block.entries.push_back(
      {"prefill",
       {FlopCount{f.prefill_mean_total}, " per token on average over a prompt of " + plural(report.context, "token")}});
  return block;
}

void add_published(Document& document, const ModelReport& report) {
  const std::vector<PublishedCheck> checks = check_published(report);
  if (checks.empty()) return;
  Table table;
  table.caption = "published figures and ours";
  table.columns = {{"quantity", "quantity", true, 0},
                   {"published", "published", false, 0},
                   {"ours", "ours", false, 0},
                   {"difference", "difference", true, 0},
                   {"source", "source", true, 1}};
  for (const PublishedCheck& check : checks) {
    const std::string difference = !check.known                          ? "not compared"
                                   : check.ours == check.published.value ? "exact"
                                   : check.agrees ? fmt::format("{:+.2f} %, within {:g} %", 100 * check.difference,
                                                                100 * check.published.tolerance)
                                                  : fmt::format("{:+.2f} %, DISAGREES", 100 * check.difference);
    table.rows.push_back({{{check.published.quantity},
                           {check.published.value},
                           check.known ? Phrase{check.ours} : Phrase{},
                           {difference},
                           {check.published.source}},
                          check.agrees ? Tone::Plain : Tone::Bad});
  }
  document.add(table);
}

}  // namespace

Document describe_model(const ModelReport& report, const FormatTable& formats, bool by_layer) {
  Document document;
  document.add(shape_of(report.model));
  document.add(parameters_table(report));
  document.add(active_table(report));
  document.add(memory_of(report, formats));
  if (report.model.stored != nullptr) add_stored(document, *report.model.stored, by_layer);
  document.add(flops_of(report));
  add_published(document, report);
  return document;
}

Document list_models(const std::vector<ModelSpec>& models) {
  Table table;
  table.columns = {{"id", "model", true, 0},
                   {"total_parameters", "total", false, 0},
                   {"active_parameters", "active", false, 0},
                   {"experts", "experts", false, 1},
                   {"top_k", "top-k", false, 1},
                   {"max_context_tokens", "context", false, 2},
                   {"basis", "shape", true, 2},
                   {"attention", "attention", true, 3}};
  for (const ModelSpec& model : models) {
    const ParameterCounts counts = count_parameters(model);
    const std::optional<MoeFfn> moe = moe_of(model);
    table.rows.push_back({{{model.id},
                           {Parameters{counts.total}},
                           {Parameters{counts.active}},
                           moe ? Phrase{moe->experts} : Phrase{"-"},
                           moe ? Phrase{moe->top_k} : Phrase{"-"},
                           {model.max_context},
                           {std::string(describe_basis(model.basis))},
                           {describe_attention(model)}},
                          Tone::Plain});
  }
  Document document;
  document.add(table);
  return document;
}

}  // namespace moeplan
