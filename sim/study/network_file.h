// SPDX-License-Identifier: Apache-2.0
// Flows and matrices as files of numbers.
//
// Flow file: words separated by blanks and line ends, # starts a comment,
//
//   HOSTS LINKS
//   BANDWIDTH LATENCY             for each link: bytes per second, seconds
//   FLOWS
//   SRC DST BYTES N LINK_1 ... LINK_N   for each flow: its route
//
// Matrix file: rows src,dst,bytes, with or without a header.
//
// Throws InputError(InvalidInput) with up to a hundred problems, each with file, line, what the
// number is, what was found and what was expected.
#pragma once

#include <string>

#include "sim/engine/flow_set.h"
#include "sim/program/byte_matrix.h"

namespace moeplan {

FlowSet read_flow_file(const std::string& path);
FlowSet parse_flows(const std::string& text, const std::string& file);

ByteMatrix read_matrix_file(const std::string& path, Count ranks);
ByteMatrix parse_matrix(const std::string& text, const std::string& file, Count ranks);

}  // namespace moeplan
