// SPDX-License-Identifier: Apache-2.0
#include "cli/session.h"

#include <array>
#include <cstdio>

#include "cli/command_line.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::array<Option, 10> kCommonOptions = {{
    {"format", "FORMAT", "table (default), json, csv, md or html (one file with charts)"},
    {"json", "", "the same as --format json"},
    {"output", "FILE", "write the answer to FILE, complete or not at all", "", 'o'},
    {"units", "UNIT", "of sizes in tables: GiB (default), MiB, TiB, GB, MB, TB"},
    {"color", "WHEN", "auto (default), always or never; NO_COLOR and TERM=dumb are honoured"},
    {"explain", "", "show every term: formula, inputs, source"},
    {"verbose", "", "show every line and source", "", 'v'},
    {"quiet", "", "no warnings and hints", "", 'q'},
    {"data-dir", "DIR", "data files here replace or add to the built-in ones (or MOEPLAN_DATA_DIR)"},
    {"help", "", "this text", "", 'h'},
}};

OutputTarget open_output(const Arguments& arguments) {
  const std::optional<std::string> path = arguments.text("output");
  return path ? OutputTarget(*path) : OutputTarget();
}

OutputFormat read_format(const Arguments& arguments) {
  const std::optional<std::string> known = arguments.choice("format", {"table", "json", "csv", "md", "html"});
  if (arguments.has("json") && known && known != "json")
    throw_usage("json", "--format " + *known + " too", "one of the two");
  if (arguments.has("json") || known == "json") return OutputFormat::Json;
  if (known == "md") return OutputFormat::Markdown;
  if (known == "html") return OutputFormat::Html;
  return known == "csv" ? OutputFormat::Csv : OutputFormat::Table;
}

ColorChoice read_color(const Arguments& arguments) {
  const std::string word = arguments.choice("color", {"auto", "always", "never"}).value_or("auto");
  if (word == "never") return ColorChoice::Never;
  return word == "always" ? ColorChoice::Always : ColorChoice::Auto;
}

Catalog open_catalog(const Arguments& arguments) {
  std::optional<std::string> directory = arguments.text("data-dir");
  if (!directory) directory = environment("MOEPLAN_DATA_DIR");
  return directory ? Catalog::with_override(*directory) : Catalog::embedded();
}

}  // namespace

std::span<const Option> common_options() { return kCommonOptions; }

std::vector<Option> with_common_options(std::span<const Option> options) {
  std::vector<Option> all(options.begin(), options.end());
  all.insert(all.end(), kCommonOptions.begin(), kCommonOptions.end());
  return all;
}

Session::Session(const Arguments& arguments)
    : output_(open_output(arguments)),
      format_(read_format(arguments)),
      quiet_(arguments.has("quiet")),
      verbose_(arguments.has("verbose")),
      explain_(arguments.has("explain")),
      catalog_(open_catalog(arguments)) {
  const ColorChoice color = read_color(arguments);
  style_.color = use_color(color) && (color == ColorChoice::Always || !arguments.has("output"));
  style_.width = terminal_width();
  const std::string unit = arguments.text("units").value_or("GiB");
  if (!find_byte_unit(unit, style_.unit)) throw_usage("units", in_quotes(unit), "one of GiB, MiB, TiB, GB, MB, TB");
  page_ = {
      .unit = style_.unit,
      .verb = arguments.verb(),
      .command = command_line_of(arguments.verb(), arguments.words(), environment("MOEPLAN_DATA_DIR").value_or("")),
      .version = MOEPLAN_VERSION};
}

void Session::say(std::string_view text) const {
  if (warnings_) return;
  if (!quiet_) std::fprintf(stderr, "%s\n", printable(text).c_str());
}

Session::Session(const Session& other, std::function<void(std::string_view)> warnings)
    : format_(other.format_),
      style_(other.style_),
      quiet_(other.quiet_),
      verbose_(other.verbose_),
      explain_(other.explain_),
      catalog_(other.catalog_),
      prices_(other.prices_),
      warnings_(std::move(warnings)) {}

Session Session::with_warnings(std::function<void(std::string_view)> use) const { return {*this, std::move(use)}; }

void Session::warn(std::string_view text) const {
  if (warnings_) return warnings_(text);
  if (!quiet_) std::fprintf(stderr, "warning: %s\n", printable(text).c_str());
}

void Session::write(const Answer& answer) {
  switch (format_) {
    case OutputFormat::Table: return output_.write(render_text(answer.document(), style_));
    case OutputFormat::Markdown: return output_.write(render_markdown(answer.document(), style_.unit));
    case OutputFormat::Csv: return output_.write(render_csv(answer.rows()));
    case OutputFormat::Json: return output_.write(answer.json());
    case OutputFormat::Html: return output_.write(render_html(answer.page ? answer.page() : answer.document(), page_));
  }
}

}  // namespace moeplan
