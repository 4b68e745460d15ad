// SPDX-License-Identifier: Apache-2.0
#include "cli/offload_argument.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "cli/deployment.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

bool has_offloaded(const FitQuestion& q) {
  const auto away = [](const LayerHomes& homes) {
    return std::any_of(homes.of.begin(), homes.of.end(), [](Home h) { return h == kOnHost || h == kOnSsd; });
  };
  return q.host_expert_layers > 0 || std::any_of(q.placement.experts.begin(), q.placement.experts.end(), away);
}

template <class T, std::size_t N>
std::optional<T> chosen(const Arguments& arguments, const char* option,
                        const std::array<std::pair<std::string_view, T>, N>& words, std::string_view expected) {
  const std::optional<std::string> asked = arguments.text(option);
  if (!asked) return std::nullopt;
  for (const auto& [word, value] : words)
    if (word == *asked) return value;
  throw_usage(option, in_quotes(*asked), std::string(expected));
}

std::optional<double> share(const Arguments& arguments, const char* option) {
  const std::optional<std::string> asked = arguments.text(option);
  if (!asked) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(asked->data(), asked->data() + asked->size(), value);
  if (error != std::errc{} || end != asked->data() + asked->size() || !(value >= 0 && value <= 1))
    throw_usage(option, in_quotes(*asked), "a number from 0 to 1");
  return value;
}

constexpr std::array<std::pair<std::string_view, HostUse>, 3> kUses = {{{word_of(HostUse::Compute), HostUse::Compute},
                                                                        {word_of(HostUse::Stream), HostUse::Stream},
                                                                        {word_of(HostUse::Page), HostUse::Page}}};
constexpr std::array<std::pair<std::string_view, bool>, 2> kNuma = {{{"local", true}, {"spread", false}}};
constexpr std::array<std::pair<std::string_view, CachePolicy>, 4> kPolicies = {{{"static", CachePolicy::Static},
                                                                                {"lru", CachePolicy::Lru},
                                                                                {"lfu", CachePolicy::Lfu},
                                                                                {"oracle", CachePolicy::Oracle}}};

constexpr std::array kOptions = {"offload",    "host-sockets", "host-cores",   "numa",          "host-core-rate",
                                 "page-share", "ssd-cached",   "expert-cache", "cache-experts", "repeat"};

}  // namespace

OffloadAnswers read_offload(const Arguments& arguments, const FitQuestion& q) {
  if (!has_offloaded(q))
    for (const char* option : kOptions)
      if (arguments.has(option))
        throw_usage(option, "it with all experts on the devices", "experts off them: --cpu-moe, --n-cpu-moe or -ot");
  constexpr Count kMost = 65536;
  OffloadAnswers answers;
  answers.host.use = chosen(arguments, "offload", kUses, "compute, stream or page").value_or(HostUse::Compute);
  answers.host.sockets = arguments.count("host-sockets", 1, kMost);
  answers.host.cores = arguments.count("host-cores", 1, kMost);
  answers.host.own_memory = chosen(arguments, "numa", kNuma, "local or spread").value_or(false);
  answers.host.drive_cached = share(arguments, "ssd-cached").value_or(0);
  if (const std::optional<BytesPerSecond> rate = rate_of(arguments, "host-core-rate"))
    answers.host.core_rate = rate->base();
  answers.host.page_share = share(arguments, "page-share");
  const auto positive = [&arguments](const char* option, std::optional<double> value) {
    if (value && *value <= 0) throw_usage(option, in_quotes(*arguments.text(option)), "more than nothing");
  };
  positive("host-core-rate", answers.host.core_rate);
  positive("page-share", answers.host.page_share);
  answers.policy = chosen(arguments, "expert-cache", kPolicies, "static, lru, lfu or oracle");
  answers.capacity = arguments.count("cache-experts", 0, kMost);
  answers.repeat = share(arguments, "repeat").value_or(0);
  if (!answers.policy)
    for (const char* option : {"cache-experts", "repeat"})
      if (arguments.has(option)) throw_usage(option, "it without a cache", "--expert-cache beside it");
  if (answers.policy && answers.host.use == HostUse::Page)
    throw_usage("expert-cache", "it with --offload page", "--offload compute or stream",
                "pages are kept by the driver, not by experts");
  return answers;
}

HostMachine host_of_answers(const Session& session, const OffloadAnswers& answers, const ClusterSpec& cluster,
                            const FitQuestion& q) {
  const HostChoice choice = host_of(cluster, q, answers.host);
  if (!has_offloaded(q)) return choice.machine;
  if (choice.cores_assumed && answers.host.use == HostUse::Compute)
    session.warn(
        fmt::format("nothing is known of the host's CPU: taken as {:g} cores; say --host-cores", choice.machine.cores));
  if (!q.rates.host.known())
    session.warn(fmt::format("nothing is known of the host's memory: taken as {:g} GB/s; say --host-bandwidth",
                             choice.machine.bandwidth / 1e9));
  if (choice.link_assumed)
    session.warn(
        fmt::format("nothing is known of the link to the host: taken as {:g} GB/s", choice.machine.link / 1e9));
  return choice.machine;
}

std::optional<ExpertCache> cache_of_answers(const OffloadAnswers& answers, SimulateQuestion& q,
                                            const std::optional<SteadyLoad>& steady) {
  if (!answers.policy) return std::nullopt;
  const FitResult memory = evaluate(q.deployment);
  const Count capacity = answers.capacity.value_or(cache_capacity(memory));
  reserve_for_cache(q.deployment, cached_expert_bytes(memory) * std::min(capacity, most_experts(q.deployment.model)));
  const Count sequences = steady ? std::max<Count>(1, steady->concurrency) : q.load.batch;
  return expert_cache_of(
      q.deployment.model, q.routing,
      {.policy = *answers.policy, .capacity = capacity, .repeat = answers.repeat, .sequences = sequences});
}

}  // namespace moeplan
