// SPDX-License-Identifier: Apache-2.0
#include "sim/program/expert_migration.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "sim/base/error.h"

namespace moeplan {
namespace {

std::size_t at(Count i) { return static_cast<std::size_t>(i); }

std::vector<Count> experts_on(const ExpertPlacement& placement, Count rank) {
  const auto first = placement.expert_of_slot().begin() + placement.first_slot(rank);
  std::vector<Count> experts(first, first + placement.slots_on(rank));
  std::sort(experts.begin(), experts.end());
  return experts;
}

// Of a square matrix of costs, row by row: the column of every row, least in sum. Shortest
// augmenting paths with potentials (R. Jonker, A. Volgenant, 1987), O(n^3). Rows and columns
// count from 1 inside; 0 is none.
std::vector<std::size_t> assignment_of(const std::vector<double>& costs, std::size_t n) {
  std::vector<double> row_price(n + 1, 0);
  std::vector<double> column_price(n + 1, 0);
  std::vector<std::size_t> row_of(n + 1, 0);
  std::vector<std::size_t> before(n + 1, 0);
  for (std::size_t row = 1; row <= n; ++row) {
    std::vector<double> least(n + 1, std::numeric_limits<double>::infinity());
    std::vector<bool> used(n + 1, false);
    std::size_t column = 0;
    row_of[0] = row;
    while (row_of[column] != 0) {  // until a free column is reached
      used[column] = true;
      double step = std::numeric_limits<double>::infinity();
      std::size_t next = 0;
      for (std::size_t j = 1; j <= n; ++j) {
        if (used[j]) continue;
        const std::size_t i = row_of[column];
        const double cost = costs[(i - 1) * n + j - 1] - row_price[i] - column_price[j];
        if (cost < least[j]) {
          least[j] = cost;
          before[j] = column;
        }
        if (least[j] < step) {
          step = least[j];
          next = j;
        }
      }
      for (std::size_t j = 0; j <= n; ++j) {
        if (used[j]) {
          row_price[row_of[j]] += step;
          column_price[j] -= step;
        } else {
          least[j] -= step;
        }
      }
      column = next;
    }
    for (; column != 0; column = before[column]) row_of[column] = row_of[before[column]];
  }
  std::vector<std::size_t> column_of(n);
  for (std::size_t j = 1; j <= n; ++j) column_of[row_of[j] - 1] = j - 1;
  return column_of;
}

}  // namespace

ExpertMigration migration_of(const ExpertPlacement& before, const ExpertPlacement& after, double expert_bytes) {
  CHECK(before.experts() == after.experts() && before.ranks() == after.ranks() && before.nodes() == after.nodes());
  const Count near = after.ranks() / after.nodes();
  std::vector<Count> sent(at(after.ranks()), 0);
  ExpertMigration migration;
  Count most_received = 0;
  Count far = 0;
  for (Count rank = 0; rank < after.ranks(); ++rank) {
    const std::vector<Count> held = experts_on(before, rank);
    std::vector<Count> wanted = experts_on(after, rank);
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    Count received = 0;
    for (const Count expert : wanted) {
      if (std::binary_search(held.begin(), held.end(), expert)) continue;
      Count from = -1;
      for (const Count slot : before.slots_of(expert)) {
        const Count source = before.rank_of(slot);
        const auto rank_of_choice = [&](Count r) { return std::pair(r / near != rank / near, sent[at(r)]); };
        if (from < 0 || rank_of_choice(source) < rank_of_choice(from)) from = source;
      }
      ++sent[at(from)];
      ++received;
      far += from / near != rank / near ? 1 : 0;
    }
    migration.moved += received;
    most_received = std::max(most_received, received);
  }
  migration.bytes = static_cast<double>(migration.moved) * expert_bytes;
  migration.most_received = static_cast<double>(most_received) * expert_bytes;
  migration.most_sent = static_cast<double>(*std::max_element(sent.begin(), sent.end())) * expert_bytes;
  migration.between_nodes = static_cast<double>(far) * expert_bytes;
  return migration;
}

ExpertPlacement aligned_to(const ExpertPlacement& before, const ExpertPlacement& after, bool within_nodes) {
  CHECK(before.experts() == after.experts() && before.ranks() == after.ranks() && before.nodes() == after.nodes());
  const std::size_t n = at(after.ranks());
  const Count near = after.ranks() / after.nodes();
  const auto forbidden = static_cast<double>(after.slots() + 1);  // more than all others together
  std::vector<double> costs(n * n);
  for (Count from = 0; from < after.ranks(); ++from) {
    const std::vector<Count> wanted = experts_on(after, from);
    for (Count to = 0; to < after.ranks(); ++to) {
      const std::vector<Count> held = experts_on(before, to);
      std::vector<Count> kept;
      std::set_intersection(wanted.begin(), wanted.end(), held.begin(), held.end(), std::back_inserter(kept));
      const bool allowed = after.slots_on(from) == after.slots_on(to) && (!within_nodes || from / near == to / near);
      costs[at(from) * n + at(to)] = allowed ? -static_cast<double>(kept.size()) : forbidden;
    }
  }
  const std::vector<std::size_t> new_rank = assignment_of(costs, n);
  std::vector<Count> expert_of_slot(at(after.slots()));
  for (Count from = 0; from < after.ranks(); ++from)
    for (Count i = 0; i < after.slots_on(from); ++i)
      expert_of_slot[at(after.first_slot(static_cast<Count>(new_rank[at(from)])) + i)] =
          after.expert_of_slot()[at(after.first_slot(from) + i)];
  return {after.experts(), after.ranks(), after.nodes(), std::move(expert_of_slot)};
}

}  // namespace moeplan
