// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/safetensors_set.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <unordered_map>
#include <utility>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/base/text.h"
#include "sim/spec/import/safetensors.h"

namespace moeplan {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWeights = ".safetensors";
constexpr std::string_view kIndex = ".safetensors.index.json";
constexpr Bytes kMaxTotal{Count{1} << 60};
constexpr std::size_t kMostProblems = 20;

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::string in_folder(const std::string& folder, const std::string& name) { return (fs::path(folder) / name).string(); }

// "model-00007-of-00163.safetensors" -> {"model-", 7, 163}
struct ShardName {
  std::string stem;
  Count number = 0;
  Count count = 0;
};

std::optional<ShardName> shard_name(const std::string& name) {
  constexpr std::size_t kDigits = 5;
  constexpr std::string_view kOf = "-of-";
  const std::size_t tail = 2 * kDigits + kOf.size() + kWeights.size();
  if (!name.ends_with(kWeights) || name.size() < tail) return std::nullopt;
  const std::size_t at = name.size() - tail;
  const std::string first = name.substr(at, kDigits);
  const std::string last = name.substr(at + kDigits + kOf.size(), kDigits);
  const auto digits = [](const std::string& text) { return text.find_first_not_of("0123456789") == std::string::npos; };
  if (!digits(first) || !digits(last) || name.compare(at + kDigits, kOf.size(), kOf) != 0) return std::nullopt;
  return ShardName{name.substr(0, at), std::stoll(first), std::stoll(last)};
}

std::string name_of_shard(const ShardName& of, Count number) {
  const auto five = [](Count n) {
    const std::string text = std::to_string(n);
    return std::string(5 - std::min<std::size_t>(5, text.size()), '0') + text;
  };
  return of.stem + five(number) + "-of-" + five(of.count) + std::string(kWeights);
}

// Names in a folder that end so, sorted.
std::vector<std::string> names_ending(const std::string& folder, std::string_view ending) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.ends_with(ending)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool is_native(const std::string& name) { return name.starts_with("consolidated"); }

// All numbers of the series a shard belongs to.
std::vector<std::string> series_of(const ShardName& shard) {
  std::vector<std::string> names;
  for (Count i = 1; i <= shard.count; ++i) names.push_back(name_of_shard(shard, i));
  return names;
}

// One checkpoint of several files without an index: transformers' files before Mistral's.
std::vector<std::string> choose(const std::vector<std::string>& names) {
  std::vector<std::string> chosen;
  for (const bool native : {false, true}) {
    for (const std::string& name : names)
      if (is_native(name) == native) chosen.push_back(name);
    if (!chosen.empty()) break;
  }
  const auto whole = std::find(chosen.begin(), chosen.end(), "model.safetensors");
  if (whole != chosen.end()) return {*whole};
  if (!chosen.empty())
    if (const std::optional<ShardName> shard = shard_name(chosen.front())) return series_of(*shard);
  return chosen;
}

std::string config_for(const std::string& folder, bool native) {
  const std::string hf = in_folder(folder, "config.json");
  const std::string params = in_folder(folder, "params.json");
  const std::string& first = native ? params : hf;
  const std::string& second = native ? hf : params;
  return exists(first) ? first : exists(second) ? second : "";
}

CheckpointFiles with_index(const std::string& folder, const std::string& index) {
  return {folder, config_for(folder, is_native(index)), index, {}, false};
}

// Adds complaints about one document, the first few only.
class Mismatches {
 public:
  explicit Mismatches(std::string file) : file_(std::move(file)) {}
  void add(std::string_view name, std::string found, std::string expected) {
    ++count_;
    if (problems_.size() == kMostProblems) return;
    Problem p;
    p.file = file_;
    p.path = "weight_map/" + printable(name);
    p.found = std::move(found);
    p.expected = std::move(expected);
    problems_.push_back(std::move(p));
  }
  void throw_if_any() {
    if (problems_.empty()) return;
    if (count_ > problems_.size()) {
      Problem rest;
      rest.file = file_;
      rest.hint = "and " + std::to_string(count_ - problems_.size()) + " more tensors";
      problems_.push_back(std::move(rest));
    }
    throw InputError(ErrorKind::InvalidInput, problems_);
  }

