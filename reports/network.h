// SPDX-License-Identifier: Apache-2.0
// How long traffic takes on a fabric (moeplan.network/1).
#pragma once

#include <string>

#include "reports/document.h"
#include "sim/study/network.h"

namespace moeplan {

struct NetworkReport {
  NetworkAnswer answer;
  std::string fabric;  // as asked
  std::string matrix;  // "" = the flows of a file
  std::string basis;   // share of the peak rates that links carry
  Count gpus = 0;      // of a hardware profile; 0 = none
};

Document describe_network(const NetworkReport& report);
Document tabulate_network(const NetworkReport& report);  // a row for each link
std::string json_of_network(const NetworkReport& report);

}  // namespace moeplan
