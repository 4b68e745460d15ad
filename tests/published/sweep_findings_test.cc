// SPDX-License-Identifier: Apache-2.0
// What the shipped studies say they find is what their rows show. Each runs as a user would run
// it; bounds are those of the sentence in the study's file.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

using nlohmann::json;

json answer_of(const std::string& words) {
  const std::string command = std::string(MOEPLAN_BINARY) + " sweep " + words + " --json --quiet";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 1 << 16> block;
  while (const std::size_t size = fread(block.data(), 1, block.size(), pipe.get())) text.append(block.data(), size);
  return json::parse(text, nullptr, false);
}

// The rows of a study and how to find one.
class Study {
 public:
  explicit Study(const std::string& id) : rows_(answer_of(id)["rows"]) {}
  // The row where these columns have these values.
  const json& row(const std::map<std::string, json>& where) const {
    for (const json& row : rows_) {
      bool is = true;
      for (const auto& [name, value] : where) is = is && row.contains(name) && row[name] == value;
      if (is) return row;
    }
    ADD_FAILURE() << "no such row: " << json(where).dump();
    return rows_.at(0);
  }
  double value(const std::map<std::string, json>& where, const std::string& metric) const {
    const json& found = row(where);
    return found.contains(metric) ? found[metric].get<double>() : NAN;
  }

 private:
  json rows_;
};

TEST(SweepFindings, EveryStudySaysWhatItFinds) {
  const Catalog catalog = Catalog::embedded();
  for (const std::string& id : catalog.study_ids()) {
    const json study = json::parse(catalog.study(id).text);
    if (study.contains("sides")) continue;
    EXPECT_FALSE(study["finding"].get<std::string>().empty()) << id;
    EXPECT_FALSE(study["source"].get<std::string>().empty()) << id;
  }
}

TEST(SweepFindings, Batch) {
  const Study study("batch");
  const auto tpot = [&](const char* model, int batch) {
    return study.value({{"model", model}, {"batch", batch}}, "tpot_s");
  };
  EXPECT_NEAR(tpot("qwen3-235b-a22b", 64) / tpot("qwen3-235b-a22b", 1), 2.6, 0.05);
  EXPECT_NEAR(tpot("llama-3.1-405b", 64) / tpot("llama-3.1-405b", 1), 1.2, 0.05);
  // 128 (1 - (1 - 8/128)^B) >= 0.95 x 128 from B = ln 0.05 / ln (15/16) = 46.4 on
  EXPECT_EQ(std::ceil(std::log(0.05) / std::log1p(-8.0 / 128)), 47);
  EXPECT_NEAR(study.value({{"model", "qwen3-235b-a22b"}, {"batch", 32}}, "distinct_experts_per_rank"),
              128 * (1 - std::pow(15.0 / 16, 32)), 1e-6);
}

TEST(SweepFindings, Context) {
  const Study study("context");
  const auto at = [&](const char* model, int context) { return study.row({{"model", model}, {"context", context}}); };
  EXPECT_EQ(at("deepseek-v3", 16384)["status"], "ok");
  EXPECT_EQ(at("deepseek-v3", 32768)["status"], "no_fit");
  EXPECT_EQ(at("gpt-oss-120b", 131072)["status"], "ok");
  EXPECT_LT(at("gpt-oss-120b", 131072)["memory_bytes"].get<double>(),
            at("deepseek-v3", 16384)["memory_bytes"].get<double>() / 3);
  for (const char* model : {"deepseek-v3", "qwen3-235b-a22b", "gpt-oss-120b"}) {
    const int context = std::string(model) == "deepseek-v3" ? 16384 : 65536;
    EXPECT_LT(at(model, context)["attention_s"].get<double>(), at(model, context)["experts_s"].get<double>()) << model;
  }
  EXPECT_GT(at("gpt-oss-120b", 131072)["attention_s"].get<double>(),
            at("gpt-oss-120b", 131072)["experts_s"].get<double>());
}

