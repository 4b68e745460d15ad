// SPDX-License-Identifier: Apache-2.0
#include "validate/e2e_predict.h"

#include <array>
#include <charconv>
#include "validate/parallel.h"

namespace moeplan {
namespace {

// Rates of the whole deployment from which any metric follows.
struct DeploymentRates {
  double output = 0;  // tokens per second
  double input = 0;
  double user = 0;
};

double in_metric(const DeploymentRates& rates, const E2eRow& row) {
  switch (row.metric) {
    case E2eMetric::OutputPerSecond: return rates.output;
    case E2eMetric::OutputPerSecondPerGpu: return rates.output / static_cast<double>(row.gpus);
    case E2eMetric::InputPerSecond: return rates.input;
    case E2eMetric::TotalPerSecond: return rates.input + rates.output;
    case E2eMetric::PerUser: return rates.user;
    case E2eMetric::PerGpu: return (rates.input + rates.output) / static_cast<double>(row.gpus);
  }
  return 0;
}

DeploymentRates rates_of(const SteadyState& s) {
  return {.output = s.output_tokens_per_s,
          .input = s.output_tokens_per_s * static_cast<double>(s.load.isl) / static_cast<double>(s.load.osl),
          .user = s.output_tokens_per_s_per_user};
}

// A prompt's answer begins with the token that its prefill gives.
DeploymentRates rates_of(const Simulation& s) {
  if (s.question.load.phase == Phase::Decode) return {.output = s.tokens_per_s, .user = s.tokens_per_s_per_user};
  return {.output = s.tokens_per_s / static_cast<double>(s.question.load.context),
          .input = s.tokens_per_s,
          .user = s.tokens_per_s_per_user};
}

void set_band(E2ePrediction& p, double time, double low, double high) {
  p.low = p.value * time / high;
  p.high = p.value * time / low;
}

}  // namespace

const Pricing& PricingCache::of(const E2eQuestion& asked) {
  const FitQuestion& d = asked.question.deployment;
  const KernelNeeds needs = needs_of(d.model, d.layout);
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Pricing>& pricing = made_[{asked.hardware, d.runtime.id, needs.latent_attention, needs.exchange}];
  if (!pricing) pricing = std::make_unique<Pricing>(pricing_of(*catalog_, asked.cluster, d.runtime, *formats_, needs));
  return *pricing;
}

E2ePrediction predict_run(const E2eRow& row, const E2eQuestion& asked, Kernels kernels, const Rates& rates) {
  if (asked.host) kernels.host = host_of(asked.cluster, asked.question.deployment, *asked.host).machine;
  E2ePrediction p;
  p.device_class = word_of(asked.cluster.devices.front().device_class);
  p.command = command_of(asked);
  const Count replicas = row.layout.replicas;
  if (asked.steady) {
    SteadyState s = steady_state(asked.question, *asked.steady, kernels, rates);
    if (s.limit == 0) {
      p.refused = "does not fit: not even one sequence";
      return p;
    }
    if (!s.fits) {
      // The requests that find no room wait.
      E2eQuestion full = asked;
      full.fills = true;
      full.steady->concurrency = 0;
      p.command = command_of(full);
      s = steady_state(full.question, *full.steady, kernels, rates);
    }
    p.value = in_metric(rates_of(s), row);
    p.tpot = s.tpot.base();
    p.batch = s.load.concurrency;
    set_band(p, s.tpot.base(), s.tpot_low.base(), s.tpot_high.base());
    return p;
  }
  const Simulation s = simulate(asked.question, kernels, rates);
  p.batch = asked.question.load.batch * replicas;
  if (!s.fits) {
    p.refused = s.memory.max_sequences > 0 ? "does not fit: fewer sequences than measured"
                                           : "does not fit: not even one sequence";
    return p;
  }
  p.value = in_metric(rates_of(s), row);
  if (asked.question.load.phase == Phase::Decode) p.tpot = s.time.base() / asked.question.load.accepted;
  set_band(p, s.time.base(), s.low.base(), s.high.base());
  return p;
}

namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string digits(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 6);
  return error == std::errc{} ? std::string(text.data(), end) : std::string();
}

}  // namespace

std::vector<E2ePrediction> predict_e2e(const Catalog& catalog, const std::vector<E2eRow>& rows, EngineUse engine) {
  const FormatTable formats = catalog.formats();
  PricingCache pricing(catalog, formats);
  std::vector<E2ePrediction> predictions(rows.size());
  for_each_parallel(rows.size(), [&](std::size_t i) {
    const E2eRow& row = rows[i];
    const E2eQuestion asked = question_of(catalog, formats, row);
    predictions[i].refused = asked.refused;
    if (!asked.refused.empty()) return;
    Pricing priced = pricing.of(asked);
    std::string option;
    if (engine == EngineUse::None) {
      drop_engine(priced);
      option = " --operators-only";
    } else if (engine == EngineUse::OfOthers && use_engine_of_others(priced, asked.question.deployment.model.id)) {
      option = " --engine-of-others";
    }
    predictions[i] = predict_run(row, asked, priced.kernels, priced.rates);
    if (!predictions[i].command.empty()) predictions[i].command += option;
  });
  return predictions;
}

std::string rows_with_predictions(const E2eTable& table, const std::vector<E2ePrediction>& predictions) {
  std::string out(table.csv.raw_header());
  out += ",predicted,low,high,ratio,predicted_tpot_s,sequences,refused,command\n";
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const E2ePrediction& p = predictions[i];
    out += table.csv.raw(table.rows[i].row);
    if (p.refused.empty()) {
      for (const double value : {p.value, p.low, p.high, p.value / table.rows[i].value}) out += "," + digits(value);
      out += "," + (p.tpot > 0 ? digits(p.tpot) : std::string()) + "," + std::to_string(p.batch) + ",,";
      out += quoted(p.command) + "\n";
    } else {
      out += ",,,,,,," + quoted(p.refused) + "," + quoted(p.command) + "\n";
    }
  }
  return out;
}

}  // namespace moeplan
