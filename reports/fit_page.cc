// SPDX-License-Identifier: Apache-2.0
// The page of `fit`: its screen with the verdict first, bars beside the table of memory,
// and the ledger to sort.
#include "reports/page_parts.h"

namespace moeplan {

Document page_of_fit(const FitReport& report, Detail detail) {
  const FitQuestion& q = report.result.question;
  Document page;
  page.title = page_title(q);
  Document rest;  // below the banner, which the verdict further down gives
  for (Section& section : describe_fit(report, detail).sections) {
    if (KeyValues* block = std::get_if<KeyValues>(&section)) {
      const Banner verdict = take_banner(*block, "verdict");
      if (!verdict.text.empty()) {
        page.add(verdict);
        rest.add(Heading{"What else would fit"});
      } else {
        add_origins(*block, q, report.origins);
        rest.add(Heading{"What was asked"});
      }
      rest.add(std::move(*block));
      if (verdict.text.empty()) {
        rest.add(Heading{"Memory"});
        rest.add(memory_chart(report.result));
      }
      continue;
    }
    ItemList* list = std::get_if<ItemList>(&section);
    if (list != nullptr && list->title == "assumptions") {
      rest.add(ledger_data(report.result));
      rest.add(Heading{"Assumptions"});
      list->title.clear();
    }
    rest.add(std::move(section));
  }
  for (Section& section : rest.sections) page.add(std::move(section));
  return page;
}

}  // namespace moeplan