TEST(SweepFindings, EpWidth) {
  const Study study("ep-width");
  const auto rate = [&](const char* hardware, const char* exchange, int ep) {
    return study.value({{"hardware", hardware}, {"exchange", exchange}, {"ep", ep}}, "tokens_per_s_per_gpu");
  };
  EXPECT_NEAR(rate("h200", "deep_ep_low_latency", 64) / rate("h200", "deep_ep_low_latency", 16), 1.03, 0.02);
  EXPECT_NEAR(rate("gb200-nvl72", "nvlink_one_sided", 64) / rate("gb200-nvl72", "nvlink_one_sided", 8), 1.39, 0.03);
  EXPECT_NEAR(rate("gb200-nvl72", "all_gather", 64) / rate("gb200-nvl72", "all_gather", 8), 0.67, 0.03);
}

TEST(SweepFindings, DenseAgainstMoe) {
  const Study study("dense-against-moe");
  const auto dollars = [&](const char* model, int batch) {
    return study.value({{"model", model}, {"batch", batch}}, "usd_per_million_tokens");
  };
  EXPECT_NEAR(dollars("qwen3-30b-a3b", 1) / dollars("qwen3-4b", 1), 1.2, 0.05);
  EXPECT_NEAR(dollars("qwen3-30b-a3b", 64) / dollars("qwen3-4b", 64), 2.5, 0.1);
  EXPECT_NEAR(dollars("qwen3-30b-a3b", 64) / dollars("qwen3-32b", 64), 0.75, 0.03);
  EXPECT_NEAR(dollars("qwen3-30b-a3b", 256) / dollars("qwen3-4b", 256), 1.3, 0.06);
  EXPECT_EQ(study.row({{"model", "qwen3-32b"}, {"batch", 128}})["status"], "no_fit");
}

TEST(SweepFindings, QuantisationLadder) {
  const Study study("quantisation-ladder");
  const auto at = [&](const char* model, const char* weights, int batch) {
    return study.row({{"model", model}, {"weights", weights}, {"batch", batch}});
  };
  EXPECT_EQ(at("qwen3-30b-a3b", "q6_k", 1)["status"], "no_fit");
  EXPECT_EQ(at("qwen3-30b-a3b", "q5_k_m", 1)["status"], "ok");
  EXPECT_EQ(at("qwen3-30b-a3b", "q5_k_m", 8)["status"], "no_fit");
  EXPECT_EQ(at("qwen3-30b-a3b", "q4_k_m", 8)["status"], "ok");
  const auto ratio = [&](const char* model, const char* metric) {
    return at(model, "q2_k", 1)[metric].get<double>() / at(model, "q5_k_m", 1)[metric].get<double>();
  };
  EXPECT_NEAR(ratio("qwen3-14b", "memory_bytes"), 0.61, 0.01);
  EXPECT_NEAR(ratio("qwen3-14b", "tpot_s"), 0.61, 0.01);
  EXPECT_NEAR(ratio("qwen3-30b-a3b", "memory_bytes"), 0.54, 0.01);
  EXPECT_NEAR(ratio("qwen3-30b-a3b", "tpot_s"), 0.73, 0.01);
}

TEST(SweepFindings, Laptop) {
  const Study study("laptop-16gb");
  EXPECT_NEAR(study.value({{"model", "deepseek-v2-lite"}, {"weights", "q4_k_m"}}, "tokens_per_s"), 31, 0.5);
  EXPECT_NEAR(study.value({{"model", "qwen3-14b"}, {"weights", "q4_k_m"}}, "tokens_per_s"), 7.2, 0.3);
  EXPECT_EQ(study.row({{"model", "gpt-oss-20b"}, {"weights", "q4_k_m"}})["reason"], "short by 0.21 GiB");
  for (const char* model : {"deepseek-v2-lite", "olmoe-1b-7b", "qwen1.5-moe-a2.7b", "granite-3.0-1b-a400m",
                            "llama-3.1-8b", "qwen3-4b", "qwen3-14b", "gpt2-xl"}) {
    const json& row = study.row({{"model", model}, {"weights", "q4_k_m"}});
    EXPECT_EQ(row["status"], "ok") << model;
    EXPECT_LT(row["total_parameters"].get<double>(), 16e9) << model;
  }
}

