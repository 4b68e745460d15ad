// SPDX-License-Identifier: Apache-2.0
// The files of a split model: "<name>-00002-of-00003.gguf", by llama.cpp's gguf-split.
// Each shard is a GGUF file; the first has the model's metadata, all have split.no,
// split.count and split.tensors.count.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "sim/base/error.h"
#include "sim/spec/import/gguf.h"

namespace moeplan {
namespace {

constexpr std::size_t kMaxNamed = 16;
constexpr Count kMaxShards = 65535;                   // split.count has 16 bits
constexpr std::size_t kMaxTensorsOfSplit = 1U << 20;  // over all shards

[[noreturn]] void refuse(const std::string& file, std::string path, std::string found, std::string expected,
                         std::string hint = "") {
  throw InputError(ErrorKind::InvalidInput,
                   Problem{file, 0, 0, std::move(path), std::move(found), std::move(expected), std::move(hint)});
}

Count integer_of(const GgufHeader& header, std::string_view key, Count fallback) {
  const auto found = header.metadata.find(key);
  const bool integer = found != header.metadata.end() && found->second.kind == GgufValue::Kind::Integer;
  return integer ? found->second.integer : fallback;
}

std::string ending_of(Count shard, Count shards) { return fmt::format("-{:05}-of-{:05}.gguf", shard + 1, shards); }

// The paths of all shards.
std::vector<std::string> paths_of(const std::string& path, Count number, Count shards) {
  const std::string ending = ending_of(number, shards);
  if (!path.ends_with(ending))
    refuse(path, "split.no, split.count", fmt::format("shard {} of {}", number + 1, shards),
           "a name that ends in " + ending, "shards of a split model find each other by their names");
  const std::string stem = path.substr(0, path.size() - ending.size());
  std::vector<std::string> paths;
  std::vector<Problem> missing;
  for (Count i = 0; i < shards; ++i) {
    paths.push_back(stem + ending_of(i, shards));
    std::error_code error;
    if (!std::filesystem::exists(paths.back(), error) && missing.size() < kMaxNamed)
      missing.push_back({paths.back(), 0, 0, "", "no such file", fmt::format("shard {} of {}", i + 1, shards),
                         "all shards lie in one folder"});
  }
  if (!missing.empty()) throw InputError(ErrorKind::InvalidInput, missing);
  return paths;
}

void check_shard(const GgufHeader& header, const std::string& path, Count number, Count shards) {
  const Count no = integer_of(header, "split.no", -1);
  const Count count = integer_of(header, "split.count", -1);
  if (no != number || count != shards)
    refuse(path, "split.no, split.count", fmt::format("{} of {}", no, count), fmt::format("{} of {}", number, shards),
           "a shard of another model?");
}

// A tensor lies in one shard only.
void check_tensors(const std::vector<GgufHeader>& headers, const std::string& path) {
  std::vector<std::string_view> names;
  for (const GgufHeader& header : headers)
    for (const ListedTensor& t : header.list.tensors) names.push_back(t.name);
  const Count said = integer_of(headers.front(), "split.tensors.count", static_cast<Count>(names.size()));
  if (said != static_cast<Count>(names.size()))
    refuse(path, "split.tensors.count", fmt::format("{} tensors in all shards", names.size()), std::to_string(said));
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) refuse(path, "tensor " + std::string(*twice), "it in two shards", "it in one");
}

}  // namespace

ModelSpec import_gguf(const std::string& path, const FormatTable& formats) {
  std::vector<GgufHeader> headers;
  headers.push_back(read_gguf_header(path, formats));
  const Count shards = integer_of(headers.front(), "split.count", 0);
  if (shards <= 1) return import_gguf_headers(headers, path);
  const Count number = integer_of(headers.front(), "split.no", 0);
  if (shards > kMaxShards || number < 0 || number >= shards)
    refuse(path, "split.no, split.count", fmt::format("{} of {}", number, shards), "a shard below 65536");
  const std::vector<std::string> paths = paths_of(path, number, shards);
  headers.clear();
  std::size_t tensors = 0;
  for (Count i = 0; i < shards; ++i) {
    const std::string& shard = paths[static_cast<std::size_t>(i)];
    headers.push_back(read_gguf_header(shard, formats));
    check_shard(headers.back(), shard, i, shards);
    tensors += headers.back().list.tensors.size();
    if (tensors > kMaxTensorsOfSplit) refuse(shard, "", fmt::format("{} tensors so far", tensors), "at most 1048576");
  }
  check_tensors(headers, path);
  return import_gguf_headers(headers, path);
}

}  // namespace moeplan
