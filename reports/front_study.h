// SPDX-License-Identifier: Apache-2.0
// The answer of `simulate --study`.
#pragma once

#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/study/front_study.h"

namespace moeplan {

struct StudyFronts {
  std::string model;
  std::vector<Frontier> sides;  // as in the study; an empty one does not fit
  bool without_mtp = false;     // alternatives with drafts were left out
};

struct StudyReport {
  FrontStudy study;
  std::vector<StudyFronts> models;
};

Document describe_study(const StudyReport& report);
Document tabulate_study(const StudyReport& report);
std::string json_of_study(const StudyReport& report);

}  // namespace moeplan
