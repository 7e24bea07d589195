#include "testkit/conformance.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "testkit/client.hpp"
#include "testkit/running_server.hpp"

namespace unblock {
namespace {

constexpr std::size_t kibibyte = 1024;
constexpr std::size_t mebibyte = 1024 * kibibyte;

// Sends without ever reading, until neither end can take a byte more: the client cannot send and,
// for a good while, does not get to; or until the server has taken `enough`. Returns what was sent.
std::size_t send_until_stuck(Client& client, const RunningServer& server,
                             const ModelUnderTest& under_test, std::size_t enough) {
  const Bytes chunk = pattern(64 * kibibyte);
  std::size_t sent = 0;
  // The chunk is repeated, so what was sent can be told from its length alone.
  const auto push = [&] {
    const std::size_t offset = sent % chunk.size();
    const std::size_t put = client.send_some(std::span{chunk}.subspan(offset));
    sent += put;
    return put > 0;
  };
  const auto silence = std::chrono::milliseconds{300};
  do {
    while (sent < enough && await(push, silence)) {
    }
    // On a busy machine the server may not have had its turn. Asleep, it has done what it could.
  } while (sent < enough && under_test.sleeps_when_idle && await_asleep(server.thread_id()) &&
           push());
  return sent;
}

// Reads back what send_until_stuck() sent.
void expect_back(Client& client, std::size_t sent) {
  const Bytes chunk = pattern(64 * kibibyte);
  for (std::size_t received = 0; received < sent;) {
    const std::size_t part = std::min(chunk.size(), sent - received);
    client.expect(std::span{chunk}.first(part));
    received += part;
  }
}

}  // namespace

// A program that links the testkit for its clients alone instantiates none of them, and a lesson
// without a model of some kind has nothing for the suite of that kind.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Conformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SeveralAtOnce);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OneAtATime);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LimitedAtOnce);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ProgramConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SeveralAtOnceProgram);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SleepingProgram);

ModelsUnderTest only(const ModelsUnderTest& models, bool ModelUnderTest::*trait, bool value) {
  ModelsUnderTest chosen;
  std::copy_if(models.begin(), models.end(), std::back_inserter(chosen),
               [&](const ModelUnderTest& model) { return model.*trait == value; });
  return chosen;
}

std::string model_name(const testing::TestParamInfo<ModelUnderTest>& info) {
  std::string name = info.param.model.name;
  if (info.param.threads != 0) name += fmt::format("_{}_threads", info.param.threads);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

void PrintTo(const ModelUnderTest& model, std::ostream* out) { *out << model.model.name; }

void Conformance::SetUp() {
  std::jthread{[] {
  }}.join();  // ThreadSanitizer starts a thread of its own with the first one of ours
  descriptors_before_ = open_descriptors();
  threads_before_ = thread_ids().size();
  try {
    const auto probe = GetParam().model.make(options());
  } catch (const UserError& error) {
    GTEST_SKIP() << error.what();  // the machine lacks what the model needs, and it says what
  }
}

void Conformance::TearDown() {
  EXPECT_TRUE(await([&] { return open_descriptors() <= descriptors_before_; }, test_deadline))
      << "descriptors before: " << descriptors_before_ << ", left: " << open_descriptors();
  EXPECT_TRUE(await([&] { return thread_ids().size() <= threads_before_; }, test_deadline))
      << "threads before: " << threads_before_ << ", left: " << thread_ids().size();
}

TEST_P(Conformance, EchoesOneByte) {
  RunningServer server{GetParam().model, options()};
  Client client{server.port()};
  client.exchange(pattern(1));
}

TEST_P(Conformance, Echoes64KiBInOneGo) {
  RunningServer server{GetParam().model, options()};
  Client client{server.port()};
  client.exchange(pattern(64 * kibibyte));
}

TEST_P(Conformance, Echoes16MiBInOneGo) {
  RunningServer server{GetParam().model, options()};
  Client client{server.port()};
  client.exchange(pattern(16 * mebibyte));
}

TEST_P(Conformance, EchoesBytesThatArriveOneAtATime) {
  RunningServer server{GetParam().model, options()};
  Client client{server.port()};
  const Bytes bytes = pattern(200);
  for (const std::byte& byte : bytes) client.send(std::span{&byte, 1});
  client.expect(bytes);
}

TEST_P(Conformance, GivesEverythingToAClientThatHasFinishedSending) {
  RunningServer server{GetParam().model, options()};
  Client client{server.port(), "127.0.0.1", /*buffer_bytes=*/64 * kibibyte};
  // More than the kernel takes of it: where all of it is gone, the server holds what is missing.
  const std::size_t sent = send_until_stuck(client, server, GetParam(), 16 * mebibyte);
  client.half_close();
  // It does now what it does at end-of-stream, with nothing read by the client yet.
  if (GetParam().sleeps_when_idle) {
    ASSERT_TRUE(await_asleep(server.thread_id(), test_deadline));
  }
  expect_back(client, sent);
  client.expect_end();
}

TEST_P(Conformance, ClosesWhenAClientSendsNothingAndFinishes) {
  RunningServer server{GetParam().model, options()};
  Client client{server.port()};
  client.half_close();
  client.expect_end();
}

TEST_P(Conformance, SurvivesClientsThatResetInTheMiddle) {
  RunningServer server{GetParam().model, options()};
  const Bytes bytes = pattern(mebibyte);
  for (int i = 0; i < 20; ++i) {
    Client client{server.port()};
    client.send_some(bytes);  // some of it is on its way back, some unread, when the reset comes
    client.reset();
  }
  Client client{server.port()};
  client.echo();
}

TEST_P(SeveralAtOnce, ServesOthersBesideASilentClient) {
  RunningServer server{GetParam().model, options()};
  Client silent{server.port()};
  Client busy{server.port()};
  for (int i = 0; i < 10; ++i) busy.echo();
  silent.echo();
}

TEST_P(OneAtATime, LetsOneClientHoldUpTheOthers) {
  RunningServer server{GetParam().model, options()};
  Client silent{server.port()};
  silent.echo();  // it is being served, and says no more
  Client waiting{server.port()};
  const Bytes bytes = pattern(8);
  waiting.send(bytes);
  ASSERT_TRUE(await_asleep(server.thread_id(), test_deadline))
      << "the server waits for the silent client";
  EXPECT_FALSE(waiting.readable());
  silent.half_close();
  waiting.expect(bytes);
}

TEST_P(Conformance, TakesNoMoreFromAClientThatNeverReads) {
  RunningServer server{GetParam().model, options()};
  Client stuck{server.port(), "127.0.0.1", /*buffer_bytes=*/64 * kibibyte};
  const std::size_t sent = send_until_stuck(stuck, server, GetParam(), 256 * mebibyte);
  EXPECT_LT(sent, 64 * mebibyte) << "the server takes what it cannot give back, without a bound";
  if (GetParam().serves_others_while_one_is_stuck) {
    Client other{server.port()};
    for (int i = 0; i < 10; ++i) other.echo();
    other.exchange(pattern(mebibyte));
  }
  expect_back(stuck, sent);  // once it does read, it gets all that it sent
  stuck.echo();
}

TEST_P(Conformance, Serves200ClientsAtOnce) {
  RunningServer server{GetParam().model, options()};
  std::vector<Client> clients;
  for (int i = 0; i < 200; ++i) clients.emplace_back(server.port());
  for (std::size_t i = 0; i < clients.size(); ++i) clients[i].send(pattern(100, i));
  if (GetParam().serves_others_while_one_is_stuck) {
    // The last first, and none of them leaves: they are all served at once.
    for (std::size_t i = clients.size(); i-- > 0;) clients[i].expect(pattern(100, i));
  } else {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      clients[i].half_close();
      clients[i].expect(pattern(100, i));
    }
  }
}

TEST_P(Conformance, Serves2000ClientsInTurn) {
  RunningServer server{GetParam().model, options()};
  for (int i = 0; i < 2000; ++i) {
    Client client{server.port()};
    client.echo();
  }
}

TEST_P(Conformance, SurvivesClientsThatLeaveAtOnce) {
  RunningServer server{GetParam().model, options()};
  for (int i = 0; i < 50; ++i) Client{server.port()}.reset();
  Client client{server.port()};
  client.echo();
}

TEST_P(LimitedAtOnce, LetsClientsBeyondTheLimitWait) {
  ServerOptions two = options();
  two.max_connections = 2;
  RunningServer server{GetParam().model, two};
  auto first = std::make_unique<Client>(server.port());
  Client second{server.port()};
  first->echo();
  second.echo();
  Client third{server.port()};
  const Bytes bytes = pattern(8);
  third.send(bytes);
  for (int i = 0; i < 20; ++i) second.echo();  // the server is at work meanwhile
  EXPECT_FALSE(third.readable()) << "a third client is served although the limit is two";
  first.reset();
  third.expect(bytes);
  for (int i = 0; i < 50; ++i) {  // a place that is given back can be taken again, many times
    Client next{server.port()};
    next.send(bytes);
    third = std::move(next);
    third.expect(bytes);
  }
}

TEST_P(Conformance, StopsWithClientsConnected) {
  RunningServer server{GetParam().model, options()};
  std::vector<Client> clients;
  const std::size_t count = GetParam().serves_others_while_one_is_stuck ? 10 : 1;
  for (std::size_t i = 0; i < count; ++i) clients.emplace_back(server.port());
  for (Client& client : clients) client.echo();
  // The server cannot write to this one.
  send_until_stuck(clients.front(), server, GetParam(), 256 * mebibyte);
  server.stop();
  for (Client& client : clients) client.expect_end();
}

TEST_P(Conformance, StopsAlthoughStopCameBeforeRun) {
  auto server = GetParam().model.make(options());
  server->stop();
  RunningServer stopped_before{GetParam().model.name, std::move(server)};
  // It gets no second stop(): run() must return because of the first.
  EXPECT_TRUE(await([&] { return stopped_before.finished(); }, test_deadline));
}

TEST_P(Conformance, MayBeStoppedMoreThanOnce) {
  RunningServer server{GetParam().model, options()};
  Client client{server.port()};
  client.echo();
  server.server().stop();
  server.server().stop();
  server.stop();
  server.server().stop();
}

TEST_P(Conformance, RefusesAPortThatIsInUse) {
  RunningServer server{GetParam().model, options()};
  ServerOptions same = options();
  same.port = server.port();
  try {
    const auto second = GetParam().model.make(same);
    FAIL() << "two servers listen on port " << server.port();
  } catch (const UserError& error) {
    EXPECT_NE(std::string{error.what()}.find(std::to_string(server.port())), std::string::npos)
        << error.what();
  }
}

TEST_P(Conformance, ListensOnIPv6OnNamesAndOnAllAddresses) {
  const std::vector<std::pair<std::string, std::string>> hosts{
      {"::1", "::1"}, {"localhost", "localhost"}, {"0.0.0.0", "127.0.0.1"}, {"::", "::1"}};
  for (const auto& [listened, connected] : hosts) {
    ServerOptions there = options();
    there.host = listened;
    RunningServer server{GetParam().model, there};
    Client client{server.port(), connected};
    client.echo();
  }
}

}  // namespace unblock