 private:
  std::string file_;
  std::vector<Problem> problems_;
  std::size_t count_ = 0;
};

// Every tensor of a file is in the index under that file, and the other way round.
void compare(const TensorList& index, const TensorList& files, const std::vector<std::size_t>& number_in_index,
             const std::string& path) {
  if (number_in_index.empty()) return;  // no file is there
  Mismatches mismatches(path);
  std::unordered_map<std::string_view, std::uint32_t> shard_of;
  shard_of.reserve(index.tensors.size());
  for (const ListedTensor& t : index.tensors) shard_of.emplace(t.name, t.shard);
  for (const ListedTensor& t : files.tensors) {
    const std::string& file = files.shards[t.shard];
    const auto found = shard_of.find(t.name);
    if (found == shard_of.end())
      mismatches.add(t.name, "nothing", file + ", which holds it");
    else if (found->second != number_in_index[t.shard])
      mismatches.add(t.name, index.shards[found->second], file + ", which holds it");
    else
      shard_of.erase(found);
  }
  std::vector<bool> is_there(index.shards.size(), false);
  for (const std::size_t number : number_in_index) is_there[number] = true;
  for (const ListedTensor& t : index.tensors)
    if (is_there[t.shard] && shard_of.contains(t.name))
      mismatches.add(t.name, index.shards[t.shard] + ", which does not hold it", "the file of the tensor");
  mismatches.throw_if_any();
}

// Headers of the files that are there, as one list.
TensorList read_all(const std::string& folder, const std::vector<std::string>& names, bool may_miss,
                    std::vector<std::string>& missing, std::vector<std::size_t>& present) {
  TensorList all;
  Count headers = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string path = in_folder(folder, names[i]);
    if (may_miss && (!exists(path) || is_lfs_pointer(path))) {
      missing.push_back(names[i]);
      continue;
    }
    TensorList one = read_safetensors_file(path);
    for (ListedTensor& t : one.tensors) t.shard = static_cast<std::uint32_t>(all.shards.size());
    if (all.tensors.empty())
      all.tensors = std::move(one.tensors);
    else
      all.tensors.insert(all.tensors.end(), one.tensors.begin(), one.tensors.end());
    for (std::string& text : one.names) {
      headers += static_cast<Count>(text.size());
      all.names.push_back(std::move(text));
    }
    all.shards.push_back(names[i]);
    all.payload += one.payload;
    all.file_bytes += one.file_bytes;
    present.push_back(i);
    const bool too_much = headers > 4 * kMaxSafetensorsHeader.count() || all.payload > kMaxTotal ||
                          static_cast<Count>(all.tensors.size()) > kMaxListedTensors;
    if (!too_much) continue;
    Problem p;
    p.file = path;
    p.found = "a checkpoint of " + std::to_string(all.tensors.size()) + " tensors and " + std::to_string(headers) +
              " bytes of headers up to here";
    p.expected = "at most " + std::to_string(kMaxListedTensors) + " tensors, 400 MB of headers and 2^60 bytes of data";
    throw InputError(ErrorKind::InvalidInput, p);
  }
  return all;
}

// A name in two files of a checkpoint without an index.
void refuse_duplicates(const TensorList& list, const std::string& folder) {
  if (list.shards.size() < 2) return;
  std::unordered_map<std::string_view, std::uint32_t> shard_of;
  shard_of.reserve(list.tensors.size());
  for (const ListedTensor& t : list.tensors) {
    const auto [found, fresh] = shard_of.emplace(t.name, t.shard);
    if (fresh) continue;
    Problem p;
    p.file = in_folder(folder, list.shards[t.shard]);
    p.path = printable(t.name);
    p.found = "a tensor that " + list.shards[found->second] + " holds too";
    p.expected = "files of one checkpoint";
    p.hint = "name one of the files";
    throw InputError(ErrorKind::InvalidInput, p);
  }
}

}  // namespace

CheckpointFiles find_checkpoint(const std::string& folder) {
  const std::vector<std::string> indexes = names_ending(folder, kIndex);
  if (!indexes.empty()) {
    const auto usual = std::find(indexes.begin(), indexes.end(), "model.safetensors.index.json");
    const auto other = std::find_if_not(indexes.begin(), indexes.end(), is_native);
    return with_index(folder, usual != indexes.end() ? *usual : other != indexes.end() ? *other : indexes.front());
  }
  CheckpointFiles files;
  files.folder = folder;
  files.weights = choose(names_ending(folder, kWeights));
  files.config = config_for(folder, !files.weights.empty() && is_native(files.weights.front()));
  return files;
}

CheckpointFiles checkpoint_of(const std::string& file) {
  const fs::path path(file);
  const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
  const std::string name = path.filename().string();
  if (!name.ends_with(kWeights)) return with_index(folder, name);
  CheckpointFiles files{folder, config_for(folder, is_native(name)), "", {name}, true};
  const std::optional<ShardName> shard = shard_name(name);
  if (!shard || shard->count < 2) return files;
  // "model-" belongs to "model.safetensors.index.json".
  const std::string index =
      shard->stem.substr(0, shard->stem.size() - (shard->stem.ends_with('-') ? 1 : 0)) + std::string(kIndex);
  if (exists(in_folder(folder, index))) return with_index(folder, index);
  files.weights = series_of(*shard);
  files.named = false;
  return files;
}

ListedCheckpoint list_checkpoint(const CheckpointFiles& files) {
  ListedCheckpoint out;
  std::vector<std::size_t> present;
  if (files.index.empty()) {
    out.list = read_all(files.folder, files.weights, !files.named, out.missing, present);
    refuse_duplicates(out.list, files.folder);
    out.list.sized = out.missing.empty();
    return out;
  }
  const std::string path = in_folder(files.folder, files.index);
  TensorList index = read_safetensors_index(read_text_file(path, kMaxSafetensorsHeader), path);
  out.index_total = index.payload;
  TensorList all = read_all(files.folder, index.shards, true, out.missing, present);
  compare(index, all, present, path);
  out.list = out.missing.empty() ? std::move(all) : std::move(index);
  return out;
}

std::string first_of_many(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, names.size()); ++i) text += (i == 0 ? "" : ", ") + printable(names[i]);
  if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
  return text;
}

}  // namespace moeplan
