// SPDX-License-Identifier: Apache-2.0
// Watts of a board while a kernel runs.
//
//   uncapped = floor + (e_flop F + e_memory M + e_cache C + e_link L) / t
//   watts    = min(uncapped, limit)
//
// F products, M, C, L bytes from memory, cache and over links (activity.h), t its time.
// Constants are shares of the board's rated power: what it draws above the floor when it
// does nothing else at its own peak rate. So they carry to a device that was never
// measured, by its own rated power and peaks.
//
// A board at its limit lowers its clock until it draws no more. Times are measured at the
// rated limit, so that slowdown is in them; under a lower limit P a kernel that would draw
// W takes
//
//   t (1 + s (1/f - 1)),   f = ((P - floor) / (W - floor))^kClockExponent
//
// where s is the share of W - floor that products draw: memory keeps its own clock. Dynamic
// power goes with f V^2 and the voltage with the clock, so the exponent lies between 1/3
// and 1; kClockExponent is from NVIDIA's MLPerf Inference v4.1 submissions of Mixtral on
// 8 H200 at 700 and 500 W (59,022 and 48,988 tokens/s).
//
// What a sensor reads lags behind. Replays of short kernels end before it has settled, so
// a measured row (not a step) reads
//
//   rest + (watts - rest) t / (t + settle_s)
//
// Fitted on 4,100 kernels of ai-dynamo/aiconfigurator (commit 095f58a, H200 and GB200).
// Not modelled: temperature, operands of zeros (10 to 15 % less), spread between boards.
#pragma once

#include <array>
#include <string>
#include <variant>

#include "sim/cost/activity.h"
#include "sim/cost/form.h"
#include "sim/cost/machine.h"
#include "sim/cost/price.h"

namespace moeplan {

enum PowerConstant : std::size_t {
  PowerFloor,
  PowerMemory,
  PowerCache,
  PowerBf16,
  PowerFp8,
  PowerFp4,
  PowerExperts,
  PowerAttention,
  PowerLimit,
  PowerRest,
  PowerSettle,
  PowerSettleAttention,
  PowerConstants
};

inline constexpr std::array<FormConstant, PowerConstants> kPowerForm = {{
    {"floor", 0.05, 0.26, 0.6, true, "of the rated power, while any kernel runs"},
    {"memory", 0.01, 0.6, 2, true, "above it, at peak bandwidth"},
    {"cache", 0.001, 0.3, 1, true, "at that rate from the last level cache"},
    {"bf16", 0.05, 1.2, 3, true, "at the peak of 16-bit products, were there no limit"},
    {"fp8", 0.05, 1.2, 3, true, "of 8-bit products"},
    {"fp4", 0.05, 1.2, 3, true, "of 4-bit products"},
    {"experts", 0.3, 2, 6, true, "times that for rows of experts, which leave tiles empty"},
    {"attention", 0.01, 0.8, 2.5, true, "at the 16-bit peak between softmaxes"},
    {"limit", 0.94, 0.98, 1.02, true, "mean draw at the limit over the limit"},
    {"rest", 0.1, 0.2, 0.35, true, "readings: what the sensor shows before a kernel runs"},
    {"settle_s", 1e-8, 5e-6, 1e-4, true, "readings: time at which half of a kernel shows"},
    {"settle_attention_s", 1e-8, 5e-6, 2e-5, true, "the same of attention"},
}};

inline constexpr double kClockExponent = 0.42;

// Of a byte that leaves over a link (assumed: 5 pJ per bit; published serdes 1.3 to 8).
inline constexpr double kLinkJoulesPerByte = 4e-11;

// A kernel of a measurement file and how long one run took.
struct PowerReading {
  std::variant<GemmPoint, MoePoint, AttentionPoint> kernel;
  double seconds = 0;
  double limit = 0;  // watts, in force
};

Activity activity_of(const PowerReading& point, const Machine& machine);
// Its work at peak rates, one thing after the other.
double ideal_seconds(const Activity& activity, const Machine& machine);
// How long the kernel itself ran. A GEMM that was not recorded was timed with the host's
// work before it, which the replays that power was read in do not have: at most
// kEagerStart and its ideal time at kEagerShare of the peaks (assumed).
double own_seconds(const PowerReading& point, const Activity& activity, const Machine& machine);
inline constexpr double kEagerStart = 5e-6;
inline constexpr double kEagerShare = 0.7;

// Constants as energies of one board. Nothing is known without a rated power.
struct PowerModel {
  double rated = 0;  // watts; 0 = not stated
  double limit = 0;  // in force
  double idle = 0;   // no kernel running
  double floor = 0;
  double reach = 1;        // mean draw at the limit, over it
  double memory_byte = 0;  // joules
  double cache_byte = 0;
  std::array<std::array<double, kMathKinds>, kProducts> flop{};
  bool lowered = false;  // limit below the rated power: clocks fall
  Tier tier = Tier::Default;
  double low = 1;  // 80 % band of watts over the prediction
  double high = 1;
  std::string from;  // "h200: vllm-0.22.0 any"

  bool is_known() const { return rated > 0; }
  // Above the floor.
  double dynamic_joules(const Activity& a) const {
    return flop[static_cast<std::size_t>(a.products)][static_cast<std::size_t>(a.math)] * a.flops +
           memory_byte * a.memory_bytes + cache_byte * a.cache_bytes + kLinkJoulesPerByte * a.link_bytes;
  }
  // Of one run that takes so long.
  double joules(const Activity& a, double seconds) const {
    const double uncapped = floor * seconds + dynamic_joules(a);
    const double most = limit * seconds;
    return uncapped < most ? uncapped : most;
  }
  // How many times as long a run takes under a lowered limit; 1 where it does not reach it.
  double slowdown(const Activity& a, double seconds) const;
};

// A board's idle power where its profile does not say (assumed: an H200 draws 115 of 700 W).
inline constexpr double kAssumedIdleShare = 0.15;

PowerModel power_model(std::span<const double> constants, const Machine& machine);
// The same board held to `limit` watts, not above its rated power.
PowerModel limited_to(PowerModel model, double limit);

// Every time of it so many times as long.
Price slowed(Price price, double times);
// The price with what the board draws meanwhile, at the clock its limit leaves.
inline Price powered(const Price& price, const Activity& activity, const PowerModel& power) {
  if (!power.is_known()) return price;
  Price with = price;
  double seconds = price.time.seconds().base();
  if (power.lowered) {
    const double times = power.slowdown(activity, seconds);
    with = slowed(price, times);
    seconds *= times;
  }
  with.joules = power.joules(activity, seconds);
  return with;
}

// The reading; FormTime::seconds is watts.
FormTime power_reading(const PowerReading& point, const Machine& machine, std::span<const double> constants);
// No reading is below a tenth of the rated power.
double power_floor(const PowerReading& point, const Machine& machine);
// 0, 1, 2: matrix products, expert layers, attention.
int power_regime(const PowerReading& point);

}  // namespace moeplan
