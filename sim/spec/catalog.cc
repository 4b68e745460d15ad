// SPDX-License-Identifier: Apache-2.0
// Name lookup over data files. A file's stem is its id, so the usual lookup touches
// one file; only a name that is no stem scans the folder's texts for a quoted alias,
// and only texts that contain it are parsed.
#include "sim/spec/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/base/unit_text.h"
#include "sim/spec/embedded_data.h"

namespace moeplan {
namespace {

constexpr std::string_view kModels = "models/";
constexpr std::string_view kDevices = "hw_profiles/devices/";
constexpr std::string_view kNodes = "hw_profiles/nodes/";
constexpr std::string_view kRuntimes = "hw_profiles/runtimes/";
constexpr std::array<std::string_view, 4> kFolders = {kModels, kDevices, kNodes, kRuntimes};
constexpr std::string_view kFormatsPath = "models/formats.json";
constexpr std::string_view kUndisclosedPath = "models/undisclosed.json";
constexpr std::string_view kSuffix = ".json";
constexpr Bytes kMaxFileSize = 16 * kMiB;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool contains_ignoring_case(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char x, char y) { return lower(x) == lower(y); }) != text.end();
}

// The id a path stands for if it lies directly in folder; "" otherwise.
std::string_view stem_in(std::string_view folder, std::string_view path) {
  if (!path.starts_with(folder) || !path.ends_with(kSuffix)) return {};
  if (path == kFormatsPath || path == kUndisclosedPath) return {};
  const std::string_view stem = path.substr(folder.size(), path.size() - folder.size() - kSuffix.size());
  return stem.find('/') == std::string_view::npos ? stem : std::string_view{};
}

