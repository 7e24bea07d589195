#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "exercises/09-uring-echo/scenes.hpp"
#include "exercises/09-uring-echo/uring_echo.hpp"

namespace unblock::kit {

std::optional<RingState> ring_state(Subject& subject) {
  const std::vector<int> rings = subject.descriptors_of("anon_inode:[io_uring]");
  if (rings.empty()) return std::nullopt;
  RingState state;
  const auto look = [&] {  // a kernel that is busy with the ring tells nothing
    std::istringstream info{subject.descriptor_info(rings.back())};
    std::string key;
    std::string value;
    while (info >> key && std::getline(info, value)) {
      const auto number = [&] { return static_cast<unsigned>(std::stoul(value, nullptr, 0)); };
      if (key == "SqMask:") state.submission_entries = number() + 1;
      if (key == "CqTail:") state.completions = number();
    }
    return state.submission_entries > 0;
  };
  subject.await(look, "the ring to be looked at");
  return state;
}

void expect_gone(Subject& subject, Peer& client, const std::string& cause) {
  std::array<std::byte, 64 * 1024> unread{};
  for (;;) {
    const ssize_t got = ::recv(client.fd(), unread.data(), unread.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) break;
    if (got > 0) continue;
    try {
      subject.await(client.fd(), POLLIN, "the connection of " + client.name() + " to end");
    } catch (const CheckFailed& failed) {
      Failure failure = failed.failure();
      failure.cause = cause;
      fail(std::move(failure));
    }
  }
  step("{} sees the end of the connection", client.name());
}

namespace {

const char* const held =
    "a socket that is closed while an operation is in flight stays open until that completes: "
    "cancel the operation, and close when its completion has come";

TEST(UringEcho, SendsBackWhatComes) {
  Served served;
  Random random;
  served.start(many);
  Peer client = served.connect();
  for (int i = 0; i < 5; ++i) expect_echo(client, random);
}

TEST(UringEcho, LetsTheKernelDoIt) {
  Served served;
  Random random;
  served.start(many);
  Peer client = served.connect();
  expect_echo(client, random);
  served.subject().await_rest();
  const auto before = ring_state(served.subject());
  expect(before.has_value(), "your code serves a client, and has no ring open");
  expect_equal("the number of entries in your ring's submission queue", before->submission_entries,
               exercise::ring_entries, "make the ring with io_uring_queue_init(ring_entries, ...)");
  constexpr unsigned rounds = 10;
  for (unsigned i = 0; i < rounds; ++i) expect_echo(client, random);
  served.subject().await_rest();
  const unsigned came = ring_state(served.subject())->completions - before->completions;
  if (came < 2 * rounds) {
    fail({.what = "bytes were echoed ten times, and the ring was hardly used",
          .expected = "20 completions at least: of ten operations that receive, and ten that send",
          .came = std::to_string(came)});
  }
  const auto calls = served.subject().sleeping_in();
  if (std::none_of(calls.begin(), calls.end(),
                   [](const auto& call) { return call.starts_with("io_uring_enter("); })) {
    fail({.what = "your code waits for its clients",
          .expected = "that it sleeps in io_uring_enter()",
          .came = calls.empty() ? "it does not sleep"
                                : fmt::format("it sleeps in {}", fmt::join(calls, " and in "))});
  }
}

TEST(UringEcho, ServesEveryoneWhoWaits) {
  Served served;
  Random random;
  std::vector<Peer> clients;
  std::vector<Bytes> sent;
  for (int i = 1; i <= 40; ++i) {
    clients.push_back(served.connect(fmt::format("client {}", i)));
    sent.push_back(random.bytes(random.number(1, 100)));
    clients.back().send(sent.back());
  }
  served.start(many);
  for (std::size_t i = 0; i < clients.size(); ++i) clients[i].expect(sent[i]);
}

TEST(UringEcho, SleepsWhileNothingHappens) {
  Served served;
  Random random;
  served.start(many);
  Peer quiet = served.connect("a client that has said nothing yet");
  Peer client = served.connect("another client");
  expect_echo(client, random);
  served.subject().expect_idle();
  expect_echo(quiet, random);
}

TEST(UringEcho, GoesOnAfterASignal) {
  Served served;
  Random random;
  served.start(many);
  Peer client = served.connect();
  expect_echo(client, random);
  // A call that has also submitted something tells of that, and not of the first signal.
  for (int i = 0; i < 2; ++i) served.call().interrupt();
  expect_echo(client, random);
}

TEST(Sends, GoOnWhereTheyFellShort) {
  Served served;
  served.start(many);
  Peer client = served.connect_narrow();
  const Bytes bytes = served.flood(client, most_taken);
  client.expect(bytes);
}

TEST(Buffers, AreEachConnectionsOwn) {
  Served served;
  Random random;
  served.start(many);
  Peer other = served.connect("another client");
  expect_echo(other, random);
  Peer slow = served.connect_narrow("a client that reads nothing yet");
  const Bytes bytes = served.flood(slow, most_taken);
  const Bytes more = random.bytes(20 * 1024);
  other.send(more);
  other.expect(more);
  slow.expect(bytes);
}

TEST(Buffers, StayBounded) {
  Served served;
  Random random;
  served.start(many);
  Peer deaf = served.connect_narrow("a client that reads nothing");
  expect_echo(deaf, random);
  const Bytes taken = served.flood(deaf, most_taken);
  expect(taken.size() < most_taken,
         "a client reads nothing, and your code goes on reading from it: it has taken 4 MB");
}

TEST(End, ComesAfterTheLastByte) {
  Served served;
  served.start(many);
  for (int i = 0; i < 4; ++i) {  // the sends to one of them need not fall short
    Peer client = served.connect_narrow();
    const Bytes bytes = served.flood(client, most_taken);
    client.half_close();
    client.expect(bytes);
    client.expect_end();
  }
}

TEST(End, OfOneClientConcernsNobodyElse) {
  Served served;
  Random random;
  served.start(many);
  Peer other = served.connect("another client");
  expect_echo(other, random);
  const std::size_t before = served.subject().descriptors();
  Peer broken = served.connect("a client that breaks off");
  expect_echo(broken, random);
  broken.reset();
  served.subject().await([&] { return served.subject().descriptors() == before; },
                         "the descriptor of the one who broke off to be closed");
  expect_echo(other, random);
}

TEST(Room, IsMadeByTheOldest) {
  Served served;
  Random random;
  std::vector<Peer> clients;
  served.start(std::size_t{3});
  for (int i = 1; i <= 5; ++i) {
    clients.push_back(served.connect(fmt::format("client {}", i)));
    expect_echo(clients.back(), random);
  }
  for (std::size_t i = 0; i < 2; ++i) expect_gone(served.subject(), clients[i], held);
  for (std::size_t i = 2; i < clients.size(); ++i) expect_echo(clients[i], random);
}

TEST(Stop, CancelsWhatIsInFlight) {
  Served served;
  Random random;
  served.start(many);
  Peer silent = served.connect("a client that says nothing");
  Peer deaf = served.connect_narrow("a client that reads nothing");
  expect_echo(deaf, random);
  served.flood(deaf, most_taken);
  served.stop();
  expect_gone(served.subject(), silent, held);
  expect_gone(served.subject(), deaf, held);
}

TEST(Stop, CancelsMoreThanFits) {
  Served served;
  Random random;
  served.start(many);
  std::vector<Peer> clients;
  for (unsigned i = 1; i <= 5 * exercise::ring_entries; ++i) {
    clients.push_back(served.connect(fmt::format("client {}", i)));
    expect_echo(clients.back(), random);
  }
  served.stop();
  for (Peer& client : clients) expect_gone(served.subject(), client, held);
}

TEST(Stop, LeavesNothingBehind) {
  Served served{{.find_leaks = true}};
  Random random;
  served.start(many);
  std::vector<Peer> clients;
  for (int i = 1; i <= 3; ++i) {
    clients.push_back(served.connect(fmt::format("client {}", i)));
    expect_echo(clients.back(), random);
  }
  served.stop();
  served.subject().expect_no_open_descriptors();
  served.subject().finish();
}

}  // namespace
}  // namespace unblock::kit
