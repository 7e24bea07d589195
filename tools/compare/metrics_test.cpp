#include <algorithm>

#include <gtest/gtest.h>

#include "tools/compare/ranking.hpp"

namespace unblock {
namespace {

Round round_with(std::uint64_t requests_per_second) {
  Round round;
  round.requests = requests_per_second;
  round.elapsed = std::chrono::seconds{1};
  round.server_cpu = std::chrono::milliseconds{500};
  round.threads = 1;
  return round;
}

Entry entry_with(const std::string& name, const std::vector<std::uint64_t>& requests_per_second) {
  Entry entry{.contender = {.name = name, .command = {}}, .rounds = {}, .problem = {}, .calls = {}};
  for (const std::uint64_t requests : requests_per_second) {
    entry.rounds.push_back(round_with(requests));
  }
  return entry;
}

Comparison comparison_of(std::vector<Entry> entries, Entry twin) {
  return {.load = {},
          .options = {},
          .planned_rounds = 3,
          .entries = std::move(entries),
          .twin = std::move(twin)};
}

TEST(Metrics, SumUpRoundsByTheirMedian) {
  EXPECT_DOUBLE_EQ(*summary(metric("requests_per_second"), entry_with("a", {100, 900, 200})), 200);
}

TEST(Metrics, CountTheWorstRoundForThreads) {
  Entry entry = entry_with("a", {100, 100, 100});
  entry.rounds[1].threads = 65;
  EXPECT_DOUBLE_EQ(*summary(metric("threads"), entry), 65);
}

TEST(Metrics, DivideTheServersCpuTimeByItsRequests) {
  EXPECT_DOUBLE_EQ(*summary(metric("cpu_us_per_request"), entry_with("a", {100'000})), 5);
}

TEST(Noise, IsTheLargestDifferenceOfAServerFromItself) {
  const Comparison comparison =
      comparison_of({entry_with("a", {100, 100, 110})}, entry_with("a", {100, 105, 100}));
  EXPECT_NEAR(*noise(metric("requests_per_second"), comparison), 0.10, 1e-9);
}

TEST(Noise, IsUnknownWithoutASecondMeasurement) {
  Comparison comparison = comparison_of({entry_with("a", {100})}, entry_with("a", {}));
  EXPECT_FALSE(noise(metric("requests_per_second"), comparison));
  comparison.twin.reset();
  EXPECT_FALSE(noise(metric("requests_per_second"), comparison));
}

TEST(Best, IsWhateverTheNoiseDoesNotSetApart) {
  const Comparison comparison =
      comparison_of({entry_with("a", {100}), entry_with("b", {96}), entry_with("c", {90})},
                    entry_with("a", {105}));
  const std::vector<bool> expected{true, true, false};
  EXPECT_EQ(best_of(metric("requests_per_second"), comparison), expected);
}

TEST(Best, IsTheSmallestWhereLessIsBetter) {
  Comparison comparison =
      comparison_of({entry_with("a", {100}), entry_with("b", {100})}, entry_with("a", {100}));
  comparison.entries[1].rounds[0].threads = 64;
  const std::vector<bool> expected{true, false};
  EXPECT_EQ(best_of(metric("threads"), comparison), expected);
}

TEST(Best, IsNeverOneWithAProblemNorOneThatLetClientsDown) {
  Comparison comparison =
      comparison_of({entry_with("a", {100}), entry_with("b", {900}), entry_with("c", {900})},
                    entry_with("a", {100}));
  comparison.entries[1].problem = "died in the middle";
  comparison.entries[2].rounds[0].failures[0] = 1;
  const std::vector<bool> expected{true, false, false};
  EXPECT_EQ(best_of(metric("requests_per_second"), comparison), expected);
}

TEST(Best, IsMarkedOnlyWhereOneIsBetterThanAnother) {
  Comparison comparison =
      comparison_of({entry_with("a", {100}), entry_with("b", {100})}, entry_with("a", {100}));
  comparison.entries[0].rounds[0].user_cpu_in_life = 1;
  EXPECT_EQ(best_of(metric("user_share"), comparison), (std::vector<bool>{false, false}));
}

TEST(Ratio, IsOfTheSameRounds) {
  // The machine was ten times slower in the second round.
  const auto ratio = paired_ratio(metric("requests_per_second"), entry_with("a", {200, 20, 220}),
                                  entry_with("b", {100, 10, 100}));
  ASSERT_TRUE(ratio);
  EXPECT_DOUBLE_EQ(ratio->low, 2);
  EXPECT_DOUBLE_EQ(ratio->median, 2);
  EXPECT_DOUBLE_EQ(ratio->high, 2.2);
}

TEST(Ratio, IsUnknownWithoutARoundInCommon) {
  EXPECT_FALSE(
      paired_ratio(metric("requests_per_second"), entry_with("a", {}), entry_with("b", {100})));
}

TEST(Indistinct, AreThoseWithinTheNoise) {
  const Comparison comparison =
      comparison_of({entry_with("slow", {50}), entry_with("a", {100}), entry_with("b", {96}),
                     entry_with("c", {92}), entry_with("lonely", {70})},
                    entry_with("slow", {53}));
  const std::vector<std::vector<std::string>> expected{{"a", "b"}, {"b", "c"}};
  EXPECT_EQ(indistinct(metric("requests_per_second"), comparison), expected);
  EXPECT_EQ(indistinct(metric("threads"), comparison).front().size(), 5U) << "all have one";
}

TEST(Indistinct, AreUnknownWithoutTheNoise) {
  Comparison comparison =
      comparison_of({entry_with("a", {100}), entry_with("b", {100})}, entry_with("a", {100}));
  comparison.twin.reset();
  EXPECT_TRUE(indistinct(metric("requests_per_second"), comparison).empty());
}

TEST(Client, IsTheBottleneckWhereItUsesUpACpuOfItsOwn) {
  Entry entry = entry_with("a", {100, 100});
  for (Round& round : entry.rounds) round.client_cpu = std::chrono::milliseconds{990};
  EXPECT_TRUE(client_is_bottleneck(entry, Pinning::split));
  EXPECT_TRUE(client_is_bottleneck(entry, Pinning::none));
  EXPECT_FALSE(client_is_bottleneck(entry, Pinning::same)) << "it shares that CPU";
  for (Round& round : entry.rounds) round.client_cpu = std::chrono::milliseconds{500};
  EXPECT_FALSE(client_is_bottleneck(entry, Pinning::split));
}

}  // namespace
}  // namespace unblock
