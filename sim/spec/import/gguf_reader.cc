// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/gguf_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <optional>
#include <unordered_map>

#include "sim/base/error.h"
#include "sim/spec/import/gguf_types.h"

namespace moeplan {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are little-endian");

// Far above any published file, low enough that a hostile header costs little.
constexpr std::uint64_t kMaxKeys = 65536;
constexpr std::uint64_t kMaxTensors = 262144;       // DeepSeek-V3 with a tensor per expert: 46,000
constexpr std::uint64_t kMaxHeader = 512ULL << 20;  // bytes; a vocabulary takes some 10 MB
constexpr std::uint64_t kMaxName = 255;             // ggml's own limit is 63 (GGML_MAX_NAME)
constexpr std::uint64_t kMaxKey = 65535;            // docs/gguf.md
constexpr std::uint64_t kKeptText = 1024;           // longer ones (chat templates) are skipped
constexpr std::uint64_t kKeptList = 4096;           // one entry per layer is needed, vocabularies are not
constexpr int kMaxNesting = 8;
constexpr std::uint64_t kMaxDims = 4;  // GGML_MAX_DIMS
constexpr std::size_t kMaxProblems = 16;
constexpr std::uint64_t kLargestSize = 1ULL << 62;

[[noreturn]] void refuse(const std::string& file, std::string path, std::string found, std::string expected,
                         std::string hint = "") {
  Problem problem;
  problem.file = file;
  problem.path = std::move(path);
  problem.found = std::move(found);
  problem.expected = std::move(expected);
  problem.hint = std::move(hint);
  throw InputError(ErrorKind::InvalidInput, problem);
}

// ---- bytes ----

// The first bytes of a file, from memory or through a window that moves over the file.
class Bytestream {
 public:
  Bytestream(std::string_view bytes, std::uint64_t size) : memory_(bytes), size_(size) {}
  explicit Bytestream(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
      const bool exists = std::filesystem::exists(path, error);
      refuse(path, "", exists ? "not a regular file" : "no such file", "a readable GGUF file");
    }
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (error || descriptor_ < 0)
      refuse(path, "", error ? error.message() : std::strerror(errno), "a readable GGUF file");
    size_ = size;
    window_.resize(kWindow);
  }
  ~Bytestream() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Bytestream(const Bytestream&) = delete;
  Bytestream& operator=(const Bytestream&) = delete;

  std::uint64_t size() const { return size_; }

  // `count` (at most kMaxKey) bytes from `offset` on, valid until the next call; fewer when
  // the file is shorter than it said.
  std::string_view at(std::uint64_t offset, std::size_t count) {
    if (descriptor_ < 0) {
      if (offset >= memory_.size()) return {};
      return memory_.substr(static_cast<std::size_t>(offset), count);
    }
    if (offset < first_ || offset + count > first_ + filled_) fill(offset);
    if (offset >= first_ + filled_) return {};
    const auto begin = static_cast<std::size_t>(offset - first_);
    return std::string_view(window_).substr(begin, std::min(count, filled_ - begin));
  }

 private:
  static constexpr std::size_t kWindow = std::size_t{1} << 18;

  void fill(std::uint64_t offset) {
    first_ = offset;
    filled_ = 0;
    while (filled_ < kWindow) {
      const ssize_t got =
          ::pread(descriptor_, window_.data() + filled_, kWindow - filled_, static_cast<off_t>(offset + filled_));
      if (got <= 0) break;
      filled_ += static_cast<std::size_t>(got);
    }
  }

  std::string_view memory_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::string window_;
  std::uint64_t first_ = 0;
  std::size_t filled_ = 0;
};

// ---- the header ----

enum class ValueType : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, Text, List, U64, I64, F64 };
constexpr std::uint32_t kValueTypes = 13;

