#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "core/observe.hpp"
#include "et_echo_server.hpp"
#include "experiments.hpp"
#include "lt_echo_server.hpp"
#include "oneshot_echo_server.hpp"
#include "testkit/client.hpp"
#include "testkit/conformance.hpp"
#include "testkit/running_server.hpp"
#include "testkit/syscall_count.hpp"

namespace unblock {
namespace {

const Model level_model = model<LevelTriggeredServer>("epoll-lt", "");
const Model edge_model = model<EdgeTriggeredServer>("epoll-et", "");
const Model one_shot_model = model<OneShotServer>("epoll-oneshot", "");

const ModelsUnderTest models{
    ModelUnderTest{.model = level_model, .program = UNBLOCK_PROGRAM},
    ModelUnderTest{.model = edge_model, .program = UNBLOCK_PROGRAM},
    ModelUnderTest{.model = one_shot_model, .program = UNBLOCK_PROGRAM},
    ModelUnderTest{.model = one_shot_model, .program = UNBLOCK_PROGRAM, .threads = 3}};

UNBLOCK_CONFORMANCE(Epoll, models);

std::optional<double> calls_per_request(const std::string& name, std::size_t connections = 1) {
  return syscalls_per_request({UNBLOCK_PROGRAM, "serve", "--model", name, "--port", "0"},
                              connections, 200);
}

TEST(LevelTriggered, NeedsThreeSystemCallsARequest) {
  const auto calls = calls_per_request("epoll-lt");
  if (!calls) GTEST_SKIP() << "this machine does not allow ptrace";
  EXPECT_NEAR(*calls, 3.0, 0.05);
}

TEST(EdgeTriggered, NeedsThreeSystemCallsARequestSinceAShortReadSparesTheFourth) {
  const auto calls = calls_per_request("epoll-et");
  if (!calls) GTEST_SKIP() << "this machine does not allow ptrace";
  EXPECT_NEAR(*calls, 3.0, 0.05);
}

TEST(OneShot, NeedsFourSystemCallsARequestOneOfThemToArm) {
  const auto calls = calls_per_request("epoll-oneshot");
  if (!calls) GTEST_SKIP() << "this machine does not allow ptrace";
  EXPECT_NEAR(*calls, 4.0, 0.05);
}

// A client that sends and reads as fast as it can, until the destructor runs.
class Flood {
 public:
  explicit Flood(std::uint16_t port) : client_{port} {}
  ~Flood() {
    done_ = true;
    ::shutdown(client_.fd(), SHUT_RDWR);
  }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

