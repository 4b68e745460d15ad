// SPDX-License-Identifier: Apache-2.0
// Three steps. Tensors of one pattern and layer become a cell (a few thousand of 90,000
// tensors). Cells of one module become a group: the matrix with its scales. Groups meet
// the matrices of the model's layer, which say how a fused tensor divides and what shape
// it must have.
#include "sim/spec/import/hf_stored.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/spec/import/hf_tensor_names.h"
#include "sim/spec/import/name_patterns.h"
#include "sim/spec/import/packed_formats.h"
#include "sim/spec/import/safetensors.h"

namespace moeplan {
namespace {

constexpr Count kMostLayers = 1024;
constexpr Count kMostOccurrences = 64;
constexpr std::size_t kMostProblems = 20;
constexpr std::size_t kMostExamples = 5;

// Tensors of one pattern in one layer.
struct Cell {
  std::uint32_t pattern = 0;
  std::uint32_t example = 0;         // a tensor of the list
  std::optional<std::uint32_t> odd;  // one of another shape or type
  Count layer = -1;
  Count occurrence = 0;
  Count tensors = 0;
  Count values = 0;  // as the shapes say
  Bytes bytes;
};

struct PatternInfo {
  NamePlace place;
  std::uint32_t module = 0;             // patterns that differ in the suffix only share it
  std::uint64_t last_key = UINT64_MAX;  // of the cell that took the last tensor
  std::size_t last_cell = 0;
};

// A matrix of the model as a layer has it.
struct Wanted {
  Matrix matrix;
  Count occurrence = 0;
  bool required = false;
};

// One module of a layer: values, scales, zero points, tables.
struct Group {
  std::vector<const Cell*> cells;
  const Cell* values = nullptr;
};

struct EntryKey {
  Stack stack;
  Count layer;
  MatrixRole role;
  Part part;
  Count occurrence;
  friend auto operator<=>(const EntryKey&, const EntryKey&) = default;
};

struct Building {
  StoredEntry entry;
  std::map<std::string, Bytes> formats;
  const Cell* example = nullptr;
  bool whole = true;  // one tensor (or one per expert) for one matrix: its sides can be compared
};

std::string shape_text(const ListedTensor& t) {
  std::string text = "[";
  for (std::size_t i = 0; i < t.rank; ++i) text += (i == 0 ? "" : ", ") + std::to_string(t.shape[i]);
  return text + "]";
}

// Values as they are: neither packed nor flattened.
bool is_float(std::string_view dtype) { return dtype == "BF16" || dtype == "F16" || dtype == "F32"; }

std::string matrix_text(const Matrix& m) {
  std::string text = std::to_string(m.rows) + " x " + std::to_string(m.cols);
  return m.copies > 1 ? std::to_string(m.copies) + " experts of " + text : text;
}

class Sorter {
 public:
  Sorter(const TensorList& list, const ModelSpec* model, std::string file)
      : list_(list), model_(model), file_(std::move(file)) {
    out_.file = file_name(file_);
    if (model != nullptr) layers_ = static_cast<Count>(expand_layers(*model, Stack::Decoder).size());
  }

  StoredWeights sort() {
    make_cells();
    if (model_ == nullptr) find_own_layers();
    for (Group& group : groups()) place(group);
    if (model_ != nullptr) compare();
    finish();
    return std::move(out_);
  }

 private:
  // ---- tensors -> cells ----

  void make_cells() {
    NamePatterns patterns;
    std::unordered_map<std::uint64_t, std::size_t> cell_of;
    for (std::size_t i = 0; i < list_.tensors.size(); ++i) {
      const std::uint32_t pattern = patterns.number_of(list_.tensors[i].name);
      if (pattern == patterns_.size()) add_pattern(patterns.pattern(pattern));
      const NumberedName& name = patterns.numbers();
      PatternInfo& info = patterns_[pattern];
      const NamePlace& place = info.place;
      const auto number = [&name](int slot, Count fallback) {
        return slot < 0                                      ? fallback
               : static_cast<std::size_t>(slot) < name.count ? name.numbers[static_cast<std::size_t>(slot)]
                                                             : -1;
      };
      // A tower's layers are not the model's; numbers past any model mean nothing.
      Count layer = place.part == Part::Vision ? -1 : number(place.layer, -1);
      if (layer >= kMostLayers) layer = -1;
      const Count occurrence = std::clamp<Count>(number(place.occurrence, 0), 0, kMostOccurrences - 1) + place.first;
      const std::uint64_t key = (static_cast<std::uint64_t>(pattern) << 32U) |
                                static_cast<std::uint64_t>((layer + 1) * 2 * kMostOccurrences + occurrence);
      if (info.last_key != key) {  // the experts of a layer share a cell
        const auto [at, new_cell] = cell_of.try_emplace(key, cells_.size());
        if (new_cell) {
          Cell cell;
          cell.pattern = pattern;
          cell.example = static_cast<std::uint32_t>(i);
          cell.layer = layer;
          cell.occurrence = occurrence;
          cells_.push_back(cell);
        }
        info.last_key = key;
        info.last_cell = at->second;
      }
      add(cells_[info.last_cell], i);
    }
  }

