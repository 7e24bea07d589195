#include "tools/compare/table.hpp"

#include <gtest/gtest.h>

namespace unblock {
namespace {

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

TEST(Table, AlignsNamesLeftAndNumbersRight) {
  Table table{{{"", "model"}, {"requests", "per s"}, {"", "failed"}}};
  table.add({{"a"}, {"9"}, {"0"}});
  table.add({{"longer"}, {"123,456"}, {"10"}});
  const std::vector<std::string> expected{
      "        requests",
      "model      per s   failed",
      "a              9        0",
      "longer   123,456       10",
  };
  EXPECT_EQ(table.lines(false), expected);
}

TEST(Table, MarksTheBestWithoutMovingTheDigits) {
  Table table{{{"", "model"}, {"", "p50"}}};
  table.add({{"a"}, {"12", true}});
  table.add({{"b"}, {"34"}});
  const std::vector<std::string> expected{
      "",
      "model  p50",
      "a       12*",
      "b       34",
  };
  EXPECT_EQ(table.lines(false), expected);
}

TEST(Table, ColoursTheBestOnlyWhereThatIsWanted) {
  Table table{{{"", "model"}, {"", "p50"}}};
  table.add({{"a"}, {"12", true}});
  EXPECT_EQ(table.lines(false).back().find('\x1b'), std::string::npos);
  EXPECT_NE(table.lines(true).back().find("\x1b[1;32m"), std::string::npos);
}

TEST(Table, GivesARowWithAProblemASentence) {
  Table table{{{"", "model"}, {"", "p50"}, {"", "p99"}}};
  table.add({{"a"}, {"12"}, {"34"}});
  table.add("b", "did not start: no such program");
  EXPECT_EQ(table.lines(false).back(), "b      did not start: no such program");
}

TEST(Table, CountsCharactersAndNotBytes) {
  Table table{{{"", "model"}, {"", "µs"}}};
  table.add({{"é"}, {"1"}});
  table.add({{"b"}, {"2"}});
  const auto lines = table.lines(false);
  EXPECT_EQ(lines[1], "model  µs");
  EXPECT_EQ(lines[2], "é       1");
  EXPECT_EQ(lines[3], "b       2");
}

}  // namespace
}  // namespace unblock
