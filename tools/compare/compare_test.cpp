// `unblock compare` as a person starts it, and the rounds behind it, with servers of every kind.

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/observe.hpp"
#include "tools/compare/models.hpp"
#include "tools/compare/run.hpp"

namespace unblock {
namespace {

using std::chrono::milliseconds;

testing::AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no \"" << part << "\" in:\n" << text;
}

testing::AssertionResult matches(const std::string& text, const std::string& pattern) {
  if (std::regex_match(text, std::regex{pattern})) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "not of the form " << pattern << ":\n" << text;
}

RoundOptions short_round() {
  RoundOptions options;
  options.load = {.connections = 4, .patience = milliseconds{500}};
  options.warm_up = milliseconds{0};
  options.duration = milliseconds{50};
  options.pinning = Pinning::none;
  return options;
}

Contender misbehaving(const std::string& mode) {
  return {.name = mode, .command = {MISBEHAVING_SERVER, mode}};
}

// Rounds until the fault shows, which comes after some 200 answers.
std::string problem_of(const std::string& mode, RoundOptions options = short_round()) {
  const Interrupt interrupt;
  for (int i = 0; i < 1000; ++i) {
    const auto round = run_round(misbehaving(mode), options, interrupt);
    if (!round->problem.empty()) return round->problem;
    options.duration *= 2;
  }
  return "";
}

struct Outcome {
  std::optional<int> status;
  std::string output;
  std::string errors;
};

Outcome run_program(std::vector<std::string> words, bool close_standard_output = false) {
  ChildProcess command{{.command = std::move(words),
                        .limits = {},
                        .cpu = {},
                        .close_standard_output = close_standard_output}};
  Outcome outcome;
  outcome.output = command.read_rest(std::chrono::seconds{60});
  outcome.errors = command.read_errors();
  outcome.status = command.wait();
  return outcome;
}

Outcome run_command(std::vector<std::string> arguments, bool close_standard_output = false) {
  arguments.insert(arguments.begin(), UNBLOCK_COMMAND);
  return run_program(std::move(arguments), close_standard_output);
}

std::string with(const std::string& mode) {
  return mode + "=" + std::string{MISBEHAVING_SERVER} + " " + mode;
}

// The table's row of that name; empty where there is none.
std::string row(const std::string& output, const std::string& name) {
  std::istringstream lines{output};
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, name.size() + 1, name + " ") == 0) return line;
  }
  return "";
}

std::vector<pid_t> children_of(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children"};
  return {std::istream_iterator<pid_t>{file}, {}};
}

TEST(Round, MeasuresAServerThatIsRight) {
  const Interrupt interrupt;
  const auto round = run_round(misbehaving("behaves"), short_round(), interrupt);
  ASSERT_TRUE(round);
  EXPECT_EQ(round->problem, "");
  EXPECT_EQ(round->remark, "");
  EXPECT_GT(round->requests, 0U);
  EXPECT_GE(round->latency.count(), round->requests);
  EXPECT_EQ(round->threads, 1U);
  EXPECT_GT(round->peak_memory, 0U);
  EXPECT_EQ(total(round->failures), 0U);
}

TEST(Round, LeavesNoProcessBehind) {
  const Interrupt interrupt;
  for (const char* mode : {"behaves", "dies", "does-not-start", "says-something-else"}) {
    run_round(misbehaving(mode), short_round(), interrupt);
    EXPECT_TRUE(children_of(::getpid()).empty()) << mode;
  }
}

TEST(Round, SaysWhyAServerDidNotStart) {
  EXPECT_EQ(problem_of("does-not-start"),
            "did not start (status 1): misbehaving: no luck today: try tomorrow");
  EXPECT_EQ(problem_of("says-something-else"), "did not start (status 0)");
  RoundOptions impatient = short_round();
  impatient.start_deadline = milliseconds{1000};
  EXPECT_EQ(problem_of("says-nothing", impatient),
            "did not start: no line \"listening on HOST:PORT\" within 1 s");
  const Interrupt interrupt;
  const auto missing =
      run_round({.name = "missing", .command = {"/nowhere/server"}}, short_round(), interrupt);
  EXPECT_TRUE(contains(missing->problem, "did not start: /nowhere/server cannot be executed"));
}

TEST(Round, SaysHowAServerDied) {
  EXPECT_EQ(problem_of("dies"), "died in the middle (signal 6): last words");
  EXPECT_EQ(problem_of("exits"), "died in the middle (status 3): enough for today");
}

TEST(Round, TellsWrongAnswersFromMissingOnes) {
  EXPECT_EQ(problem_of("wrong-byte"), "answered wrong bytes on 4 of 4 connections");
  EXPECT_EQ(problem_of("too-many-bytes"), "answered wrong bytes on 4 of 4 connections");
  EXPECT_EQ(problem_of("never-answers"), "hung: 4 of 4 connections had no answer within 500 ms");
  EXPECT_EQ(problem_of("goes-silent"), "hung: 4 of 4 connections had no answer within 500 ms");
  EXPECT_EQ(problem_of("resets"), "failed on all connections (4 reset)");
  EXPECT_TRUE(contains(problem_of("closes"), "failed on all connections ("));
}

TEST(Round, KillsAServerThatDoesNotStop) {
  const Interrupt interrupt;
  RoundOptions impatient = short_round();
  impatient.stop_deadline = milliseconds{1000};
  const auto round = run_round(misbehaving("ignores-sigterm"), impatient, interrupt);
  EXPECT_EQ(round->problem, "");
  EXPECT_EQ(round->remark, "did not stop within 1 s of SIGTERM, and was killed");
  EXPECT_TRUE(children_of(::getpid()).empty());
}

