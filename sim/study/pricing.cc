// SPDX-License-Identifier: Apache-2.0
#include "sim/study/pricing.h"

#include <fmt/format.h>

#include <algorithm>

namespace moeplan {
namespace {

MeasuredDevice seen_as(const Catalog& catalog, const DeviceSpec& device, const Overlay& overlay) {
  const Catalog::CurveText curves = catalog.curve_text(device.id);
  return {.overlay = &overlay,
          .device = device.id,
          .architecture = device.architecture,
          .device_class = device.device_class,
          .vendor = device.vendor,
          .curves = curves.text,
          .curves_file = curves.file};
}

Rates rates_of(const ClusterSpec& cluster) {
  Rates rates;
  rates.node = node_draw_of(cluster);
  if (cluster.site) rates.site = site_rates(*cluster.site);
  if (cluster.prices.empty() || !cluster.prices.front()) return rates;
  const PriceSpec& prices = *cluster.prices.front();
  rates.rent = rented(prices);
  rates.own = owned(prices, {});
  rates.price = rates.rent;
  if (prices.facility_power) {
    rates.provisioned = prices.facility_power->value.base();
    rates.provisioned_source = prices.facility_power->source;
  }
  return rates;
}

// The device with the figures and links that the catalogue has under these names; null where they
// are the cluster's own. A file or --set may say other ones, and the measured times are then not its own.
std::shared_ptr<const Machine> as_catalogued(const Catalog& catalog, const ClusterSpec& cluster,
                                             const Machine& machine) {
  const DeviceSpec& device = cluster.devices.front();
  if (!catalog.knows_device(device.id)) return nullptr;
  const auto knows = [](const std::vector<std::string>& ids, const std::string& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  ClusterSpec usual = cluster;
  if (usual.scaleup && knows(catalog.scaleup_ids(), usual.scaleup->id))
    usual.scaleup = catalog.scaleup(usual.scaleup->id);
  if (usual.scaleout && knows(catalog.scaleout_ids(), usual.scaleout->id))
    usual.scaleout = catalog.scaleout(usual.scaleout->id);
  if (catalog.knows_node(usual.node.id)) usual.node.links = catalog.node(usual.node.id).links;
  Machine measured = machine_of(usual, catalog.device(device.id));
  measured.power = machine.power;  // no time depends on it
  measured.idle_power = machine.idle_power;
  return measured == machine ? nullptr : std::make_shared<const Machine>(measured);
}

// Of the device with the same architecture, if one was measured.
std::optional<Overlay> nearest_overlay(const Catalog& catalog, const DeviceSpec& device) {
  for (const std::string& id : catalog.overlay_ids()) {
    if (id == device.id) continue;
    const DeviceSpec other = catalog.device(id);
    if (other.architecture == device.architecture && other.vendor == device.vendor)
      return catalog.overlay(id, ShapeNames::Skip);
  }
  return std::nullopt;
}

bool has_default(const Kernels& k, const KernelNeeds& needs) {
  const auto is_default = [](const ResolvedKernel& kernel) { return kernel.tier == Tier::Default; };
  return std::any_of(k.gemm.begin(), k.gemm.end(), is_default) || std::any_of(k.moe.begin(), k.moe.end(), is_default) ||
         (needs.latent_attention && std::any_of(k.mla_generation.begin(), k.mla_generation.end(), is_default)) ||
         std::any_of(k.attention_generation.begin(), k.attention_generation.end(), is_default) ||
         std::any_of(k.collective.begin(), k.collective.end(), is_default) ||
         (needs.exchange && is_default(k.exchange[static_cast<std::size_t>(EpMode::LowLatency)][0].dispatch));
}

}  // namespace

std::vector<MeasuredDevice> measured_devices(const Catalog& catalog, std::vector<std::unique_ptr<Overlay>>& storage) {
  std::vector<MeasuredDevice> measured;
  for (const std::string& id : catalog.overlay_ids()) {
    storage.push_back(std::make_unique<Overlay>(*catalog.overlay(id)));
    measured.push_back(seen_as(catalog, catalog.device(id), *storage.back()));
  }
  return measured;
}

ClusterSpec usual_cluster(const Catalog& catalog, const std::string& device) {
  ClusterSpec best = catalog.cluster(device);
  for (const std::string& id : catalog.node_ids()) {
    const NodeSpec node = catalog.node(id);
    const bool holds = node.groups.size() == 1 && node.groups[0].device == best.devices.front().id;
    if (holds && node.devices() > best.node.devices()) best = catalog.cluster(id);
  }
  return best;
}

KernelNeeds needs_of(const ModelSpec& model, const Layout& layout) {
  const auto is_latent = [](const Block& b) { return std::holds_alternative<LatentAttention>(b.kind); };
  return {.latent_attention = std::any_of(model.blocks.begin(), model.blocks.end(), is_latent),
          .exchange = layout.token_groups() > 1};
}

namespace {

Pricing operators_of(const Catalog& catalog, const ClusterSpec& cluster, const RuntimeSpec& runtime,
                     const FormatTable& formats, const KernelNeeds& needs) {
  Pricing pricing;
  const DeviceSpec& device = cluster.devices.front();
  const Machine machine = machine_of(cluster, device);
  pricing.bus_assumed = !cluster.scaleup && host_link_of(cluster.node, device.id) == nullptr;
  pricing.network_assumed = !cluster.scaleout;
  pricing.rates = rates_of(cluster);

  // The device's own overlay first; siblings' are read only where it leaves a gap.
  std::vector<MeasuredDevice> measured;
  const std::optional<Overlay> own = catalog.overlay(device.id, ShapeNames::Skip);
  std::shared_ptr<const Machine> as_measured;
  if (own) {
    const bool is_known = catalog.knows_device(device.id);
    measured.push_back(seen_as(catalog, is_known ? catalog.device(device.id) : device, *own));
    as_measured = measured.back().as_measured = as_catalogued(catalog, cluster, machine);
    pricing.overlay =
        fmt::format("{} of {}{}", device.id, own->as_of, as_measured == nullptr ? "" : ", moved to other figures");
    pricing.kernels = kernels_of(CostModel(device, machine, measured), runtime, formats, device.architecture);
    if (!has_default(pricing.kernels, needs)) return pricing;
  }
  // Then the nearest sibling's, then all of them.
  if (const std::optional<Overlay> near = nearest_overlay(catalog, device)) {
    measured.push_back(seen_as(catalog, catalog.device(near->id), *near));
    pricing.kernels = kernels_of(CostModel(device, machine, measured), runtime, formats, device.architecture);
    if (!has_default(pricing.kernels, needs)) return pricing;
    measured.pop_back();
  }
  std::vector<std::unique_ptr<Overlay>> overlays;
  measured = measured_devices(catalog, overlays);
  for (MeasuredDevice& m : measured)
    if (m.device == device.id) m.as_measured = as_measured;
  pricing.kernels = kernels_of(CostModel(device, machine, measured), runtime, formats, device.architecture);
  return pricing;
}

}  // namespace

Pricing pricing_of(const Catalog& catalog, const ClusterSpec& cluster, const RuntimeSpec& runtime,
                   const FormatTable& formats, const KernelNeeds& needs) {
  Pricing pricing = operators_of(catalog, cluster, runtime, formats, needs);
  const std::optional<EngineProfiles> profiles = catalog.engine_profiles(runtime);
  const EngineProfile* engine = profiles ? profile_for(*profiles, cluster.devices.front()) : nullptr;
  if (engine != nullptr) {
    pricing.engine = *engine;
    pricing.kernels.engine = engine->constants;
  }
  return pricing;
}

Pricing PricingMemo::get(const Catalog& catalog, const ClusterSpec& cluster, const RuntimeSpec& runtime,
                         const FormatTable& formats, const KernelNeeds& needs) {
  {
    const std::scoped_lock lock(mutex_);
    for (const Known& known : known_)
      if (known.needs == needs && known.cluster == cluster && known.runtime == runtime) return *known.pricing;
  }
  auto pricing = std::make_shared<const Pricing>(pricing_of(catalog, cluster, runtime, formats, needs));
  const std::scoped_lock lock(mutex_);
  if (known_.size() == kMost) known_.erase(known_.begin());
  known_.push_back({.cluster = cluster, .runtime = runtime, .needs = needs, .pricing = pricing});
  return *pricing;
}

void drop_engine(Pricing& pricing) {
  pricing.engine.reset();
  pricing.kernels.engine = {};
}

bool use_engine_of_others(Pricing& pricing, std::string_view model) {
  if (!pricing.engine) return false;
  pricing.engine->constants = constants_without(*pricing.engine, model);
  pricing.kernels.engine = pricing.engine->constants;
  const std::vector<std::string>& fitted = pricing.engine->models;
  return std::find(fitted.begin(), fitted.end(), model) != fitted.end();
}

}  // namespace moeplan
