// SPDX-License-Identifier: Apache-2.0
// What is known of models: one in full (moeplan.models/1), the list, and two side by side.
#pragma once

#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/study/model_report.h"

namespace moeplan {

// by_layer: bytes of every layer too, where the model has a file.
Document describe_model(const ModelReport& report, const FormatTable& formats, bool by_layer = false);
// quantity, value: every figure of the report.
Document tabulate_model(const ModelReport& report);
std::string json_of_model(const ModelReport& report, const FormatTable& formats);

// id, parameters, experts, attention, context. One table for people and spreadsheets.
Document list_models(const std::vector<ModelSpec>& models);
std::string json_of_models(const std::vector<ModelSpec>& models);

// Every figure and field of two models; lines that differ are marked.
Document compare_models(const ModelReport& a, const ModelReport& b);
std::string json_of_comparison(const ModelReport& a, const ModelReport& b);

// A published figure beside ours.
struct PublishedCheck {
  PublishedTotal published;
  Count ours = 0;
  bool known = true;      // we compute this quantity
  double difference = 0;  // relative
  bool agrees = true;     // within its tolerance
};
std::vector<PublishedCheck> check_published(const ModelReport& report);

}  // namespace moeplan
