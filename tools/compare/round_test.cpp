// One round with servers of every kind.

#include "tools/compare/round.hpp"

#include <signal.h>
#include <unistd.h>

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "core/observe.hpp"
#include "core/tcp.hpp"
#include "tools/compare/calls.hpp"
#include "tools/compare/process_tree.hpp"
#include "tools/compare/test_support.hpp"

namespace unblock {
namespace {

using std::chrono::milliseconds;

bool is_refused(std::uint16_t port) {
  try {
    connect_tcp("127.0.0.1", port);
    return false;
  } catch (const std::exception&) {
    return true;
  }
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
  EXPECT_EQ(round->more_connections, 3U);
  EXPECT_EQ(round->served, 4U);
  EXPECT_GE(round->answers, round->requests + 4) << "each connection has one more at its start";
  EXPECT_GT(round->voluntary_switches, 0U);
  EXPECT_GT(round->user_cpu_in_life + round->system_cpu_in_life, 0);
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

TEST(Round, GivesUpOnAServerThatTalksAndNeverSaysWhereItListens) {
  RoundOptions impatient = short_round();
  impatient.start_deadline = milliseconds{200};
  EXPECT_TRUE(contains(problem_of("never-ends-its-line", impatient), "did not start: no line"));
}

TEST(Round, LetsAServerTalk) {
  // More than a pipe holds, on standard output and standard error.
  const Interrupt interrupt;
  RoundOptions options = short_round();
  Round round;
  for (std::uint64_t answers = 0; answers < 1'000; answers = round.answers) {
    round = *run_round(misbehaving("chatters"), options, interrupt);
    ASSERT_EQ(round.problem, "");
    ASSERT_EQ(round.remark, "");
    options.duration *= 2;
  }
}

TEST(Round, CountsWhatAServersOtherProcessesUse) {
  const Interrupt interrupt;
  const auto round = run_round(misbehaving("forks"), short_round(), interrupt);
  EXPECT_EQ(round->problem, "");
  EXPECT_GE(round->threads, 2U) << "one of each, and ThreadSanitizer may add its own";
  EXPECT_GT(round->server_cpu.count(), 0) << "of the one that serves";
}

TEST(Round, LetsClientsStallAndServesTheOthers) {
  const Interrupt interrupt;
  RoundOptions options = short_round();
  options.load.slow = 3;
  const auto round = run_round(misbehaving("behaves"), options, interrupt);
  EXPECT_EQ(round->problem, "");
  EXPECT_EQ(round->served, 7U);
  EXPECT_GT(round->requests, 0U);
  EXPECT_EQ(total(round->failures), 0U);
}

TEST(ServerProcess, EndsWhatTheServerHasStarted) {
  const Interrupt interrupt;
  std::uint16_t port = 0;
  {
    ServerProcess server{misbehaving("forks"), Pinning::none, interrupt};
    std::string problem;
    port = server.await_port(std::chrono::seconds{20}, problem).value_or(0);
    ASSERT_NE(port, 0) << problem;
    ASSERT_TRUE(await([&] { return processes_of(server.pid()).size() == 2; }));
    EXPECT_TRUE(server.stop(std::chrono::seconds{20}));
  }
  EXPECT_TRUE(await([port] { return is_refused(port); })) << "its other process goes on";
}

// A poll, a read and a send for each request of the one connection.
TEST(Calls, AreCountedOfEveryProcess) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "it makes calls of its own";
#endif
  const Interrupt interrupt;
  RoundOptions options = short_round();
  options.load.connections = 1;
  for (const char* const mode : {"behaves", "forks"}) {
    const CallCount calls = count_calls(misbehaving(mode), options, interrupt);
    if (calls.missing.find("cannot be counted here") != std::string::npos) {
      GTEST_SKIP() << calls.missing;
    }
    ASSERT_TRUE(calls.per_request) << calls.missing;
    EXPECT_NEAR(*calls.per_request, 3, 0.25) << mode;
  }
  EXPECT_TRUE(children_of(::getpid()).empty());
}

TEST(Calls, SayWhyTheyCouldNotBeCounted) {
  const Interrupt interrupt;
  EXPECT_EQ(count_calls(misbehaving("never-answers"), short_round(), interrupt).missing,
            "no answer while it was traced");
  EXPECT_TRUE(contains(count_calls(misbehaving("does-not-start"), short_round(), interrupt).missing,
                       "did not start"));
}

}  // namespace
}  // namespace unblock
