// SPDX-License-Identifier: Apache-2.0
#include "cli/adapter_argument.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr Bytes kLargestConfig = kMiB;
constexpr Count kMostSlots = 65536;
constexpr Count kMostRank = 65536;
constexpr std::string_view kGrammar =
    "rank=N[,count=N][,targets=NAMES][,format=F][,fully-sharded], or an adapter_config.json";

bool is_file(const std::string& text) {
  return text.ends_with(".json") || text.find('/') != std::string::npos || std::filesystem::exists(text);
}

AdapterSpec read_file(std::string path) {
  if (std::filesystem::is_directory(path)) path += "/adapter_config.json";
  return read_peft_config(read_text_file(path, kLargestConfig), path);
}

// "rank=16,targets=q_proj,v_proj": a word without "=" goes on with the list before it.
class SpecReader {
 public:
  AdapterSpec read(const std::string& text) {
    std::size_t begin = 0;
    while (begin <= text.size()) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      read_word(text.substr(begin, end - begin));
      begin = end + 1;
    }
    if (adapter_.rank == 0) throw_usage("lora", in_quotes(text), std::string(kGrammar));
    return adapter_;
  }

 private:
  void read_word(const std::string& word) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      if (word == "fully-sharded") {
        adapter_.fully_sharded = true;
      } else if (in_targets_) {
        add_target(word);
      } else {
        throw_usage("lora", in_quotes(word), std::string(kGrammar));
      }
      return;
    }
    const std::string key = word.substr(0, equals);
    const std::string value = word.substr(equals + 1);
    in_targets_ = key == "targets";
    if (key == "rank") {
      adapter_.rank = count(word, value, kMostRank);
    } else if (key == "count") {
      adapter_.slots = count(word, value, kMostSlots);
    } else if (key == "format") {
      adapter_.format = lower_case(value);
    } else if (in_targets_) {
      add_target(value);
    } else {
      throw_usage("lora", in_quotes(key), std::string(kGrammar));
    }
  }

  void add_target(const std::string& name) {
    const RoleSet roles = roles_of_module(name);
    if (roles.none())
      throw_usage("lora", "the target " + in_quotes(name),
                  "modules or groups: attention, mlp, experts, shared, all, all-linear, q_proj, ...",
                  "did you mean " + nearest_name(name, module_names()) + "?");
    adapter_.targets |= roles;
    adapter_.modules.push_back(name);
  }

  static Count count(const std::string& word, const std::string& value, Count most) {
    Count n = 0;
    const char* const end = value.data() + value.size();
    const auto [at, error] = std::from_chars(value.data(), end, n);
    if (error != std::errc() || at != end || n < 1 || n > most)
      throw_usage("lora", in_quotes(word), fmt::format("a whole number from 1 to {}", most));
    return n;
  }

  AdapterSpec adapter_;
  bool in_targets_ = false;
};

void check_format(const AdapterSpec& adapter, const FormatTable& formats) {
  if (!adapter.format.empty() && adapter.format != "auto" && formats.find(adapter.format) == nullptr)
    throw_usage("lora", "the format " + in_quotes(adapter.format), "a weight format such as bf16, fp16 or fp32",
                "\"moeplan help formats\" lists them");
}

// The engine's flags make room; the adapter must fit in it.
AdapterSpec within(const AdapterSpec& own, const EngineDeployment& engine) {
  if (engine.adapter_files && *engine.adapter_files != own.slots && own.slots != 1)
    throw_usage("lora", fmt::format("count={}", own.slots),
                fmt::format("the {} adapters of --engine-flags", *engine.adapter_files));
  AdapterSpec adapter = own;
  if (engine.adapter_files) adapter.slots = *engine.adapter_files;
  if (!engine.adapter) return adapter;
  const AdapterSpec& room = *engine.adapter;
  if ((room.rank != 0 && own.rank > room.rank) || own.slots > room.slots)
    throw_usage("lora", fmt::format("rank {}, {} at once", own.rank, own.slots),
                fmt::format("at most rank {} and {} at once, as --engine-flags has it", room.rank, room.slots));
  if (room.rank != 0) adapter = room;
  adapter.slots = room.slots;
  if (adapter.format.empty()) adapter.format = own.format;
  return adapter;
}

}  // namespace

std::optional<AdapterSpec> adapter_from(const Arguments& arguments, const EngineDeployment& engine,
                                        const FitQuestion& q) {
  const std::optional<std::string> text = arguments.text("lora");
  if (!text && engine.adapter_files)
    throw_usage("engine-flags", "LoRA adapters whose rank it does not say", "their shape with --lora rank=N");
  if (!text && !engine.adapter) return std::nullopt;
  AdapterSpec adapter;
  if (text) {
    adapter = within(is_file(*text) ? read_file(*text) : SpecReader().read(*text), engine);
  } else {
    adapter = *engine.adapter;
    if (adapter.rank == 0)
      throw_usage("engine-flags", "adapters without --max-lora-rank", "it, or their shape with --lora rank=N");
  }
  check_format(adapter, q.formats);
  return resident_adapter(adapter, q.runtime, q.model);
}

void check_adapter(const FitQuestion& q) {
  if (!q.adapter) return;
  std::vector<Problem> problems;
  for (const std::string& sentence : adapter_violations(q)) {
    Problem problem;
    problem.file = "--lora with --runtime " + q.runtime.id;
    problem.path = sentence;
    problems.push_back(problem);
  }
  if (!problems.empty()) throw InputError(ErrorKind::Usage, problems);
}

}  // namespace moeplan
