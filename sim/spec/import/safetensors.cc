// SPDX-License-Identifier: Apache-2.0
// One pass over the JSON fills the list; a second checks what only the whole header can
// say: sizes, offsets without gap or overlap, names that differ.
#include "sim/spec/import/safetensors.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <numeric>
#include <system_error>
#include <utility>

#include "sim/base/error.h"
#include "sim/base/large_pages.h"
#include "sim/base/text.h"
#include "sim/spec/import/safetensors_json.h"

namespace moeplan {
namespace {

constexpr Count kMaxElements = Count{1} << 60;
constexpr std::size_t kUsualEntry = 110;
constexpr std::string_view kMetadata = "__metadata__";

struct Dtype {
  std::string_view name;
  int bits;
};

// Source: the crate's enum Dtype. F4 and F6 have no whole bytes per value.
constexpr Dtype kDtypes[] = {
    {"BF16", 16},   {"F32", 32},    {"F16", 16},    {"F8_E4M3", 8},     {"I32", 32},        {"U8", 8},
    {"I8", 8},      {"U32", 32},    {"I64", 64},    {"BOOL", 8},        {"F4", 4},          {"F6_E2M3", 6},
    {"F6_E3M2", 6}, {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F64", 64},    {"U64", 64},    {"C64", 64},
};

const Dtype* find_dtype(std::string_view name) {
  const Dtype* found =
      std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const Dtype& d) { return d.name == name; });
  return found == std::end(kDtypes) ? nullptr : found;
}

std::string dtype_names() {
  std::string names;
  for (const Dtype& d : kDtypes) names += (names.empty() ? "" : ", ") + std::string(d.name);
  return names;
}

struct Span {
  Count begin = 0;
  Count end = 0;
  friend auto operator<=>(const Span&, const Span&) = default;
};

// Fills a TensorList; stops at the first thing that is not the header's grammar.
class HeaderHandler {
 public:
  HeaderHandler(TensorList& list, std::vector<Span>& spans, ForeignJson& json)
      : list_(list), spans_(spans), json_(json) {}

  std::string found() const { return found_; }
  std::string expected() const { return expected_; }

  // What RapidJSON calls, by its names. NOLINTBEGIN(readability-identifier-naming)
  bool StartObject() {
    switch (state_) {
      case State::Start: state_ = State::Root; return true;
      case State::Metadata: state_ = State::InMetadata; return true;
      case State::Tensor: state_ = State::InTensor; return true;
      default: return refuse("an object");
    }
  }
  bool EndObject(rapidjson::SizeType) {
    if (state_ == State::InMetadata) {
      state_ = State::Root;
      return true;
    }
    if (state_ == State::Root) {
      state_ = State::End;
      return true;
    }
    state_ = State::Root;
    return finish_tensor();
  }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    const std::string_view key = view_of(text, length);
    if (state_ == State::InMetadata) return true;
    if (state_ == State::Root) return start_tensor(key);
    return start_field(key);
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (state_ == State::InMetadata) return true;
    if (state_ != State::Dtype) return refuse("a text");
    const std::string_view name = view_of(text, length);
    if (dtype_ == nullptr || dtype_->name != name) dtype_ = find_dtype(name);
    if (dtype_ == nullptr) {
      json_.complain(tensor_.name, path("dtype"), in_quotes(name), "one of " + dtype_names());
      return false;
    }
    tensor_.dtype = dtype_->name;
    state_ = State::InTensor;
    return true;
  }
  bool StartArray() {
    if (state_ == State::Shape) return (state_ = State::InShape), true;
    if (state_ == State::Offsets) return (state_ = State::InOffsets), true;
    return refuse("an array");
  }
  bool EndArray(rapidjson::SizeType count) {
    if (state_ == State::InOffsets && count != 2) {
      json_.complain(tensor_.name, path("data_offsets"), std::to_string(count) + " numbers", "begin and end");
      return false;
    }
    state_ = State::InTensor;
    return true;
  }
  bool Uint(unsigned value) { return number(value); }
  bool Uint64(std::uint64_t value) {
    return value > static_cast<std::uint64_t>(kMaxElements) ? refuse(std::to_string(value))
                                                            : number(static_cast<Count>(value));
  }
  bool Int(int value) { return refuse(std::to_string(value)); }
  bool Int64(std::int64_t value) { return refuse(std::to_string(value)); }
  bool Double(double) { return refuse("a number that is not whole, or too large"); }
  bool Null() { return refuse("null"); }
  bool Bool(bool value) { return refuse(value ? "true" : "false"); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return refuse("a number"); }
  // NOLINTEND(readability-identifier-naming)

