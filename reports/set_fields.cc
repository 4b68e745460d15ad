// SPDX-License-Identifier: Apache-2.0
#include "reports/set_fields.h"

namespace moeplan {

std::string set_text(const std::vector<SetField>& fields) {
  std::string text;
  for (const SetField& field : fields) text += (text.empty() ? "" : ", ") + field.path + " = " + field.value;
  return text;
}

void write_set(JsonWriter& out, const std::vector<SetField>& fields) {
  if (fields.empty()) return;
  out.key("set").begin_array();
  for (const SetField& field : fields) {
    out.compact(true).begin_object().member("path", field.path).member("value", field.value);
    out.end_object().compact(false);
  }
  out.end_array();
}

}  // namespace moeplan
