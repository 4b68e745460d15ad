// SPDX-License-Identifier: Apache-2.0
#include "tests/engines/simgrid_times.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iterator>
#include <numeric>
#include <set>
#include <simgrid/s4u.hpp>
#include <string>
#include <utility>

#include "sim/base/error.h"

namespace moeplan {
namespace {

namespace s4u = simgrid::s4u;

// Rates bend to nothing but the bandwidths: no ACK traffic, no slow start, no window.
const char* const kSettings[] = {
    "simgrid",
    "--log=root.threshold:error",
    "--cfg=network/model:CM02",
    "--cfg=network/crosstraffic:0",
    "--cfg=network/latency-factor:1",
    "--cfg=network/bandwidth-factor:1",
    "--cfg=network/weight-S:0",
    "--cfg=network/TCP-gamma:1e300",
    "--cfg=surf/precision:1e-13",
    "--cfg=maxmin/precision:1e-9",
};

std::vector<s4u::Host*> build(const FlowSet& set) {
  s4u::NetZone* zone = s4u::create_full_zone("fabric");
  std::vector<s4u::Link*> links;
  for (std::size_t l = 0; l < set.links.size(); ++l)
    links.push_back(zone->create_link(std::to_string(l), set.links[l].bandwidth)->set_latency(0)->seal());
  std::vector<s4u::Host*> hosts;
  for (Count h = 0; h < set.hosts; ++h) hosts.push_back(zone->create_host("host" + std::to_string(h), 1e9)->seal());
  std::set<std::pair<std::uint32_t, std::uint32_t>> known;
  for (std::size_t f = 0; f < set.flows.size(); ++f) {
    const Flow& flow = set.flows[f];
    if (!known.insert({flow.source, flow.destination}).second) continue;
    std::vector<s4u::LinkInRoute> route;
    for (const FlowHop& hop : set.route(f)) route.emplace_back(links[hop.link]);
    zone->add_route(hosts[flow.source]->get_netpoint(), hosts[flow.destination]->get_netpoint(), nullptr, nullptr,
                    route, false);
  }
  zone->seal();
  return hosts;
}

double arrival_of(const FlowSet& set, std::size_t flow) {
  double arrival = set.flows[flow].start;
  for (const FlowHop& hop : set.route(flow)) arrival += set.links[hop.link].latency;
  return arrival;
}

// One actor sends all and waits for all. Latencies are later starts: SimGrid shares a link in
// proportion to 1 / latency else, as TCP does.
std::vector<double> run(const FlowSet& set) {
  std::vector<std::string> words(std::begin(kSettings), std::end(kSettings));
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  s4u::Engine engine(&count, arguments.data());
  const std::vector<s4u::Host*> hosts = build(set);
  std::vector<std::size_t> order(set.flows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return arrival_of(set, a) < arrival_of(set, b); });
  std::vector<double> finish(set.flows.size());
  s4u::Actor::create("sender", hosts.front(), [&] {
    std::vector<s4u::CommPtr> sent(set.flows.size());
    for (const std::size_t f : order) {
      const Flow& flow = set.flows[f];
      const double arrival = arrival_of(set, f);
      if (arrival > s4u::Engine::get_clock()) s4u::this_actor::sleep_until(arrival);
      sent[f] =
          s4u::Comm::sendto_async(hosts[flow.source], hosts[flow.destination], static_cast<std::uint64_t>(flow.bytes));
    }
    for (std::size_t f = 0; f < sent.size(); ++f) {
      sent[f]->wait();
      finish[f] = sent[f]->get_finish_time();
    }
  });
  engine.run();
  return finish;
}

void write_all(int pipe, const std::vector<double>& values) {
  const char* at = reinterpret_cast<const char*>(values.data());
  for (std::size_t left = values.size() * sizeof(double); left > 0;) {
    const ssize_t written = ::write(pipe, at, left);
    if (written <= 0) return;
    at += written;
    left -= static_cast<std::size_t>(written);
  }
}

std::size_t read_all(int pipe, std::vector<double>& values) {
  char* at = reinterpret_cast<char*>(values.data());
  std::size_t got = 0;
  const std::size_t size = values.size() * sizeof(double);
  while (got < size) {
    const ssize_t count = ::read(pipe, at + got, size - got);
    if (count <= 0) break;
    got += static_cast<std::size_t>(count);
  }
  return got;
}

}  // namespace

// A process has one engine only: each run gets a process of its own.
std::vector<double> simgrid_times(const FlowSet& set) {
  int pipe[2];
  CHECK(::pipe(pipe) == 0);
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) {
    ::close(pipe[0]);
    try {
      write_all(pipe[1], run(set));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "SimGrid: %s\n", error.what());
    }
    ::_exit(0);
  }
  ::close(pipe[1]);
  std::vector<double> finish(set.flows.size());
  const std::size_t got = read_all(pipe[0], finish);
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(got == finish.size() * sizeof(double));
  return finish;
}

}  // namespace moeplan
