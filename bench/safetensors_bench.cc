// SPDX-License-Identifier: Apache-2.0
// A header and an index of DeepSeek-V3's size: read, checked, sorted into a model's
// places; and the same text through a general parser, for the ratio on one machine.
#include <benchmark/benchmark.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string>

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

void ReadHeader(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(read_safetensors_header(texts().header, "x", Bytes(texts().end)));
  report(state, texts().header);
}

void ReadHeaderAndSort(benchmark::State& state) {
  for (auto _ : state) {
    const TensorList list = read_safetensors_header(texts().header, "x", Bytes(texts().end));
    benchmark::DoNotOptimize(stored_weights_of(list, nullptr, "x"));
  }
  report(state, texts().header);
}

void ReadIndexAndSort(benchmark::State& state) {
  for (auto _ : state) {
    const TensorList list = read_safetensors_index(texts().index, "x");
    benchmark::DoNotOptimize(stored_weights_of(list, nullptr, "x"));
  }
  report(state, texts().index);
}

void NlohmannHeader(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(nlohmann::json::parse(texts().header));
  report(state, texts().header);
}

void NlohmannIndex(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(nlohmann::json::parse(texts().index));
  report(state, texts().index);
}

BENCHMARK(ReadHeader)->Unit(benchmark::kMillisecond);
BENCHMARK(ReadHeaderAndSort)->Unit(benchmark::kMillisecond);
BENCHMARK(ReadIndexAndSort)->Unit(benchmark::kMillisecond);
BENCHMARK(NlohmannHeader)->Unit(benchmark::kMillisecond);
BENCHMARK(NlohmannIndex)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace moeplan

BENCHMARK_MAIN();
