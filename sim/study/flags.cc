// SPDX-License-Identifier: Apache-2.0
// A deployment in the words of its engine's command line.
#include <algorithm>

#include "sim/spec/stored.h"
#include "sim/study/fit.h"

namespace moeplan {
namespace {

// As a shell reads it back.
std::string quoted(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+=:,@").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain && !text.empty()) return text;
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

// Of a split model llama.cpp wants the first shard, "-00001-of-00003.gguf".
std::string first_shard(const StoredWeights& stored) {
  constexpr std::size_t kEnding = 20;  // "00002-of-00003.gguf" and its hyphen
  std::string file = stored.file;
  if (stored.shards > 1 && file.size() >= kEnding) file.replace(file.size() - kEnding + 1, 5, "00001");
  return file;
}

std::string llama_cpp_flags(const FitResult& result) {
  const FitQuestion& q = result.question;
  std::string flags;
  if (q.weights != "native")
    flags = "-m <" + q.weights + " file> ";
  else if (q.model.stored != nullptr && q.model.stored->gguf)
    flags = "-m " + quoted(first_shard(*q.model.stored)) + " ";
  flags += "-c " + std::to_string(q.workload.context * q.workload.sequences);
  if (q.workload.sequences > 1) flags += " -np " + std::to_string(q.workload.sequences);
  flags += " -ngl 99";
  if (q.host_expert_layers > 0) flags += " --n-cpu-moe " + std::to_string(q.host_expert_layers);
  const std::string& kv = q.formats[result.kv_format].id;
  if (kv != "fp16") {
    const std::string word = kv == "fp32" ? "f32" : kv;
    flags += " -ctk " + word + " -ctv " + word;
  }
  return flags;
}

std::string vllm_flags(const FitResult& result) {
  const FitQuestion& q = result.question;
  std::string flags = "--max-model-len " + std::to_string(q.workload.context);
  const auto degree = [&flags](const char* name, Count value) {
    if (value > 1) flags += " --" + std::string(name) + " " + std::to_string(value);
  };
  degree("tensor-parallel-size", q.layout.tp);
  degree("data-parallel-size", q.layout.dp);
  degree("pipeline-parallel-size", q.layout.pp);
  if (q.layout.ep > 1) flags += " --enable-expert-parallel";
  if (q.formats[result.kv_format].id == "fp8") flags += " --kv-cache-dtype fp8";
  const Count per_engine = ceil_div(q.workload.sequences, q.layout.dp);
  if (result.sequence_limit > 0 && q.workload.sequences > result.sequence_limit) degree("max-num-seqs", per_engine);
  const Bytes usual = scaled(q.device.capacity, q.runtime.reserve_fraction);
  if (q.device.reserve != usual && q.device.capacity > Bytes(0)) {
    const double share = 1.0 - q.device.reserve.size() / q.device.capacity.size();
    // Rounded down, so that the engine never takes more than was counted.
    const Count thousandths = static_cast<Count>(share * 1000);
    std::string digits = std::to_string(1000 + std::max<Count>(thousandths, 0)).substr(1);
    flags += " --gpu-memory-utilization " + std::string(thousandths >= 1000 ? "1.0" : "0." + digits);
  }
  if (q.load_mtp && q.model.mtp.modules > 0)
    flags += " --speculative-config '{\"method\":\"mtp\",\"num_speculative_tokens\":1}'";
  return flags;
}

}  // namespace

std::string runtime_flags(const FitResult& result) {
  if (result.question.runtime.command_line == "llama.cpp") return llama_cpp_flags(result);
  if (result.question.runtime.command_line == "vllm") return vllm_flags(result);
  return "";
}

}  // namespace moeplan