 private:
  Client client_;
  std::atomic<bool> done_{false};
  std::jthread thread_{[this] {
    std::vector<char> bytes(64 * 1024);
    while (!done_) {
      [[maybe_unused]] const auto sent =
          ::send(client_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      [[maybe_unused]] const auto got =
          ::recv(client_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    }
  }};
};

class EveryMode : public testing::TestWithParam<ModelUnderTest> {
 protected:
  [[nodiscard]] ServerOptions options() const { return {.threads = GetParam().threads}; }
};

TEST_P(EveryMode, ServesOthersBesideAClientThatFloods) {
  RunningServer server{GetParam().model, options()};
  const Flood flood{server.port()};
  Client polite{server.port()};
  for (int i = 0; i < 200; ++i) polite.echo();
}

// A read stops at the urgent mark, so that a short read is not the end of what is there (tcp(7)).
TEST_P(EveryMode, ReadsOnBehindAnUrgentByte) {
  RunningServer server{GetParam().model, options()};
  for (int i = 0; i < 100; ++i) {
    Client client{server.port()};
    const Bytes before = pattern(5, 1);
    const Bytes behind = pattern(5, 2);
    const char urgent = '!';
    client.send(before);
    ASSERT_EQ(::send(client.fd(), &urgent, 1, MSG_OOB | MSG_NOSIGNAL), 1);
    client.send(behind);
    client.expect(before);  // the urgent byte is out of band and is not echoed
    client.expect(behind);
  }
}

// The end arrives with the last bytes, so that no event of its own may tell of it.
TEST_P(EveryMode, SeesAnEndThatArrivesWithTheLastBytes) {
  RunningServer server{GetParam().model, options()};
  for (int i = 0; i < 200; ++i) {
    Client client{server.port()};
    client.send(pattern(10));
    client.half_close();
    client.expect(pattern(10));
    client.expect_end();
  }
}

// More clients at once than one turn accepts: those left in the queue are no news any more.
TEST_P(EveryMode, AcceptsACrowdOfNewcomers) {
  ServerOptions few = options();
  few.max_connections = 300;
  const auto server = GetParam().model.make(few);
  std::vector<Client> clients;  // all of them wait in the queue before the server runs
  for (int i = 0; i < 300; ++i) clients.emplace_back(server->port());
  std::jthread thread{[&] { server->run(); }};
  for (Client& client : clients) client.echo();
  server->stop();
}

// A full house whose clients come and go while others wait in the queue: none is forgotten there.
TEST_P(EveryMode, ForgetsNobodyInTheQueueOfAFullHouse) {
  ServerOptions two = options();
  two.max_connections = 2;
  RunningServer server{GetParam().model, two};
  std::vector<Client> clients;
  for (int i = 0; i < 200; ++i) {
    clients.emplace_back(server.port());
    clients.back().send(pattern(10));
    clients.back().half_close();
  }
  for (Client& client : clients) client.expect_end();
}

rlim_t lowest_unused_descriptor(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/fd/";
  rlim_t number = 0;
  while (std::filesystem::is_symlink(folder + std::to_string(number))) ++number;
  return number;
}

// No descriptor for the only client, so that none can become free when a connection ends.
TEST_P(EveryMode, TriesAgainWhenItHasNeitherADescriptorNorAConnection) {
  std::vector<std::string> command{UNBLOCK_PROGRAM,       "serve",  "--model",
                                   GetParam().model.name, "--port", "0"};
  if (GetParam().threads != 0) {
    command.insert(command.end(), {"--threads", std::to_string(GetParam().threads)});
  }
  ChildProcess program{{.command = command}};
  const auto port = parse_listening_line(program.read_line(test_deadline).value_or(""));
  ASSERT_TRUE(port.has_value());
  rlimit before{};
  ASSERT_EQ(::prlimit(program.pid(), RLIMIT_NOFILE, nullptr, &before), 0);
  const rlimit all_in_use{.rlim_cur = lowest_unused_descriptor(program.pid()),
                          .rlim_max = before.rlim_max};
  ASSERT_EQ(::prlimit(program.pid(), RLIMIT_NOFILE, &all_in_use, nullptr), 0);

  const auto times_asleep = [&program] {
    long times = 0;
    for (const pid_t tid : thread_ids(program.pid())) times += context_switches(tid).voluntary;
    return times;
  };
  const long at_first = times_asleep();
  Client client{*port};
  const Bytes bytes = pattern(8);
  client.send(bytes);
  ASSERT_TRUE(await([&] { return times_asleep() > at_first + 5; }, test_deadline))
      << "it does not try again";
  EXPECT_FALSE(client.readable());
  EXPECT_TRUE(await([&] { return awake_share(program.pid(), std::chrono::milliseconds{50}) < 0.5; },
                    test_deadline))
      << "it spins";
  ASSERT_EQ(::prlimit(program.pid(), RLIMIT_NOFILE, &before, nullptr), 0);
  client.expect(bytes);
}

INSTANTIATE_TEST_SUITE_P(Epoll, EveryMode, testing::ValuesIn(models), model_name);

Finding run(Finding (*experiment)(Narrator&)) {
  Narrator silent{nullptr};
  return experiment(silent);
}

TEST(Skeleton, CreatesRegistersWaitsAndDispatches) {
  const Finding finding = run(skeleton);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_TRUE(finding.flag("listener_first"));
  EXPECT_TRUE(finding.flag("only_the_second"));
  EXPECT_EQ(finding.text("echoed"), "hello");
  EXPECT_EQ(finding.text("silent_socket_error"), "EAGAIN");
}

TEST(Batch, IsServedByASingleThread) {
  std::jthread{[] {}}.join();  // ThreadSanitizer starts a thread of its own with the first one
  const Finding finding = run(batch);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_EQ(finding.number("threads"), 1);
  EXPECT_EQ(finding.number("answered"), finding.number("clients") - 1);
}

TEST(LevelTriggered, ReportsEveryTimeWhileThereIsSomethingToRead) {
  const Finding finding = run(level);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_EQ(finding.number("reports_while_unread"), 3);
  EXPECT_EQ(finding.number("reports_while_writable"), 3);
  EXPECT_TRUE(finding.flag("silent_when_drained"));
}

TEST(EdgeTriggered, StaysSilentUntilNewDataArrives) {
  const Finding finding = run(edge);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_TRUE(finding.flag("silent_while_unread"));
  EXPECT_EQ(finding.number("unnoticed_bytes"), 4);
  EXPECT_TRUE(finding.flag("reports_new_data"));
  EXPECT_EQ(finding.number("events_for_two_sends"), 1);
}

TEST(EdgeTriggered, TakesABlockingSocketAndThenDrainingBlocks) {
  const Finding finding = run(edge_blocking);
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition);
  EXPECT_TRUE(finding.flag("allowed"));
  EXPECT_TRUE(finding.flag("draining_blocks"));
  EXPECT_TRUE(finding.flag("others_wait"));
}

TEST(EdgeTriggered, MayStopAtAShortReadOnlyWhereNothingElseWasReported) {
  const Finding finding = run(short_read);
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition);
  EXPECT_TRUE(finding.flag("drained"));
  EXPECT_TRUE(finding.flag("end_missed"));
  EXPECT_TRUE(finding.flag("bytes_missed"));
}

TEST(OneShot, StaysSilentUntilItIsArmedAgain) {
  const Finding finding = run(one_shot);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_EQ(finding.number("second_thread_level"), 1);
  EXPECT_EQ(finding.number("second_thread_edge"), 1);
  EXPECT_EQ(finding.number("second_thread_one_shot"), 0);
  EXPECT_TRUE(finding.flag("still_registered"));
  EXPECT_EQ(finding.number("reports_when_armed"), 1);
}

TEST(Fairness, NeedsTurnsWhereAnEdgeTriggeredServerDrains) {
  const Finding finding = run(fairness);
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition);
  EXPECT_EQ(finding.number("reads_draining"), 1000);
  EXPECT_LE(finding.number("reads_in_turns"), 4);
  EXPECT_LE(finding.number("reads_level"), 1);
  EXPECT_EQ(finding.number("answered_beside_a_flood"), 100);
}

TEST(UsualSample, LosesBytesOrBlocks) {
  const Finding finding = run(usual_sample);
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition);
  EXPECT_GT(finding.number("lost_by_sample"), 0);
  EXPECT_EQ(finding.number("lost_by_epoll_lt"), 0);
  EXPECT_TRUE(finding.flag("held_back"));
  EXPECT_TRUE(finding.flag("blocking_loop_asleep"));
  EXPECT_TRUE(finding.flag("other_waits"));
}

