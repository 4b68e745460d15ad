// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/gguf_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace moeplan {
namespace {

using R = MatrixRole;
using S = GgufStem;

constexpr R kNone = R::Extra;  // no bias

// In the order of GgufStem.
constexpr std::array<StemInfo, kGgufStems> kStems = {{
    {"token_embd", S::TokenEmbd, R::Embedding, Part::Embedding, kNone},
    {"output", S::Output, R::Head, Part::Head, R::Bias},
    {"output_norm", S::OutputNorm, R::Norm, Part::Norm, R::Norm},
    {"position_embd", S::PositionEmbd, R::Extra, Part::Embedding, kNone},
    {"attn_q", S::AttnQ, R::Q, Part::Attention, R::Bias},
    {"attn_k", S::AttnK, R::K, Part::Attention, R::Bias},
    {"attn_v", S::AttnV, R::V, Part::Attention, R::Bias},
    {"attn_qkv", S::AttnQkv, R::Q, Part::Attention, R::Bias},
    {"attn_output", S::AttnOutput, R::O, Part::Attention, R::Bias},
    {"attn_gate", S::AttnGate, R::Gate, Part::Attention, kNone},
    {"attn_sinks", S::AttnSinks, R::Sinks, Part::Attention, kNone},
    {"attn_q_norm", S::AttnQNorm, R::QNorm, Part::Norm, kNone},
    {"attn_k_norm", S::AttnKNorm, R::KNorm, Part::Norm, kNone},
    {"attn_q_a", S::AttnQA, R::QA, Part::Attention, R::Bias},
    {"attn_q_b", S::AttnQB, R::QB, Part::Attention, kNone},
    {"attn_kv_a_mqa", S::AttnKvA, R::KvA, Part::Attention, R::Bias},
    {"attn_kv_b", S::AttnKvB, R::KvB, Part::Attention, kNone},
    {"attn_k_b", S::AttnKB, R::KvB, Part::Attention, kNone},
    {"attn_v_b", S::AttnVB, R::KvB, Part::Attention, kNone},
    {"attn_q_a_norm", S::AttnQANorm, R::QANorm, Part::Norm, kNone},
    {"attn_kv_a_norm", S::AttnKvANorm, R::KvANorm, Part::Norm, kNone},
    {"indexer.attn_k", S::IndexerK, R::IndexK, Part::Indexer, kNone},
    {"indexer.attn_q_b", S::IndexerQ, R::IndexQ, Part::Indexer, kNone},
    {"indexer.proj", S::IndexerProj, R::IndexWeights, Part::Indexer, kNone},
    {"indexer.k_norm", S::IndexerKNorm, R::IndexNorm, Part::Indexer, R::IndexNorm},
    {"indexer.q_norm", S::IndexerQNorm, R::IndexNorm, Part::Indexer, R::IndexNorm},
    {"ssm_in", S::SsmIn, R::LinearQkvz, Part::Attention, R::Bias},
    {"ssm_ba", S::SsmBa, R::LinearBa, Part::Attention, kNone},
    {"ssm_alpha", S::SsmAlpha, R::LinearBa, Part::Attention, kNone},
    {"ssm_beta", S::SsmBeta, R::LinearBa, Part::Attention, kNone},
    {"ssm_conv1d", S::SsmConv, R::LinearConv, Part::Attention, R::Bias},
    {"ssm_a", S::SsmA, R::LinearState, Part::Attention, kNone},
    {"ssm_d", S::SsmD, R::LinearState, Part::Attention, kNone},
    {"ssm_dt", S::SsmDt, R::LinearState, Part::Attention, R::LinearState},
    {"ssm_norm", S::SsmNorm, R::LinearNorm, Part::Norm, kNone},
    {"ssm_out", S::SsmOut, R::LinearOut, Part::Attention, R::Bias},
    {"ffn_gate", S::FfnGate, R::FfnGate, Part::Dense, R::Bias},
    {"ffn_up", S::FfnUp, R::FfnUp, Part::Dense, R::Bias},
    {"ffn_down", S::FfnDown, R::FfnDown, Part::Dense, R::Bias},
    {"ffn_gate_inp", S::FfnGateInp, R::Router, Part::Router, R::RouterBias},
    {"ffn_gate_exps", S::FfnGateExps, R::ExpertGate, Part::Experts, R::Bias},
    {"ffn_up_exps", S::FfnUpExps, R::ExpertUp, Part::Experts, R::Bias},
    {"ffn_down_exps", S::FfnDownExps, R::ExpertDown, Part::Experts, R::Bias},
    {"ffn_gate_up_exps", S::FfnGateUpExps, R::ExpertUp, Part::Experts, R::Bias},
    {"exp_probs_b", S::ExpProbsB, R::CorrectionBias, Part::Router, R::CorrectionBias},
    {"ffn_gate_shexp", S::FfnGateShexp, R::SharedGate, Part::Shared, kNone},
    {"ffn_up_shexp", S::FfnUpShexp, R::SharedUp, Part::Shared, kNone},
    {"ffn_down_shexp", S::FfnDownShexp, R::SharedDown, Part::Shared, kNone},
    {"ffn_gate_inp_shexp", S::FfnGateInpShexp, R::SharedScalar, Part::Shared, kNone},
    {"ffn_latent_down", S::FfnLatentDown, R::LatentDown, Part::Experts, kNone},
    {"ffn_latent_up", S::FfnLatentUp, R::LatentUp, Part::Experts, kNone},
    {"attn_norm", S::AttnNorm, R::Norm, Part::Norm, R::Norm},
    {"attn_norm_2", S::AttnNorm2, R::Norm, Part::Norm, R::Norm},
    {"attn_output_norm", S::AttnOutputNorm, R::Norm, Part::Norm, R::Norm},
    {"post_attention_norm", S::PostAttentionNorm, R::Norm, Part::Norm, R::Norm},
    {"ffn_norm", S::FfnNorm, R::Norm, Part::Norm, R::Norm},
    {"ffn_norm_exps", S::FfnNormExps, R::Norm, Part::Norm, R::Norm},
    {"post_ffw_norm", S::PostFfwNorm, R::Norm, Part::Norm, R::Norm},
    {"post_ffw_norm_1", S::PostFfwNorm1, R::Norm, Part::Norm, R::Norm},
    {"post_ffw_norm_2", S::PostFfwNorm2, R::Norm, Part::Norm, R::Norm},
    {"pre_ffw_norm_2", S::PreFfwNorm2, R::Norm, Part::Norm, R::Norm},
    {"layer_output_norm", S::LayerOutputNorm, R::Norm, Part::Norm, R::Norm},
    {"nextn.eh_proj", S::NextnEhProj, R::MtpProjection, Part::Mtp, kNone},
    {"nextn.embed_tokens", S::NextnEmbedTokens, R::Embedding, Part::Mtp, kNone},
    {"nextn.shared_head_head", S::NextnHead, R::Head, Part::Mtp, kNone},
    {"nextn.enorm", S::NextnENorm, R::Norm, Part::Mtp, R::Norm},
    {"nextn.hnorm", S::NextnHNorm, R::Norm, Part::Mtp, R::Norm},
    {"nextn.shared_head_norm", S::NextnHeadNorm, R::Norm, Part::Mtp, R::Norm},
    {"", S::Other, R::Extra, Part::Attention, kNone},
}};
static_assert([] {
  for (std::size_t i = 0; i < kStems.size(); ++i)
    if (kStems[i].stem != static_cast<S>(i)) return false;
  return true;
}());

// Other spellings: old files, MiniMax-M3's indexer.
constexpr std::array<std::pair<std::string_view, S>, 4> kAliases = {{{"attn_post_norm", S::PostAttentionNorm},
                                                                     {"ffn_post_norm", S::PostFfwNorm},
                                                                     {"indexer.q_proj", S::IndexerQ},
                                                                     {"indexer.k_proj", S::IndexerK}}};

// One tensor per expert: the number stands after these.
constexpr std::array<std::pair<S, S>, 3> kPerExpert = {
    {{S::FfnGate, S::FfnGateExps}, {S::FfnUp, S::FfnUpExps}, {S::FfnDown, S::FfnDownExps}}};

S stem_of(std::string_view name) {
  for (const StemInfo& info : kStems)
    if (info.name == name && !name.empty()) return info.stem;
  for (const auto& [alias, stem] : kAliases)
    if (alias == name) return stem;
  return S::Other;
}

// Takes "<digits>" and the separator after it off the front; -1 when there are none.
Count take_number(std::string_view& text) {
  Count value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0 || end == text.data() + text.size() || *end != '.') return -1;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return value;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

// "ffn_up.7" -> "ffn_up", 7.
Count take_expert(std::string_view& text) {
  const std::size_t dot = text.rfind('.');
  if (dot == std::string_view::npos || dot + 1 == text.size()) return -1;
  Count value = -1;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data() + dot + 1, end, value);
  if (error != std::errc() || at != end || value < 0) return -1;
  text.remove_suffix(text.size() - dot);
  return value;
}

}  // namespace

