// `unblock list`, and `unblock` by itself.

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "tools/compare/models.hpp"
#include "tools/compare/test_support.hpp"

namespace unblock {
namespace {

TEST(ListCommand, NamesEveryModelAndWhatToRunNext) {
  const Outcome outcome = run_command({"list"});
  EXPECT_EQ(outcome.status, 0);
  for (const KnownModel& model : known_models()) {
    EXPECT_TRUE(contains(outcome.output, " " + model.name + " "));
    EXPECT_TRUE(contains(outcome.output, model.program));
  }
  EXPECT_TRUE(contains(outcome.output, "unblock compare"));
}

TEST(ListCommand, TellsProgramsWhatEachLessonHas) {
  const Outcome outcome = run_command({"list", "--json"});
  EXPECT_EQ(outcome.status, 0);
  const auto list = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(list["format"], "unblock-list");
  for (const auto& exercise : list["exercises"]) {
    EXPECT_FALSE(exercise["title"].get<std::string>().empty());
    EXPECT_EQ(exercise["run"][0], "unblock grade " + exercise["name"].get<std::string>());
  }
  ASSERT_FALSE(list["lessons"].empty());
  const auto& first = list["lessons"][0];
  EXPECT_EQ(first["lesson"], 1);
  EXPECT_EQ(first["name"], "blocking");
  EXPECT_TRUE(first["is_built"]);
  EXPECT_EQ(first["models"][0]["name"], "thread-per-connection");
  EXPECT_FALSE(first["experiments"][0]["claim"].get<std::string>().empty());
  EXPECT_EQ(first["run"][1], "blocking demo");
}

TEST(UnblockCommand, TellsWhatItIs) {
  const Outcome outcome = run_command({});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(contains(outcome.output, "unblock compare"));
  EXPECT_EQ(run_command({"--help"}).status, 0);
}

}  // namespace
}  // namespace unblock
