// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <limits>
#include <list>
#include <map>
#include <mutex>

#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/study/load_grid.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, 6> kLoadNames = {"batch", "context", "prompt", "isl", "osl", "concurrency"};
constexpr Count kMostLoad = Count{1} << 32;
// Points that follow each other need one deployment; threads at a boundary need two.
constexpr std::size_t kKept = 64;

// A value that could not be made, and why.
struct Refusal {
  PointStatus status = PointStatus::Ok;
  std::string reason;
};

std::string sentence_of(const InputError& error) {
  std::string text;
  for (const Problem& problem : error.problems()) text += (text.empty() ? "" : "; ") + describe(problem);
  return text;
}

// Runs it; what it throws becomes a refusal. A bug of ours is an error of the point, not the
// end of a sweep of a million others.
template <class F>
Refusal guarded(const F& make) {
  try {
    make();
    return {};
  } catch (const InputError& error) {
    return {PointStatus::Invalid, printable(sentence_of(error))};
  } catch (const std::exception& error) {
    return {PointStatus::Error, printable(error.what())};
  }
}

}  // namespace

struct SweepPoints::Deployment {
  Refusal refusal;
  std::shared_ptr<const SweepDeployment> open;
};

struct SweepPoints::LaidOut {
  Refusal refusal;
  std::shared_ptr<const Deployment> deployment;
  SimulateQuestion question;
  std::string label;
  std::unique_ptr<LoadGrid> grid;  // of plain deployments
};

// The newest values by number, each made once even when several threads want it.
template <class T>
class SweepPoints::Kept {
 public:
  using Value = std::shared_ptr<const T>;
  template <class Make>
  Value get(Count key, const Make& make) {
    std::promise<Value> promise;
    std::shared_future<Value> future;
    bool own = false;
    {
      const std::scoped_lock lock(mutex_);
      if (const auto found = values_.find(key); found != values_.end()) {
        future = found->second;
      } else {
        own = true;
        future = promise.get_future().share();
        values_.emplace(key, future);
        order_.push_back(key);
        if (order_.size() > kKept) {
          values_.erase(order_.front());
          order_.pop_front();
        }
      }
    }
    if (own) promise.set_value(make());
    return future.get();
  }

 private:
  std::mutex mutex_;
  std::map<Count, std::shared_future<Value>> values_;
  std::list<Count> order_;
};

SweepPoints::SweepPoints(const SweepStudy& study, const SweepGrid& grid, std::vector<const SweepMetric*> metrics,
                         SweepReader reader)
    : study_(&study),
      grid_(&grid),
      metrics_(std::move(metrics)),
      needs_step_(std::any_of(metrics_.begin(), metrics_.end(),
                              [](const SweepMetric* m) { return m->need == MetricNeed::Step; })),
      reader_(std::move(reader)),
      deployments_(std::make_unique<Kept<Deployment>>()),
      layouts_(std::make_unique<Kept<LaidOut>>()) {
  read_loads(study);
}

SweepPoints::~SweepPoints() = default;

namespace {

// A load of an axis or of the base: tokens or sequences, at least 1; "max" requests are 0.
Count read_load_value(const std::string& name, const std::string& word) {
  if (name == "concurrency" && word == "max") return 0;
  const std::optional<double> number = number_of(word);
  if (number && *number >= 1 && *number <= static_cast<double>(kMostLoad) && *number == std::floor(*number))
    return static_cast<Count>(*number);
  Problem problem;
  problem.file = "axis " + name;
  problem.found = in_quotes(word);
  problem.expected = fmt::format("whole numbers from 1 to {}{}", kMostLoad, name == "concurrency" ? ", or max" : "");
  throw InputError(ErrorKind::Usage, problem);
}

}  // namespace

void SweepPoints::read_loads(const SweepStudy& study) {
  for (const OptionWord& word : study.base) {
    const auto* name = std::find(kLoadNames.begin(), kLoadNames.end(), word.name);
    if (name == kLoadNames.end()) continue;
    Source& source = loads_[static_cast<std::size_t>(name - kLoadNames.begin())];
    source.values = source.rising = {read_load_value(word.name, word.value)};
    source.place = {0};
  }
  for (const SweepGrid::Column column : grid_->columns()) {
    const SweepVariable& variable = grid_->variable(column);
    const auto* name = std::find(kLoadNames.begin(), kLoadNames.end(), variable.name);
    if (name == kLoadNames.end()) continue;
    Source& source = loads_[static_cast<std::size_t>(name - kLoadNames.begin())];
    source = {.named = true, .column = column, .values = {}, .rising = {}, .place = {}};
    for (const std::string& word : variable.values) source.values.push_back(read_load_value(variable.name, word));
    source.rising = source.values;
    std::sort(source.rising.begin(), source.rising.end());
    source.rising.erase(std::unique(source.rising.begin(), source.rising.end()), source.rising.end());
    for (const Count value : source.values)
      source.place.push_back(static_cast<std::size_t>(
          std::lower_bound(source.rising.begin(), source.rising.end(), value) - source.rising.begin()));
  }
}

