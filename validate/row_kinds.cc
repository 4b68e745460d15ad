// SPDX-License-Identifier: Apache-2.0
#include "validate/row_kinds.h"

#include <algorithm>
#include <cmath>

#include "sim/cost/gemm.h"

#include <string>

namespace moeplan {
namespace {

bool is_hopper(std::string_view gpu) { return gpu.starts_with("H") || gpu.starts_with("GH"); }

std::string label(std::string_view name, const std::string& value) { return std::string(name) + "=" + value; }

}  // namespace

KernelFormat format_of(const CsvRow& row, std::string_view column) {
  const std::string& cell = row.text(column);
  if (cell == "float16" || cell == "half") return KernelFormat::Bf16;  // the same bytes at the same rate
  if (const std::optional<KernelFormat> format = kernel_format_named(cell)) return *format;
  std::string known;
  for (const KernelFormatFacts& facts : kKernelFormatFacts)
    known += (known.empty() ? "" : ", ") + std::string(facts.label);
  row.complain(column, "one of " + known);
  return KernelFormat::Bf16;
}

RowFacts gemm_row(const CsvRow& row) {
  RowFacts facts;
  GemmPoint point;
  point.format = format_of(row, "dtype");
  point.weight_bytes = facts_of(point.format).weight_bytes;
  point.m = row.number("m", 1);
  point.n = row.number("n", 1);
  point.k = row.number("k", 1);
  point.kernel = gemm_kernel_of(row.text("kernel"), row.text("dtype"), is_hopper(row.text("gpu")));
  // Measured eagerly, so that the host's time is the floor (measured/README.md).
  point.recorded = !(row.text("stack") == "vllm-0.24.0" && point.format == KernelFormat::Fp8Block);
  facts.family = Family::Gemm;
  facts.key = {.family = {}, .stack = row.text("stack"), .kernel = row.text("kernel"), .format = row.text("dtype")};
  facts.shape = label("n", row.text("n")) + " " + label("k", row.text("k"));
  facts.size = point.m;
  facts.point = point;
  return facts;
}

RowFacts attention_row(const CsvRow& row) {
  RowFacts facts;
  AttentionPoint point;
  point.context = row.text("phase") == "context";
  if (!point.context && row.text("phase") != "generation") row.complain("phase", "context or generation");
  point.math = format_of(row, "attn_dtype");
  point.cache_bytes = facts_of(format_of(row, "kv_cache_dtype")).weight_bytes;
  point.sequences = row.number("batch_size", 1);
  point.q_len = row.number("q_len", 1);
  point.kv_len = row.number("kv_len", 1);
  point.heads = row.number("num_heads", 1);
  point.kv_heads = row.number("num_kv_heads", 1);
  point.head_dim = row.number("head_dim", 1);
  point.value_dim = point.head_dim;
  point.window = row.number("window_size");
  facts.family = point.context ? Family::AttentionContext : Family::AttentionGeneration;
  facts.key = {.family = {},
               .stack = row.text("stack"),
               .kernel = row.text("kernel"),
               .format = row.text("attn_dtype") + "/" + row.text("kv_cache_dtype")};
  facts.shape = label("heads", row.text("num_heads")) + " " + label("kv", row.text("num_kv_heads")) + " " +
                label("dim", row.text("head_dim")) + " " + label("window", row.text("window_size"));
  facts.size = point.kv_len;
  facts.point = point;
  return facts;
}

RowFacts mla_row(const CsvRow& row) {
  RowFacts facts;
  MlaPoint point;
  point.context = row.text("phase") == "context";
  if (!point.context && row.text("phase") != "generation") row.complain("phase", "context or generation");
  point.math = format_of(row, "mla_dtype");
  point.cache_bytes = facts_of(format_of(row, "kv_cache_dtype")).weight_bytes;
  point.sequences = row.number("batch_size", 1);
  point.q_len = row.number("q_len", 1);
  point.kv_len = row.number("kv_len", 1);
  point.heads = row.number("num_heads", 1);
  facts.family = point.context ? Family::MlaContext : Family::MlaGeneration;
  facts.key = {.family = {},
               .stack = row.text("stack"),
               .kernel = row.text("kernel"),
               .format = row.text("mla_dtype") + "/" + row.text("kv_cache_dtype")};
  facts.shape = label("heads", row.text("num_heads"));
  facts.size = point.kv_len;
  facts.point = point;
  return facts;
}

RowFacts collective_row(const CsvRow& row) {
  struct Word {
    std::string_view word;
    CollectiveOp op;
  };
  static constexpr Word kWords[] = {
      {"all_reduce", CollectiveOp::AllReduce}, {"all_reduce_custom", CollectiveOp::AllReduceCustom},
      {"all_gather", CollectiveOp::AllGather}, {"reduce_scatter", CollectiveOp::ReduceScatter},
      {"alltoall", CollectiveOp::AllToAll},    {"send_recv", CollectiveOp::SendRecv}};
  RowFacts facts;
  CollectivePoint point;
  bool known = false;
  for (const Word& w : kWords) {
    if (w.word != row.text("collective")) continue;
    point.op = w.op;
    known = true;
  }
  if (!known)
    row.complain("collective", "all_reduce, all_reduce_custom, all_gather, reduce_scatter, alltoall or send_recv");
  point.bytes = row.number("bytes", 1);
  point.ranks = row.number("num_gpus", 2);
  facts.family = Family::Collective;
  facts.key = {
      .family = {}, .stack = row.text("library"), .kernel = row.text("collective"), .format = row.text("dtype")};
  facts.shape = label("bytes", row.text("bytes"));
  facts.seen_as = facts.shape + " " + label("ranks", row.text("num_gpus"));
  facts.size = point.bytes;
  facts.point = point;
  return facts;
}

namespace {

// How the NVLink rows were measured (ai-dynamo/aiconfigurator, collect_trtllm_alltoall.py): every
// token goes to as many different ranks as it can, k consecutive ones, the next token of a rank
// to the next k. Few tokens of all ranks therefore meet on few ranks.
void deal_in_turn(EpPoint& point) {
  point.destinations = std::min(point.top_k, point.ranks);
  const double rank_groups = std::max(1.0, std::floor(point.ranks / point.top_k));
  point.busiest = std::ceil(point.tokens / rank_groups) * rank_groups / std::max(1.0, point.tokens);
}

}  // namespace

RowFacts ep_row(const CsvRow& row) {
  RowFacts facts;
  EpPoint point;
  const std::string& mode = row.text("mode_or_dtype");
  const std::string& library = row.text("library");
  point.element_bytes = 1.0;
  if (mode == "normal") {
    point.mode = EpMode::Normal;
  } else if (mode == "low_latency") {
    point.mode = EpMode::LowLatency;
  } else {
    point.mode = library.find("OneSided") != std::string::npos ? EpMode::NvlinkOneSided : EpMode::NvlinkTwoSided;
    point.element_bytes = facts_of(format_of(row, "mode_or_dtype")).input_bytes;
  }
  const std::string& op = row.text("op");
  if (op == "prepare") {
    point.op = EpOp::Prepare;
  } else if (op == "dispatch") {
    point.op = EpOp::Dispatch;
  } else if (op == "combine") {
    point.op = EpOp::Combine;
  } else if (op == "combine_low_precision") {
    point.op = EpOp::CombineLowPrecision;
  } else {
    row.complain("op", "prepare, dispatch, combine or combine_low_precision");
  }
  point.ranks = row.number("ep_size", 1);
  // Empty: one NVLink domain holds all ranks.
  const double nodes = std::max(1.0, row.number("num_nodes", 0, true));
  point.ranks_per_node = point.ranks / nodes;
  point.hidden = row.number("hidden_size", 1);
  point.top_k = row.number("topk", 1);
  point.experts = row.number("num_experts", 1);
  point.tokens = row.number("tokens_per_rank", 1);
  point.comm_units = row.number("comm_sms", 0, true);
  const bool nvlink = point.mode == EpMode::NvlinkOneSided || point.mode == EpMode::NvlinkTwoSided;
  if (nvlink && point.op != EpOp::Prepare) deal_in_turn(point);
  facts.family = Family::Ep;
  facts.key = {.family = {}, .stack = library, .kernel = mode + "/" + op, .format = {}};
  facts.shape = label("ep", row.text("ep_size")) + " " + label("hidden", row.text("hidden_size")) + " " +
                label("topk", row.text("topk")) + " " + label("experts", row.text("num_experts"));
  facts.size = point.tokens;
  // measured/README.md: H200 rows across nodes repeat H100 values in part.
  if (row.text("gpu") == "H200" && nodes > 1) facts.bad = "H200 across nodes repeats H100 values";
  facts.point = point;
  return facts;
}

}  // namespace moeplan
