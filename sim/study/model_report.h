// SPDX-License-Identifier: Apache-2.0
// What is known of a model by itself: parameters in the named conventions, the
// checkpoint's bytes, the cache by layer kind and the FLOPs of a token. Everything
// is read off a Program of one device, so it cannot disagree with a verdict.
#pragma once

#include <string>
#include <vector>

#include "sim/lower/lower.h"
#include "sim/program/work.h"

namespace moeplan {

// Cached by `count` layers; a DSA layer has two entries (latent and indexer).
struct CacheLayer {
  CacheKind kind = CacheKind::Full;
  Count count = 0;
  Bytes bytes_per_token;  // of one layer
  Count window = 0;       // tokens kept; 0 = all
};

struct FlopsPerToken {
  double weights = 0;           // all GEMMs of one token, head included
  double decode_attention = 0;  // scores, values, scans and index scores at the context
  double decode_total = 0;
  double prefill_attention_mean = 0;  // mean over the tokens of a prompt of `context`
  double prefill_mean_total = 0;      // weights + that mean
};

struct ModelReport {
  ModelSpec model;
  ParameterCounts parameters;
  CheckpointSize checkpoint;
  std::string weights;  // label
  FormatId kv_format = 0;
  Count context = 0;
  Count batch = 1;
  Bytes kv_per_token;           // without windows
  Bytes kv_marginal_per_token;  // beyond every window
  Bytes kv_at_context;          // windowed, x batch
  Bytes state_bytes;            // recurrent state of one sequence
  std::vector<CacheLayer> layers;
  FlopsPerToken flops;
};

// kv: a format name, "" = the model's base format. Throws InputError for unknown names.
ModelReport report_model(const ModelSpec& model, const FormatTable& formats, const std::string& weights,
                         const std::string& kv, Count context, Count batch);

}  // namespace moeplan