Count SweepPoints::load_value(Count point, Variable variable, Count otherwise) const {
  const Source& source = loads_[variable];
  if (source.values.empty()) return otherwise;
  return source.named ? source.values[grid_->digit(point, source.column.axis)] : source.values.front();
}

std::shared_ptr<const SweepPoints::Deployment> SweepPoints::open(Count point) const {
  const Count number = point / (grid_->loads() * grid_->layouts());
  return deployments_->get(number, [&] {
    auto made = std::make_shared<Deployment>();
    made->refusal = guarded([&] { made->open = reader_.open(deployment_words(*study_, *grid_, point)); });
    return made;
  });
}

std::shared_ptr<const SweepPoints::LaidOut> SweepPoints::lay_out(Count point) const {
  const Count number = point / grid_->loads();
  return layouts_->get(number, [&] {
    auto made = std::make_shared<LaidOut>();
    made->deployment = open(point);
    made->refusal = made->deployment->refusal;
    if (made->refusal.status != PointStatus::Ok) return made;
    made->refusal = guarded([&] {
      const SweepDeployment& deployment = *made->deployment->open;
      made->question = deployment.question;
      std::vector<OptionWord> words;
      for (const SweepGrid::Column column : grid_->columns()) {
        const bool own = grid_->axes()[column.axis].tier() == SweepTier::Layout;
        const SweepVariable& variable = grid_->variable(column);
        if (own && variable.tier() == SweepTier::Layout) words.push_back({variable.name, grid_->word(point, column)});
      }
      if (!words.empty())
        made->question.deployment.layout = reader_.layout(deployment, deployment_words(*study_, *grid_, point), words);
      made->label = describe(made->question.deployment.layout);
      if (!is_plain(deployment)) return;
      // Values of an outer axis are the same all over this layout.
      const auto values = [&](Variable variable, Count otherwise) {
        const Source& source = loads_[variable];
        const bool inner = source.named && grid_->axes()[source.column.axis].tier() == SweepTier::Load;
        return inner ? source.rising : std::vector<Count>{load_value(point, variable, otherwise)};
      };
      const Count batch = deployment.question.load.batch;
      const Count context = deployment.question.load.context;
      std::vector<Count> prompts = loads_[Prompt].values.empty() ? values(Context, context) : values(Prompt, context);
      made->grid = std::make_unique<LoadGrid>(deployment.plan, made->question, *deployment.kernels, deployment.rates,
                                              values(Batch, batch), std::move(prompts));
    });
    return made;
  });
}

namespace {

std::size_t place_in(const std::vector<std::size_t>& places, std::size_t digit) {
  return places.empty() ? 0 : places[digit];
}

PointResult as_point(const Simulation& s) {
  PointResult point;
  point.fits = s.fits;
  point.prefill_s = s.first_token.base();
  point.decode_s = s.tokens_per_s_per_user > 0 ? 1 / s.tokens_per_s_per_user : 0;
  point.tokens_per_s = s.tokens_per_s;
  point.joules_per_token = s.bill.facility_joules_per_token().value_or(0);
  point.usd_per_million_tokens = s.bill.usd_per_million_tokens().value_or(0);
  return point;
}

void set_memory(PointResult& point, const FitResult& memory) {
  const RankResult& tightest = memory.ranks.front();
  point.memory = {.total = tightest.budget() - tightest.margin, .budget = tightest.budget()};
}

}  // namespace

SweepAnswer SweepPoints::steady_on(Count point, const LaidOut& on, std::unique_ptr<Simulation>& step) const {
  const SweepDeployment& deployment = *on.deployment->open;
  SteadyLoad load = *deployment.steady;
  load.isl = load_value(point, Isl, load.isl);
  load.osl = load_value(point, Osl, load.osl);
  load.concurrency = load_value(point, Concurrency, load.concurrency);
  SteadyState state = steady_state(on.question, load, *deployment.kernels, deployment.rates);
  SweepAnswer answer{.deployment = &deployment, .layout = &on.question.deployment.layout};
  step = std::make_unique<Simulation>(std::move(state.decode));
  answer.step = step.get();
  answer.point = {.fits = state.fits,
                  .memory = {},
                  .prefill_s = state.ttft.base(),
                  .decode_s = state.tpot.base(),
                  .tokens_per_s = state.output_tokens_per_s,
                  .joules_per_token = state.bill.facility_joules_per_token().value_or(0),
                  .usd_per_million_tokens = state.bill.usd_per_million_tokens().value_or(0)};
  set_memory(answer.point, step->memory);
  return answer;
}

