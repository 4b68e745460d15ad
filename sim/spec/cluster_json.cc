// SPDX-License-Identifier: Apache-2.0
// Documents of fabrics, networks, sites and prices (schema: hw_profiles/README.md).
#include <array>

#include "sim/spec/catalog.h"
#include "sim/spec/cluster.h"
#include "sim/spec/sourced_json.h"

namespace moeplan {
namespace {

constexpr std::array<NetworkTopology, 4> kTopologies = {NetworkTopology::RailFatTree, NetworkTopology::FatTree,
                                                        NetworkTopology::Dragonfly, NetworkTopology::Torus};

// id, name and aliases: how every document begins.
template <class Spec>
void read_names(ObjectReader& reader, Spec& spec) {
  spec.id = reader.text("id");
  spec.name = reader.text("name");
  spec.aliases = reader.texts_or_empty("aliases");
}

template <class Spec>
void write_names(JsonWriter& out, const Spec& spec) {
  out.begin_object().member("id", spec.id).member("name", spec.name);
  write_texts(out, "aliases", spec.aliases);
}

std::vector<Rental> read_rentals(ObjectReader& reader) {
  std::vector<Rental> rentals;
  for (ObjectReader& item : read_items(reader, "rentals")) {
    Rental rental;
    rental.term = item.text("term");
    rental.seller = item.text("seller");
    rental.low = read_body<UsdPerSecond>(item);
    rental.high = item.quantity_or("high", rental.low.value);
    rental.as_of = item.text("as_of");
    item.finish();
    rentals.push_back(std::move(rental));
  }
  return rentals;
}

void write_rentals(JsonWriter& out, const std::vector<Rental>& rentals) {
  if (rentals.empty()) return;
  out.key("rentals").begin_array();
  for (const Rental& rental : rentals) {
    out.compact(true).begin_object().member("term", rental.term).member("seller", rental.seller);
    write_body(out, rental.low);
    if (rental.high != rental.low.value) out.member("high", to_text(rental.high));
    out.member("as_of", rental.as_of).end_object().compact(false);
  }
  out.end_array();
}

std::vector<NetworkTier> read_tiers(ObjectReader& reader) {
  std::vector<NetworkTier> tiers;
  for (ObjectReader& item : read_items(reader, "tiers")) {
    NetworkTier tier;
    tier.radix = item.count("radix", {2, 4096});
    tier.oversubscription = item.real_or("oversubscription", 1, 100, 1);
    tier.hop = read_sourced_if_present<Seconds>(item, "hop");
    item.finish();
    tiers.push_back(std::move(tier));
  }
  return tiers;
}

}  // namespace

ScaleupSpec read_scaleup(const JsonDocument& document) {
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  ScaleupSpec s;
  read_names(reader, s);
  s.generation = reader.text_or("generation", "");
  s.kind = kLinkKinds[reader.choice("kind", words_of(kLinkKinds))];
  s.domain = reader.count("domain", {2, 100000});
  s.dimensions = reader.counts_or_empty("dimensions", {1, 100000});
  s.bandwidth = read_sourced<BytesPerSecond>(reader, "bandwidth");
  s.per_peer_cap = read_sourced_if_present<BytesPerSecond>(reader, "per_peer_cap");
  s.all_to_all = read_sourced_if_present<BytesPerSecond>(reader, "all_to_all");
  s.all_reduce = read_sourced_if_present<BytesPerSecond>(reader, "all_reduce");
  s.all_to_all_floor = read_sourced_if_present<Seconds>(reader, "all_to_all_floor");
  s.all_reduce_floor = read_sourced_if_present<Seconds>(reader, "all_reduce_floor");
  s.reduces = reader.flag_or("reduces", false);
  s.note = reader.text_or("note", "");
  finish_document(reader, s);
  return s;
}

std::string write_scaleup(const ScaleupSpec& s) {
  JsonWriter out;
  write_names(out, s);
  if (!s.generation.empty()) out.member("generation", s.generation);
  out.member("kind", word_of(s.kind)).member("domain", s.domain);
  if (!s.dimensions.empty()) {
    out.key("dimensions").compact(true).begin_array();
    for (const Count n : s.dimensions) out.value(n);
    out.end_array().compact(false);
  }
  write_sourced(out, "bandwidth", s.bandwidth);
  write_sourced(out, "per_peer_cap", s.per_peer_cap);
  write_sourced(out, "all_to_all", s.all_to_all);
  write_sourced(out, "all_reduce", s.all_reduce);
  write_sourced(out, "all_to_all_floor", s.all_to_all_floor);
  write_sourced(out, "all_reduce_floor", s.all_reduce_floor);
  out.member("reduces", s.reduces);
  write_note(out, s.note);
  out.end_object();
  return out.take();
}

ScaleoutSpec read_scaleout(const JsonDocument& document) {
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  ScaleoutSpec s;
  read_names(reader, s);
  s.topology = kTopologies[reader.choice("topology", words_of(kTopologies))];
  s.nic_rate = read_sourced<BytesPerSecond>(reader, "nic_rate");
  s.nics_per_device = reader.real_or("nics_per_device", 0.01, 16, 1);
  s.tiers = read_tiers(reader);
  s.all_to_all = read_sourced_if_present<BytesPerSecond>(reader, "all_to_all");
  s.small_message = read_sourced_if_present<Seconds>(reader, "small_message");
  s.note = reader.text_or("note", "");
  finish_document(reader, s);
  return s;
}

std::string write_scaleout(const ScaleoutSpec& s) {
  JsonWriter out;
  write_names(out, s);
  out.member("topology", word_of(s.topology));
  write_sourced(out, "nic_rate", s.nic_rate);
  out.member("nics_per_device", s.nics_per_device);
  if (!s.tiers.empty()) {
    out.key("tiers").begin_array();
    for (const NetworkTier& tier : s.tiers) {
      out.begin_object().member("radix", tier.radix).member("oversubscription", tier.oversubscription);
      write_sourced(out, "hop", tier.hop);
      out.end_object();
    }
    out.end_array();
  }
  write_sourced(out, "all_to_all", s.all_to_all);
  write_sourced(out, "small_message", s.small_message);
  write_note(out, s.note);
  out.end_object();
  return out.take();
}

SiteSpec read_site(const JsonDocument& document) {
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  SiteSpec s;
  read_names(reader, s);
  s.pue = read_sourced<double>(reader, "pue");
  s.usd_per_kwh = read_sourced<double>(reader, "usd_per_kwh");
  s.gco2_per_kwh = read_sourced<double>(reader, "gco2_per_kwh");
  s.note = reader.text_or("note", "");
  finish_document(reader, s);
  return s;
}

std::string write_site(const SiteSpec& s) {
  JsonWriter out;
  write_names(out, s);
  write_sourced(out, "pue", s.pue);
  write_sourced(out, "usd_per_kwh", s.usd_per_kwh);
  write_sourced(out, "gco2_per_kwh", s.gco2_per_kwh);
  write_note(out, s.note);
  out.end_object();
  return out.take();
}

PriceSpec read_price(const JsonDocument& document) {
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  PriceSpec p;
  p.id = reader.text("id");
  if (std::optional<ObjectReader> item = reader.object_if_present("purchase_usd")) {
    Purchase purchase;
    purchase.usd = read_body<double>(*item);
    purchase.as_of = item->text("as_of");
    item->finish();
    p.purchase = std::move(purchase);
  }
  p.rentals = read_rentals(reader);
  p.facility_power = read_sourced_if_present<Watts>(reader, "facility_power");
  p.note = reader.text_or("note", "");
  finish_document(reader, p);
  return p;
}

std::string write_price(const PriceSpec& p) {
  JsonWriter out;
  out.begin_object().member("id", p.id);
  if (p.purchase) {
    out.key("purchase_usd").compact(true).begin_object();
    write_body(out, p.purchase->usd);
    out.member("as_of", p.purchase->as_of).end_object().compact(false);
  }
  write_rentals(out, p.rentals);
  write_sourced(out, "facility_power", p.facility_power);
  write_note(out, p.note);
  out.end_object();
  return out.take();
}

}  // namespace moeplan
