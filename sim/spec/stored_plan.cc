// SPDX-License-Identifier: Apache-2.0
// Entry by entry: the matrices of the entry's layer that have its role take its bytes in
// proportion to their elements (the q, k and v biases of an attention are one role).
#include "sim/spec/stored_plan.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "sim/base/error.h"

namespace moeplan {
namespace {

// Tensors of a program that its weights may take, a part of kMaxTensors; the caches,
// activations and buffers of kMaxBlocks blocks take the rest.
constexpr std::size_t kWeightRoom = 384;
// A share of expert weights may lie on device and host, each with padding.
constexpr std::size_t kTensorsOfExpertShare = 4;

// The format of each instance of a matrix, until shares are made of them.
using Formats = std::vector<FormatId>;

// One matrix of one instance: what the file says goes here.
struct Slot {
  const Matrix* matrix = nullptr;
  Bytes* bytes = nullptr;
  FormatId* format = nullptr;
  std::size_t position = 0;  // of its block in the layer
};

using Slots = std::vector<Slot>;
using Entries = std::vector<const StoredEntry*>;

// amount x part / whole, exact and rounded down.
Count proportion(Count amount, Count part, Count whole) {
  return static_cast<Count>(static_cast<__int128>(amount) * part / whole);
}

Bytes total_bytes(const Entries& entries) {
  Bytes total;
  for (const StoredEntry* e : entries) total += e->bytes;
  return total;
}

Count total_elements(const Entries& entries) {
  Count total = 0;
  for (const StoredEntry* e : entries) total += e->elements;
  return total;
}

// Of most of the values.
const std::string& main_format(const Entries& entries) {
  return (*std::max_element(entries.begin(), entries.end(),
                            [](const StoredEntry* a, const StoredEntry* b) { return a->elements < b->elements; }))
      ->format;
}

class StoredPlanner {
 public:
  StoredPlanner(const ModelSpec& model, const FormatTable& formats, WeightPlan& plan)
      : model_(model), formats_(formats), plan_(plan) {
    for (Stack stack : {Stack::Encoder, Stack::Decoder})
      layers_[static_cast<std::size_t>(stack)] = expand_layers(model, stack);
    open_slots();
  }

  void place(const StoredWeights& stored) {
    // Layer by layer, role by role.
    std::map<std::tuple<Stack, Count, MatrixRole, Part>, Entries> groups;
    for (const StoredEntry& e : stored.entries) groups[{e.stack, e.layer, e.role, e.part}].push_back(&e);
    for (auto& [key, entries] : groups) {
      const auto& [stack, layer, role, part] = key;
      const Slots slots = matching(slots_of(stack, layer), role, part);
      if (slots.empty())
        left_over_[static_cast<std::size_t>(part)].insert(left_over_[static_cast<std::size_t>(part)].end(),
                                                          entries.begin(), entries.end());
      else
        assign(entries, slots);
    }
    for (std::size_t part = 0; part < left_over_.size(); ++part)
      if (!left_over_[part].empty()) place_extra(static_cast<Part>(part), left_over_[part]);
    make_shares();
  }

 private:
  // Every matrix starts with no bytes for each of its instances.
  void open_slots() {
    std::vector<Count> instances(model_.blocks.size(), 0);
    std::size_t encoder = 0;
    for (const Stack stack : {Stack::Encoder, Stack::Decoder}) {
      const std::vector<LayerShape>& layers = layers_[static_cast<std::size_t>(stack)];
      if (stack == Stack::Encoder) encoder = layers.size();
      for (const LayerShape& layer : layers) {
        first_instances_.emplace_back();
        for (const BlockIndex b : layer) first_instances_.back().push_back(instances[b]++);
      }
    }
    encoder_layers_ = encoder;
    block_formats_.resize(plan_.blocks.size());
    for (std::size_t b = 0; b < plan_.blocks.size(); ++b)
      open(plan_.blocks[b], block_formats_[b], static_cast<std::size_t>(instances[b]));
    const auto modules = static_cast<std::size_t>(model_.mtp.modules);
    mtp_formats_.resize(plan_.mtp_blocks.size());
    for (std::size_t b = 0; b < plan_.mtp_blocks.size(); ++b) open(plan_.mtp_blocks[b], mtp_formats_[b], modules);
    single_formats_.resize(kSingles);
    for (std::size_t i = 0; i < kSingles; ++i) {
      const bool of_mtp = &single(i) == &plan_.mtp_projection || &single(i) == &plan_.mtp_norm;
      open(single(i), single_formats_[i], of_mtp ? modules : 1);
    }
    extra_formats_.resize(plan_.extras.size());
    for (std::size_t i = 0; i < plan_.extras.size(); ++i) open(plan_.extras[i], extra_formats_[i], 1);
  }

