// SPDX-License-Identifier: Apache-2.0
// How a row of each kind of measurement file becomes a point. One function per kind;
// the table is in operator_rows.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "validate/operator_rows.h"

namespace moeplan {

// What a kind's function fills in; the rest is common to all.
struct RowFacts {
  Family family = Family::Gemm;
  OperatorPoint point;
  KernelKey key;        // family is set by the reader
  std::string shape;    // what is left out together
  std::string seen_as;  // what a fit has seen of the row, where that is more than the shape
  double size = 0;
  const char* bad = nullptr;
};

struct RowKind {
  std::string_view kind;
  std::span<const std::string_view> columns;
  RowFacts (*read)(const CsvRow& row);
  // What needs all rows, when they are sound; nullptr = nothing.
  void (*finish)(OperatorTable& table) = nullptr;
};

RowFacts gemm_row(const CsvRow& row);
RowFacts attention_row(const CsvRow& row);
RowFacts mla_row(const CsvRow& row);
RowFacts collective_row(const CsvRow& row);
RowFacts ep_row(const CsvRow& row);

// The format a measurement file names; complains and answers Bf16 where it is unknown.
KernelFormat format_of(const CsvRow& row, std::string_view column);

}  // namespace moeplan