TEST(Round, EndsWhenItIsInterrupted) {
  const Interrupt interrupt;
  ::raise(SIGINT);
  EXPECT_TRUE(interrupt.requested());
  EXPECT_FALSE(run_round(misbehaving("behaves"), short_round(), interrupt));
  EXPECT_TRUE(children_of(::getpid()).empty());
}

TEST(Comparison, TakesTurnsAndMeasuresOneServerTwice) {
  const Interrupt interrupt;
  std::vector<std::string> turns;
  const Comparison result = compare(
      {misbehaving("does-not-start"), misbehaving("behaves"), misbehaving("ignores-sigint")},
      short_round(), 2, interrupt, [&](std::size_t round, const Contender& contender) {
        turns.push_back(std::to_string(round) + " " + contender.name);
      });
  const std::vector<std::string> expected{"1 does-not-start", "1 behaves", "1 ignores-sigint",
                                          "1 behaves",        "2 behaves", "2 ignores-sigint",
                                          "2 behaves"};
  EXPECT_EQ(turns, expected);
  EXPECT_TRUE(contains(result.entries[0].problem, "did not start"));
  EXPECT_EQ(result.entries[1].rounds.size(), 2U);
  EXPECT_EQ(result.twin->contender.name, "behaves");
  EXPECT_EQ(result.twin->rounds.size(), 2U);
}

TEST(CompareCommand, ShowsModelsSideBySide) {
  const Outcome outcome =
      run_command({"compare", "thread-per-connection", "--with", with("behaves"), "--rounds", "2",
                   "--duration", "0.05", "--connections", "8", "--pin", "none"});
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_EQ(outcome.errors, "") << "a progress line is for terminals";
  EXPECT_TRUE(contains(outcome.output,
                       "8 connections, messages of 64 bytes, one request at a "
                       "time on each; 2 rounds of 0.05 s, the models in turn\n"));
  // Requests, p50, p99, max, CPU, threads, memory, failed.
  const std::string numbers = R"(( +[0-9.,]+\*?){7} +0)";
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
  const std::string folder = testing::TempDir() + "unblock_alone_" + std::to_string(::getpid());
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
  EXPECT_TRUE(contains(outcome.output, "one-thread: 2 unanswered connections, over all rounds"));
  EXPECT_FALSE(contains(row(outcome.output, "one-thread"), "*"));
}

TEST(CompareCommand, SuggestsTheNearModel) {
  const Outcome outcome = run_command({"compare", "epol-lt"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.output, "");
  EXPECT_TRUE(contains(outcome.errors,
                       "unblock: no model is called 'epol-lt': did you mean 'epoll-lt'? There"));
}

TEST(CompareCommand, RefusesWhatCannotBeMeant) {
  const std::vector<std::pair<std::vector<std::string>, int>> wrong{
      {{"compare", "--connections", "0"}, 2},
      {{"compare", "--size", "0"}, 2},
      {{"compare", "--rounds", "many"}, 2},
      {{"compare", "--duration", "0"}, 2},
      {{"compare", "--pin", "both"}, 2},
      {{"compare", "--no-such-flag"}, 2},
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
  ChildProcess command{
      {.command = {UNBLOCK_COMMAND, "compare", "one-thread", "--connections", "100"},
       .limits = {{RLIMIT_NOFILE, 100}},
       .cpu = {}}};
  EXPECT_EQ(command.read_rest(), "");
  EXPECT_TRUE(matches(command.read_errors(),
                      "unblock: 100 connections take 164 descriptors and 100 are allowed[^\n]+\n"));
  EXPECT_EQ(command.wait(), 1);
}

TEST(CompareCommand, NeedsAStandardOutput) {
  const Outcome outcome = run_command({"compare", "one-thread"}, true);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_TRUE(matches(outcome.errors, "unblock: standard output is closed[^\n]+\n"));
}

TEST(CompareCommand, EndsItsServersOnCtrlCAndPrintsWhatItHas) {
  ChildProcess command{{.command = {UNBLOCK_COMMAND, "compare", "--with", with("behaves"),
                                    "--duration", "60", "--connections", "2"},
                        .limits = {},
                        .cpu = {}}};
  ASSERT_TRUE(command.read_line()) << "what is going to be measured";
  std::vector<pid_t> servers;
  ASSERT_TRUE(await([&] {
    servers = children_of(command.pid());
    return !servers.empty() && open_descriptors(servers.front()) > 5;  // clients are connected
  }));
  command.signal(SIGINT);
  EXPECT_TRUE(contains(command.read_rest(), "interrupted: 0 rounds of 5"));
  EXPECT_EQ(command.wait(), 128 + SIGINT);
  EXPECT_NE(::kill(servers.front(), 0), 0) << "the server outlived the command";
}

TEST(ListCommand, NamesEveryModelAndWhatToRunNext) {
  const Outcome outcome = run_command({"list"});
  EXPECT_EQ(outcome.status, 0);
  for (const KnownModel& model : known_models()) {
    EXPECT_TRUE(contains(outcome.output, " " + model.name + " "));
    EXPECT_TRUE(contains(outcome.output, model.program));
  }
  EXPECT_TRUE(contains(outcome.output, "unblock compare"));
}

TEST(UnblockCommand, TellsWhatItIs) {
  const Outcome outcome = run_command({});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(contains(outcome.output, "unblock compare"));
  EXPECT_EQ(run_command({"--help"}).status, 0);
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

}  // namespace
}  // namespace unblock