// Bytes of a scalar; 0 for texts and lists.
std::uint64_t width_of(ValueType type) {
  switch (type) {
    case ValueType::U8:
    case ValueType::I8:
    case ValueType::Bool: return 1;
    case ValueType::U16:
    case ValueType::I16: return 2;
    case ValueType::U32:
    case ValueType::I32:
    case ValueType::F32: return 4;
    case ValueType::U64:
    case ValueType::I64:
    case ValueType::F64: return 8;
    case ValueType::Text:
    case ValueType::List: break;
  }
  return 0;
}

bool is_valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const std::size_t length = c < 0x80                ? 1
                               : c >= 0xC2 && c < 0xE0 ? 2
                               : c >= 0xE0 && c < 0xF0 ? 3
                               : c >= 0xF0 && c < 0xF5 ? 4
                                                       : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0U) != 0x80) return false;
    i += length;
  }
  return true;
}

// A name for a message: bytes that are no text are left out.
std::string shown(std::string_view name) {
  std::string text;
  for (const char c : name.substr(0, 80)) text += c >= 0x20 && c < 0x7F ? c : '?';
  return "\"" + text + "\"";
}

class HeaderReader {
 public:
  HeaderReader(Bytestream& bytes, const std::string& file, const FormatTable& formats)
      : bytes_(bytes), file_(file), formats_(formats) {}

  GgufHeader read() {
    read_start();
    const std::uint64_t tensors_at = at_;
    const auto tensors = number<std::uint64_t>("number of tensors");
    const std::uint64_t keys_at = at_;
    const auto keys = number<std::uint64_t>("number of metadata keys");
    // A tensor takes 32 bytes of the header at least, a key 13.
    limit(tensors, std::min(kMaxTensors, rest() / 32), tensors_at, "number of tensors", "tensors");
    limit(keys, std::min(kMaxKeys, rest() / 13), keys_at, "number of metadata keys", "keys");
    for (std::uint64_t i = 0; i < keys; ++i) read_key();
    read_alignment();
    header_.list.tensors.reserve(static_cast<std::size_t>(tensors));
    for (std::uint64_t i = 0; i < tensors; ++i) read_tensor();
    throw_if_any();
    check_places();
    throw_if_any();
    header_.list.file_bytes = Bytes(static_cast<Count>(bytes_.size()));
    return std::move(header_);
  }

 private:
  // ---- reading ----

  std::uint64_t rest() const { return bytes_.size() - at_; }
  std::string byte(std::uint64_t offset) const { return "byte " + std::to_string(offset); }

  void need(std::uint64_t count, std::string_view what) {
    if (count > rest())
      refuse(file_, byte(at_), fmt::format("the end of the file ({} bytes) within the {}", bytes_.size(), what),
             fmt::format("{} more bytes", count), "an incomplete download?");
    if (at_ + count > kMaxHeader)
      refuse(file_, byte(at_), fmt::format("a header beyond {} MiB in the {}", kMaxHeader >> 20, what),
             "metadata and tensor list within it");
  }

  std::string_view take(std::size_t count, std::string_view what) {
    need(count, what);
    const std::string_view bytes = bytes_.at(at_, count);
    if (bytes.size() < count) refuse(file_, byte(at_), "a file that shrinks while it is read", "a complete file");
    at_ += count;
    return bytes;
  }