const StemInfo& info_of(GgufStem stem) { return kStems[static_cast<std::size_t>(stem)]; }

GgufName parse_gguf_name(std::string_view name) {
  GgufName parsed;
  for (const std::string_view prefix : {"v.", "mm.", "a."})
    if (name.starts_with(prefix)) {
      parsed.vision = true;
      return parsed;
    }
  if (name.starts_with("blk.")) {
    name.remove_prefix(4);
    parsed.layer = take_number(name);
    if (parsed.layer < 0) return parsed;
  }
  if (take_suffix(name, ".bias"))
    parsed.suffix = GgufName::Suffix::Bias;
  else if (take_suffix(name, ".scale") || take_suffix(name, ".input_scale"))
    parsed.suffix = GgufName::Suffix::Scale;
  else
    take_suffix(name, ".weight");
  const Count expert = parsed.layer >= 0 ? take_expert(name) : -1;
  parsed.stem = stem_of(name);
  const bool in_layer = parsed.stem > S::PositionEmbd;
  if (parsed.stem != S::Other && in_layer != (parsed.layer >= 0)) parsed.stem = S::Other;
  if (expert >= 0) {
    const auto* merged = std::find_if(kPerExpert.begin(), kPerExpert.end(),
                                      [&](const std::pair<S, S>& p) { return p.first == parsed.stem; });
    parsed.stem = merged == kPerExpert.end() ? S::Other : merged->second;
    parsed.expert = expert;
  }
  return parsed;
}

}  // namespace moeplan