 private:
  enum class State {
    Start,
    Root,
    Metadata,
    InMetadata,
    Tensor,
    InTensor,
    Dtype,
    Shape,
    InShape,
    Offsets,
    InOffsets,
    End
  };
  enum Field : unsigned { DtypeField = 1, ShapeField = 2, OffsetsField = 4, AllFields = 7 };

  std::string path(std::string_view field) const { return printable(tensor_.name) + "/" + std::string(field); }

  bool start_tensor(std::string_view name) {
    if (name == kMetadata) {
      if (std::exchange(metadata_seen_, true)) {
        json_.complain(name, std::string(kMetadata), "a second one", "one");
        return false;
      }
      state_ = State::Metadata;
      return true;
    }
    if (static_cast<Count>(list_.tensors.size()) == kMaxListedTensors) {
      json_.complain(name, "", "more than " + std::to_string(kMaxListedTensors) + " tensors", "fewer");
      return false;
    }
    tensor_ = ListedTensor{};
    tensor_.name = name;
    fields_ = 0;
    offsets_ = 0;
    state_ = State::Tensor;
    return true;
  }

  bool start_field(std::string_view key) {
    const Field field = key == "dtype" ? DtypeField : key == "shape" ? ShapeField : OffsetsField;
    if (field == OffsetsField && key != "data_offsets") {
      json_.complain(key, path("") + printable(key), "an unknown field", "dtype, shape and data_offsets");
      return false;
    }
    if ((fields_ & field) != 0) {
      json_.complain(key, path(key), "a second one", "one");
      return false;
    }
    fields_ |= field;
    state_ = field == DtypeField ? State::Dtype : field == ShapeField ? State::Shape : State::Offsets;
    return true;
  }

  bool number(Count value) {
    if (state_ == State::InShape) {
      if (tensor_.rank == kMaxTensorRank) {
        json_.complain(tensor_.name, path("shape"), "more than 8 dimensions", "at most 8");
        return false;
      }
      tensor_.shape[tensor_.rank++] = value;
      return true;
    }
    if (state_ == State::InOffsets) {
      if (offsets_ < 2) (offsets_ == 0 ? span_.begin : span_.end) = value;
      ++offsets_;
      return true;
    }
    return refuse(std::to_string(value));
  }

  bool finish_tensor() {
    if (fields_ != AllFields) {
      const std::string_view missing = (fields_ & DtypeField) == 0   ? "dtype"
                                       : (fields_ & ShapeField) == 0 ? "shape"
                                                                     : "data_offsets";
      json_.complain(tensor_.name, path(missing), "nothing", "dtype, shape and data_offsets");
      return false;
    }
    list_.tensors.push_back(tensor_);
    spans_.push_back(span_);
    return true;
  }

  bool refuse(std::string found) {
    found_ = std::move(found);
    switch (state_) {
      case State::Start: expected_ = "an object of tensors"; break;
      case State::Root:
      case State::Tensor: expected_ = "an object with dtype, shape and data_offsets"; break;
      case State::Metadata:
      case State::InMetadata: expected_ = "an object of texts"; break;
      case State::Dtype: expected_ = "a text"; break;
      case State::InTensor:
      case State::End: expected_ = "the end"; break;
      default: expected_ = "whole numbers from 0 to 2^60"; break;
    }
    static const std::string_view kFields[] = {"dtype", "shape", "data_offsets"};
    if (state_ >= State::Dtype && state_ != State::End) {
      const std::size_t field = state_ == State::Dtype ? 0 : state_ <= State::InShape ? 1 : 2;
      json_.complain(tensor_.name, path(kFields[field]), found_, expected_);
    } else if (state_ == State::Tensor) {
      json_.complain(tensor_.name, printable(tensor_.name), found_, expected_);
    }
    return false;
  }

