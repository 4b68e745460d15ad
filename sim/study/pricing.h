// SPDX-License-Identifier: Apache-2.0
// Everything prices of one deployment's device stand on, looked up once: its figures and
// links, its overlay, overlays of siblings where it has none, power and price.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sim/cost/kernels.h"
#include "sim/spec/catalog.h"
#include "sim/study/simulate.h"

namespace moeplan {

struct Pricing {
  Kernels kernels;
  Rates rates;
  std::string overlay;                  // "h200 of 2026-11-22"; "" = the device was never measured
  std::optional<EngineProfile> engine;  // that kernels.engine is of
  // The profiles do not say how devices reach each other: in one box, from box to box.
  bool bus_assumed = false;
  bool network_assumed = false;
};

// Kernels a deployment has none of: nothing is looked for on other devices for their sake.
struct KernelNeeds {
  bool latent_attention = true;
  bool exchange = true;  // of tokens between ranks with experts
  friend bool operator==(const KernelNeeds&, const KernelNeeds&) = default;
};
KernelNeeds needs_of(const ModelSpec& model, const Layout& layout);

// cluster: what the device stands in (a device alone stands in a node of its own).
Pricing pricing_of(const Catalog& catalog, const ClusterSpec& cluster, const RuntimeSpec& runtime,
                   const FormatTable& formats, const KernelNeeds& needs = {});

// The same for many deployments of few machines: what was looked up once is not again. The
// catalogue and the formats must be the same each time. Safe to ask from several threads.
class PricingMemo {
 public:
  Pricing get(const Catalog& catalog, const ClusterSpec& cluster, const RuntimeSpec& runtime,
              const FormatTable& formats, const KernelNeeds& needs);

 private:
  struct Known {
    ClusterSpec cluster;
    RuntimeSpec runtime;
    KernelNeeds needs;
    std::shared_ptr<const Pricing> pricing;
  };
  static constexpr std::size_t kMost = 64;
  std::mutex mutex_;
  std::vector<Known> known_;  // the newest last
};

// Operators alone, without what the engine adds to them.
void drop_engine(Pricing& pricing);
// With what it adds by runs of other models. False: runs of this one were not fitted anyway.
bool use_engine_of_others(Pricing& pricing, std::string_view model);

// The machine a device is usually sold in: the largest node of the catalogue that holds
// nothing else; the device alone where there is none.
ClusterSpec usual_cluster(const Catalog& catalog, const std::string& device);

// The overlays of measured devices as a cost model takes them.
std::vector<MeasuredDevice> measured_devices(const Catalog& catalog, std::vector<std::unique_ptr<Overlay>>& storage);

}  // namespace moeplan
