#include "tools/load/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace unblock {
namespace {

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

// What value_at() stands for: the value at the nearest rank of the sorted values.
std::uint64_t exact_value_at(const std::vector<std::uint64_t>& sorted, double quantile) {
  const auto rank = static_cast<std::size_t>(
      std::max(1.0, std::ceil(quantile * static_cast<double>(sorted.size()))));
  return sorted[rank - 1];
}

void expect_agreement(std::vector<std::uint64_t> values) {
  Histogram histogram;
  for (const std::uint64_t value : values) histogram.record(value);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(histogram.count(), values.size());
  EXPECT_EQ(histogram.min(), values.front());
  EXPECT_EQ(histogram.max(), values.back());
  for (const double quantile : {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const std::uint64_t exact = exact_value_at(values, quantile);
    const std::uint64_t found = histogram.value_at(quantile);
    EXPECT_GE(found, exact) << "quantile " << quantile;
    EXPECT_LE(found - exact, exact / 1000) << "quantile " << quantile;
  }
}

TEST(Histogram, SaysZeroOfNothing) {
  const Histogram nothing;
  EXPECT_EQ(nothing.count(), 0U);
  EXPECT_EQ(nothing.min(), 0U);
  EXPECT_EQ(nothing.max(), 0U);
  EXPECT_EQ(nothing.value_at(0.5), 0U);
}

TEST(Histogram, IsExactForSmallValues) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 2000; ++value) histogram.record(value);
  for (std::uint64_t value = 1; value <= 2000; ++value) {
    EXPECT_EQ(histogram.value_at(static_cast<double>(value) / 2000.0), value);
  }
}

TEST(Histogram, AgreesWithASortedVectorOnLatenciesLikeOurs) {
  std::mt19937_64 random{1};
  std::lognormal_distribution<double> latency{11.0, 1.2};  // around 60 microseconds, a long tail
  std::vector<std::uint64_t> values(100'000);
  for (auto& value : values) value = static_cast<std::uint64_t>(latency(random));
  expect_agreement(std::move(values));
}

TEST(Histogram, AgreesWithASortedVectorOverTheWholeRange) {
  std::mt19937_64 random{2};
  std::vector<std::uint64_t> values(100'000);
  for (auto& value : values) value = random() >> (random() % 64);  // every magnitude alike
  expect_agreement(std::move(values));
}

TEST(Histogram, CountsTheLimitsOfEveryPowerOfTwo) {
  for (int power = 0; power < 64; ++power) {
    const std::uint64_t edge = std::uint64_t{1} << power;
    for (const std::uint64_t value : {edge - 1, edge, edge + 1}) expect_agreement({value});
  }
  expect_agreement({largest});
}

TEST(Histogram, ReportsAValueWithThreeSignificantDigits) {
  Histogram histogram;
  histogram.record(123'456'789);
  histogram.record(largest);  // so that the first is not clipped to the maximum
  const double error = static_cast<double>(histogram.value_at(0.5)) / 123'456'789.0 - 1.0;
  EXPECT_GE(error, 0.0);
  EXPECT_LT(error, 0.001);
}

TEST(Histogram, MergedIsAsIfOneHadCountedAll) {
  std::mt19937_64 random{3};
  Histogram one;
  Histogram other;
  Histogram all;
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t value = random() >> (random() % 50);
    (i % 3 == 0 ? one : other).record(value);
    all.record(value);
  }
  one.merge(other);
  EXPECT_EQ(one.count(), all.count());
  EXPECT_EQ(one.min(), all.min());
  EXPECT_EQ(one.max(), all.max());
  for (double quantile = 0; quantile <= 1; quantile += 0.01) {
    EXPECT_EQ(one.value_at(quantile), all.value_at(quantile));
  }
}

TEST(Histogram, MergingAnEmptyOneChangesNothing) {
  Histogram histogram;
  histogram.record(5);
  histogram.merge(Histogram{});
  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.min(), 5U);
  EXPECT_EQ(histogram.max(), 5U);
}

}  // namespace
}  // namespace unblock
