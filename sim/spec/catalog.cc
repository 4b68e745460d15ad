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
#include "sim/spec/import/hf_config.h"

namespace moeplan {
namespace {

constexpr std::string_view kModels = "models/";
constexpr std::string_view kDevices = "hw_profiles/devices/";
constexpr std::string_view kNodes = "hw_profiles/nodes/";
constexpr std::string_view kRuntimes = "hw_profiles/runtimes/";
constexpr std::string_view kScaleup = "hw_profiles/scaleup/";
constexpr std::string_view kScaleout = "hw_profiles/scaleout/";
constexpr std::string_view kSites = "hw_profiles/sites/";
constexpr std::string_view kPrices = "hw_profiles/prices/";
constexpr std::string_view kOverlays = "hw_profiles/overlays/";
constexpr std::string_view kCurves = "hw_profiles/curves/";
constexpr std::string_view kCurveSuffix = ".txt";
constexpr std::string_view kEngines = "hw_profiles/engines/";
constexpr std::string_view kStudies = "reports/studies/";
constexpr std::array<std::string_view, 11> kFolders = {kModels, kDevices,  kNodes,    kScaleup, kScaleout, kSites,
                                                       kPrices, kRuntimes, kOverlays, kEngines, kStudies};
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

// As our own writer sets them; a file written otherwise is read whole.
std::string without_shape_names(std::string_view text) {
  constexpr std::string_view kKey = "\"shapes\": \"";
  std::string shorter;
  shorter.reserve(text.size() / 2);
  std::size_t at = 0;
  for (std::size_t key = text.find(kKey); key != std::string::npos; key = text.find(kKey, at)) {
    const std::size_t value = key + kKey.size();
    const std::size_t end = text.find('"', value);
    if (end == std::string::npos) break;
    shorter.append(text, at, value - at).append("not read");
    at = end;
  }
  return shorter.append(text, at, std::string::npos);
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
  const JsonDocument document = parse_json(std::string(file.text), file.path);
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

// A model whose config is public and whose blocks are not modelled: refused with the importer's reason.
[[noreturn]] void throw_unmodelled(std::string_view asked, const std::string& name, const std::string& type,
                                   const std::string& make) {
  Problem problem;
  problem.found = fmt::format("the model \"{}\" ({}), which is published and not modelled", asked, name);
  problem.expected = "a model whose weights, cache and work are modelled";
  problem.hint = fmt::format(
      "{}. A shape of the same size, with another cache: \"moeplan models make {}\"; its published .gguf or "
      ".safetensors files: \"moeplan models show FILE\" lists their bytes",
      why_not_modelled(type), make);
  throw InputError(ErrorKind::UnknownName, std::move(problem));
}

void throw_if_undisclosed(std::string_view name, const std::vector<DataFile>& files) {
  for (const DataFile& file : files) {
    if (file.path != kUndisclosedPath) continue;
    const JsonDocument document = parse_json(std::string(file.text), file.path);
    Complaints complaints(document);
    for (const auto& [id, node] : document.root.members) {
      ObjectReader entry(node, id, complaints);
      std::vector<std::string> names = entry.texts_or_empty("aliases");
      names.push_back(id);
      const std::string full = entry.text("name"), type = entry.text_or("model_type", "");
      const bool published = !type.empty();
      const std::string said = published ? "" : entry.text("said"), source = published ? "" : entry.text("source");
      const std::string make = published ? entry.text("make") : "";
      entry.finish();
      complaints.throw_if_any();
      if (std::none_of(names.begin(), names.end(),
                       [name](const std::string& n) { return equal_ignoring_case(n, name); }))
        continue;
      if (published) throw_unmodelled(name, full, type, make);
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

// The files of this kind directly in directory/folder, with paths as the embedded ones have.
std::vector<DataFile> files_of(const std::filesystem::path& directory, std::string_view folder,
                               std::string_view suffix) {
  std::vector<DataFile> files;
  std::error_code error;
  for (const std::filesystem::directory_entry& entry :
       std::filesystem::directory_iterator(directory / std::string(folder), error)) {
    if (entry.path().extension() != suffix) continue;
    auto kept = std::make_shared<const std::string>(read_text_file(entry.path().string(), kMaxFileSize));
    files.push_back(
        {.path = fmt::format("{}{}", folder, entry.path().filename().string()), .text = *kept, .kept = kept});
  }
  return files;
}

// A device that was named alone, as the node of one.
NodeSpec holder_of(const DeviceSpec& device) {
  NodeSpec holder;
  holder.id = device.id;
  holder.name = device.name;
  holder.groups = {{device.id, 1}};
  holder.unified = device.device_class == DeviceClass::IntegratedGpu || device.device_class == DeviceClass::Cpu;
  return holder;
}

// Inherited members have no place in the file that inherits: they stand at its "like".
void move_to(JsonNode& node, std::size_t offset) {
  node.offset = offset;
  node.key_offset = offset;
  for (JsonNode& item : node.items) move_to(item, offset);
  for (JsonMember& member : node.members) move_to(member.node, offset);
}

// Which kind of profile a document is: by a key no other kind has, else by whom it is like.
std::string_view folder_of(const JsonDocument& document, const std::vector<DataFile>& files) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kTelling = {{{"device", kNodes},
                                                                                      {"groups", kNodes},
                                                                                      {"class", kDevices},
                                                                                      {"domain", kScaleup},
                                                                                      {"topology", kScaleout},
                                                                                      {"pue", kSites},
                                                                                      {"rentals", kPrices},
                                                                                      {"purchase_usd", kPrices}}};
  for (const auto& [key, folder] : kTelling) {
    if (document.root.find(key) != nullptr) return folder;
  }
  const JsonNode* like = document.root.find("like");
  if (like != nullptr && like->kind == JsonKind::String) {
    for (const std::string_view folder : {kNodes, kDevices, kScaleup, kScaleout, kSites, kPrices}) {
      if (find_file(folder, like->text, files) != nullptr) return folder;
    }
  }
  return kDevices;
}

}  // namespace

Catalog Catalog::embedded() {
  Catalog catalog;
  for (const EmbeddedFile& file : embedded_files()) {
    catalog.files_.push_back({.path = std::string(file.path), .text = file.text});
  }
  sort_by_path(catalog.files_);
  return catalog;
}

Catalog Catalog::with_override(const std::string& directory) {
  std::vector<DataFile> found;
  for (const std::string_view folder : kFolders) {
    for (DataFile& file : files_of(directory, folder, kSuffix)) found.push_back(std::move(file));
  }
  for (DataFile& file : files_of(directory, kCurves, kCurveSuffix)) found.push_back(std::move(file));
  if (found.empty()) {
    throw_bad_file(directory, "", "no data files", fmt::format("*.json in one of {}", fmt::join(kFolders, ", ")));
  }
  Catalog catalog = embedded();
  // Curves were made with the constants of the overlay beside them.
  for (const DataFile& file : found) {
    const std::string_view device = stem_in(kOverlays, file.path);
    if (device.empty()) continue;
    const std::string curves = fmt::format("{}{}{}", kCurves, device, kCurveSuffix);
    std::erase_if(catalog.files_, [&](const DataFile& known) { return known.path == curves; });
  }
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
std::vector<std::string> Catalog::scaleup_ids() const { return ids_in(kScaleup, files_); }
std::vector<std::string> Catalog::scaleout_ids() const { return ids_in(kScaleout, files_); }
std::vector<std::string> Catalog::site_ids() const { return ids_in(kSites, files_); }
std::vector<std::string> Catalog::price_ids() const { return ids_in(kPrices, files_); }
std::vector<std::string> Catalog::study_ids() const { return ids_in(kStudies, files_); }
std::vector<std::string> Catalog::overlay_ids() const { return ids_in(kOverlays, files_); }
std::vector<std::string> Catalog::runtime_ids() const { return ids_in(kRuntimes, files_); }

ModelSpec Catalog::model(std::string_view name) const {
  const DataFile* file = find_file(kModels, name, files_);
  if (file == nullptr) throw_if_undisclosed(name, files_);
  if (file == nullptr) throw_unknown_name("model", name, names_in({kModels}, files_), "moeplan models list");
  return named_as_file(read_model(std::string(file->text), file->path), *file, kModels);
}

DeviceSpec Catalog::device(std::string_view name) const {
  const DataFile* file = find_file(kDevices, name, files_);
  if (file == nullptr) {
    throw_unknown_name("hardware", name, names_in({kDevices, kNodes}, files_), "moeplan hardware list");
  }
  return named_as_file(read_device(load(*file, kDevices)), *file, kDevices);
}

NodeSpec Catalog::node(std::string_view name) const {
  const DataFile* file = find_file(kNodes, name, files_);
  if (file == nullptr) {
    throw_unknown_name("hardware", name, names_in({kNodes, kDevices}, files_), "moeplan hardware list");
  }
  return named_as_file(read_node(load(*file, kNodes)), *file, kNodes);
}

ScaleupSpec Catalog::scaleup(std::string_view name) const {
  const DataFile* file = find_file(kScaleup, name, files_);
  if (file == nullptr) throw_unknown_name("fabric", name, names_in({kScaleup}, files_), "moeplan hardware list");
  return named_as_file(read_scaleup(load(*file, kScaleup)), *file, kScaleup);
}

ScaleoutSpec Catalog::scaleout(std::string_view name) const {
  const DataFile* file = find_file(kScaleout, name, files_);
  if (file == nullptr) throw_unknown_name("network", name, names_in({kScaleout}, files_), "moeplan hardware list");
  return named_as_file(read_scaleout(load(*file, kScaleout)), *file, kScaleout);
}

SiteSpec Catalog::site(std::string_view name) const {
  const DataFile* file = find_file(kSites, name, files_);
  if (file == nullptr) throw_unknown_name("site", name, names_in({kSites}, files_), "moeplan hardware list");
  return named_as_file(read_site(load(*file, kSites)), *file, kSites);
}

std::optional<PriceSpec> Catalog::price(std::string_view device) const {
  const DataFile* file = find_file(kPrices, device, files_);
  if (file == nullptr) return std::nullopt;
  return named_as_file(read_price(load(*file, kPrices)), *file, kPrices);
}

ClusterSpec Catalog::cluster(std::string_view name) const {
  if (knows_node(name)) return cluster_of(node(name));
  const DeviceSpec alone = device(name);
  return cluster_of(holder_of(alone), {alone});
}

ClusterSpec Catalog::read_cluster(std::string text, const std::string& file) const {
  const JsonDocument document = parse_json(text, file);
  if (const JsonNode* node = document.root.find("node")) {
    std::vector<DeviceSpec> own;
    if (const JsonNode* devices = document.root.find("devices")) {
      for (const JsonNode& device : devices->items) own.push_back(read_device(JsonDocument{file, text, device}));
    }
    return cluster_of(read_node(JsonDocument{file, text, *node}), own);
  }
  const HardwareProfile profile = read_profile(std::move(text), file);
  if (const auto* node = std::get_if<NodeSpec>(&profile)) return cluster_of(*node);
  if (const auto* alone = std::get_if<DeviceSpec>(&profile)) return cluster_of(holder_of(*alone), {*alone});
  throw_bad_file(file, "", "what stands around devices", "a device or a machine");
}

ClusterSpec Catalog::cluster_of(const NodeSpec& node, const std::vector<DeviceSpec>& own) const {
  const auto find = [this, &own](const std::string& id) {
    for (const DeviceSpec& known : own) {
      if (known.id == id) return known;
    }
    return device(id);
  };
  ClusterSpec cluster;
  cluster.node = node;
  for (const NodeGroup& group : node.groups) {
    cluster.devices.push_back(find(group.device));
    cluster.prices.push_back(price(cluster.devices.back().id));
  }
  if (!node.cpu.empty()) cluster.cpu = find(node.cpu);
  if (!node.scaleup.empty()) cluster.scaleup = scaleup(node.scaleup);
  if (!node.scaleout.empty()) cluster.scaleout = scaleout(node.scaleout);
  if (!node.site.empty()) cluster.site = site(node.site);
  const std::vector<std::string> broken = violations(cluster);
  if (!broken.empty()) throw_bad_file(node.id, "", broken.front(), "parts that go together");
  return cluster;
}

// "like": the members a document does not give come from another of its folder.
void Catalog::inherit(JsonDocument& document, std::string_view folder) const {
  const JsonNode* like = document.root.find("like");
  if (like == nullptr) return;
  const DataFile* base = like->kind == JsonKind::String ? find_file(folder, like->text, files_) : nullptr;
  if (base == nullptr) {
    throw_bad_file(document.file, "like", what_is(*like), fmt::format("the id of a profile in {}", folder));
  }
  if (base->path == document.file) throw_bad_file(document.file, "like", "itself", "another profile");
  JsonDocument inherited = parse_json(std::string(base->text), base->path);
  if (inherited.root.find("like") != nullptr) {
    throw_bad_file(document.file, "like", fmt::format("\"{}\", which is itself like another", like->text),
                   "a profile that stands alone");
  }
  const std::size_t place = like->offset;
  std::erase_if(document.root.members, [](const JsonMember& member) { return member.name == "like"; });
  for (JsonMember& member : inherited.root.members) {
    if (member.name == "id" || member.name == "aliases" || document.root.find(member.name) != nullptr) continue;
    move_to(member.node, place);
    document.root.members.push_back(std::move(member));
  }
}

JsonDocument Catalog::load(const DataFile& file, std::string_view folder) const {
  JsonDocument document = parse_json(std::string(file.text), file.path);
  inherit(document, folder);
  return document;
}

HardwareProfile Catalog::read_profile(std::string text, const std::string& file) const {
  JsonDocument document = parse_json(std::move(text), file);
  const std::string_view folder = folder_of(document, files_);
  inherit(document, folder);
  if (folder == kNodes) return read_node(document);
  if (folder == kScaleup) return read_scaleup(document);
  if (folder == kScaleout) return read_scaleout(document);
  if (folder == kSites) return read_site(document);
  if (folder == kPrices) return read_price(document);
  return read_device(document);
}

RuntimeSpec Catalog::runtime(std::string_view name) const {
  const DataFile* file = find_file(kRuntimes, name, files_);
  if (file == nullptr) throw_unknown_name("runtime", name, names_in({kRuntimes}, files_), "moeplan runtimes list");
  return named_as_file(read_runtime(std::string(file->text), file->path), *file, kRuntimes);
}

DataFile Catalog::study(std::string_view name) const {
  const DataFile* file = find_file(kStudies, name, files_);
  if (file == nullptr) throw_unknown_name("study", name, names_in({kStudies}, files_), "moeplan help sweep");
  return *file;
}

std::optional<Overlay> Catalog::overlay(std::string_view device, ShapeNames names) const {
  const DataFile* file = find_file(kOverlays, device, files_);
  if (file == nullptr) return std::nullopt;
  return read_overlay(names == ShapeNames::Read ? std::string(file->text) : without_shape_names(file->text),
                      file->path);
}

Catalog::CurveText Catalog::curve_text(std::string_view device) const {
  const std::string path = fmt::format("{}{}{}", kCurves, device, kCurveSuffix);
  for (const DataFile& file : files_) {
    if (file.path == path) return {.text = file.text, .file = file.path};
  }
  return {};
}

std::optional<EngineProfiles> Catalog::engine_profiles(const RuntimeSpec& runtime) const {
  const DataFile* file = find_file(kEngines, runtime.id, files_);
  if (file == nullptr) file = find_file(kEngines, runtime.command_line, files_);
  if (file == nullptr) return std::nullopt;
  return read_engine_profiles(std::string(file->text), file->path);
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
    if (file.path == kFormatsPath) return read_formats(std::string(file.text), file.path);
  }
  throw_bad_file(std::string(kFormatsPath), "", "no such file", "the catalogue of formats");
}

}  // namespace moeplan