std::vector<std::string> ids_in(std::string_view folder, const std::vector<DataFile>& files) {
  std::vector<std::string> ids;
  for (const DataFile& file : files) {
    const std::string_view stem = stem_in(folder, file.path);
    if (!stem.empty()) ids.emplace_back(stem);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<std::string> aliases_of(const DataFile& file) {
  std::vector<std::string> aliases;
  const JsonDocument document = parse_json(file.text, file.path);
  const JsonNode* node = document.root.find("aliases");
  if (node == nullptr) return aliases;
  for (const JsonNode& item : node->items) aliases.push_back(item.text);
  return aliases;
}

const DataFile* find_by_alias(std::string_view folder, std::string_view name, const std::vector<DataFile>& files) {
  const std::string quoted = fmt::format("\"{}\"", name);
  for (const DataFile& file : files) {
    if (stem_in(folder, file.path).empty() || !contains_ignoring_case(file.text, quoted)) continue;
    const std::vector<std::string> aliases = aliases_of(file);
    if (std::any_of(aliases.begin(), aliases.end(),
                    [name](const std::string& alias) { return equal_ignoring_case(alias, name); })) {
      return &file;
    }
  }
  return nullptr;
}

const DataFile* find_file(std::string_view folder, std::string_view name, const std::vector<DataFile>& files) {
  if (name.empty()) return nullptr;
  for (const DataFile& file : files) {
    if (equal_ignoring_case(stem_in(folder, file.path), name)) return &file;
  }
  return find_by_alias(folder, name, files);
}

// Ids and aliases of the folders, for "did you mean".
std::vector<std::string> names_in(std::initializer_list<std::string_view> folders, const std::vector<DataFile>& files) {
  std::vector<std::string> names;
  for (const std::string_view folder : folders) {
    for (const DataFile& file : files) {
      const std::string_view stem = stem_in(folder, file.path);
      if (stem.empty()) continue;
      names.emplace_back(stem);
      for (std::string& alias : aliases_of(file)) names.push_back(std::move(alias));
    }
  }
  return names;
}

[[noreturn]] void throw_bad_file(const std::string& file, const std::string& path, const std::string& found,
                                 const std::string& expected) {
  Problem problem;
  problem.file = file;
  problem.path = path;
  problem.found = found;
  problem.expected = expected;
  throw InputError(ErrorKind::InvalidInput, problem);
}

// A model whose maker published no sizes: known, and refused with what is said of it.
[[noreturn]] void throw_undisclosed(std::string_view asked, const std::string& name, const std::string& said,
                                    const std::string& source) {
  Problem problem;
  problem.found = fmt::format("the model \"{}\" ({}), whose shape is undisclosed", asked, name);
  problem.expected = "a model whose sizes are published";
  problem.hint = fmt::format(
      "publicly said: {} ({}). To plan for a shape of your own: \"moeplan models make --total 600B --active 40B\" "
      "writes one, or give your own model file",
      said, source);
  throw InputError(ErrorKind::UnknownName, std::move(problem));
}

void throw_if_undisclosed(std::string_view name, const std::vector<DataFile>& files) {
  for (const DataFile& file : files) {
    if (file.path != kUndisclosedPath) continue;
    const JsonDocument document = parse_json(file.text, file.path);
    Complaints complaints(document);
    for (const auto& [id, node] : document.root.members) {
      ObjectReader entry(node, id, complaints);
      std::vector<std::string> names = entry.texts_or_empty("aliases");
      names.push_back(id);
      const std::string full = entry.text("name"), said = entry.text("said"), source = entry.text("source");
      entry.finish();
      complaints.throw_if_any();
      if (std::any_of(names.begin(), names.end(),
                      [name](const std::string& n) { return equal_ignoring_case(n, name); }))
        throw_undisclosed(name, full, said, source);
    }
  }
}

// A file whose content calls itself something else than its name would be found
// under one name and printed under another.
template <class Spec>
Spec named_as_file(Spec spec, const DataFile& file, std::string_view folder) {
  const std::string_view stem = stem_in(folder, file.path);
  if (spec.id == stem) return spec;
  throw_bad_file(file.path, "id", fmt::format("\"{}\"", spec.id), fmt::format("\"{}\", the name of the file", stem));
}

void sort_by_path(std::vector<DataFile>& files) {
  std::sort(files.begin(), files.end(), [](const DataFile& a, const DataFile& b) { return a.path < b.path; });
}

// The *.json files directly in directory/folder, with paths as the embedded ones have.
std::vector<DataFile> files_of(const std::filesystem::path& directory, std::string_view folder) {
  std::vector<DataFile> files;
  std::error_code error;
  for (const std::filesystem::directory_entry& entry :
       std::filesystem::directory_iterator(directory / std::string(folder), error)) {
    if (entry.path().extension() != kSuffix) continue;
    files.push_back({fmt::format("{}{}", folder, entry.path().filename().string()),
                     read_text_file(entry.path().string(), kMaxFileSize)});
  }
  return files;
}

}  // namespace

Catalog Catalog::embedded() {
  Catalog catalog;
  for (const EmbeddedFile& file : embedded_files()) {
    catalog.files_.push_back({std::string(file.path), std::string(file.text)});
  }
  sort_by_path(catalog.files_);
  return catalog;
}

Catalog Catalog::with_override(const std::string& directory) {
  std::vector<DataFile> found;
  for (const std::string_view folder : kFolders) {
    for (DataFile& file : files_of(directory, folder)) found.push_back(std::move(file));
  }
  if (found.empty()) {
    throw_bad_file(directory, "", "no data files", fmt::format("*.json in one of {}", fmt::join(kFolders, ", ")));
  }
  Catalog catalog = embedded();
  for (DataFile& file : found) {
    const auto same = std::find_if(catalog.files_.begin(), catalog.files_.end(),
                                   [&file](const DataFile& known) { return known.path == file.path; });
    if (same == catalog.files_.end()) {
      catalog.files_.push_back(std::move(file));
    } else {
      *same = std::move(file);
    }
  }
  sort_by_path(catalog.files_);
  return catalog;
}

std::vector<std::string> Catalog::model_ids() const { return ids_in(kModels, files_); }
std::vector<std::string> Catalog::device_ids() const { return ids_in(kDevices, files_); }
std::vector<std::string> Catalog::node_ids() const { return ids_in(kNodes, files_); }
std::vector<std::string> Catalog::runtime_ids() const { return ids_in(kRuntimes, files_); }

ModelSpec Catalog::model(std::string_view name) const {
  const DataFile* file = find_file(kModels, name, files_);
  if (file == nullptr) throw_if_undisclosed(name, files_);
  if (file == nullptr) throw_unknown_name("model", name, names_in({kModels}, files_), "moeplan models list");
  return named_as_file(read_model(file->text, file->path), *file, kModels);
}

DeviceSpec Catalog::device(std::string_view name) const {
  const DataFile* file = find_file(kDevices, name, files_);
  if (file == nullptr) {
    throw_unknown_name("hardware", name, names_in({kDevices, kNodes}, files_), "moeplan hardware list");
  }
  return named_as_file(read_device(file->text, file->path), *file, kDevices);
}

NodeSpec Catalog::node(std::string_view name) const {
  const DataFile* file = find_file(kNodes, name, files_);
  if (file == nullptr) {
    throw_unknown_name("hardware", name, names_in({kNodes, kDevices}, files_), "moeplan hardware list");
  }
  return named_as_file(read_node(file->text, file->path), *file, kNodes);
}

RuntimeSpec Catalog::runtime(std::string_view name) const {
  const DataFile* file = find_file(kRuntimes, name, files_);
  if (file == nullptr) throw_unknown_name("runtime", name, names_in({kRuntimes}, files_), "moeplan runtimes list");
  return named_as_file(read_runtime(file->text, file->path), *file, kRuntimes);
}

// Reads no profile but that one line: this is asked on every --memory.
std::vector<std::string> Catalog::devices_marketed_as(Bytes size) const {
  constexpr std::string_view kKey = "\"marketed\": \"";
  std::vector<std::string> ids;
  for (const std::string& id : device_ids()) {
    const std::string_view text = find_file(kDevices, id, files_)->text;
    const std::size_t key = text.find(kKey);
    if (key == std::string_view::npos) continue;
    const std::size_t start = key + kKey.size();
    if (parse_bytes(text.substr(start, text.find('"', start) - start)) == size) ids.push_back(id);
  }
  return ids;
}

bool Catalog::knows_node(std::string_view name) const { return find_file(kNodes, name, files_) != nullptr; }
bool Catalog::knows_device(std::string_view name) const { return find_file(kDevices, name, files_) != nullptr; }

FormatTable Catalog::formats() const {
  for (const DataFile& file : files_) {
    if (file.path == kFormatsPath) return read_formats(file.text, file.path);
  }
  throw_bad_file(std::string(kFormatsPath), "", "no such file", "the catalogue of formats");
}

}  // namespace moeplan
