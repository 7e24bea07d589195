// Several servers side by side, and at growing numbers of connections.

#include "tools/compare/comparison.hpp"

#include <unistd.h>

#include <string>
#include <vector>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "tools/compare/models.hpp"
#include "tools/compare/scale.hpp"
#include "tools/compare/test_support.hpp"

namespace unblock {
namespace {

TEST(Comparison, TakesTurnsAndMeasuresOneServerTwice) {
  const Interrupt interrupt;
  std::vector<std::string> turns;
  const Comparison result = compare(
      {misbehaving("does-not-start"), misbehaving("behaves"), misbehaving("ignores-sigint")}, {},
      short_round(), 2, true, interrupt, [&](const std::string& what) { turns.push_back(what); });
  const std::vector<std::string> expected{
      "round 1 of 2: does-not-start", "round 1 of 2: behaves", "round 1 of 2: ignores-sigint",
      "round 1 of 2: behaves",        "round 2 of 2: behaves", "round 2 of 2: ignores-sigint",
      "round 2 of 2: behaves",        "system calls: behaves", "system calls: ignores-sigint"};
  EXPECT_EQ(turns, expected);
  EXPECT_TRUE(contains(result.entries[0].problem, "did not start"));
  EXPECT_EQ(result.entries[1].rounds.size(), 2U);
  EXPECT_EQ(result.twin->contender.name, "behaves");
  EXPECT_EQ(result.twin->rounds.size(), 2U);
}

// The table of models against the programs: each program is asked for a model that it cannot have,
// and names those that it has.
TEST(Models, AreThoseThatTheLessonsHave) {
  const std::string command = UNBLOCK_COMMAND;
  const std::string bin = command.substr(0, command.rfind('/') + 1);
  for (const KnownModel& model : known_models()) {
    const std::string path = bin + model.program;
    if (::access(path.c_str(), X_OK) != 0) continue;
    ChildProcess program{
        {.command = {path, "serve", "--model", "?", "--port", "0"}, .limits = {}, .cpu = {}}};
    EXPECT_TRUE(matches(program.read_errors(), R"([\s\S]*[ ,])" + model.name + R"([,\n][\s\S]*)"));
    EXPECT_EQ(program.wait(), 1);
  }
}

TEST(Scale, EndsTheLineOfAModelThatCannotGoOn) {
  const Interrupt interrupt;
  const Scale scale =
      sweep({misbehaving("does-not-start"), misbehaving("holds-ten"), misbehaving("behaves")},
            {1, 10, 100, 200}, short_round(), 1, interrupt, [](const std::string&) {});
  ASSERT_EQ(scale.sweeps.size(), 2U);
  // Ten of those that it is measured with at 1 idle connection are busy: it holds no more.
  for (const auto& [sweep, last] : {std::pair{scale.sweeps[0], 100U}, {scale.sweeps[1], 1U}}) {
    ASSERT_EQ(sweep.points.size(), 4U);
    ASSERT_EQ(sweep.ends.size(), 2U) << sweep.name;
    EXPECT_EQ(sweep.ends[0].name, "does-not-start");
    EXPECT_EQ(sweep.ends[0].connections, 1U);
    EXPECT_TRUE(contains(sweep.ends[0].reason, "no luck today"));
    EXPECT_EQ(sweep.ends[1].name, "holds-ten");
    EXPECT_EQ(sweep.ends[1].connections, last);
    EXPECT_TRUE(contains(sweep.ends[1].reason, "served 10 of "));
    EXPECT_EQ(sweep.points.back().comparison.entries.size(), 1U) << "the others have ended";
  }
  const std::vector<std::string> lines = report(scale, false, 80);
  const std::string text = fmt::format("{}", fmt::join(lines, "\n"));
  EXPECT_TRUE(contains(text, "\nholds-ten: ends at 100 active: served 10 of 100 connections"));
  EXPECT_TRUE(matches(row(text, "holds-ten"), R"(holds-ten +[0-9.]+\*? +[0-9.]+\*? +- +-)"));
}

}  // namespace
}  // namespace unblock