TEST(HangUp, IsMoreThanAClientThatHasFinishedSending) {
  const Finding finding = run(hang_up);
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition);
  EXPECT_EQ(finding.text("finished_sending"), "EPOLLIN | EPOLLRDHUP");
  EXPECT_EQ(finding.text("closed"), "EPOLLIN | EPOLLRDHUP");
  EXPECT_EQ(finding.text("both_finished"), "EPOLLIN | EPOLLRDHUP | EPOLLHUP");
  EXPECT_EQ(finding.text("reset"), "EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR");
  EXPECT_EQ(finding.text("reset_unasked"), "EPOLLHUP | EPOLLERR");
  EXPECT_EQ(finding.number("unread_at_rdhup"), 10);
}

TEST(StaleEvents, HitAnotherConnectionUnlessTheyAreRecognized) {
  const Finding finding = run(stale);
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition);
  EXPECT_EQ(finding.text("taken_from_another"), "a new client's first words");
  EXPECT_EQ(finding.number("stale_by_generation"), 1);
  EXPECT_EQ(finding.number("stale_by_pointer"), 1);
}

TEST(Deregistering, IsNotDoneByACloseWhileACopyIsLeft) {
  const Finding finding = run(deregister);
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition);
  EXPECT_EQ(finding.text("del_after_close"), "EBADF");
  EXPECT_EQ(finding.number("ghost_events"), 3);
  EXPECT_EQ(finding.text("del_of_number"), "EBADF");
  EXPECT_EQ(finding.text("del_of_copy"), "ENOENT");
  EXPECT_TRUE(finding.flag("silent_in_order"));
}

TEST(Cost, OfEpollDoesNotFollowWhatIsWatched) {
  const Finding finding = run(watched);
  if (finding.verdict == Verdict::not_shown) GTEST_SKIP() << finding.conclusion;
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_GT(finding.number("poll_growth"), 4 * finding.number("epoll_growth"));
}

TEST(Cost, OfEpollFollowsWhatIsReady) {
  const Finding finding = run(ready);
  if (finding.verdict == Verdict::not_shown) GTEST_SKIP() << finding.conclusion;
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition);
  EXPECT_GT(finding.number("gain_with_one"), 4 * finding.number("gain_with_all"));
}

TEST(Cost, IsTheSameInCallsAndNotInWhatTheKernelLooksAt) {
  const Finding finding = run(few_and_many);
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition);
  EXPECT_EQ(finding.number("calls_a_request"), 3);
  EXPECT_EQ(finding.number("epoll_looks_at"), 1);
  EXPECT_GE(finding.number("poll_looks_at"), 400);
  EXPECT_EQ(finding.number("left_to_read"), 7);
}

}  // namespace
}  // namespace unblock