  template <class T>
  T number(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  void skip(std::uint64_t count, std::string_view what) {
    need(count, what);
    at_ += count;
  }

  // Version 1 has 32-bit lengths and is refused, so lengths are 64 bits.
  std::string_view text(std::uint64_t most, std::string_view what) {
    const std::uint64_t start = at_;
    const auto length = number<std::uint64_t>(what);
    if (length > most)
      refuse(file_, byte(start), fmt::format("a {} of {} bytes", what, length), fmt::format("at most {}", most));
    const std::string_view value = take(static_cast<std::size_t>(length), what);
    if (!is_valid_utf8(value)) refuse(file_, byte(start), fmt::format("a {} that is not UTF-8", what), "text");
    return value;
  }

  void limit(std::uint64_t value, std::uint64_t most, std::uint64_t offset, std::string_view what,
             std::string_view unit) {
    if (value > most)
      refuse(file_, byte(offset) + ": " + std::string(what), std::to_string(value),
             fmt::format("at most {} {} in a file of {} bytes", most, unit, bytes_.size()));
  }

  // ---- start ----

  void read_start() {
    if (bytes_.size() < 4 || take(4, "magic") != "GGUF")
      refuse(file_, byte(0), "other first bytes", "\"GGUF\"", "older ggml, ggmf and ggjt files need converting");
    header_.version = number<std::uint32_t>("version");
    if (header_.version != 0 && (header_.version & 0xFFFFU) == 0)
      refuse(file_, byte(4), "a big-endian file", "little-endian",
             "convert it with llama.cpp's gguf_convert_endian.py");
    if (header_.version != 2 && header_.version != 3)
      refuse(file_, byte(4), fmt::format("GGUF version {}", header_.version), "version 2 or 3",
             header_.version == 1 ? "version 1 was used for some weeks of 2023: convert the model again" : "");
  }

  // ---- metadata ----

  void read_key() {
    const std::uint64_t start = at_;
    std::string key(text(kMaxKey, "metadata key"));
    const std::string what = "value of " + shown(key);
    GgufValue value = read_value(read_type(what), what);
    if (key.empty()) refuse(file_, byte(start), "a metadata key without a name", "a name");
    if (!header_.metadata.try_emplace(key, std::move(value)).second)
      refuse(file_, byte(start), "the metadata key " + shown(key) + " twice", "each key once");
  }

  ValueType read_type(std::string_view what) {
    const std::uint64_t start = at_;
    const auto type = number<std::uint32_t>(what);
    if (type >= kValueTypes)
      refuse(file_, byte(start), fmt::format("type {} for the {}", type, what), "a type from 0 to 12");
    return static_cast<ValueType>(type);
  }

  template <class T>
  std::int64_t integer(std::string_view what) {
    const T value = number<T>(what);
    if constexpr (std::is_same_v<T, std::uint64_t>)
      return static_cast<std::int64_t>(std::min<std::uint64_t>(value, INT64_MAX));
    else
      return static_cast<std::int64_t>(value);
  }

  // A scalar as an integer; reals are not.
  std::int64_t read_integer(ValueType type, std::string_view what) {
    switch (type) {
      case ValueType::U8:
      case ValueType::Bool: return integer<std::uint8_t>(what);
      case ValueType::I8: return integer<std::int8_t>(what);
      case ValueType::U16: return integer<std::uint16_t>(what);
      case ValueType::I16: return integer<std::int16_t>(what);
      case ValueType::U32: return integer<std::uint32_t>(what);
      case ValueType::I32: return integer<std::int32_t>(what);
      case ValueType::U64: return integer<std::uint64_t>(what);
      case ValueType::I64: return integer<std::int64_t>(what);
      case ValueType::F32:
      case ValueType::F64:
      case ValueType::Text:
      case ValueType::List: break;
    }
    skip(width_of(type), what);
    return 0;
  }

  GgufValue read_value(ValueType type, const std::string& what) {
    GgufValue value;
    switch (type) {
      case ValueType::Text: return read_text(what);
      case ValueType::List: return read_list(what, 0);
      case ValueType::F32:
        value.kind = GgufValue::Kind::Real;
        value.real = static_cast<double>(number<float>(what));
        return value;
      case ValueType::F64:
        value.kind = GgufValue::Kind::Real;
        value.real = number<double>(what);
        return value;
      case ValueType::Bool: value.kind = GgufValue::Kind::Flag; break;
      case ValueType::U8:
      case ValueType::I8:
      case ValueType::U16:
      case ValueType::I16:
      case ValueType::U32:
      case ValueType::I32:
      case ValueType::U64:
      case ValueType::I64: break;
    }
    value.integer = read_integer(type, what);
    return value;
  }

  GgufValue read_text(const std::string& what) {
    GgufValue value;
    value.kind = GgufValue::Kind::Text;
    value.length = number<std::uint64_t>(what);
    if (value.length > kKeptText)
      skip(value.length, what);
    else
      value.text = std::string(take(static_cast<std::size_t>(value.length), what));
    if (!is_valid_utf8(value.text)) value.text.clear();  // only shown
    return value;
  }

  GgufValue read_list(const std::string& what, int depth) {
    if (depth > kMaxNesting)
      refuse(file_, byte(at_), fmt::format("lists within lists more than {} deep in the {}", kMaxNesting, what),
             "fewer");
    const ValueType type = read_type(what);
    const std::uint64_t length_at = at_;
    GgufValue value;
    value.kind = GgufValue::Kind::List;
    value.length = number<std::uint64_t>(what);
    // A text takes 8 bytes at least, a list 12.
    const std::uint64_t least = type == ValueType::Text ? 8 : type == ValueType::List ? 12 : width_of(type);
    if (value.length > rest() / least)
      refuse(file_, byte(length_at), fmt::format("a list of {} in the {}", value.length, what),
             fmt::format("at most {}, which is what the file has room for", rest() / least));
    const bool whole = type != ValueType::F32 && type != ValueType::F64;
    if (type == ValueType::Text) {
      for (std::uint64_t i = 0; i < value.length; ++i) skip(number<std::uint64_t>(what), what);
    } else if (type == ValueType::List) {
      for (std::uint64_t i = 0; i < value.length; ++i) read_list(what, depth + 1);
    } else if (whole && depth == 0 && value.length <= kKeptList) {
      value.list.reserve(static_cast<std::size_t>(value.length));
      for (std::uint64_t i = 0; i < value.length; ++i) value.list.push_back(read_integer(type, what));
    } else {
      skip(value.length * least, what);
    }
    return value;
  }

  void read_alignment() {
    const auto found = header_.metadata.find("general.alignment");
    if (found == header_.metadata.end()) return;
    const std::int64_t value = found->second.integer;
    if (found->second.kind != GgufValue::Kind::Integer || value < 1 || value > (1 << 24) || (value & (value - 1)) != 0)
      refuse(file_, "general.alignment", std::to_string(value), "a power of two up to 16777216");
    alignment_ = static_cast<std::uint64_t>(value);
  }

  // ---- tensors ----

  void read_tensor() {
    const std::uint64_t start = at_;
    ListedTensor t;
    header_.list.names.emplace_back(text(kMaxName, "tensor name"));
    t.name = header_.list.names.back();
    const std::string what = "tensor " + shown(t.name);
    if (t.name.empty()) refuse(file_, byte(start), "a tensor without a name", "a name");
    const auto dims = number<std::uint32_t>(what);
    if (dims < 1 || dims > kMaxDims)
      refuse(file_, byte(start) + ": " + what, fmt::format("{} dimensions", dims), "1 to 4");
    t.rank = static_cast<std::uint8_t>(dims);
    std::uint64_t elements = 1;
    for (std::uint32_t i = 0; i < dims; ++i) {
      const auto size = number<std::uint64_t>(what);
      if (size == 0 || size > kLargestSize / elements)
        refuse(file_, byte(start) + ": " + what, fmt::format("dimension {} of {}", i, size),
               size == 0 ? "at least 1" : "a product of dimensions below 2^62");
      elements *= size;
      t.shape[dims - 1 - i] = static_cast<Count>(size);  // GGUF writes the row length first
    }
    const auto type_id = number<std::uint32_t>(what);
    const auto offset = number<std::uint64_t>(what);
    size_tensor(t, type_id, elements, byte(start) + ": " + what);
    header_.list.tensors.push_back(t);
    offsets_.push_back(offset);
  }

  void size_tensor(ListedTensor& t, std::uint32_t type_id, std::uint64_t elements, const std::string& where) {
    const GgmlType* type = find_ggml_type(type_id);
    if (type == nullptr) return complain(where, fmt::format("type {}", type_id), "a type that ggml has assigned");
    if (type->format.empty())
      return complain(where, fmt::format("type {} ({}), which {}", type->name, type_id, type->reason),
                      "a type that llama.cpp reads");
    const QuantFormat& format = format_of(*type);
    const Count row = t.shape[t.rank - 1U];
    if (row % format.group != 0)
      return complain(where, fmt::format("rows of {} values as {}", row, type->name),
                      fmt::format("a multiple of {}", format.group));
    const std::uint64_t groups = elements / static_cast<std::uint64_t>(format.group);
    if (groups > kLargestSize / static_cast<std::uint64_t>(format.group_bytes))
      return complain(where, fmt::format("{} values", elements), "a tensor below 2^62 bytes");
    t.dtype = type->name;
    t.bytes = Bytes(static_cast<Count>(groups * static_cast<std::uint64_t>(format.group_bytes)));
  }

  const QuantFormat& format_of(const GgmlType& type) {
    const auto [found, added] = format_ids_.try_emplace(type.id, FormatId{0});
    if (added) found->second = formats_.id_of(type.format);
    return formats_[found->second];
  }

  // Data starts at the next multiple of the alignment; tensors lie one after the other.
  void check_places() {
    const std::uint64_t data = (at_ + alignment_ - 1) / alignment_ * alignment_;
    std::vector<std::size_t> order(offsets_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) { return offsets_[a] < offsets_[b]; });
    const std::uint64_t room = bytes_.size() > data ? bytes_.size() - data : 0;
    std::uint64_t end = 0;
    std::string_view before;
    for (const std::size_t i : order) {
      const ListedTensor& t = header_.list.tensors[i];
      const std::string where = "tensor " + shown(t.name);
      const auto size = static_cast<std::uint64_t>(t.bytes.count());
      if (offsets_[i] % alignment_ != 0)
        complain(where, fmt::format("offset {}", offsets_[i]), fmt::format("a multiple of {}", alignment_));
      else if (offsets_[i] < end)
        complain(where, fmt::format("offset {} inside of {}", offsets_[i], shown(before)),
                 fmt::format("at least {}", end));
      else if (offsets_[i] > room || size > room - offsets_[i])
        complain(where, fmt::format("a file of {} bytes", bytes_.size()),
                 fmt::format("{} bytes of data from byte {} on", size, saturating(data, offsets_[i])),
                 "an incomplete download?");
      else
        header_.list.payload += t.bytes;
      end = std::max(end, saturating(offsets_[i], size));
      before = t.name;
    }
    check_names();
  }

