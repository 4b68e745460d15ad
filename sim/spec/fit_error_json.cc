// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/fit_error_json.h"

namespace moeplan {

FitError read_error(ObjectReader reader) {
  FitError error;
  error.rows = reader.count("rows", {0, Count{1} << 40});
  error.median = reader.real("median", 0, 1e6);
  error.mean = reader.real("mean", 0, 1e6);
  error.p90 = reader.real("p90", 0, 1e6);
  error.bias = reader.real("bias", -20, 20);
  reader.finish();
  return error;
}

void write_error(JsonWriter& out, std::string_view key, const FitError& error) {
  out.key(key).compact(true).begin_object().member("rows", error.rows).member("median", error.median);
  out.member("mean", error.mean).member("p90", error.p90).member("bias", error.bias).end_object().compact(false);
}

}  // namespace moeplan