  TensorList& list_;
  std::vector<Span>& spans_;
  ForeignJson& json_;
  State state_ = State::Start;
  ListedTensor tensor_;
  Span span_;
  const Dtype* dtype_ = nullptr;
  unsigned fields_ = 0;
  unsigned offsets_ = 0;
  bool metadata_seen_ = false;
  std::string found_, expected_;
};

// values x bits = bytes, without overflow.
void check_size(ListedTensor& t, const Span& span, ForeignJson& json) {
  const auto path = [&t](const char* field) { return printable(t.name) + field; };
  if (span.begin > span.end)
    return json.complain(t.name, path("/data_offsets"), std::to_string(span.begin) + " to " + std::to_string(span.end),
                         "an end not before the begin");
  Count values = 1;
  bool empty = false;
  for (std::size_t i = 0; i < t.rank; ++i) {
    if (t.shape[i] == 0)
      empty = true;
    else if (values > kMaxElements / t.shape[i])
      return json.complain(t.name, path("/shape"), "more than 2^60 values", "a tensor that some file can hold");
    else
      values *= t.shape[i];
  }
  if (empty) values = 0;
  const int bits = bits_of_dtype(t.dtype);
  t.bytes = Bytes(span.end - span.begin);
  // values <= 2^60, so values / 8 x bits + (values % 8) x bits / 8 stays below 2^63.
  const Count whole = values / 8 * bits + values % 8 * bits / 8;
  if (values % 8 * bits % 8 != 0)
    json.complain(t.name, path("/shape"), std::to_string(values) + " values of " + std::to_string(bits) + " bit",
                  "whole bytes");
  else if (whole != t.bytes.count())
    json.complain(t.name, path("/data_offsets"), std::to_string(t.bytes.count()) + " bytes",
                  std::to_string(whole) + " (" + std::to_string(values) + " values of " + std::string(t.dtype) + ")");
}

// Positions by begin, then end. Most writers list tensors in the order of their data.
std::vector<std::uint32_t> order_of(const std::vector<Span>& spans) {
  std::vector<std::uint32_t> order(spans.size());
  std::iota(order.begin(), order.end(), 0U);
  if (std::is_sorted(spans.begin(), spans.end())) return order;
  std::vector<std::pair<Span, std::uint32_t>> keyed;
  keyed.reserve(spans.size());
  for (const std::uint32_t i : order) keyed.emplace_back(spans[i], i);
  std::sort(keyed.begin(), keyed.end());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = keyed[i].second;
  return order;
}

// The data of all tensors, in order of place, covers [0, data) without gap or overlap.
void check_places(const TensorList& list, const std::vector<Span>& spans, std::optional<Bytes> data,
                  ForeignJson& json) {
  Count end = 0;
  std::string_view previous = "the header";
  for (const std::uint32_t i : order_of(spans)) {
    const std::string path = spans[i].begin == end ? "" : printable(list.tensors[i].name) + "/data_offsets";
    if (spans[i].begin < end)
      json.complain(list.tensors[i].name, path, "a begin at " + std::to_string(spans[i].begin),
                    "data behind " + printable(previous) + ", which ends at " + std::to_string(end),
                    "tensors must not overlap");
    else if (spans[i].begin > end)
      json.complain(list.tensors[i].name, path, "a begin at " + std::to_string(spans[i].begin),
                    std::to_string(end) + ", the end of " + printable(previous), "data must have no gap");
    end = std::max(end, spans[i].end);
    previous = list.tensors[i].name;
  }
  if (data && end != data->count())
    json.complain_at(0, "",
                     "tensors of " + std::to_string(end) + " bytes in a file with " + std::to_string(data->count()) +
                         " bytes of data",
                     "the same", end > data->count() ? "the file is cut short: download it again" : "");
}

[[noreturn]] void refuse_file(const std::string& path, std::string found, std::string expected, std::string hint = "") {
  Problem problem;
  problem.file = path;
  problem.found = std::move(found);
  problem.expected = std::move(expected);
  problem.hint = std::move(hint);
  throw InputError(ErrorKind::InvalidInput, problem);
}

// Room for the padding of ForeignJson too, so that it moves nothing.
std::string text_of_size(std::size_t size) {
  std::string text;
  text.reserve(size + kForeignPadding);
  prefer_large_pages(text.data(), text.capacity());
  text.resize(size);
  return text;
}

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

}  // namespace

