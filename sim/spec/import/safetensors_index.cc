// SPDX-License-Identifier: Apache-2.0
// model.safetensors.index.json: {"metadata": {"total_size": N, ...}, "weight_map": {name: file}}.
// Source: huggingface_hub, serialization of state dicts. metadata may hold anything else.
#include <cmath>
#include <unordered_map>
#include <utility>

#include "sim/base/large_pages.h"
#include "sim/base/text.h"
#include "sim/spec/import/safetensors.h"
#include "sim/spec/import/safetensors_json.h"

namespace moeplan {
namespace {

constexpr std::size_t kMaxShards = 100'000;  // what "-of-99999" can name
constexpr int kMaxDepth = 64;
constexpr std::size_t kUsualEntry = 85;

// Plain names only: an index must not lead out of its folder.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.size() < 256 &&
         name.find_first_of("/\\:") == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

class IndexHandler {
 public:
  IndexHandler(TensorList& list, ForeignJson& json) : list_(list), json_(json) {}

  std::string found() const { return found_; }
  std::string expected() const { return expected_; }

  // What RapidJSON calls, by its names. NOLINTBEGIN(readability-identifier-naming)
  bool StartObject() {
    if (state_ == State::Start) return (state_ = State::Root), true;
    if (state_ == State::Map) return (state_ = State::InMap), true;
    if (state_ == State::Metadata) depth_ = 0, state_ = State::InMetadata;
    return skip(+1, "an object");
  }
  bool EndObject(rapidjson::SizeType) {
    if (state_ == State::InMap) return (state_ = State::Root), true;
    if (state_ == State::Root) return true;
    return leave();
  }
  bool StartArray() { return skip(+1, "an array"); }
  bool EndArray(rapidjson::SizeType) { return leave(); }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    key_ = view_of(text, length);
    if (state_ != State::Root) return true;
    State& next = state_;
    if (key_ == "weight_map") {
      if (std::exchange(map_seen_, true)) return complain("a second one", "one");
      next = State::Map;
    } else {
      next = key_ == "metadata" ? State::Metadata : State::Other;
    }
    return true;
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (state_ == State::InMap) return add(view_of(text, length));
    return skip(0, "a text");
  }
  bool Uint(unsigned value) { return number(value); }
  bool Uint64(std::uint64_t value) { return number(static_cast<double>(value)); }
  bool Int(int value) { return number(value); }
  bool Int64(std::int64_t value) { return number(static_cast<double>(value)); }
  bool Double(double value) { return number(value); }
  bool Null() { return skip(0, "null"); }
  bool Bool(bool value) { return skip(0, value ? "true" : "false"); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return skip(0, "a number"); }
  // NOLINTEND(readability-identifier-naming)

  bool map_seen() const { return map_seen_; }

 private:
  enum class State { Start, Root, Metadata, InMetadata, Map, InMap, Other };

  bool complain(std::string found, std::string expected) {
    json_.complain(key_, printable(key_), std::move(found), std::move(expected));
    return false;
  }

  // Some writers store it as a real number.
  bool number(double value) {
    if (state_ == State::InMetadata && depth_ == 1 && key_ == "total_size") {
      if (!(value >= 0) || value > 0x1p60 || std::floor(value) != value)
        return complain("a size that is none", "bytes, at most 2^60");
      list_.payload = Bytes(static_cast<Count>(value));
    }
    return skip(0, "a number");
  }

  // Values that mean nothing here.
  bool skip(int deeper, const char* what) {
    if (state_ == State::InMap) return complain(what, "the name of a file");
    if (state_ == State::Start || state_ == State::Root || state_ == State::Map) {
      found_ = what;
      expected_ = "an object with weight_map, an object of names and files";
      return false;
    }
    if (state_ == State::Metadata) state_ = State::Other;
    depth_ += deeper;
    if (depth_ > kMaxDepth) return complain("values nested deeper than 64", "a flatter document");
    if (depth_ == 0) state_ = State::Root;
    return true;
  }
  bool leave() {
    if (--depth_ == 0) state_ = State::Root;
    return true;
  }

  bool add(std::string_view shard) {
    if (!is_plain_name(shard)) return complain(in_quotes(shard), "the name of a file beside the index");
    if (static_cast<Count>(list_.tensors.size()) == kMaxListedTensors)
      return complain("more than " + std::to_string(kMaxListedTensors) + " tensors", "fewer");
    ListedTensor t;
    t.name = key_;
    if (list_.shards.empty() || list_.shards[shard_] != shard) {
      const auto [found, fresh] = number_of_.try_emplace(shard, list_.shards.size());
      if (fresh && list_.shards.size() == kMaxShards) return complain("more than 100000 files", "fewer");
      if (fresh) list_.shards.emplace_back(shard);
      shard_ = found->second;
    }
    t.shard = static_cast<std::uint32_t>(shard_);
    list_.tensors.push_back(t);
    return true;
  }

  TensorList& list_;
  ForeignJson& json_;
  State state_ = State::Start;
  int depth_ = 0;  // below the root, in what is skipped
  bool map_seen_ = false;
  std::string_view key_;
  std::size_t shard_ = 0;
  std::unordered_map<std::string_view, std::size_t> number_of_;
  std::string found_, expected_;
};

}  // namespace

TensorList read_safetensors_index(std::string text, const std::string& file) {
  TensorList list;
  list.sized = false;
  list.names.push_back(std::move(text));
  ForeignJson json(list.names.back(), file);
  const std::size_t likely = list.names.back().size() / kUsualEntry;
  list.tensors.reserve(likely);
  prefer_large_pages(list.tensors.data(), likely * sizeof(ListedTensor));
  IndexHandler handler(list, json);
  json.parse(handler);
  if (!handler.map_seen()) json.complain_at(0, "weight_map", "nothing", "an object of tensor names and files");
  json.throw_if_any();
  if (const ListedTensor* twice = first_duplicate(list.tensors))
    json.complain(twice->name, printable(twice->name), "a name given twice", "one file");
  json.throw_if_any();
  return list;
}

}  // namespace moeplan
