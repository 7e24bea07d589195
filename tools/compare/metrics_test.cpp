#include "tools/compare/metrics.hpp"

#include <algorithm>

#include <gtest/gtest.h>

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
  Entry entry{{.name = name, .command = {}}, {}, {}};
  for (const std::uint64_t requests : requests_per_second) {
    entry.rounds.push_back(round_with(requests));
  }
  return entry;
}

const Metric& metric(const std::string& name) {
  return *std::find_if(metrics().begin(), metrics().end(),
                       [&](const Metric& candidate) { return candidate.name == name; });
}

Comparison comparison_of(std::vector<Entry> entries, Entry twin) {
  return {
      .options = {}, .planned_rounds = 3, .entries = std::move(entries), .twin = std::move(twin)};
}

TEST(Metrics, SumUpRoundsByTheirMedian) {
  EXPECT_DOUBLE_EQ(summary(metric("requests/s"), entry_with("a", {100, 900, 200})), 200);
}

TEST(Metrics, CountTheWorstRoundForThreads) {
  Entry entry = entry_with("a", {100, 100, 100});
  entry.rounds[1].threads = 65;
  EXPECT_DOUBLE_EQ(summary(metric("threads"), entry), 65);
}

TEST(Metrics, DivideTheServersCpuTimeByItsRequests) {
  EXPECT_DOUBLE_EQ(summary(metric("CPU per request"), entry_with("a", {100'000})), 5);
}

TEST(Noise, IsTheLargestDifferenceOfAServerFromItself) {
  const Comparison comparison =
      comparison_of({entry_with("a", {100, 100, 110})}, entry_with("a", {100, 105, 100}));
  EXPECT_NEAR(*noise(metric("requests/s"), comparison), 0.10, 1e-9);
}

TEST(Noise, IsUnknownWithoutASecondMeasurement) {
  Comparison comparison = comparison_of({entry_with("a", {100})}, entry_with("a", {}));
  EXPECT_FALSE(noise(metric("requests/s"), comparison));
  comparison.twin.reset();
  EXPECT_FALSE(noise(metric("requests/s"), comparison));
}

TEST(Best, IsWhateverTheNoiseDoesNotSetApart) {
  const Comparison comparison =
      comparison_of({entry_with("a", {100}), entry_with("b", {96}), entry_with("c", {90})},
                    entry_with("a", {105}));
  const std::vector<bool> expected{true, true, false};
  EXPECT_EQ(best_of(metric("requests/s"), comparison), expected);
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
  EXPECT_EQ(best_of(metric("requests/s"), comparison), expected);
}

}  // namespace
}  // namespace unblock
