// SPDX-License-Identifier: Apache-2.0
#include "sim/study/network.h"

#include <gtest/gtest.h>

#include <numeric>

#include "sim/base/error.h"
#include "sim/study/network_file.h"
#include "sim/study/network_words.h"

namespace moeplan {
namespace {

double row_sum(const ByteMatrix& matrix, Count source) {
  double sum = 0;
  for (Count j = 0; j < matrix.ranks; ++j) sum += matrix.at(source, j);
  return sum;
}

TEST(Matrix, OfZipfDealsTheBytesOfEachSource) {
  const ByteMatrix matrix = read_matrix("zipf:0.8,64MB", 16, 1);
  for (Count i = 0; i < 16; ++i) EXPECT_NEAR(row_sum(matrix, i), 64e6, 16);  // whole bytes
}

TEST(Matrix, OfZipfWithExponentZeroIsUniform) {
  const ByteMatrix matrix = read_matrix("zipf:0,15", 16, 1);
  EXPECT_EQ(matrix.at(3, 4), 1);
  EXPECT_EQ(matrix.at(3, 3), 0);
}

TEST(Matrix, OfHeavyTailsHasItsMean) {
  const ByteMatrix matrix = read_matrix("heavy:1.5,1MB", 256, 1);
  double sum = 0;
  for (Count i = 0; i < 256; ++i) sum += row_sum(matrix, i);
  EXPECT_NEAR(sum / (256 * 255), 1e6, 0.05e6);
}

TEST(Matrix, IsDrawnFromTheSeed) {
  EXPECT_EQ(read_matrix("random:1MB", 8, 1).bytes, read_matrix("random:1MB", 8, 1).bytes);
  EXPECT_NE(read_matrix("random:1MB", 8, 1).bytes, read_matrix("random:1MB", 8, 2).bytes);
}

TEST(Matrix, AddsPairsThatComeTwice) {
  const ByteMatrix matrix = parse_matrix("src,dst,bytes\n0,1,5\n# none\n\n0, 1 ,7\r\n", "m.csv", 2);
  EXPECT_EQ(matrix.at(0, 1), 12);
}

TEST(FlowFile, MayHoldCommentsAndAnyBlanks) {
  const FlowSet set = parse_flows("2 1 # hosts links\n1e9 1e-6\n\n1\t0 1 5e6\n1 0", "f");
  ASSERT_EQ(set.flows.size(), 1u);
  EXPECT_EQ(set.flows[0].bytes, 5e6);
  EXPECT_EQ(set.route(0)[0].link, 0u);
}

TEST(FlowFile, NamesEveryProblemAtOnce) {
  try {
    parse_flows("2 1\n0 0\n1\n0 2 1 1 0\n", "f");
    FAIL();
  } catch (const InputError& error) {
    ASSERT_EQ(error.problems().size(), 2u);
    EXPECT_EQ(error.problems()[0].line, 2);  // a rate of 0
    EXPECT_EQ(error.problems()[0].path, "link 0/bandwidth_bytes_per_s");
    EXPECT_EQ(error.problems()[1].path, "flow 0/dst");
  }
}

TEST(Network, AnswersAlikeByClassesAndByFlows) {
  const FlowFabric fabric = read_fabric("two-level:groups=4,per=4,nvl=450e9,nic=50e9,gup=100e9");
  const NetworkAnswer classes = answer_of_uniform(fabric, 1e6, NetworkMode::Exact);
  const NetworkAnswer flows = answer_of_matrix(fabric, read_matrix("uniform:1MB", 16, 1), NetworkMode::Exact);
  EXPECT_EQ(classes.mode, NetworkMode::Classes);
  EXPECT_NEAR(classes.times.makespan, flows.times.makespan, 1e-12 * flows.times.makespan);
  EXPECT_EQ(classes.flows, flows.flows);
  ASSERT_EQ(classes.links.size(), flows.links.size());
  for (std::size_t l = 0; l < flows.links.size(); ++l) {
    EXPECT_DOUBLE_EQ(classes.links[l].bytes, flows.links[l].bytes);
    EXPECT_EQ(classes.links[l].name, flows.links[l].name);
  }
}

TEST(Network, LoadsLinksWithTheBytesOfTheirFlows) {
  const FlowFabric fabric = read_fabric("star:n=8,bw=1e9");
  const ByteMatrix matrix = read_matrix("random:1MB", 8, 1);
  const NetworkAnswer answer = answer_of_matrix(fabric, matrix, NetworkMode::Exact);
  EXPECT_DOUBLE_EQ(answer.links[3].bytes, row_sum(matrix, 3));  // "3 out"
  double both = 0;
  for (const NetworkLink& link : answer.links) both += link.bytes;
  EXPECT_NEAR(both, 2 * answer.bytes, 1e-3);  // once out, once in
}

TEST(NetworkOfAProfile, NeverCarriesItsPeak) {
  const Catalog catalog = Catalog::embedded();
  for (const char* name : {"h200-x8", "gb200-nvl72", "mi300x-x8", "h100-x8"}) {
    const ClusterSpec cluster = catalog.cluster(name);
    const ProfileFabric profile = fabric_of_profile(catalog, cluster, usual_gpus(cluster));
    EXPECT_LT(profile.shares.fast, 1) << name;
    EXPECT_GT(profile.shares.fast, 0.3) << name;
  }
}

}  // namespace
}  // namespace moeplan
