// SPDX-License-Identifier: Apache-2.0
// Document -> bytes. Pure: no terminal, file or environment is looked at here.
#pragma once

#include <string>

#include "reports/document.h"
#include "reports/numbers.h"

namespace moeplan {

struct TextStyle {
  std::size_t width = 100;  // columns of the terminal
  bool color = false;
  ByteUnit unit;
};

// For a terminal. Tables wider than it lose the columns with the highest priority
// number, and say which.
std::string render_text(const Document& document, const TextStyle& style);

// GitHub-flavoured Markdown.
std::string render_markdown(const Document& document, const ByteUnit& unit);

// The tables only (RFC 4180), raw numbers in base units, a blank line between tables.
std::string render_csv(const Document& document);

}  // namespace moeplan
