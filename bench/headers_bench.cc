// SPDX-License-Identifier: Apache-2.0
// A header and an index of DeepSeek-V3's size, from a file to the answer: read, checked,
// sorted into a model's places; and the same texts through a general parser, for the ratio
// on one machine. A GGUF file with the vocabulary of a large tokenizer.
#include <benchmark/benchmark.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "sim/base/json.h"
#include "sim/spec/catalog.h"
#include "sim/spec/import/gguf_reader.h"
#include "sim/spec/import/hf_stored.h"
#include "sim/spec/import/safetensors.h"

namespace moeplan {
namespace {

constexpr int kLayers = 58;
constexpr int kExperts = 256;
constexpr std::array<const char*, 3> kMatrices = {"gate_proj", "up_proj", "down_proj"};
constexpr Count kValues = Count{2048} * 7168;
constexpr Count kScales = Count{16} * 56;

struct Texts {
  std::string header = "{\"__metadata__\":{\"format\":\"pt\"}";
  std::string index = "{\"metadata\":{\"total_size\":0},\"weight_map\":{";
  Count end = 0;
  Count tensors = 0;

  void add(const std::string& name, const char* dtype, const char* shape, Count bytes) {
    header += ",\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":[" +
              std::to_string(end) + "," + std::to_string(end + bytes) + "]}";
    index += (tensors == 0 ? "\"" : ",\"") + name + "\":\"model-00" + std::to_string(100 + tensors / 900) +
             "-of-00163.safetensors\"";
    end += bytes;
    ++tensors;
  }
};

const Texts& texts() {
  static const Texts kTexts = [] {
    Texts t;
    for (int layer = 0; layer < kLayers; ++layer)
      for (int expert = 0; expert < kExperts; ++expert)
        for (const char* matrix : kMatrices) {
          const std::string at = "model.layers." + std::to_string(layer + 3) + ".mlp.experts." +
                                 std::to_string(expert) + "." + matrix + ".";
          t.add(at + "weight", "F8_E4M3", "[2048,7168]", kValues);
          t.add(at + "weight_scale_inv", "F32", "[16,56]", 4 * kScales);
        }
    t.header += "}";
    t.index += "}}";
    return t;
  }();
  return kTexts;
}

void report(benchmark::State& state, const std::string& text) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
  state.counters["tensors"] = static_cast<double>(texts().tensors);
  state.counters["megabytes"] = static_cast<double>(text.size()) / 1e6;
}

// A file that goes with the process.
class File {
 public:
  File(const std::string& name, const std::string& first, Count size)
      : path_((std::filesystem::temp_directory_path() / name).string()) {
    std::ofstream(path_, std::ios::binary) << first;
    std::filesystem::resize_file(path_, static_cast<std::uintmax_t>(size));  // sparse
  }
  ~File() {
    std::error_code error;
    std::filesystem::remove(path_, error);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// `width` bytes, little-endian.
std::string binary(Count value, int width) {
  std::string bytes;
  for (int i = 0; i < width; ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xFF);
  return bytes;
}

Count size_of(const std::string& text) { return static_cast<Count>(text.size()); }

void HeaderFileToAnswer(benchmark::State& state) {
  const std::string first = binary(size_of(texts().header), 8) + texts().header;
  const File file("headers_bench.safetensors", first, size_of(first) + texts().end);
  for (auto _ : state) {
    const TensorList list = read_safetensors_file(file.path());
    benchmark::DoNotOptimize(stored_weights_of(list, nullptr, "x"));
  }
  report(state, texts().header);
}

void IndexFileToAnswer(benchmark::State& state) {
  const File file("headers_bench.index.json", texts().index, size_of(texts().index));
  for (auto _ : state) {
    const TensorList list = read_safetensors_index(read_text_file(file.path(), kMaxSafetensorsHeader), "x");
    benchmark::DoNotOptimize(stored_weights_of(list, nullptr, "x"));
  }
  report(state, texts().index);
}

std::string gguf_text(const std::string& text) { return binary(size_of(text), 8) + text; }

// 150,000 tokens with scores and types, 280,000 merges, 1,443 F32 tensors.
std::string gguf_header(Count& data) {
  constexpr Count kTokens = 150'000;
  constexpr Count kMerges = 280'000;
  constexpr Count kGgufLayers = 160;
  constexpr Count kSide = 64;
  std::string keys = gguf_text("general.architecture") + binary(8, 4) + gguf_text("llama");
  keys += gguf_text("tokenizer.ggml.tokens") + binary(9, 4) + binary(8, 4) + binary(kTokens, 8);
  for (Count i = 0; i < kTokens; ++i) keys += gguf_text("token" + std::to_string(i));
  for (const char* numbers : {"tokenizer.ggml.scores", "tokenizer.ggml.token_type"})
    keys += gguf_text(numbers) + binary(9, 4) + binary(6, 4) + binary(kTokens, 8) + std::string(4 * kTokens, '\0');
  keys += gguf_text("tokenizer.ggml.merges") + binary(9, 4) + binary(8, 4) + binary(kMerges, 8);
  for (Count i = 0; i < kMerges; ++i) keys += gguf_text("le ft" + std::to_string(i));
  std::string tensors;
  Count count = 0;
  const auto add = [&](const std::string& name) {
    tensors += gguf_text(name) + binary(2, 4) + binary(kSide, 8) + binary(kSide, 8) + binary(0, 4) +
               binary(kSide * kSide * 4 * count, 8);
    ++count;
  };
  for (const char* name : {"token_embd.weight", "output_norm.weight", "output.weight"}) add(name);
  for (Count layer = 0; layer < kGgufLayers; ++layer)
    for (const char* name :
         {"attn_norm", "ffn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"})
      add("blk." + std::to_string(layer) + "." + name + ".weight");
  data = kSide * kSide * 4 * count + 32;  // and the alignment
  return "GGUF" + binary(3, 4) + binary(count, 8) + binary(5, 8) + keys + tensors;
}

void GgufFile(benchmark::State& state) {
  Count data = 0;
  const std::string header = gguf_header(data);
  const File file("headers_bench.gguf", header, size_of(header) + data);
  const Catalog catalog = Catalog::embedded();
  for (auto _ : state) benchmark::DoNotOptimize(read_gguf_header(file.path(), catalog.formats()));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * size_of(header));
  state.counters["megabytes"] = static_cast<double>(header.size()) / 1e6;
}

void NlohmannHeader(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(nlohmann::json::parse(texts().header));
  report(state, texts().header);
}

void NlohmannIndex(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(nlohmann::json::parse(texts().index));
  report(state, texts().index);
}

BENCHMARK(HeaderFileToAnswer)->Unit(benchmark::kMillisecond);
BENCHMARK(IndexFileToAnswer)->Unit(benchmark::kMillisecond);
BENCHMARK(GgufFile)->Unit(benchmark::kMillisecond);
BENCHMARK(NlohmannHeader)->Unit(benchmark::kMillisecond);
BENCHMARK(NlohmannIndex)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace moeplan

BENCHMARK_MAIN();
