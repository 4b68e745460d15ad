// SPDX-License-Identifier: Apache-2.0
#include "reports/time_words.h"

#include <fmt/format.h>

#include <cmath>

#include "sim/study/explain.h"

namespace moeplan {
namespace {

struct TimeUnit {
  double per_second;
  std::string_view word;
};

TimeUnit unit_of(double seconds) {
  if (seconds >= 1) return {1, "s"};
  if (seconds >= 1e-3) return {1e3, "ms"};
  return {1e6, "us"};
}

}  // namespace

std::string duration(double seconds) {
  const TimeUnit unit = unit_of(seconds);
  return fmt::format("{:.3g} {}", seconds * unit.per_second, unit.word);
}

std::string banded(Seconds time, Seconds low, Seconds high) {
  const TimeUnit unit = unit_of(time.base());
  return fmt::format("{} ({:.3g}..{:.3g})", duration(time.base()), low.base() * unit.per_second,
                     high.base() * unit.per_second);
}

std::string rate(double per_second) {
  if (per_second >= 1000) return grouped(static_cast<Count>(std::llround(per_second)));
  return fmt::format("{:.3g}", per_second);
}

std::string counted(Count count, std::string_view one) {
  return fmt::format("{} {}{}", grouped(count), one, count == 1 ? "" : "s");
}

}  // namespace moeplan