int bits_of_dtype(std::string_view dtype) {
  const Dtype* found = find_dtype(dtype);
  return found == nullptr ? 0 : found->bits;
}

TensorList read_safetensors_header(std::string text, const std::string& file, std::optional<Bytes> data) {
  TensorList list;
  list.names.push_back(std::move(text));
  ForeignJson json(list.names.back(), file);
  std::vector<Span> spans;
  // Usual entries take 120 to 150 bytes: growing such tables step by step costs as much as parsing.
  const std::size_t likely = list.names.back().size() / kUsualEntry;
  list.tensors.reserve(likely);
  prefer_large_pages(list.tensors.data(), likely * sizeof(ListedTensor));
  spans.reserve(likely);
  HeaderHandler handler(list, spans, json);
  json.parse(handler);

  for (std::size_t i = 0; i < list.tensors.size(); ++i) check_size(list.tensors[i], spans[i], json);
  if (const ListedTensor* twice = first_duplicate(list.tensors))
    json.complain(twice->name, printable(twice->name), "a name given twice", "one tensor");
  json.throw_if_any();
  check_places(list, spans, data, json);
  json.throw_if_any();
  for (const ListedTensor& t : list.tensors) list.payload += t.bytes;  // contiguous: below 2^60
  list.shards.push_back(std::filesystem::path(file).filename().string());
  return list;
}

TensorList read_safetensors_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    refuse_file(path, std::filesystem::exists(path, error) ? "not a regular file" : "nothing", "a .safetensors file");
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) refuse_file(path, error.message(), "a readable file");
  const File in(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!in) refuse_file(path, std::generic_category().message(errno), "a readable file");
  unsigned char prefix[8] = {};
  if (std::fread(prefix, 1, sizeof prefix, in.get()) != sizeof prefix)
    refuse_file(path, std::to_string(size) + " bytes", "8 bytes of header length and a header");
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < sizeof prefix; ++i) length |= static_cast<std::uint64_t>(prefix[i]) << (8 * i);
  if (is_lfs_pointer(path)) refuse_file(path, "a Git LFS pointer", "the file itself", "fetch it with `git lfs pull`");
  if (prefix[0] == '{') {  // saved without its length
    std::rewind(in.get());
    if (size > static_cast<std::uintmax_t>(kMaxSafetensorsHeader.count()))
      refuse_file(path, "a file that starts with {", "8 bytes of header length");
    std::string text = text_of_size(static_cast<std::size_t>(size));
    text.resize(std::fread(text.data(), 1, text.size(), in.get()));
    return read_safetensors_header(std::move(text), path);
  }
  if (length > static_cast<std::uint64_t>(kMaxSafetensorsHeader.count()))
    refuse_file(path, "a header of " + std::to_string(length) + " bytes",
                "at most " + std::to_string(kMaxSafetensorsHeader.count()),
                "this is no safetensors file, or it is damaged");
  if (length > size - sizeof prefix)
    refuse_file(path, "a header of " + std::to_string(length) + " bytes in a file of " + std::to_string(size),
                "a header inside the file", "the file is cut short: download it again");
  std::string text = text_of_size(static_cast<std::size_t>(length));
  if (std::fread(text.data(), 1, text.size(), in.get()) != text.size())
    refuse_file(path, "a file that shrinks while it is read", "a complete file", "try again");
  TensorList list =
      read_safetensors_header(std::move(text), path, Bytes(static_cast<Count>(size - sizeof prefix - length)));
  list.file_bytes = Bytes(static_cast<Count>(size));
  return list;
}

bool is_safetensors_header(std::string_view text) { return text.find("\"data_offsets\"") != std::string_view::npos; }

bool is_safetensors_index(std::string_view text) { return text.find("\"weight_map\"") != std::string_view::npos; }

bool is_lfs_pointer(const std::string& path) {
  constexpr std::string_view kStart = "version https://git-lfs";
  const File in(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!in) return false;
  char start[kStart.size()] = {};
  return std::fread(start, 1, sizeof start, in.get()) == sizeof start &&
         std::string_view(start, sizeof start) == kStart;
}

}  // namespace moeplan