  static void open(MatrixPlan& m, Formats& formats, std::size_t instances) {
    m.stored.assign(std::max<std::size_t>(instances, 1), Bytes(0));
    formats.assign(m.stored.size(), m.shares[0].format);
  }
  static void open(BlockPlan& block, std::vector<Formats>& formats, std::size_t instances) {
    formats.resize(block.matrices.size());
    for (std::size_t i = 0; i < block.matrices.size(); ++i) open(block.matrices[i], formats[i], instances);
  }

  // Matrices outside every block.
  static constexpr std::size_t kSingles = 6;
  MatrixPlan& single(std::size_t i) {
    const std::array<MatrixPlan*, kSingles> all = {&plan_.embedding, &plan_.head,           &plan_.final_norm,
                                                   &plan_.head_bias, &plan_.mtp_projection, &plan_.mtp_norm};
    return *all[i];
  }

  void add(Slots& slots, MatrixPlan& m, Formats& formats, std::size_t instance, std::size_t position) {
    if (m.matrix.rows == 0 || instance >= m.stored.size()) return;
    slots.push_back({&m.matrix, &m.stored[instance], &formats[instance], position});
  }
  void add(Slots& slots, BlockPlan& block, std::vector<Formats>& formats, std::size_t instance, std::size_t position) {
    for (std::size_t i = 0; i < block.matrices.size(); ++i)
      add(slots, block.matrices[i], formats[i], instance, position);
  }

  // All matrices of a layer, an MTP module, or what is outside (layer -1).
  Slots slots_of(Stack stack, Count layer) {
    Slots slots;
    const std::vector<LayerShape>& layers = layers_[static_cast<std::size_t>(stack)];
    if (layer < 0) {
      for (std::size_t i = 0; i < 4; ++i) add(slots, single(i), single_formats_[i], 0, i);
    } else if (layer < static_cast<Count>(layers.size())) {
      const auto l = static_cast<std::size_t>(layer);
      const std::vector<Count>& first = first_instances_[stack == Stack::Decoder ? encoder_layers_ + l : l];
      for (std::size_t p = 0; p < layers[l].size(); ++p) {
        const BlockIndex b = layers[l][p];
        add(slots, plan_.blocks[b], block_formats_[b], static_cast<std::size_t>(first[p]), p);
      }
    } else if (stack == Stack::Decoder && layer - static_cast<Count>(layers.size()) < model_.mtp.modules) {
      const auto module = static_cast<std::size_t>(layer) - layers.size();
      for (std::size_t p = 0; p < plan_.mtp_blocks.size(); ++p)
        add(slots, plan_.mtp_blocks[p], mtp_formats_[p], module, p);
      for (std::size_t i = 4; i < kSingles; ++i)
        add(slots, single(i), single_formats_[i], module, plan_.mtp_blocks.size());
    }
    return slots;
  }

  // Those of the role: of this part where there are any (biases belong to several), else of
  // any. What is in an MTP module is of that part in the file.
  static Slots matching(Slots slots, MatrixRole role, Part part) {
    Slots of_role;
    std::copy_if(slots.begin(), slots.end(), std::back_inserter(of_role),
                 [role](const Slot& s) { return s.matrix->role == role; });
    Slots of_part;
    std::copy_if(of_role.begin(), of_role.end(), std::back_inserter(of_part),
                 [part](const Slot& s) { return s.matrix->part == part; });
    const bool of_any = of_part.empty() && (role != MatrixRole::Bias || part == Part::Mtp);
    return of_any ? of_role : of_part;
  }

  // The n-th occurrence goes to the n-th block that has the role, the last one to all that remain.
  void assign(Entries entries, const Slots& slots) {
    std::stable_sort(entries.begin(), entries.end(),
                     [](const StoredEntry* a, const StoredEntry* b) { return a->occurrence < b->occurrence; });
    std::vector<std::size_t> positions;
    for (const Slot& s : slots)
      if (positions.empty() || positions.back() != s.position) positions.push_back(s.position);
    std::size_t next = 0;
    for (auto e = entries.begin(); e != entries.end();) {
      const auto end =
          std::find_if(e, entries.end(), [&](const StoredEntry* o) { return o->occurrence != (*e)->occurrence; });
      const std::size_t from = positions[std::min(next, positions.size() - 1)];
      const std::size_t to = end == entries.end() ? positions.back() : from;
      Slots own;
      std::copy_if(slots.begin(), slots.end(), std::back_inserter(own),
                   [&](const Slot& s) { return s.position >= from && s.position <= to; });
      spread(Entries(e, end), own);
      e = end;
      ++next;
    }
  }

