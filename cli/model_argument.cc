// SPDX-License-Identifier: Apache-2.0
#include "cli/model_argument.h"

#include <filesystem>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/base/text.h"
#include "sim/spec/import/gguf.h"
#include "sim/spec/import/hf_config.h"

namespace moeplan {
namespace {

constexpr Bytes kLargestFile = 64 * kMiB;

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

// A folder stands for the config.json in it.
std::string file_of(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return path;
  const std::string config = (std::filesystem::path(path) / "config.json").string();
  if (!std::filesystem::exists(config, error))
    refuse(path, "a folder without config.json", "the folder of a Hugging Face model, or a file");
  return config;
}

}  // namespace

ModelSpec load_model_file(const Catalog& catalog, const std::string& path) {
  if (path.ends_with(".gguf")) return import_gguf(path, catalog.formats());
  if (path.ends_with(".safetensors"))
    refuse(path, "a .safetensors file", "a model file or a Hugging Face config.json",
           "these files are not read yet: give the config.json and --weights");
  const std::string file = file_of(path);
  std::string text = read_text_file(file, kLargestFile);
  return is_hf_config(text) ? import_hf_config(std::move(text), file) : read_model(std::move(text), file);
}

ModelSpec load_model(const Catalog& catalog, const std::string& argument) {
  try {
    return catalog.model(argument);
  } catch (const InputError& error) {
    if (error.kind() != ErrorKind::UnknownName || !looks_like_path(argument)) throw;
  }
  return load_model_file(catalog, argument);
}

}  // namespace moeplan
