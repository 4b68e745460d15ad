// SPDX-License-Identifier: Apache-2.0
// Deployments of a sweep, read from the words of their options as `simulate` reads them.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "cli/session.h"
#include "sim/study/sweep_deployment.h"

namespace moeplan {

// Warnings of many deployments, each said once.
class WarningsOnce {
 public:
  void add(const std::string& text);
  const std::set<std::string>& all() const { return all_; }

 private:
  std::mutex mutex_;
  std::set<std::string> all_;
};

// Neither the session nor the warnings may end before the reader.
SweepReader sweep_reader(const Session& session, WarningsOnce& warnings);

// Throws InputError for names that no option of a deployment has, with the nearest.
void check_option_names(const SweepStudy& study);

// Every value that names a model, hardware, an engine or a format is known, else InputError
// (UnknownName): a typing error is not a million invalid rows.
void check_names(const SweepStudy& study, const Catalog& catalog);

// "layout=all": the legal layouts of each deployment, all of them together. No effect without.
void expand_layouts(SweepStudy& study, const SweepReader& reader);

}  // namespace moeplan