  void add_pattern(const std::string& pattern) {
    PatternInfo info;
    info.place = place_of_pattern(pattern);
    info.module = modules_.try_emplace(info.place.module, static_cast<std::uint32_t>(modules_.size())).first->second;
    patterns_.push_back(std::move(info));
  }

  void add(Cell& cell, std::size_t i) {
    const ListedTensor& t = list_.tensors[i];
    const ListedTensor& first = list_.tensors[cell.example];
    const bool same = t.dtype.data() == first.dtype.data() && t.rank == first.rank && t.shape == first.shape;
    if (!same && !cell.odd) cell.odd = static_cast<std::uint32_t>(i);
    ++cell.tensors;
    cell.values += t.elements();
    cell.bytes += t.bytes;
  }

  const NamePlace& place_of(const Cell& cell) const { return patterns_[cell.pattern].place; }

  // Without a config: layers that hold a projection of two hidden states are MTP modules.
  void find_own_layers() {
    Count last = -1;
    for (const Cell& cell : cells_) {
      if (place_of(cell).stack != Stack::Decoder || place_of(cell).mtp) continue;
      last = std::max(last, cell.layer);
      if (place_of(cell).placed && place_of(cell).roles[0] == MatrixRole::MtpProjection && cell.layer >= 0)
        first_mtp_ = std::min(first_mtp_.value_or(cell.layer), cell.layer);
    }
    layers_ = first_mtp_.value_or(last + 1);
  }

  // ---- cells -> groups ----

  std::vector<Group> groups() const {
    std::vector<Group> groups;
    std::map<std::tuple<std::uint32_t, Count, Count>, std::size_t> number_of;
    for (const Cell& cell : cells_) {
      const NamePlace& place = place_of(cell);
      // A bias is a vector of its own, whatever it is added to.
      const bool alone = place.kind == TensorKind::Bias;
      std::size_t number = groups.size();
      if (!alone)
        number = number_of.try_emplace({patterns_[cell.pattern].module, cell.layer, cell.occurrence}, groups.size())
                     .first->second;
      if (number == groups.size()) groups.emplace_back();
      Group& group = groups[number];
      group.cells.push_back(&cell);
      if (alone || place.kind == TensorKind::Values || place.kind == TensorKind::Packed) group.values = &cell;
    }
    return groups;
  }

  // ---- groups -> entries ----

  // Layer of an entry: an MTP module is counted after the last layer.
  Count layer_of(const Cell& cell) const {
    const NamePlace& place = place_of(cell);
    if (!place.mtp) return cell.layer;
    const Count modules = model_ == nullptr ? kMostLayers : std::max<Count>(1, model_->mtp.modules);
    return layers_ + std::clamp<Count>(cell.layer, 0, modules - 1);
  }

  bool is_mtp(const Cell& cell) const {
    return place_of(cell).mtp || (place_of(cell).stack == Stack::Decoder && cell.layer >= layers_) ||
           place_of(cell).part == Part::Mtp;
  }

