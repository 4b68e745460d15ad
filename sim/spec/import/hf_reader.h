// SPDX-License-Identifier: Apache-2.0
// One object of a Hugging Face config: remembers which keys a family asked for, so
// that a key nobody understood can be refused by name. null counts as absent.
#pragma once

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/json.h"

namespace moeplan {

inline constexpr Count kMaxConfigLayers = 1024;

class HfReader {
 public:
  // `outer` holds the keys that multimodal configs keep beside text_config.
  HfReader(const JsonNode& node, std::string path, Complaints& complaints, const HfReader* outer = nullptr);

  bool has(std::string_view key);    // present and not null; marks the key
  Count size(std::string_view key);  // required, at least 1
  Count size_or(std::string_view key, Count fallback);
  Count count_or(std::string_view key, Count fallback);  // at least 0
  bool flag_or(std::string_view key, bool fallback);
  std::string text_or(std::string_view key, std::string_view fallback);
  std::vector<std::string> texts(std::string_view key);
  std::vector<Count> counts(std::string_view key);
  const JsonNode* node(std::string_view key);  // nullptr when absent or null
  HfReader object(std::string_view key);       // required

  // Families name the same thing differently: the first of `keys` that is present, else keys[0].
  std::string first_of(std::initializer_list<std::string_view> keys);

  // num_hidden_layers or its alias, 1 to 1024.
  Count layers(std::string_view key);
  // Per layer: the index of its word in `words`. Empty when the key is absent or wrong
  // (wrong length or word: a complaint).
  std::vector<std::size_t> layer_words(std::string_view key, Count layers, const std::vector<std::string>& words);
  // A scalar or, in families that publish lists, one equal entry for each of `layers`.
  Count uniform_size(std::string_view key, Count layers);
  // Known keys without influence on shapes.
  void understand(std::initializer_list<std::string_view> keys);
  // The key must be absent or equal to `expected`, since nothing else is modelled.
  void expect_flag(std::string_view key, bool expected, std::string_view why);
  void expect_zero(std::string_view key, std::string_view why);
  bool present_or_null(std::string_view key) const;

  // tie_word_embeddings, here or in the enclosing object.
  bool tied(bool fallback);
  // torch_dtype or dtype as a format id, "" when absent.
  std::string dtype();
  const HfReader* outer() const { return outer_; }

  void complain(std::string_view key, std::string expected, std::string hint = "");
  // Whether none of these was missing or wrong: a rule between fields says something true
  // only of fields that read well.
  bool read_well(std::initializer_list<std::string_view> keys) const;
  // A rule between `key` and `others`: a complaint at `key` when it is broken and all read well.
  void require(bool holds, std::string_view key, std::initializer_list<std::string_view> others, std::string expected,
               std::string hint = "");
  // Complains about each key that was not asked for, is not harmless and may change shapes.
  void refuse_unknown(std::string_view model_type);

  const JsonNode& self() const { return reader_.self(); }
  Complaints& complaints() const { return reader_.complaints(); }
  std::string path_of(std::string_view key) const { return reader_.path_of(key); }

 private:
  ObjectReader reader_;
  const HfReader* outer_;
  std::set<std::string, std::less<>> asked_;
  std::set<std::string, std::less<>> wrong_;  // missing or refused
  bool layers_known_ = true;

  // Reads under `key` and remembers whether that brought a complaint.
  template <class Read>
  auto checked(std::string_view key, Read read);
};

}  // namespace moeplan
