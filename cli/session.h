// SPDX-License-Identifier: Apache-2.0
// What every command shares: the catalogue, how to write, where to.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "cli/output.h"
#include "reports/html.h"
#include "reports/render.h"
#include "sim/spec/catalog.h"
#include "sim/study/pricing.h"

namespace moeplan {

enum class OutputFormat { Table, Json, Csv, Markdown, Html };

// Options every command has.
std::span<const Option> common_options();

// Options of a command followed by the common ones.
std::vector<Option> with_common_options(std::span<const Option> options);

class Session {
 public:
  // Reads the common options and opens the output. Throws InputError.
  explicit Session(const Arguments& arguments);

  Catalog& catalog() { return catalog_; }
  const Catalog& catalog() const { return catalog_; }
  OutputFormat format() const { return format_; }
  const ByteUnit& unit() const { return style_.unit; }
  // Of the machines and engines this session has priced.
  PricingMemo& prices() const { return *prices_; }
  // What a page says of itself besides its document: also for files a command writes by itself.
  const PageStyle& page_style() const { return page_; }
  bool verbose() const { return verbose_; }
  bool explain() const { return explain_; }

  // The same session, its warnings given to `use` in place of being written; it writes no answer.
  Session with_warnings(std::function<void(std::string_view)> use) const;

  // To stderr, unless --quiet: a remark, and one that is marked as a warning.
  void say(std::string_view text) const;
  void warn(std::string_view text) const;

  // The answer in the asked-for format. A document for people, one for
  // spreadsheets, JSON, and a page where it shows more than the document (charts):
  // only the wanted one is made.
  struct Answer {
    std::function<Document()> document;
    std::function<Document()> rows;
    std::function<std::string()> json;
    std::function<Document()> page = nullptr;
  };
  void write(const Answer& answer);
  void write_text(std::string_view text) { output_.write(text); }

 private:
  OutputTarget output_;
  OutputFormat format_ = OutputFormat::Table;
  TextStyle style_;
  PageStyle page_;
  bool quiet_ = false;
  bool verbose_ = false;
  bool explain_ = false;
  Catalog catalog_;
  std::shared_ptr<PricingMemo> prices_ = std::make_shared<PricingMemo>();
  std::function<void(std::string_view)> warnings_;  // in place of stderr

  Session(const Session& other, std::function<void(std::string_view)> warnings);
};

}  // namespace moeplan
