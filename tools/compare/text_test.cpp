#include "tools/compare/text.hpp"

#include <gtest/gtest.h>

#include "tools/compare/statistics.hpp"

namespace unblock {
namespace {

using Lines = std::vector<std::string>;

TEST(Numbers, AreGroupedByThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(123'456), "123,456");
  EXPECT_EQ(grouped(1'234'567'890), "1,234,567,890");
}

TEST(Numbers, HaveThreeSignificantDigits) {
  EXPECT_EQ(three_digits(0), "0");
  EXPECT_EQ(three_digits(0.5324), "0.532");
  EXPECT_EQ(three_digits(5.324), "5.32");
  EXPECT_EQ(three_digits(53.24), "53.2");
  EXPECT_EQ(three_digits(532.4), "532");
  EXPECT_EQ(three_digits(5'321.4), "5,321");
}

TEST(Numbers, KeepThreeDigitsWhereRoundingCarries) {
  EXPECT_EQ(three_digits(0.99961), "1.00");
  EXPECT_EQ(three_digits(9.996), "10.0");
  EXPECT_EQ(three_digits(99.96), "100");
  EXPECT_EQ(three_digits(999.6), "1,000");
}

TEST(Text, IsBrokenBetweenWords) {
  EXPECT_EQ(wrapped("one two three", 80, 2), (Lines{"one two three"}));
  EXPECT_EQ(wrapped("one two three", 8, 2), (Lines{"one two", "  three"}));
  EXPECT_EQ(wrapped("a  µµµµ b", 7, 0), (Lines{"a  µµµµ", "b"})) << "blanks stay, columns count";
  EXPECT_EQ(wrapped("unbreakable", 4, 2), (Lines{"unbreakable"}));
  EXPECT_EQ(wrapped("", 80, 2), (Lines{""}));
}

TEST(Text, IsCutBetweenCharacters) {
  EXPECT_EQ(cut("12 µs", 4), "12 µ");
  EXPECT_EQ(cut("12 µs", 80), "12 µs");
}

TEST(Text, ListsWords) {
  EXPECT_EQ(listed({}), "");
  EXPECT_EQ(listed({"a"}), "a");
  EXPECT_EQ(listed({"a", "b"}), "a and b");
  EXPECT_EQ(listed({"a", "b", "c"}), "a, b and c");
}

TEST(Spread, IsAllOfFewValues) {
  const Spread spread = spread_of({3, 1, 2, 5, 4});
  EXPECT_EQ(spread.low, 1);
  EXPECT_EQ(spread.median, 3);
  EXPECT_EQ(spread.high, 5);
  EXPECT_EQ(spread_of({7}).low, 7);
}

// With ten values, from the second to the ninth misses the median in 22 of 1,024 cases, from the
// third on in 112, which is more than one in 16.
TEST(Spread, LeavesOutOutliersAsFarAsTheirNumberAllows) {
  const Spread ten = spread_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 1000});
  EXPECT_EQ(ten.low, 2);
  EXPECT_EQ(ten.high, 9);
  std::vector<double> values(100);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  const Spread hundred = spread_of(values);
  EXPECT_GT(hundred.low, 30);
  EXPECT_LT(hundred.high, 70);
}

TEST(Deviation, IsTheSameInBothDirections) {
  EXPECT_DOUBLE_EQ(deviation(1.25, 1), 0.25);
  EXPECT_DOUBLE_EQ(deviation(1, 1.25), 0.25);
}

}  // namespace
}  // namespace unblock
