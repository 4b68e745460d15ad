// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/engine_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/base/json.h"
#include "sim/spec/fit_error_json.h"
#include "sim/spec/sourced_json.h"

namespace moeplan {
namespace {

struct Constant {
  std::string_view name;
  double EngineConstants::*field;
  double least;
  double most;
  std::string_view help;
};
constexpr std::array<Constant, 7> kConstants = {
    {{"step_s", &EngineConstants::step_s, 0, 1, "host seconds of a step that the device waits for"},
     {"sequence_s", &EngineConstants::sequence_s, 0, 1e-2, "the same for each sequence of a rank"},
     {"operator_s", &EngineConstants::operator_s, 0, 1e-2, "seconds between one operator and the next"},
     {"sync_s", &EngineConstants::sync_s, 0, 1e-2, "seconds each collective waits for the slowest rank"},
     {"kernels", &EngineConstants::kernels, 1, 10, "over the operators' own time where a step decodes"},
     {"prompts", &EngineConstants::prompts, 1, 10, "and where it reads prompts"},
     {"experts", &EngineConstants::experts, 1, 10, "over expert layers and their exchanges, besides"}}};

EngineConstants read_constants(ObjectReader reader) {
  EngineConstants constants;
  for (const Constant& c : kConstants)
    if (reader.node(c.name) != nullptr) constants.*c.field = reader.real(c.name, c.least, c.most);
  reader.finish();
  return constants;
}

EngineProfile read_profile(ObjectReader& reader) {
  EngineProfile p;
  p.versions = reader.text("versions");
  p.as_of = reader.text("as_of");
  p.from = reader.text_or("from", "");
  p.until = reader.text_or("until", "");
  p.hardware = reader.text_or("hardware", "");
  p.constants = read_constants(reader.object("constants"));
  p.models = reader.texts_or_empty("models");
  for (ObjectReader& item : read_items(reader, "without")) {
    ConstantsWithout without;
    without.model = item.text("model");
    without.constants = read_constants(item.object("constants"));
    item.finish();
    p.without.push_back(std::move(without));
  }
  p.rows = reader.count("rows", {1, Count{1} << 40});
  p.left_out = read_error(reader.object("left_out"));
  p.source = reader.text("source");
  reader.finish();
  return p;
}

void write_constants(JsonWriter& out, const EngineConstants& constants) {
  out.key("constants").compact(true).begin_object();
  constexpr EngineConstants kNone;
  for (const Constant& c : kConstants)
    if (constants.*c.field != kNone.*c.field) out.member(c.name, constants.*c.field);
  out.end_object().compact(false);
}

void write_profile(JsonWriter& out, const EngineProfile& p) {
  out.begin_object().member("versions", p.versions).member("as_of", p.as_of);
  if (!p.from.empty()) out.member("from", p.from).member("until", p.until);
  if (!p.hardware.empty()) out.member("hardware", p.hardware);
  write_constants(out, p.constants);
  out.key("models").compact(true).begin_array();
  for (const std::string& model : p.models) out.value(model);
  out.end_array().compact(false).key("without").begin_array();
  for (const ConstantsWithout& without : p.without) {
    out.begin_object().member("model", without.model);
    write_constants(out, without.constants);
    out.end_object();
  }
  out.end_array().member("rows", p.rows);
  write_error(out, "left_out", p.left_out);
  out.member("source", p.source).end_object();
}

}  // namespace

int fitted_constants(const EngineConstants& constants) {
  constexpr EngineConstants kNone;
  return static_cast<int>(std::count_if(kConstants.begin(), kConstants.end(),
                                        [&](const Constant& c) { return constants.*c.field != kNone.*c.field; }));
}

std::string describe(const EngineProfile& p, std::string_view runtime) {
  std::string text = fmt::format("{} {} of {}", runtime, p.versions, p.as_of);
  if (!p.from.empty()) text += fmt::format(", runs of {} to {}", p.from, p.until);
  if (p.left_out.rows > 0) text += fmt::format(", median error on models left out {:.0f} %", 100 * p.left_out.median);
  return text;
}

std::vector<std::string> explain(const EngineProfile& p) {
  std::vector<std::string> lines;
  constexpr EngineConstants kNone;
  for (const Constant& c : kConstants)
    if (p.constants.*c.field != kNone.*c.field)
      lines.push_back(fmt::format("{} {:.3g}: {}", c.name, p.constants.*c.field, c.help));
  return lines;
}

const EngineConstants& constants_without(const EngineProfile& profile, std::string_view model) {
  const auto found = std::find_if(profile.without.begin(), profile.without.end(),
                                  [model](const ConstantsWithout& w) { return w.model == model; });
  return found == profile.without.end() ? profile.constants : found->constants;
}

const EngineProfile* profile_for(const EngineProfiles& profiles, const DeviceSpec& device) {
  const auto matches = [&device](const EngineProfile& p) {
    return p.hardware.empty() || p.hardware == word_of(device.device_class) ||
           device.architecture.starts_with(p.hardware);
  };
  const auto found = std::find_if(profiles.profiles.begin(), profiles.profiles.end(), matches);
  return found == profiles.profiles.end() ? nullptr : &*found;
}

EngineProfiles read_engine_profiles(const JsonDocument& document) {
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  EngineProfiles profiles;
  profiles.id = reader.text("id");
  for (ObjectReader& item : read_items(reader, "profiles")) profiles.profiles.push_back(read_profile(item));
  finish_document(reader, profiles);
  return profiles;
}

EngineProfiles read_engine_profiles(std::string text, const std::string& file) {
  return read_engine_profiles(parse_json(std::move(text), file));
}

std::string write_engine_profiles(const EngineProfiles& profiles) {
  JsonWriter out;
  out.begin_object().member("id", profiles.id).key("profiles").begin_array();
  for (const EngineProfile& p : profiles.profiles) write_profile(out, p);
  out.end_array().end_object();
  return out.take();
}

std::vector<std::string> violations(const EngineProfiles& profiles) {
  std::vector<std::string> out;
  for (const EngineProfile& p : profiles.profiles) {
    int most = fitted_constants(p.constants);
    for (const ConstantsWithout& without : p.without) most = std::max(most, fitted_constants(without.constants));
    if (most > kMostEngineConstants)
      out.push_back(fmt::format("profile of versions {}: {} constants are fitted, at most {} may be", p.versions, most,
                                kMostEngineConstants));
  }
  return out;
}

}  // namespace moeplan
