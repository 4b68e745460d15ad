// SPDX-License-Identifier: Apache-2.0
// Fabrics and byte matrices as words of a command line.
//
// Fabrics
//   star:n=72,bw=900e9,lat=1e-6
//   two-level:groups=8,per=8,nvl=450e9,nvlat=1e-6,nic=50e9,niclat=5e-6,gup=200e9
//     (without gup: no narrower than the adapters)
//   ring:n=8,bw=50e9,lat=1e-6
//   line:n=8,bw=50e9,lat=1e-6
//   torus2d:x=4,y=4,bw=50e9,lat=1e-6
//
// Matrices
//   uniform:SIZE        from each rank to each other one
//   zipf:S,PER_SRC      PER_SRC bytes from each rank, dealt as rank^-S over the others in an order
//                       all ranks share, drawn from the seed
//   random:MEAN         each pair 0 to 2 MEAN, equally likely
//   heavy:ALPHA,MEAN    each pair Pareto with exponent ALPHA > 1 (cut at 1,000 times the least)
//   incast:SIZE         every rank to rank 0
//   csv:FILE            rows src,dst,bytes; pairs that come twice add up
//
// Rates are bytes per second or carry a unit ("900 GB/s"), times seconds or a unit, sizes as
// everywhere. What is wrong is an InputError that names the option, or the file and line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sim/engine/flow_fabric.h"
#include "sim/program/byte_matrix.h"

namespace moeplan {

// Whether the words are of a generator ("star:...") and not the name of a hardware profile.
bool names_fabric_generator(std::string_view words);

FlowFabric read_fabric(std::string_view words);

ByteMatrix read_matrix(std::string_view words, Count ranks, std::uint64_t seed);

// Of "uniform:SIZE" the size, else 0: uniform exchanges need no matrix.
double uniform_bytes_of(std::string_view words);

inline constexpr Count kMostHosts = 1024;            // with a flow for each pair
inline constexpr Count kMostHostsOfClasses = 65536;  // of uniform exchanges

}  // namespace moeplan
