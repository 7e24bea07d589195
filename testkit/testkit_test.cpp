// The conformance suite is a judge of servers; here the judge is judged: it must acquit the server
// without a bug and catch each planted one, by the test that is there for it.

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "core/observe.hpp"
#include "testkit/client.hpp"
#include "testkit/planted_server.hpp"
#include "testkit/running_server.hpp"
#include "testkit/syscall_count.hpp"

namespace unblock {
namespace {

// Runs one test of the suite over the server with `bug`; its exit status.
int run_planted(const std::string& test, const std::string& bug) {
  ChildOptions options;
  // A server that hangs need not be waited for as long as one that is only slow.
  const std::string deadline_s = bug == "none" ? "30" : "3";
  options.command = {"/usr/bin/env", "UNBLOCK_TEST_DEADLINE_S=" + deadline_s, UNBLOCK_PLANTED_BUGS,
                     "--gtest_filter=*" + test + "/" + bug};
  ChildProcess suite{options};
  const std::string printed = suite.read_rest(test_deadline);
  EXPECT_NE(printed.find("Running 1 test"), std::string::npos) << printed;
  return suite.wait(test_deadline).value_or(-1);
}

struct Planted {
  const char* bug;
  const char* caught_by;
};

class PlantedBug : public testing::TestWithParam<Planted> {};

TEST_P(PlantedBug, IsCaughtAndTheRightServerIsNot) {
  EXPECT_NE(run_planted(GetParam().caught_by, GetParam().bug), 0);
  EXPECT_EQ(run_planted(GetParam().caught_by, "none"), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Conformance, PlantedBug,
    testing::Values(Planted{"ignores_short_writes", "Echoes16MiBInOneGo"},
                    Planted{"loses_an_early_stop", "StopsAlthoughStopCameBeforeRun"},
                    Planted{"hangs_up_with_data_left",
                            "GivesEverythingToAClientThatHasFinishedSending"},
                    Planted{"spins_when_full", "SurvivesRunningOutOfDescriptors"},
                    Planted{"turns_clients_away", "SurvivesRunningOutOfDescriptors"},
                    Planted{"buffers_without_bound", "TakesNoMoreFromAClientThatNeverReads"},
                    Planted{"leaks_descriptors", "SurvivesClientsThatResetInTheMiddle"},
                    Planted{"dies_of_a_broken_pipe", "SurvivesClientsThatResetInTheMiddle"}),
    [](const auto& planted) { return std::string{planted.param.bug}; });

TEST(Client, TellsItsStoryWhenItFails) {
  RunningServer server{model<PlantedServer>("echo", "", Bug::none)};
  Client client{server.port()};
  client.send(pattern(10, 1));
  try {
    client.expect(pattern(10, 2));
    FAIL() << "other bytes than expected were accepted";
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("connected\n  sent 10 bytes\n  then byte 0 came back as"),
              std::string::npos)
        << text;
  }
}

TEST(SyscallCount, IsExactAtOneConnection) {
  const auto calls =
      syscalls_per_request({UNBLOCK_PLANTED_BUGS, "serve", "--model", "none", "--port", "0"});
  if (!calls) GTEST_SKIP() << "this machine does not allow ptrace";
  EXPECT_DOUBLE_EQ(*calls, 3.0) << "poll, recv, send";
}

}  // namespace
}  // namespace unblock
