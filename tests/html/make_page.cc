// SPDX-License-Identifier: Apache-2.0
// Pages no command makes on demand. Usage: html_page hostile|big > page.html
#include <cmath>
#include <cstdio>
#include <string>

#include "reports/html.h"

namespace moeplan {
namespace {

constexpr const char* kEvil = "<script>alert(1)</script>";
constexpr int kRows = 100'000;

// A model of that name wherever a name may stand, and texts that a spreadsheet would run.
Document hostile_page() {
  Document page;
  page.title = kEvil;
  page.add(Banner{{std::string(kEvil)}, Tone::Bad});
  page.add(KeyValues{{{"model", {std::string(kEvil)}, Tone::Plain, kEvil}}});
  Chart chart;
  chart.title = chart.alt = kEvil;
  chart.kind = ChartKind::StackedBar;
  chart.x.title = kEvil;
  chart.y = {"memory", in_bytes(), false};
  chart.categories = {kEvil};
  chart.series = {{kEvil, {{.y = 3e10, .label = {}}}}, {"</title>\"'&amp;", {{.y = 1e10, .label = {}}}}};
  chart.references = {{kEvil, 5e10, std::nullopt}};
  page.add(chart);
  HeatMap map;
  map.title = "speed";
  map.row_axis = "experts";
  map.column_axis = "top-k";
  map.rows = {kEvil, "16"};
  map.columns = {"2", "4"};
  map.values = {1, 10, 100, kNoValue};
  map.value = "tokens/s";
  map.notes = {"", "", "", "does not fit"};
  page.add(map);
  page.add(
      DataTable{.title = kEvil,
                .name = "../etc/passwd",
                .columns = {{.key = "name",
                             .title = "name",
                             .is_text = true,
                             .texts = {kEvil, "=1+1", "@cmd", "-3.5", "a\"b,c\nd", "\xE2\x80\xA8line", "back\\slash"}},
                            {.key = "x", .title = "x", .numbers = {0.1, -2, 1e-9, kNoValue, 123456789.125, 5, 6}}}});
  return page;
}

// A sweep of 100,000 points with bands and a chart of all of them.
Document big_page() {
  DataColumn id{.key = "id", .title = "point"};
  DataColumn hardware{.key = "hardware", .title = "hardware", .is_text = true};
  DataColumn time{.key = "time_s", .title = "time", .unit = {"ms", 1e3}, .low = "time_low_s", .high = "time_high_s"};
  DataColumn low{.key = "time_low_s", .title = "low"};
  DataColumn high{.key = "time_high_s", .title = "high"};
  Chart chart;
  chart.title = "All points";
  chart.alt = "100,000 points of a made-up sweep.";
  chart.kind = ChartKind::Scatter;
  chart.x = {"batch", {}, true};
  chart.y = {"time", {"ms", 1e3}, true};
  chart.series = {{"points", {}, SeriesStyle::Points}};
  for (int i = 0; i < kRows; ++i) {
    const double batch = 1 + i % 1000;
    // Neither sorted nor equal: the fractional part of a multiple of the golden ratio.
    const double seconds = 1e-3 * batch * (1 + std::fmod(i * 0.6180339887498949, 1.0));
    id.numbers.push_back(i);
    hardware.texts.push_back(i % 3 == 0 ? "h200" : i % 3 == 1 ? "gb200" : "rtx-4090");
    time.numbers.push_back(i % 1000 == 999 ? kNoValue : seconds);
    low.numbers.push_back(0.9 * seconds);
    high.numbers.push_back(1.1 * seconds);
    chart.series[0].points.push_back({.x = batch, .y = seconds, .label = hardware.texts.back()});
  }
  Document page;
  page.title = "100,000 points";
  page.add(chart);
  page.add(DataTable{.title = "Points", .name = "points", .columns = {id, hardware, time, low, high}});
  return page;
}

}  // namespace
}  // namespace moeplan

int main(int argc, char** argv) {
  using namespace moeplan;
  const std::string which = argc == 2 ? argv[1] : "";
  if (which != "hostile" && which != "big") {
    std::fputs("usage: html_page hostile|big\n", stderr);
    return 2;
  }
  const Document page = which == "big" ? big_page() : hostile_page();
  const std::string html = render_html(page, {.unit = {}, .verb = "test", .command = "moeplan test", .version = "0"});
  return std::fwrite(html.data(), 1, html.size(), stdout) == html.size() ? 0 : 1;
}