  void place(const Group& group) {
    const Cell& lead = group.values == nullptr ? *group.cells.front() : *group.values;
    const NamePlace& place = place_of(lead);
    const Count layer = layer_of(lead);
    std::vector<Wanted*> takers;
    if (place.placed && model_ != nullptr) takers = matching(place, layer, lead.occurrence);
    Count expected = 0;
    for (const Wanted* w : takers) expected += w->matrix.elements() / (place.one_expert ? w->matrix.copies : 1);
    if (place.one_expert) expected *= lead.tensors;
    const Stored stored = stored_of(group, expected);
    const bool own_extra = place.roles[0] == MatrixRole::Extra;
    const bool explained =
        place.placed && group.values != nullptr && (model_ == nullptr || !takers.empty() || own_extra);
    if (!explained)
      report(group, is_mtp(lead)       ? word_of(Part::Mtp)
                    : place.known_part ? word_of(place.part)
                                       : "no known part, counted as dense");
    if (takers.empty()) {
      const MatrixRole role = explained ? place.roles[0] : MatrixRole::Extra;
      const Part part = is_mtp(lead) ? Part::Mtp : place.part;
      const Count where = role == MatrixRole::Extra && model_ != nullptr && !is_mtp(lead) ? -1 : layer;
      add(EntryKey{place.stack, where, role, part, lead.occurrence}, lead, stored, stored.values, stored.bytes,
          stored.tensors, false);
      return;
    }
    divide(takers, EntryKey{place.stack, layer, MatrixRole::Extra, Part::Mtp, lead.occurrence}, lead, stored);
  }

  // A fused tensor in proportion to its matrices.
  void divide(const std::vector<Wanted*>& takers, EntryKey key, const Cell& lead, const Stored& stored) {
    Count all = 0;
    for (const Wanted* w : takers) all += w->matrix.elements();
    Count before = 0;
    Count given = 0;
    Bytes bytes_given;
    for (const Wanted* w : takers) {
      before += w->matrix.elements();
      const auto share = [&](Count amount) { return static_cast<Count>(static_cast<__int128>(amount) * before / all); };
      key.role = w->matrix.role;
      key.part = is_mtp(lead) ? Part::Mtp : w->matrix.part;
      const bool first = w == takers.front();
      add(key, lead, stored, share(stored.values) - given, Bytes(share(stored.bytes.count())) - bytes_given,
          first ? stored.tensors : 0, takers.size() > 1);
      given = share(stored.values);
      bytes_given = Bytes(share(stored.bytes.count()));
    }
  }

  void add(const EntryKey& key, const Cell& lead, const Stored& stored, Count values, Bytes bytes, Count tensors,
           bool fused) {
    Building& building = entries_[key];
    StoredEntry& e = building.entry;
    if (building.example == nullptr) e.tensors = 0;
    building.example = building.example == nullptr ? &lead : building.example;
    e.stack = key.stack;
    e.layer = key.layer;
    e.occurrence = key.occurrence;
    e.role = key.role;
    e.part = key.part;
    e.elements += values;
    e.bytes += bytes;
    e.tensors += tensors;
    building.formats[stored.format] += bytes;
    building.whole = building.whole && building.example == &lead && !fused;
  }

  Stored stored_of(const Group& group, Count expected) const {
    PackedMatrix m;
    Stored stored;
    m.expected = expected;
    for (const Cell* cell : group.cells) {
      const NamePlace& place = place_of(*cell);
      const std::string_view dtype = list_.tensors[cell->example].dtype;
      stored.bytes += cell->bytes;
      stored.tensors += cell->tensors;
      if (cell == group.values) {
        m.dtype = dtype;
        m.packed = place.kind == TensorKind::Packed;
        m.storage_values = cell->values;
        m.storage_bits = 8 * cell->bytes.count();
        m.tensors = cell->tensors;
      } else if (place.kind == TensorKind::Scale && cell->values >= m.scales) {
        m.scales = cell->values;  // per-tensor second scales are fewer
        m.scale_dtype = dtype;
        m.scale_suffix = place.suffix;
      } else if (place.kind == TensorKind::Zero) {
        m.zeros_bits = 8 * cell->bytes.count();
        m.zeros_dtype = dtype;
      }
      if (place.suffix.ends_with("nested_absmax")) m.double_scaled = true;
    }
    const UnpackedMatrix unpacked = unpack(m);
    stored.values = group.values == nullptr ? 0 : unpacked.values;
    stored.format = unpacked.format;
    return stored;
  }

  void report(const Group& group, std::string_view part) {
    for (const Cell* cell : group.cells) {
      out_.unplaced_tensors += cell->tensors;
      out_.unplaced_bytes += cell->bytes;
      if (out_.unplaced_examples.size() < kMostExamples)
        out_.unplaced_examples.push_back(printable(list_.tensors[cell->example].name) + " (" + std::string(part) + ")");
    }
  }

  // ---- the model's side ----

  // Matrices of a layer; made when first asked for.
  std::vector<Wanted>& wanted(Stack stack, Count layer) {
    const auto [found, fresh] = wanted_.try_emplace({stack, layer});
    if (fresh) fill(found->second, stack, layer);
    return found->second;
  }