TEST(SweepFindings, TopK) {
  const Study study("top-k");
  const auto growth = [&](int batch) {
    return study.value({{"model.moe.top_k", 32}, {"batch", batch}}, "tpot_s") /
           study.value({{"model.moe.top_k", 1}, {"batch", batch}}, "tpot_s");
  };
  EXPECT_NEAR(growth(1), 1.8, 0.05);
  EXPECT_NEAR(growth(256), 1.2, 0.05);
}

TEST(SweepFindings, ExpertWidth) {
  const Study study("expert-width");
  const auto over_own = [&](int width, int batch) {
    return study.value({{"model.moe.width", width}, {"batch", batch}}, "tpot_s") /
           study.value({{"model.moe.width", 768}, {"batch", batch}}, "tpot_s");
  };
  for (const int batch : {1, 8, 64, 256}) EXPECT_LE(over_own(192, batch), 1.145) << batch;
  EXPECT_NEAR(over_own(48, 1), 1.3, 0.05);
  EXPECT_NEAR(over_own(48, 64), 1.7, 0.05);
  // 128 experts of 768 are 2,048 of 48, of which a token uses 8 x 16 = 128: 2048 (1 - (15/16)^64)
  EXPECT_NEAR(study.value({{"model.moe.width", 48}, {"batch", 64}}, "distinct_experts_per_rank"),
              2048 * (1 - std::pow(15.0 / 16, 64)), 1e-6);
}

// One curve of the study of expert counts.
json curve_of(const json& answer, const std::string& hardware, const std::string& phase, int batch) {
  for (const json& curve : answer["curves"])
    if (curve["hardware"] == hardware && curve["phase"] == phase && curve["batch_per_gpu"] == batch &&
        curve["held"] == "constant active parameters")
      return curve;
  ADD_FAILURE() << "no such curve: " << hardware << " " << phase << " " << batch;
  return {};
}

json size_of(const json& curve, int experts) {
  for (const json& row : curve["rows"])
    if (row["experts"] == experts) return row;
  return {};
}

double share_of(const json& row, const char* part) {
  return row["parts_s"][part].get<double>() / row["step_time_s"].get<double>();
}

TEST(SweepFindings, ExpertCount) {
  const json answer = answer_of("expert-count");
  const json many = curve_of(answer, "h200-x8", "decode", 32);
  const json at512 = size_of(many, 512);
  EXPECT_NEAR(at512["step_time_s"].get<double>() / size_of(many, 8)["step_time_s"].get<double>(), 2, 0.05);
  EXPECT_NEAR(share_of(at512, "distinct_experts") + share_of(at512, "tile_padding"), 0.5, 0.03);
  for (const json& row : many["rows"]) EXPECT_LT(share_of(row, "router"), 0.03) << row["experts"];
  EXPECT_NEAR(share_of(size_of(curve_of(answer, "h200-x8", "decode", 1), 16384), "router"), 0.13, 0.01);
  const json laptop = curve_of(answer, "laptop-16gb", "decode", 1);
  EXPECT_EQ(laptop["half"]["experts"], 2048);
  EXPECT_EQ(laptop["half"]["cause"], "router");
  // Parts add up to the step.
  for (const json& curve : answer["curves"])
    for (const json& row : curve["rows"]) {
      if (row["status"] == "invalid") continue;
      double sum = 0;
      for (const json& part : row["parts_s"]) sum += part.get<double>();
      EXPECT_NEAR(sum / row["step_time_s"].get<double>(), 1, 1e-9);
    }
}

}  // namespace
}  // namespace moeplan
