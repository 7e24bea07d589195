#include "tools/load/load_client.hpp"

#include <string>

#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "core/observe.hpp"
#include "core/wake_event.hpp"

namespace unblock {
namespace {

using std::chrono::milliseconds;

// Long enough for any machine: the tests end by a number of requests.
constexpr std::chrono::seconds a_minute{60};

// A server that breaks the contract in the way that `mode` names, after some 200 answers.
class MisbehavingServer {
 public:
  explicit MisbehavingServer(const std::string& mode)
      : child_{{.command = {MISBEHAVING_SERVER, mode}, .limits = {}, .cpu = {}}} {
    for (auto line = child_.read_line(); line && port_ == 0; line = child_.read_line()) {
      port_ = parse_listening_line(*line).value_or(0);
      if (port_ != 0) break;
    }
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  ChildProcess child_;
  std::uint16_t port_ = 0;
};

// Drives a misbehaving server until its fault has met every connection.
Failures failures_with(const std::string& mode, std::size_t connections) {
  const MisbehavingServer server{mode};
  LoadClient client{
      {.port = server.port(), .connections = connections, .patience = milliseconds{500}}};
  client.connect();
  while (client.alive() > 0 && client.drive(milliseconds{500}).requests > 0) {
  }
  client.finish();
  return client.failures();
}

std::size_t count(const Failures& failures, Failure kind) {
  return failures[static_cast<std::size_t>(kind)];
}

TEST(LoadClient, CountsEveryAnswerOfAServerThatIsRight) {
  const MisbehavingServer server{"behaves"};
  LoadClient client{{.port = server.port(), .connections = 8}};
  client.connect();
  EXPECT_EQ(client.greeted(), 8U);
  const LoadWindow window = client.drive(a_minute, 5'000);
  const LoadWindow rest = client.finish();
  EXPECT_GE(window.requests, 5'000U);
  EXPECT_EQ(window.latency.count(), window.requests);
  EXPECT_GT(window.latency.min(), 0U);
  EXPECT_LE(window.latency.max(), static_cast<std::uint64_t>(window.elapsed.count()));
  EXPECT_LE(rest.requests, 8U) << "finish() sends nothing more";
  EXPECT_EQ(total(client.failures()), 0U);
  EXPECT_GT(window.client_cpu.count(), 0);
}

TEST(LoadClient, TakesLargeMessagesAndPipelines) {
  for (const std::size_t size : {1, 64, 16 * 1024, 64 * 1024, 300'001}) {
    for (const std::size_t pipeline : {1, 2, 7}) {
      // A server that blocks in send until all is sent must not meet a client that does so too.
      const MisbehavingServer server{"behaves"};
      LoadClient client{{.port = server.port(),
                         .connections = 3,
                         .idle = 2,
                         .message_bytes = size,
                         .pipeline = pipeline}};
      client.connect();
      const LoadWindow window = client.drive(a_minute, 60);
      const LoadWindow rest = client.finish();
      EXPECT_GE(window.requests, 60U);
      EXPECT_LE(rest.requests, 3 * pipeline);
      EXPECT_EQ(total(client.failures()), 0U) << size << " bytes, pipeline of " << pipeline;
    }
  }
}

TEST(LoadClient, LeavesIdleConnectionsAloneOnceTheyHadAnAnswer) {
  const MisbehavingServer server{"behaves"};
  LoadClient client{{.port = server.port(), .connections = 0, .idle = 300}};
  client.connect();
  EXPECT_EQ(client.greeted(), 300U);
  EXPECT_EQ(client.alive(), 300U);
  EXPECT_EQ(client.drive(a_minute).requests, 0U)
      << "nobody is to send: there is nothing to wait for";
  EXPECT_EQ(total(client.failures()), 0U);
}

TEST(LoadClient, GoesOnWhereItLeftOff) {
  const MisbehavingServer server{"behaves"};
  LoadClient client{{.port = server.port(), .connections = 4}};
  client.connect();
  std::uint64_t requests = 0;
  for (int i = 0; i < 20; ++i) requests += client.drive(a_minute, 10).requests;
  client.finish();
  EXPECT_GE(requests, 200U);
  EXPECT_EQ(total(client.failures()), 0U);
}

TEST(LoadClient, FindsASingleWrongByte) {
  const Failures failures = failures_with("wrong-byte", 4);
  EXPECT_EQ(count(failures, Failure::wrong_bytes), 4U);
  EXPECT_EQ(total(failures), 4U);
}

TEST(LoadClient, FindsBytesThatNobodySent) {
  EXPECT_EQ(count(failures_with("too-many-bytes", 4), Failure::wrong_bytes), 4U);
}

TEST(LoadClient, CallsALostByteUnanswered) {
  EXPECT_EQ(count(failures_with("swallows-a-byte", 4), Failure::unanswered), 4U);
}

TEST(LoadClient, CallsAServerThatFallsSilentUnanswered) {
  EXPECT_EQ(count(failures_with("goes-silent", 4), Failure::unanswered), 4U);
}

TEST(LoadClient, SeesAConnectionClosedInTheMiddle) {
  const Failures failures = failures_with("closes", 4);
  // Closed with a request unread, the kernel sends a reset after the end.
  EXPECT_EQ(count(failures, Failure::closed_early) + count(failures, Failure::reset), 4U);
}

TEST(LoadClient, SeesAReset) { EXPECT_EQ(count(failures_with("resets", 4), Failure::reset), 4U); }

TEST(LoadClient, SeesTheDeathOfTheServer) { EXPECT_EQ(total(failures_with("dies", 4)), 4U); }

TEST(LoadClient, GivesUpOnAServerThatNeverAnswers) {
  const MisbehavingServer server{"never-answers"};
  LoadClient client{{.port = server.port(), .connections = 300, .patience = milliseconds{100}}};
  client.connect();
  EXPECT_EQ(client.greeted(), 0U);
  client.finish();
  EXPECT_EQ(count(client.failures(), Failure::unanswered), 300U);
}

TEST(LoadClient, IsRefusedWhereNobodyListens) {
  std::uint16_t port = 0;
  {
    const MisbehavingServer gone{"behaves"};
    port = gone.port();
  }
  LoadClient client{{.port = port, .connections = 4, .idle = 1}};
  client.connect();
  EXPECT_EQ(count(client.failures(), Failure::refused), 5U);
  EXPECT_EQ(client.alive(), 0U);
}

TEST(LoadClient, ReturnsAtOnceWhenItIsInterrupted) {
  const MisbehavingServer server{"behaves"};
  WakeEvent interrupt;
  LoadClient client{{.port = server.port(), .connections = 4, .interrupt_fd = interrupt.fd()}};
  client.connect();
  interrupt.signal();
  client.drive(a_minute);
  EXPECT_TRUE(client.interrupted());
  client.finish();
  EXPECT_EQ(total(client.failures()), 0U) << "what an interrupt leaves open is no failure";
}

TEST(LoadClient, LeavesNoDescriptorBehind) {
  const std::size_t before = open_descriptors();
  {
    const MisbehavingServer server{"behaves"};
    LoadClient client{{.port = server.port(), .connections = 50}};
    client.connect();
    client.drive(a_minute, 100);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(LoadClient, LetsAServerThatStallsHideNothingInAnOpenLoop) {
  // 1,000 requests a second are due. After some 200 answers the server stalls for half a second,
  // and what falls due meanwhile has waited for the rest of the stall at least: three in ten of the
  // first 1,000 that are answered, for 200 ms or more.
  const MisbehavingServer server{"stalls"};
  LoadClient client{{.port = server.port(), .connections = 4, .rate = 1'000}};
  client.connect();
  const LoadWindow window = client.drive(a_minute, 1'000);
  EXPECT_GE(window.latency.max(), 490'000'000U);
  EXPECT_GE(window.latency.value_at(0.75), 200'000'000U);
  const LoadWindow rest = client.finish();
  EXPECT_EQ(total(client.failures()), 0U);
  EXPECT_EQ(rest.never_sent, 0U) << "what was due is still sent, and waited for";
}

TEST(LoadClient, CountsWhatWasDueAndNeverSentAsAWait) {
  const MisbehavingServer server{"goes-silent"};
  LoadClient client{
      {.port = server.port(), .connections = 2, .rate = 2'000, .patience = milliseconds{200}}};
  client.connect();
  LoadWindow window = client.drive(std::chrono::seconds{1});
  const LoadWindow rest = client.finish();
  EXPECT_EQ(count(client.failures(), Failure::unanswered), 2U);
  EXPECT_GT(rest.never_sent, 0U);
  EXPECT_EQ(window.requests + rest.requests + 2 + rest.never_sent, 2'000U)
      << "every request of the schedule is accounted for";
  window.latency.merge(rest.latency);
  EXPECT_EQ(window.latency.count(), 2'000U);
  EXPECT_GE(window.latency.max(), 200'000'000U);
}

TEST(LoadClient, HoldsItsRateWhereTheServerKeepsUp) {
  const MisbehavingServer server{"behaves"};
  LoadClient client{{.port = server.port(), .connections = 8, .pipeline = 2, .rate = 500}};
  client.connect();
  const LoadWindow window = client.drive(milliseconds{400});
  const LoadWindow rest = client.finish();
  EXPECT_EQ(window.requests + rest.requests, 200U) << "no more than are due, and no less";
  EXPECT_EQ(total(client.failures()), 0U);
}

TEST(LoadClient, ConnectsAnewForEachRequestWhereItIsToldTo) {
  for (const double rate : {0.0, 2'000.0}) {
    const MisbehavingServer server{"behaves"};
    LoadClient client{{.port = server.port(), .connections = 4, .rate = rate, .reconnect = true}};
    client.connect();
    const LoadWindow window = client.drive(a_minute, 500);
    client.finish();
    EXPECT_GE(window.requests, 500U);
    EXPECT_EQ(total(client.failures()), 0U);
    EXPECT_EQ(client.greeted(), 4U);
  }
}

TEST(LoadClient, StallsWithItsSlowConnectionsAndServesTheOthers) {
  const MisbehavingServer server{"behaves"};
  LoadClient client{{.port = server.port(), .connections = 3, .idle = 2, .slow = 5}};
  client.connect();
  EXPECT_EQ(client.greeted(), 10U) << "the byte of a slow one comes back, too";
  EXPECT_GE(client.drive(a_minute, 100).requests, 100U);
  client.finish();
  EXPECT_EQ(client.answers() > 100, true);
  EXPECT_EQ(total(client.failures()), 0U);
}

TEST(LoadClient, LooksAfterOthersMeanwhile) {
  const MisbehavingServer server{"behaves"};
  WakeEvent event;
  int told = 0;
  const auto take = [&] {
    event.clear();
    ++told;
  };
  LoadClient client{{.port = server.port(), .connections = 2, .beside = {{event.fd(), take}}}};
  client.connect();
  event.signal();
  client.drive(a_minute, 1'000);
  EXPECT_EQ(told, 1);
}

TEST(Schedule, IsSteady) {
  const Schedule::Time begin{std::chrono::seconds{5}};
  Schedule schedule{begin, begin + std::chrono::seconds{1}, 4};
  EXPECT_EQ(schedule.due_by(begin - milliseconds{1}), 0U);
  EXPECT_EQ(schedule.due_by(begin), 1U);
  EXPECT_EQ(schedule.due_at(3), begin + milliseconds{750});
  EXPECT_EQ(schedule.due_by(begin + milliseconds{749}), 3U);
  EXPECT_EQ(schedule.due_by(begin + milliseconds{750}), 4U);
  EXPECT_EQ(schedule.due_by(begin + std::chrono::hours{1}), 4U) << "none is due at the end";
  schedule.end_at(begin + milliseconds{300});
  EXPECT_EQ(schedule.due_by(begin + std::chrono::hours{1}), 2U);
  EXPECT_EQ(Schedule{}.due_by(begin), 0U);
}

TEST(Failures, AreNamedByTheirKinds) {
  Failures failures{};
  EXPECT_EQ(to_string(failures), "");
  failures[static_cast<std::size_t>(Failure::reset)] = 3;
  failures[static_cast<std::size_t>(Failure::wrong_bytes)] = 1;
  EXPECT_EQ(to_string(failures), "3 reset, 1 wrong bytes");
}

}  // namespace
}  // namespace unblock