  void fill(std::vector<Wanted>& out, Stack stack, Count layer) {
    if (layer < 0) {
      out.push_back({embedding_of(*model_), 0, stack == Stack::Decoder});
      const bool has_encoder = !expand_layers(*model_, Stack::Encoder).empty();
      if (head_of(*model_).rows > 0) out.push_back({head_of(*model_), 0, stack == Stack::Decoder && !has_encoder});
      out.push_back({final_norm_of(*model_), 0, false});
      if (head_bias_of(*model_).rows > 0) out.push_back({head_bias_of(*model_), 0, false});
      return;
    }
    const std::vector<LayerShape> layers = expand_layers(*model_, stack);
    const bool mtp = layer >= static_cast<Count>(layers.size());
    if (mtp && (stack != Stack::Decoder || layer - layers_ >= model_->mtp.modules)) return;
    std::map<std::pair<MatrixRole, Part>, Count> seen;
    for (const BlockIndex b : mtp ? model_->mtp.shape : layers[static_cast<std::size_t>(layer)]) {
      std::map<std::pair<MatrixRole, Part>, Count> in_block;
      for (const Matrix& m : matrices_of(model_->blocks[b], *model_)) {
        const std::pair key(m.role, m.part);
        in_block[key] = 1;
        out.push_back({m, seen[key], !mtp && m.cols > 1});
      }
      for (const auto& [key, one] : in_block) seen[key] += one;
    }
    if (!mtp) return;
    out.push_back({mtp_projection_of(*model_), 0, false});
    out.push_back({embedding_of(*model_), 0, false});
    if (head_of(*model_).rows > 0) out.push_back({head_of(*model_), 0, false});
    out.push_back({mtp_norm_of(*model_), 0, false});
  }

  // The matrices a tensor may hold: those of its roles in the layer. Vectors of one role
  // are one sum, wherever they stand in the layer.
  std::vector<Wanted*> matching(const NamePlace& place, Count layer, Count occurrence) {
    std::vector<Wanted*> found;
    for (std::size_t r = 0; r < place.role_count; ++r)
      for (Wanted& w : wanted(place.stack, layer)) {
        const MatrixRole role = place.roles[r];
        if (w.matrix.role != role) continue;
        if (role == MatrixRole::Bias && w.matrix.part != place.part) continue;
        if (w.matrix.cols > 1 && w.occurrence != occurrence) continue;
        if (w.matrix.cols == 1 &&
            std::any_of(found.begin(), found.end(), [&](const Wanted* f) { return f->matrix.role == role; }))
          continue;
        found.push_back(&w);
      }
    // A bias of the router is one of two kinds, and the first the model has is meant.
    if (place.roles[0] == MatrixRole::RouterBias && found.size() > 1)
      found.erase(found.begin() + static_cast<std::ptrdiff_t>(1), found.end());
    return found;
  }

  // ---- checks ----

  void complain(std::string path, std::string found, std::string expected, std::string hint = "") {
    ++complaints_;
    if (problems_.size() == kMostProblems) return;
    Problem p;
    p.file = file_;
    p.path = std::move(path);
    p.found = std::move(found);
    p.expected = std::move(expected);
    p.hint = std::move(hint);
    problems_.push_back(std::move(p));
  }

  // Every 2-d matrix of the config is in the file, with its number of values.
  void compare() {
    const auto of_stack = [this](Stack stack) {
      const Count layers = static_cast<Count>(expand_layers(*model_, stack).size());
      for (Count layer = stack == Stack::Decoder ? -1 : 0; layer < layers; ++layer)
        for (const Wanted& w : wanted(stack, layer)) compare(stack, layer, w);
      return layers;
    };
    of_stack(Stack::Encoder);
    const Count layers = of_stack(Stack::Decoder);
    for (Count i = 0; i < model_->mtp.modules; ++i)
      for (const Wanted& w : wanted(Stack::Decoder, layers + i)) compare(Stack::Decoder, layers + i, w);
    if (problems_.empty()) return;
    if (complaints_ > problems_.size()) {
      Problem rest;
      rest.file = file_;
      rest.hint = "and " + std::to_string(complaints_ - problems_.size()) + " more matrices";
      problems_.push_back(std::move(rest));
    }
    throw InputError(ErrorKind::InvalidInput, problems_);
  }

