// SPDX-License-Identifier: Apache-2.0
// A Document as one self-contained HTML file: opens from disk, fetches nothing, charts
// drawn by Chart.js inside it. Its Content-Security-Policy allows the page's own style
// and scripts by their hashes and nothing else, so text that looks like markup could not
// run even if it were let through.
#pragma once

#include <string>

#include "reports/document.h"
#include "reports/numbers.h"

namespace moeplan {

struct PageStyle {
  ByteUnit unit;
  std::string verb;     // "fit": above the title
  std::string command;  // the line that makes this page again; "" = not shown
  std::string version;  // of moeplan
};

std::string render_html(const Document& document, const PageStyle& style);

}  // namespace moeplan