  void spread(const Entries& entries, const Slots& slots) {
    const Bytes bytes = total_bytes(entries);
    const FormatId format = formats_.id_of(main_format(entries));
    Count all = 0;
    for (const Slot& s : slots) all += s.matrix->elements();
    Count before = 0;
    Bytes given;
    for (const Slot& s : slots) {
      before += s.matrix->elements();
      const Bytes until(proportion(bytes.count(), before, all));
      *s.bytes += until - given;
      *s.format = format;
      given = until;
    }
  }

  // What no matrix explains, and what the model has as extras.
  void place_extra(Part part, const Entries& entries) {
    Slots slots;
    for (std::size_t i = 0; i < extra_formats_.size(); ++i)
      if (plan_.extras[i].matrix.part == part) add(slots, plan_.extras[i], extra_formats_[i], 0, i);
    if (!slots.empty()) return spread(entries, slots);
    MatrixPlan extra;
    extra.matrix.part = part;
    extra.matrix.quantisable = false;
    extra.matrix.rows = total_elements(entries);
    extra.shares[0].format = formats_.id_of(main_format(entries));
    extra.stored.assign(1, total_bytes(entries));
    plan_.extras.push_back(std::move(extra));
  }

  // ---- formats of instances -> shares ----

  // The first `limit` formats in order of appearance; the others go with the last of these.
  static void make_shares(MatrixPlan& m, const Formats& formats, std::size_t limit) {
    m.share_count = 0;
    for (MatrixPlan::Share& s : m.shares) s = {};
    for (std::size_t i = 0; i < formats.size(); ++i) {
      std::size_t s = 0;
      while (s < m.share_count && m.shares[s].format != formats[i]) ++s;
      if (s == m.share_count && s < limit) m.shares[m.share_count++].format = formats[i];
      m.shares[std::min(s, limit - 1)].instances.set(i);
    }
  }

  std::size_t make_shares(std::size_t limit) {
    std::size_t tensors = plan_.extras.size() + kSingles;
    const auto of_block = [&](BlockPlan& block, const std::vector<Formats>& formats) {
      for (std::size_t i = 0; i < block.matrices.size(); ++i) {
        MatrixPlan& m = block.matrices[i];
        make_shares(m, formats[i], limit);
        tensors += m.share_count * (m.matrix.part == Part::Experts ? kTensorsOfExpertShare : 1);
      }
    };
    for (std::size_t b = 0; b < plan_.blocks.size(); ++b) of_block(plan_.blocks[b], block_formats_[b]);
    for (std::size_t b = 0; b < plan_.mtp_blocks.size(); ++b) of_block(plan_.mtp_blocks[b], mtp_formats_[b]);
    return tensors;
  }

  // As many shares as the programs have room for; the bytes are exact with any number.
  void make_shares() {
    for (std::size_t limit = kMaxShares; limit > 0; limit /= 2)
      if (make_shares(limit) <= kWeightRoom) break;
    for (std::size_t i = 0; i < kSingles; ++i) make_shares(single(i), single_formats_[i], 1);
    for (std::size_t i = 0; i < extra_formats_.size(); ++i) make_shares(plan_.extras[i], extra_formats_[i], 1);
  }

  const ModelSpec& model_;
  const FormatTable& formats_;
  WeightPlan& plan_;
  std::array<std::vector<LayerShape>, 2> layers_;    // by stack
  std::vector<std::vector<Count>> first_instances_;  // of each block position of each layer, encoder first
  std::size_t encoder_layers_ = 0;
  std::vector<std::vector<Formats>> block_formats_;  // parallel to plan_.blocks
  std::vector<std::vector<Formats>> mtp_formats_;
  std::vector<Formats> single_formats_;
  std::vector<Formats> extra_formats_;  // of the model's own extras
  std::array<Entries, kPartWords.size()> left_over_;
};

}  // namespace

void apply_stored(const ModelSpec& model, const StoredWeights& stored, const FormatTable& formats, WeightPlan& plan) {
  StoredPlanner(model, formats, plan).place(stored);
  plan.from_file = true;
}

}  // namespace moeplan