  // Rows and columns, in any order (Conv1D of GPT-2 stores the transpose).
  bool has_sides(const Building& building, const Matrix& m) const {
    const Cell& cell = *building.example;
    const ListedTensor& t = list_.tensors[cell.example];
    if (!building.whole || t.rank != 2 || !is_float(t.dtype)) return true;
    if (m.copies > 1 && !place_of(cell).one_expert) return true;
    return std::minmax(t.shape[0], t.shape[1]) == std::minmax(m.rows, m.cols);
  }

  void compare(Stack stack, Count layer, const Wanted& w) {
    if (w.matrix.cols == 1) return;
    const bool mtp = stack == Stack::Decoder && layer >= layers_;
    const auto found = entries_.find({stack, layer, w.matrix.role, mtp ? Part::Mtp : w.matrix.part, w.occurrence});
    const std::string what = std::string(word_of(w.matrix.role));
    if (found == entries_.end()) {
      if (w.required)
        complain(layer < 0 ? what : "layer " + std::to_string(layer), layer < 0 ? "nothing" : "no " + what,
                 matrix_text(w.matrix) + " by the config",
                 "files of another model, or names that are not known: `models show` without the config lists them");
      return;
    }
    const Count elements = found->second.entry.elements;
    if (elements == w.matrix.elements() && has_sides(found->second, w.matrix)) return;
    // Files may hold a table twice (encoder and decoder).
    if (w.matrix.role == MatrixRole::Embedding && elements % w.matrix.elements() == 0) return;
    const Cell& cell = *found->second.example;
    const ListedTensor& t = list_.tensors[cell.odd.value_or(cell.example)];
    const bool one_of_many = place_of(cell).one_expert;
    complain(printable(t.name),
             (one_of_many ? std::to_string(cell.tensors) + " of " : std::string()) + shape_text(t) + " " +
                 std::string(t.dtype),
             matrix_text(w.matrix) + " for " + what + " by the config");
  }

  // ---- the result ----

  void finish() {
    out_.tensors = static_cast<Count>(list_.tensors.size());
    out_.shards = static_cast<Count>(list_.shards.size());
    out_.payload = list_.payload;
    out_.file_bytes = list_.file_bytes;
    Bytes sum;
    for (auto& [key, building] : entries_) {
      building.entry.format =
          std::max_element(building.formats.begin(), building.formats.end(), [](const auto& a, const auto& b) {
            return a.second < b.second;
          })->first;
      sum += building.entry.bytes;
      out_.entries.push_back(std::move(building.entry));
    }
    CHECK(sum == out_.payload || !list_.sized);
    if (!list_.sized) return;  // an index: names only
    std::map<std::string_view, StoredType> types;
    for (const Cell& cell : cells_) {
      if (cell.odd) continue;
      StoredType& type = types[list_.tensors[cell.example].dtype];
      type.tensors += cell.tensors;
      type.bytes += cell.bytes;
    }
    count_odd(types);
    for (auto& [name, type] : types) {
      type.dtype = name;
      out_.types.push_back(type);
    }
    std::sort(out_.types.begin(), out_.types.end(), [](const StoredType& a, const StoredType& b) {
      return std::pair(b.bytes, a.dtype) < std::pair(a.bytes, b.dtype);
    });
  }

  // Cells of mixed types are counted tensor by tensor.
  void count_odd(std::map<std::string_view, StoredType>& types) const {
    const bool any = std::any_of(cells_.begin(), cells_.end(), [](const Cell& c) { return c.odd.has_value(); });
    if (!any) return;
    types.clear();
    for (const ListedTensor& t : list_.tensors) {
      StoredType& type = types[t.dtype];
      ++type.tensors;
      type.bytes += t.bytes;
    }
  }

  const TensorList& list_;
  const ModelSpec* model_;
  std::string file_;
  Count layers_ = 0;  // of the decoder; later ones are MTP modules
  std::optional<Count> first_mtp_;
  std::vector<PatternInfo> patterns_;
  std::unordered_map<std::string, std::uint32_t> modules_;
  std::vector<Cell> cells_;
  std::map<std::pair<Stack, Count>, std::vector<Wanted>> wanted_;
  std::map<EntryKey, Building> entries_;
  std::vector<Problem> problems_;
  std::size_t complaints_ = 0;
  StoredWeights out_;
};

}  // namespace

StoredWeights stored_weights_of(const TensorList& list, const ModelSpec* model, const std::string& file) {
  CHECK(list.sized || model == nullptr);
  return Sorter(list, model, file).sort();
}

}  // namespace moeplan
