// SPDX-License-Identifier: Apache-2.0
// Writes headers of GGUF files: sound ones, and any single thing wrong.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.h"
#include "sim/spec/import/gguf_types.h"
#include "sim/spec/weights.h"

namespace moeplan {

template <class T>
void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

inline void put_text(std::string& out, std::string_view text) {
  put<std::uint64_t>(out, text.size());
  out += text;
}

class GgufWriter {
 public:
  explicit GgufWriter(const FormatTable& formats) : formats_(&formats) {}

  std::uint32_t version = 3;
  std::uint64_t alignment = 32;

  void text(std::string_view key, std::string_view value) {
    begin(key, 8);
    put_text(keys_, value);
  }
  void integer(std::string_view key, Count value) {
    begin(key, 4);
    put<std::uint32_t>(keys_, static_cast<std::uint32_t>(value));
  }
  void real(std::string_view key, float value) {
    begin(key, 6);
    put<float>(keys_, value);
  }
  void list(std::string_view key, const std::vector<Count>& values) {
    begin(key, 9);
    put<std::uint32_t>(keys_, 5);
    put<std::uint64_t>(keys_, values.size());
    for (const Count v : values) put<std::int32_t>(keys_, static_cast<std::int32_t>(v));
  }
  // A vocabulary of `count` words.
  void words(std::string_view key, Count count) {
    begin(key, 9);
    put<std::uint32_t>(keys_, 8);
    put<std::uint64_t>(keys_, static_cast<std::uint64_t>(count));
    for (Count i = 0; i < count; ++i) put_text(keys_, "word" + std::to_string(i));
  }

  // dims: innermost (row length) first, as in the file. type: an id of models/formats.json.
  void tensor(const std::string& name, const std::vector<Count>& dims, std::string_view format) {
    const QuantFormat& f = (*formats_)[formats_->id_of(format)];
    Count elements = 1;
    for (const Count d : dims) elements *= d;
    const auto bytes = static_cast<std::uint64_t>(elements / f.group * f.group_bytes);
    tensor_at(name, dims, type_of(f.id), data_);
    payload_ += bytes;
    data_ = (data_ + bytes + alignment - 1) / alignment * alignment;
    end_ = data_;
  }
  void tensor_at(const std::string& name, const std::vector<Count>& dims, std::uint32_t type, std::uint64_t offset) {
    put_text(tensors_, name);
    put<std::uint32_t>(tensors_, static_cast<std::uint32_t>(dims.size()));
    for (const Count d : dims) put<std::uint64_t>(tensors_, static_cast<std::uint64_t>(d));
    put<std::uint32_t>(tensors_, type);
    put<std::uint64_t>(tensors_, offset);
    ++tensor_count_;
  }

  std::string header() const {
    std::string out = "GGUF";
    put<std::uint32_t>(out, version);
    put<std::uint64_t>(out, tensor_count_);
    put<std::uint64_t>(out, key_count_);
    return out + keys_ + tensors_;
  }
  std::uint64_t file_size() const { return (header().size() + alignment - 1) / alignment * alignment + end_; }
  Bytes payload() const { return Bytes(static_cast<Count>(payload_)); }
  Count tensors() const { return static_cast<Count>(tensor_count_); }

 private:
  void begin(std::string_view key, std::uint32_t type) {
    put_text(keys_, key);
    put<std::uint32_t>(keys_, type);
    ++key_count_;
  }
  static std::uint32_t type_of(std::string_view format) {
    for (std::uint32_t id = 0; id < 512; ++id)
      if (const GgmlType* type = find_ggml_type(id); type != nullptr && type->format == format) return id;
    CHECK(false);
    return 0;
  }

  const FormatTable* formats_;
  std::string keys_, tensors_;
  std::uint64_t key_count_ = 0, tensor_count_ = 0, data_ = 0, end_ = 0, payload_ = 0;
};

}  // namespace moeplan