  static std::uint64_t saturating(std::uint64_t a, std::uint64_t b) { return b > UINT64_MAX - a ? UINT64_MAX : a + b; }

  void check_names() {
    std::vector<std::string_view> names;
    names.reserve(header_.list.tensors.size());
    for (const ListedTensor& t : header_.list.tensors) names.push_back(t.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) complain("tensor " + shown(*twice), "the name twice", "each name once");
  }

  // ---- problems that do not stop the reading ----

  void complain(std::string path, std::string found, std::string expected, std::string hint = "") {
    if (problems_.size() < kMaxProblems)
      problems_.push_back({file_, 0, 0, std::move(path), std::move(found), std::move(expected), std::move(hint)});
  }
  void throw_if_any() {
    if (!problems_.empty()) throw InputError(ErrorKind::InvalidInput, problems_);
  }

  Bytestream& bytes_;
  const std::string& file_;
  const FormatTable& formats_;
  std::uint64_t at_ = 0;
  std::uint64_t alignment_ = 32;  // GGUF_DEFAULT_ALIGNMENT
  GgufHeader header_;
  std::vector<std::uint64_t> offsets_;  // of the tensors, from the start of the data
  std::unordered_map<std::uint32_t, FormatId> format_ids_;
  std::vector<Problem> problems_;
};

}  // namespace

GgufHeader read_gguf_header(const std::string& path, const FormatTable& formats) {
  Bytestream bytes(path);
  return HeaderReader(bytes, path, formats).read();
}

GgufHeader read_gguf_bytes(std::string_view bytes, std::uint64_t file_size, const std::string& name,
                           const FormatTable& formats) {
  Bytestream stream(bytes, std::max<std::uint64_t>(file_size, bytes.size()));
  return HeaderReader(stream, name, formats).read();
}

}  // namespace moeplan
