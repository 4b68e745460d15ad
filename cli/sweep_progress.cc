// SPDX-License-Identifier: Apache-2.0
#include "cli/sweep_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace moeplan {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kWorthSaying{1};  // shorter runs say nothing line by line
constexpr int kBarWidth = 30;
constexpr double kMinute = 60;
constexpr double kHour = 3600;

std::string duration_text(double seconds) {
  if (seconds < kMinute) return fmt::format("{:.0f} s", seconds);
  if (seconds < kHour) return fmt::format("{:.1f} min", seconds / kMinute);
  return fmt::format("{:.1f} h", seconds / kHour);
}

std::string rate_text(double rate) {
  if (rate >= 1e6) return fmt::format("{:.2f} M", rate / 1e6);
  if (rate >= 1e4) return fmt::format("{:.0f} k", rate / 1e3);
  return fmt::format("{:.0f}", rate);
}

}  // namespace

ProgressBar::ProgressBar(bool quiet, Count all, Count done)
    : quiet_(quiet),
      terminal_(::isatty(2) != 0),
      all_(std::max<Count>(1, all)),
      before_(done),
      begin_(std::chrono::steady_clock::now()),
      drawn_at_(begin_) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::clear() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

std::string ProgressBar::line(Count done) const {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  const double rate = seconds > 0 ? static_cast<double>(done - before_) / seconds : 0;
  const double left = rate > 0 ? static_cast<double>(all_ - done) / rate : 0;
  return fmt::format("{} of {} points, {}/s, {} left", done, all_, rate_text(rate), duration_text(left));
}

void ProgressBar::at(Count done) {
  if (quiet_) return;
  const auto now = std::chrono::steady_clock::now();
  if (terminal_) {
    if (now - drawn_at_ < kRedraw && done < all_) return;
    drawn_at_ = now;
    const int full = static_cast<int>(kBarWidth * done / all_);
    std::fprintf(stderr, "\r\x1b[K[%s%s] %s", std::string(static_cast<std::size_t>(full), '#').c_str(),
                 std::string(static_cast<std::size_t>(kBarWidth - full), ' ').c_str(), line(done).c_str());
    drawn_ = true;
    return;
  }
  const Count tenth = 10 * done / all_;
  if (tenth == tenth_) return;
  tenth_ = tenth;
  if (now - begin_ >= kWorthSaying) std::fprintf(stderr, "%s\n", line(done).c_str());
}

}  // namespace moeplan
