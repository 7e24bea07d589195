// `unblock compare` as a person starts it.

#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/observe.hpp"
#include "tools/compare/loads.hpp"
#include "tools/compare/test_support.hpp"

namespace unblock {
namespace {

nlohmann::json read_json(const std::string& path) {
  std::ifstream file{path};
  return nlohmann::json::parse(file);
}

TEST(CompareCommand, ShowsModelsSideBySide) {
  // So wide that every column has room, however large its numbers.
  std::vector<std::string> words =
      command({"compare", "thread-per-connection", "--with", with("behaves"), "--rounds", "2",
               "--duration", "0.05", "--connections", "8", "--pin", "none"});
  words.insert(words.begin(), {"/usr/bin/env", "COLUMNS=300"});
  const Outcome outcome = run_program(words);
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_EQ(outcome.errors, "") << "a progress line is for terminals";
  EXPECT_TRUE(contains(outcome.output,
                       "few-busy with --connections 8: 8 connections, messages of 64 bytes, one "
                       "request at a time on each; 2 rounds of 0.05 s, the models in turn\n"));
  // Requests, the ratio and how far it may be off, four latencies, eight costs.
  const std::string numbers =
      R"( +[0-9,]+\*? +[0-9,.]+ ±[0-9,.]+( +[0-9.,]+\*?){4}( +([0-9.,]+|-)\*?){8})";
  EXPECT_TRUE(
      matches(row(outcome.output, "thread-per-connection"), "thread-per-connection" + numbers));
  EXPECT_TRUE(matches(row(outcome.output, "behaves"), "behaves" + numbers));
  for (const char* line : {"\nmachine  ", "\npinning  ", "\nclient   ", "\nnoise    "}) {
    EXPECT_TRUE(contains(outcome.output, line));
  }
  EXPECT_TRUE(contains(outcome.output, "thread-per-connection against itself: requests/s"));
  EXPECT_FALSE(contains(outcome.output, "\x1b")) << "colour is for terminals";
}

TEST(CompareCommand, TellsOfAServerThatDiesAndGoesOn) {
  const Outcome outcome =
      run_command({"compare", "--with", with("dies"), "--with", with("does-not-start"), "--with",
                   with("behaves"), "thread-per-connection", "--rounds", "1", "--duration", "0.5"});
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_TRUE(contains(row(outcome.output, "dies"), "died in the middle (signal 6): last words"));
  EXPECT_TRUE(contains(row(outcome.output, "does-not-start"), "no luck today"));
  EXPECT_FALSE(contains(row(outcome.output, "behaves"), "in the middle"));
  EXPECT_NE(row(outcome.output, "thread-per-connection"), "");
}

TEST(CompareCommand, FailsWhereNothingCouldBeMeasured) {
  // A copy of the command that has no lessons beside it.
  const std::string folder = scratch_path("alone");
  std::filesystem::create_directory(folder);
  std::filesystem::copy_file(UNBLOCK_COMMAND, folder + "/unblock");
  const Outcome outcome = run_program({folder + "/unblock", "compare", "one-thread"});
  std::filesystem::remove_all(folder);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_TRUE(contains(row(outcome.output, "one-thread"), "did not start: " + folder));
  EXPECT_TRUE(contains(outcome.output, "noise    not known"));
}

TEST(CompareCommand, CountsTheClientsThatAServerLetsDown) {
  const Outcome outcome = run_command(
      {"compare", "one-thread", "--connections", "3", "--rounds", "1", "--duration", "0.05"});
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_TRUE(contains(outcome.output,
                       "one-thread: 2 unanswered connections, over all rounds; it "
                       "serves one client"));
  EXPECT_FALSE(contains(row(outcome.output, "one-thread"), "*"));
}

TEST(CompareCommand, SuggestsTheNearModel) {
  const Outcome outcome = run_command({"compare", "epol-lt"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.output, "");
  EXPECT_TRUE(contains(outcome.errors,
                       "unblock: no model is called 'epol-lt': did you mean 'epoll-lt'? There"));
}

TEST(UnblockCommand, SuggestsTheNearCommand) {
  const Outcome outcome = run_command({"compair"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(
      outcome.errors,
      "unblock: no command is called 'compair': did you mean 'compare'? See unblock --help\n");
}

TEST(CompareCommand, RefusesWhatCannotBeMeant) {
  const std::vector<std::pair<std::vector<std::string>, int>> wrong{
      {{"compare", "--connections", "0"}, 2},
      {{"compare", "--size", "0"}, 2},
      {{"compare", "--rounds", "many"}, 2},
      {{"compare", "--duration", "0"}, 2},
      {{"compare", "--pin", "both"}, 2},
      {{"compare", "--no-such-flag"}, 2},
      {{"compare", "--rate", "0"}, 2},
      {{"compare", "--scale", "--load", "c10k"}, 2},
      {{"compare", "--load", "few-bussy"}, 1},
      {{"compare", "--load", "fan-in", "--pipeline", "2"}, 1},
      {{"compare", "--json", "/no/such/folder/file"}, 1},
      {{"compair"}, 2},
      {{"compare", "--with", "no-command"}, 1},
      {{"compare", "--with", "=command"}, 1},
      {{"compare", "one-thread", "one-thread"}, 1},
  };
  for (const auto& [arguments, status] : wrong) {
    const Outcome outcome = run_command(arguments);
    EXPECT_EQ(outcome.status, status) << testing::PrintToString(arguments);
    EXPECT_EQ(outcome.output, "") << testing::PrintToString(arguments);
    EXPECT_TRUE(matches(outcome.errors, "unblock: [^\n]+\n")) << "one line";
  }
}

TEST(CompareCommand, SaysWhichLimitIsTooLow) {
  ChildProcess program{{.command = command({"compare", "one-thread", "--connections", "100"}),
                        .limits = {{RLIMIT_NOFILE, 100}}}};
  const Outcome outcome = outcome_of(program);
  EXPECT_EQ(outcome.output, "");
  EXPECT_TRUE(matches(outcome.errors,
                      "unblock: 100 connections take 164 descriptors and 100 are allowed: raise "
                      "[^\n]+ulimit|[^\n]+--nofile=164[^\n]+\n"));
  EXPECT_EQ(outcome.status, 1);
}

TEST(CompareCommand, NeedsAStandardOutput) {
  ChildProcess program{{.command = command({"compare", "one-thread"}),
                        .limits = {},
                        .cpu = {},
                        .close_standard_output = true}};
  const Outcome outcome = outcome_of(program);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_TRUE(matches(outcome.errors, "unblock: standard output is closed[^\n]+\n"));
}

TEST(CompareCommand, EndsItsServersOnCtrlCAndPrintsWhatItHas) {
  const std::string json = scratch_path("interrupted.json");
  ChildProcess program{{.command = command({"compare", "--with", with("behaves"), "--duration",
                                            "60", "--connections", "2", "--json", json})}};
  ASSERT_TRUE(program.read_line()) << "what is going to be measured";
  std::vector<pid_t> servers;
  ASSERT_TRUE(await([&] {
    servers = children_of(program.pid());
    return !servers.empty() && open_descriptors(servers.front()) > 5;  // clients are connected
  }));
  program.signal(SIGINT);
  const Outcome outcome = outcome_of(program);
  EXPECT_TRUE(contains(outcome.output, "interrupted: 0 rounds of 5"));
  EXPECT_EQ(outcome.status, 128 + SIGINT);
  EXPECT_TRUE(read_json(json)["interrupted"]);
  std::filesystem::remove(json);
  EXPECT_NE(::kill(servers.front(), 0), 0) << "the server outlived the command";
}

TEST(CompareCommand, RunsSeveralLoadsOneAfterAnother) {
  const Outcome outcome =
      run_command({"compare", "epoll-lt", "--load", "few-busy", "--load", "fan-in", "--load",
                   "slow-client", "--load", "big-messages", "--rounds", "1", "--duration", "0.05"});
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  std::size_t at = 0;
  for (const char* const load :
       {"few-busy: 64", "fan-in: 64", "slow-client: 64", "big-messages: 16"}) {
    const std::size_t found = outcome.output.find(load, at);
    ASSERT_NE(found, std::string::npos) << load << " in\n" << outcome.output;
    at = found;
  }
  EXPECT_FALSE(contains(outcome.output, "failed"));
}

TEST(CompareCommand, ShowsAStalledServerToEveryRequestThatWasDue) {
  const std::string json = scratch_path("stall.json");
  const Outcome outcome =
      run_command({"compare", "--with", with("stalls"), "poll", "--rate", "1000", "--connections",
                   "4", "--rounds", "1", "--duration", "1", "--json", json});
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_TRUE(contains(outcome.output, "1000 requests per second in all"));
  // It stalls for half a second, with 500 requests due meanwhile, of 1,000.
  const auto metrics = read_json(json)["loads"][0]["entries"][1]["metrics"];
  EXPECT_GE(metrics["max_us"]["value"], 490'000);
  EXPECT_GE(metrics["p99_us"]["value"], 400'000);
  std::filesystem::remove(json);
}

// docs/compare-json.md describes them.
TEST(CompareCommand, WritesItsResultsAsJson) {
  const std::string path = scratch_path("results.json");
  const Outcome outcome =
      run_command({"compare", "epoll-lt", "--with", with("dies"), "--with", with("behaves"),
                   "--rounds", "2", "--duration", "0.5", "--connections", "8", "--json", path});
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_TRUE(contains(outcome.output, path));
  const auto json = read_json(path);
  std::filesystem::remove(path);

  EXPECT_EQ(json["format"], "unblock-compare");
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["command"][1], "compare");
  EXPECT_TRUE(contains(json["command_line"], "--with 'dies="));
  EXPECT_EQ(json["models"][0]["lesson"], 5);
  EXPECT_TRUE(json["models"][1]["lesson"].is_null());
  EXPECT_TRUE(json["scale"].is_null());
  ASSERT_EQ(json["loads"].size(), 1U);
  const auto& load = json["loads"][0];
  EXPECT_EQ(load["load"]["name"], "few-busy");
  EXPECT_EQ(load["load"]["connections"], 8);
  EXPECT_EQ(load["reference"], "epoll-lt");
  EXPECT_GE(load["noise"]["metrics"]["requests_per_second"], 0);

  const auto& measured = load["entries"][0];
  EXPECT_TRUE(measured["problem"].is_null());
  EXPECT_EQ(measured["metrics"]["requests_per_second"]["rounds"].size(), 2U);
  EXPECT_EQ(measured["metrics"]["requests_per_second"]["ratio"]["median"], 1);
  EXPECT_EQ(measured["failures"]["wrong_bytes"], 0);
  EXPECT_GT(measured["client"]["cpu_share"], 0);
  const auto& points = measured["latency_us"]["points"];
  EXPECT_EQ(points.front()[0], 0);
  EXPECT_EQ(points.back()[0], 1);
  EXPECT_EQ(points.back()[1], measured["metrics"]["max_us"]["value"]);
  for (const auto& described : json["metrics"]) {
    EXPECT_TRUE(measured["metrics"].contains(described["id"].get<std::string>()));
  }
  EXPECT_EQ(load["entries"][1]["problem"], "died in the middle (signal 6): last words");
}

TEST(CompareCommand, PrintsNothingButJsonWhereThatIsWanted) {
  const Outcome outcome = run_command({"compare", "one-thread", "--connections", "1", "--rounds",
                                       "1", "--duration", "0.05", "--json", "-"});
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_EQ(nlohmann::json::parse(outcome.output)["format"], "unblock-compare");
}

TEST(CompareCommand, DisturbsNoOtherInstance) {
  const auto arguments = command(
      {"compare", "--with", with("behaves"), "epoll-lt", "--rounds", "2", "--duration", "0.1"});
  ChildProcess one{{.command = arguments}};
  ChildProcess other{{.command = arguments}};
  for (ChildProcess* const program : {&one, &other}) {
    const Outcome outcome = outcome_of(*program);
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_FALSE(contains(outcome.output, "failed"));
  }
}

TEST(CompareCommand, FindsAnUnwritableFileBeforeTheRun) {
  const std::string file = scratch_path("empty");
  std::filesystem::create_directory(file);
  const Outcome outcome = run_command({"compare", "epoll-lt", "--json", file});
  std::filesystem::remove(file);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.output, "") << "nothing was begun";
  EXPECT_TRUE(contains(outcome.errors, file + " cannot be written (Is a directory)"));
}

TEST(CompareCommand, DescribesItsLoads) {
  const Outcome outcome = run_command({"compare", "--list"});
  EXPECT_EQ(outcome.status, 0);
  for (const Load& load : known_loads()) {
    EXPECT_TRUE(contains(outcome.output, "\n  " + load.name + " "));
    EXPECT_TRUE(contains(outcome.output, flags_of(load.options)));
  }
}

TEST(CompareCommand, ExplainsEveryFlag) {
  const Outcome outcome = run_command({"compare", "--help"});
  EXPECT_EQ(outcome.status, 0);
  for (const char* const flag :
       {"--load", "--connections", "--idle", "--slow", "--size", "--pipeline", "--rate",
        "--duration", "--rounds", "--pin", "--with", "--scale", "--json", "--html", "--list"}) {
    EXPECT_TRUE(contains(outcome.output, flag));
  }
}

}  // namespace
}  // namespace unblock
