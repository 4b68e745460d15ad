// SPDX-License-Identifier: Apache-2.0
#include "cli/model_argument.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/base/text.h"
#include "sim/spec/import/gguf.h"
#include "sim/spec/import/hf_config.h"
#include "sim/spec/import/hf_stored.h"
#include "sim/spec/import/safetensors.h"
#include "sim/spec/import/safetensors_set.h"

namespace moeplan {
namespace {

constexpr Bytes kLargestFile = 64 * kMiB;
constexpr std::string_view kIndexEnding = ".safetensors.index.json";

[[noreturn]] void refuse(const std::string& path, std::string found, std::string expected, std::string hint = "") {
  Problem problem;
  problem.file = path;
  problem.found = std::move(found);
  problem.expected = std::move(expected);
  problem.hint = std::move(hint);
  throw InputError(ErrorKind::InvalidInput, problem);
}

bool looks_like_path(const std::string& text) {
  std::error_code error;
  return text.find('/') != std::string::npos || text.ends_with(".json") || text.ends_with(".gguf") ||
         text.ends_with(".safetensors") || std::filesystem::exists(text, error);
}

// A file or folder, looked at once.
struct Source {
  enum class Kind { Config, Own, Tensors } kind = Kind::Own;
  std::string text;       // of a config or a model file of ours
  std::string file;       // it was read from
  CheckpointFiles files;  // Tensors; with a folder that also holds weights, Config too
  std::string header;     // Tensors: the JSON of a header saved alone
};

// What ModelOpt writes beside config.json.
BesideConfig beside(const std::string& config) {
  const std::filesystem::path path(config);
  if (path.filename() != "config.json") return {};
  const std::string quant = (path.parent_path() / "hf_quant_config.json").string();
  std::error_code error;
  if (!std::filesystem::is_regular_file(quant, error)) return {};
  return {read_text_file(quant, kLargestFile), quant};
}

bool has_weights(const CheckpointFiles& files) { return !files.index.empty() || !files.weights.empty(); }

Source source_of_folder(const std::string& path) {
  Source source;
  source.files = find_checkpoint(path);
  source.file = source.files.config;
  source.kind = source.file.empty() ? Source::Kind::Tensors : Source::Kind::Config;
  if (source.file.empty() && !has_weights(source.files))
    refuse(path, "a folder without config.json", "the folder of a Hugging Face model, or a file");
  if (!source.file.empty()) source.text = read_text_file(source.file, kLargestFile);
  return source;
}

Source source_of(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return source_of_folder(path);
  Source source;
  source.file = path;
  if (!path.ends_with(".safetensors")) {
    const bool index = path.ends_with(kIndexEnding);
    source.text = index ? "" : read_text_file(path, kMaxSafetensorsHeader);
    const bool named = index || is_safetensors_index(source.text);
    if (!named && !is_safetensors_header(source.text)) {
      if (Bytes(static_cast<Count>(source.text.size())) > kLargestFile)
        source.text = read_text_file(path, kLargestFile);
      source.kind = is_hf_config(source.text) ? Source::Kind::Config : Source::Kind::Own;
      return source;
    }
    if (!named) source.header = std::move(source.text);
  }
  source.kind = Source::Kind::Tensors;
  source.files = checkpoint_of(path);
  source.file = source.files.config;
  source.text = source.file.empty() ? "" : read_text_file(source.file, kLargestFile);
  return source;
}

ListedCheckpoint list_of(const Source& source, const std::string& path) {
  if (source.header.empty()) return list_checkpoint(source.files);
  ListedCheckpoint listed;
  listed.list = read_safetensors_header(source.header, path);
  return listed;
}

// A folder goes by its own name.
std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

void remark(ModelSpec& model, const std::string& sentence) { model.note += (model.note.empty() ? "" : " ") + sentence; }

// Exact bytes where every header is there; else the reason why not.
void attach(ModelSpec& model, const ListedCheckpoint& listed, const std::string& path) {
  if (!listed.list.sized) {
    remark(model, fmt::format("Sizes follow the published rules: {} of the weight files are not there ({}).",
                              listed.missing.size(), first_of_many(listed.missing)));
    if (listed.index_total != Bytes(0))
      remark(model, fmt::format("By the index the tensors take {} B.", listed.index_total.count()));
    return;
  }
  model.stored = std::make_shared<const StoredWeights>(stored_weights_of(listed.list, &model, path));
  if (listed.index_total != Bytes(0) && listed.index_total != listed.list.payload)
    remark(model, fmt::format("The index says {} B, its files hold {} B.", listed.index_total.count(),
                              listed.list.payload.count()));
}

ModelSpec model_of(Source source, const std::string& path) {
  if (source.kind == Source::Kind::Own) return read_model(std::move(source.text), source.file);
  if (source.file.empty())
    refuse(path, "tensors without a config.json beside them", "the config.json of the model",
           "put the config.json beside it; `moeplan models show` lists the tensors without");
  if (!has_weights(source.files) && source.header.empty())
    return import_hf_config(std::move(source.text), source.file, WeightFormats::FromConfig, beside(source.file));
  const ListedCheckpoint listed = list_of(source, path);
  ModelSpec model =
      import_hf_config(std::move(source.text), source.file,
                       listed.list.sized ? WeightFormats::FromFile : WeightFormats::FromConfig, beside(source.file));
  attach(model, listed, path);
  return model;
}

bool is_name(const Catalog& catalog, const std::string& argument) {
  try {
    static_cast<void>(catalog.model(argument));
    return true;
  } catch (const InputError&) {
    return false;
  }
}

}  // namespace

ModelSpec load_model_file(const Catalog& catalog, const std::string& path) {
  if (path.ends_with(".gguf")) return import_gguf(path, catalog.formats());
  return model_of(source_of(path), without_slash(path));
}

ModelSpec load_model(const Catalog& catalog, const std::string& argument) {
  try {
    return catalog.model(argument);
  } catch (const InputError& error) {
    if (error.kind() != ErrorKind::UnknownName || !looks_like_path(argument)) throw;
  }
  return load_model_file(catalog, argument);
}

std::optional<StoredWeights> load_tensors(const Catalog& catalog, const std::string& argument) {
  std::error_code error;
  const bool folder = std::filesystem::is_directory(argument, error);
  if (!folder && !argument.ends_with(".safetensors") && !argument.ends_with(".json")) return std::nullopt;
  if (is_name(catalog, argument)) return std::nullopt;
  const Source source = source_of(argument);
  if (source.kind != Source::Kind::Tensors || !source.file.empty()) return std::nullopt;
  const ListedCheckpoint listed = list_of(source, argument);
  StoredWeights stored = stored_weights_of(listed.list, nullptr, without_slash(argument));
  if (!listed.list.sized) stored.payload = listed.index_total;
  return stored;
}

}  // namespace moeplan
