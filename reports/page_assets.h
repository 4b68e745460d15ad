// SPDX-License-Identifier: Apache-2.0
// What every page carries, embedded at build time (scripts/embed_page.cmake).
#pragma once

#include <string_view>

namespace moeplan {

// The text of a <style> or <script> element and its hash, base64 of SHA-256, by which
// the page's Content-Security-Policy lets it through.
struct PageAsset {
  std::string_view text;
  std::string_view sha256;
};

struct PageAssets {
  PageAsset style;    // reports/html/report.css
  PageAsset library;  // Chart.js 3.9, MIT licence, as Debian's libjs-chart.js ships it
  PageAsset script;   // reports/html/*.js
};

PageAssets page_assets();

}  // namespace moeplan