SweepAnswer SweepPoints::point_on(Count point, const LaidOut& on, std::unique_ptr<Simulation>& step) const {
  const SweepDeployment& deployment = *on.deployment->open;
  SweepAnswer answer{.deployment = &deployment, .layout = &on.question.deployment.layout};
  const Count context = load_value(point, Context, deployment.question.load.context);
  if (on.grid) {
    const auto digit = [&](Variable v) {
      const bool inner = loads_[v].named && grid_->axes()[loads_[v].column.axis].tier() == SweepTier::Load;
      return inner ? place_in(loads_[v].place, grid_->digit(point, loads_[v].column.axis)) : 0;
    };
    answer.point = on.grid->at(digit(Batch), context, digit(loads_[Prompt].values.empty() ? Context : Prompt));
    if (!needs_step_ || !answer.point.fits) return answer;
  }
  SimulateQuestion question = on.question;
  question.load.batch = load_value(point, Batch, question.load.batch);
  question.load.context = context;
  question.deployment.workload = {.context = context, .sequences = question.load.batch};
  step = std::make_unique<Simulation>(simulate(question, *deployment.kernels, deployment.rates));
  answer.step = step.get();
  if (on.grid) return answer;
  answer.point = as_point(*step);
  set_memory(answer.point, step->memory);
  const Count prompt = load_value(point, Prompt, context);
  if (prompt == context) return answer;
  question.load.context = prompt;
  answer.point.prefill_s = simulate(question, *deployment.kernels, deployment.rates).first_token.base();
  return answer;
}

namespace {

// Neighbours mostly say the same.
std::uint32_t number_in(std::vector<std::string>& words, const std::string& word) {
  if (words.back() != word) words.push_back(word);
  return static_cast<std::uint32_t>(words.size() - 1);
}

std::string shortage(const PointMemory& memory) {
  const Bytes short_by = memory.total - memory.budget;
  if (short_by <= Bytes(0)) return "no room for this many requests";
  return fmt::format("short by {:.2f} GiB", static_cast<double>(short_by.count()) / static_cast<double>(kGiB.count()));
}

}  // namespace

void SweepPoints::answer(Count point, const LaidOut& on, SweepRows& rows) const {
  constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();
  Refusal refusal = on.refusal;
  SweepAnswer answer;
  std::unique_ptr<Simulation> step;
  if (refusal.status == PointStatus::Ok) {
    refusal =
        guarded([&] { answer = on.deployment->open->steady ? steady_on(point, on, step) : point_on(point, on, step); });
    if (refusal.status == PointStatus::Ok && !answer.point.fits)
      refusal = {PointStatus::NoFit, shortage(answer.point.memory)};
  }
  rows.points.push_back(point);
  rows.status.push_back(refusal.status);
  rows.why.push_back(refusal.reason.empty() ? 0 : number_in(rows.reasons, refusal.reason));
  rows.laid_out.push_back(on.label.empty() ? 0 : number_in(rows.layouts, on.label));
  const bool fits = refusal.status == PointStatus::Ok;
  for (const SweepMetric* metric : metrics_) {
    const bool known = fits || (refusal.status == PointStatus::NoFit && metric->fitless);
    const double value = known ? metric->of(answer) : kNoValue;
    rows.values.push_back(std::isfinite(value) ? value : kNoValue);
  }
}

std::optional<SimulateQuestion> SweepPoints::question_of(Count point) const {
  const std::shared_ptr<const LaidOut> on = lay_out(point);
  if (on->refusal.status != PointStatus::Ok) return std::nullopt;
  SimulateQuestion question = on->question;
  question.load.batch = load_value(point, Batch, question.load.batch);
  question.load.context = load_value(point, Context, question.load.context);
  return question;
}

SweepRows SweepPoints::rows(const std::vector<Count>& points) const {
  SweepRows rows;
  rows.reasons.emplace_back();
  rows.layouts.emplace_back();
  std::shared_ptr<const LaidOut> on;
  Count number = -1;
  for (const Count point : points) {
    if (point / grid_->loads() != number) {
      number = point / grid_->loads();
      on = lay_out(point);
    }
    answer(point, *on, rows);
  }
  return rows;
}

SweepRows SweepPoints::rows(Count first, Count last) const {
  std::vector<Count> points;
  points.reserve(static_cast<std::size_t>(last - first));
  for (Count point = first; point < last; ++point)
    if (grid_->allows(point)) points.push_back(point);
  return rows(points);
}

bool is_plain(const SweepDeployment& deployment) {
  const SimulateQuestion& q = deployment.question;
  const FitQuestion& d = q.deployment;
  const Kernels& k = *deployment.kernels;
  const bool on_device = d.host_expert_layers == 0 && d.placement.is_default() && k.expert_cache == nullptr;
  return !deployment.steady && !q.events && q.load.drafts == 0 && q.load.overlap == Overlap::None && on_device &&
         q.load.phase == Phase::Decode && !d.adapter;
}

}  // namespace moeplan
