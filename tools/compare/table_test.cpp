#include "tools/compare/table.hpp"

#include <gtest/gtest.h>

namespace unblock {
namespace {

using Lines = std::vector<std::string>;

TEST(Table, AlignsNamesLeftAndNumbersRight) {
  Table table{{{"", "model"}, {"requests", "per s"}, {"", "failed"}}};
  table.add({{"a"}, {"9"}, {"0"}});
  table.add({{"longer"}, {"123,456"}, {"10"}});
  const std::vector<std::string> expected{
      "        requests",
      "model      per s  failed",
      "a              9       0",
      "longer   123,456      10",
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

TEST(Table, IsCutWhereTheTerminalEnds) {
  Table table{{{"", "model"}, {"", "p50"}, {"", "p99"}, {"", "threads", true}, {"", "MiB"}}};
  table.add({{"a"}, {"12"}, {"34"}, {"1"}, {"5"}});
  table.add("b", "did not start: no such program");
  EXPECT_EQ(table.lines(false, 80).size(), 4U) << "everything has room";
  const Lines expected{
      "",
      "model  p50  p99",
      "a       12   34",
      "b      did not start: no",
      "       such program",
      "",
      "",
      "model  threads  MiB",
      "a            1    5",
  };
  EXPECT_EQ(table.lines(false, 24), expected);
}

TEST(Table, ShowsEveryColumnHoweverNarrowTheTerminal) {
  Table table{{{"", "model"}, {"", "p50"}, {"", "p99"}}};
  table.add({{"a"}, {"12"}, {"34"}});
  const Lines expected{"", "model  p50", "a       12", "", "", "model  p99", "a       34"};
  EXPECT_EQ(table.lines(false, 1), expected);
}

}  // namespace
}  // namespace unblock
