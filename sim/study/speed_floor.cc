// SPDX-License-Identifier: Apache-2.0
#include "sim/study/speed_floor.h"

#include <algorithm>

#include "sim/program/work.h"
#include "sim/study/fit_search.h"

namespace moeplan {
namespace {

// Bytes one rank touches in a step, all layers.
TouchedBytes touched_by(const Program& p, const Binding& b) {
  TouchedBytes t;
  for (const Op& op : p.ops()) {
    if (op.part == Part::Mtp) continue;  // drafts are another step
    const double times = op.repeat;
    t.device += times * (touched_weights(op, p, b, Place::Device) + work_of(op, p, b).cache_bytes);
    t.host += times * touched_weights(op, p, b, Place::Host);
    t.ssd += times * touched_weights(op, p, b, Place::Ssd);
  }
  return t;
}

// What passes through one pipeline stage, and how long its own memory takes.
struct Stage {
  TouchedBytes slowest;  // rank
  TouchedBytes all;      // ranks together, for the host they share
};

// One lowered rank class of each kind in `result`.
std::vector<Program> decode_programs(const ModelPlan& plan, const FitResult& f) {
  std::vector<Program> programs;
  const LowerOptions options = lower_options(plan, f.question);
  for (const RankClass& c :
       rank_classes(plan, f.question.layout, f.question.runtime.sharding.stages, options.placement))
    programs.push_back(lower(plan, f.question.runtime, options, c, Phase::Decode));
  return programs;
}

double seconds(double bytes, BytesPerSecond rate) { return bytes == 0 ? 0 : bytes / rate.base(); }

// Every stage once, for a step over `sequences` of them.
std::vector<Stage> stages_of(const FitResult& f, const std::vector<Program>& programs, Count sequences) {
  const Workload& load = f.question.workload;
  const Step step{{.sequences = sequences, .new_tokens = 1, .context = std::max<Count>(load.context - 1, 0)}};
  std::vector<Stage> stages(static_cast<std::size_t>(f.question.layout.pp));
  for (const Program& p : programs) {
    const TouchedBytes t = touched_by(p, bind(p, step));
    const RankClass& c = p.rank_class;
    const double ranks = static_cast<double>(c.ranks) / static_cast<double>(c.stages);
    for (Count s = c.first_stage; s < c.first_stage + c.stages; ++s) {
      Stage& stage = stages[static_cast<std::size_t>(s)];
      stage.slowest.device = std::max(stage.slowest.device, t.device);
      stage.all.host += t.host * ranks;
      stage.all.ssd += t.ssd * ranks;
    }
  }
  return stages;
}

// Replicas that share one host share its memory too.
double replicas_per_host(const FitQuestion& q) {
  const Count each = std::max<Count>(q.layout.gpus() / q.layout.replicas, 1);
  return static_cast<double>(std::clamp<Count>(q.device.node_devices / each, 1, q.layout.replicas));
}

using Pick = BytesPerSecond (*)(const TierRate&);

// Seconds in which every sequence of a replica gets one token: stage after stage in one
// batch, or with the stages busy at once on a share of the sequences each.
double step_seconds(const FitResult& f, const std::vector<Program>& programs, const TierRates& rates, Pick pick) {
  const Count sequences = f.question.workload.sequences;
  const double sharing = replicas_per_host(f.question);
  double best = -1;
  for (const Count batches : {Count{1}, std::min(f.question.layout.pp, sequences)}) {
    double serial = 0;
    double longest = 0;
    Count at = 0;
    for (const Stage& s : stages_of(f, programs, ceil_div(sequences, batches))) {
      const double time = seconds(s.slowest.device, pick(rates.of_stage(at++))) +
                          sharing * (seconds(s.all.host, pick(rates.host)) + seconds(s.all.ssd, pick(rates.ssd)));
      serial += time;
      longest = std::max(longest, time);
    }
    const double step = batches == 1 ? serial : longest * static_cast<double>(batches);
    if (best < 0 || step < best) best = step;
  }
  return best;
}

TouchedBytes touched_in_all(const std::vector<Stage>& stages) {
  TouchedBytes t;
  for (const Stage& s : stages) {
    t.device += s.slowest.device;
    t.host += s.all.host;
    t.ssd += s.all.ssd;
  }
  return t;
}

bool all_known(const TouchedBytes& t, const FitQuestion& q, const TierRates& rates) {
  for (Count s = 0; s < q.layout.pp; ++s)
    if (!rates.of_stage(s).known()) return false;
  return (t.host == 0 || rates.host.known()) && (t.ssd == 0 || rates.ssd.known());
}

}  // namespace

DecodeFloor decode_floor(const ModelPlan& plan, const FitResult& f, const TierRates& rates) {
  const std::vector<Program> programs = decode_programs(plan, f);
  DecodeFloor floor;
  floor.touched = touched_in_all(stages_of(f, programs, f.question.workload.sequences));
  if (!all_known(floor.touched, f.question, rates)) return floor;
  const double tokens = static_cast<double>(f.question.workload.sequences * f.question.layout.replicas);
  floor.value = tokens / step_seconds(f, programs, rates, [](const TierRate& r) { return r.rate(); });
  floor.high = tokens / step_seconds(f, programs, rates, [](const TierRate& r) { return r.highest(); });
  // A page cache that evicts what is needed next reads every expert of the host anew.
  TierRates evicted = rates;
  if (floor.touched.ssd > 0) evicted.host = rates.ssd;
  floor.low = kReachedShare * tokens / step_seconds(f, programs, evicted, [](const TierRate& r) { return r.rate(); });
  return floor;
}

DecodeFloor decode_floor(const FitResult& f, const TierRates& rates) {
  const FitQuestion& q = f.question;
  return decode_floor(plan_model(q.model, q.formats, q.weights), f, rates);
}

}  // namespace moeplan
