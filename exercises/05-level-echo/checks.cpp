#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/05-level-echo/scenes.hpp"
#include "exercises/kit/served.hpp"

namespace unblock::kit {
namespace {

// A server that reads no more from a client which reads nothing has taken less: half a megabyte
// lies in the kernel's buffers on the way there and back, and the rest is its own.
constexpr std::size_t most_taken = 4U << 20U;

TEST(LevelEcho, SendsBackWhatComes) {
  Served served;
  Random random;
  served.start();
  Peer client = served.connect();
  for (int i = 0; i < 3; ++i) expect_echo(client, random);
}

TEST(LevelEcho, ServesManyAtOnce) {
  Served served;
  Random random;
  served.start();
  std::vector<Peer> clients;
  for (int i = 1; i <= 20; ++i) clients.push_back(served.connect("client " + std::to_string(i)));
  for (int i = 0; i < 60; ++i) expect_echo(clients[random.number(0, clients.size() - 1)], random);
}

TEST(LevelEcho, SleepsWhileNothingHappens) {
  Served served;
  Random random;
  served.start();
  Peer quiet = served.connect("a client that has said nothing yet");
  Peer client = served.connect();
  expect_echo(client, random);
  served.subject().expect_idle();
  expect_echo(quiet, random);
}

TEST(LevelEcho, GoesOnAfterASignal) {
  Served served;
  Random random;
  served.start();
  Peer client = served.connect();
  expect_echo(client, random);
  served.call().interrupt();
  expect_echo(client, random);
}

TEST(Buffers, KeepWhatTheSocketDoesNotTake) {
  Served served;
  served.start();
  Peer client = served.connect_narrow();
  const Bytes bytes = served.flood(client, most_taken);
  client.expect(bytes);
}

TEST(Buffers, GiveWayToNewBytes) {
  Served served;
  Random random;
  served.start();
  Peer client = served.connect_narrow();
  const Bytes bytes = served.flood(client, most_taken);
  client.expect(bytes);
  for (int i = 0; i < 3; ++i) expect_echo(client, random);
}

TEST(Buffers, HoldUpNobodyElse) {
  Served served;
  Random random;
  served.start();
  Peer other = served.connect("another client");
  expect_echo(other, random);
  Peer deaf = served.connect_narrow("a client that reads nothing");
  served.flood(deaf, most_taken);
  for (int i = 0; i < 3; ++i) expect_echo(other, random);
}

TEST(Buffers, StayBounded) {
  Served served;
  Random random;
  served.start();
  Peer deaf = served.connect_narrow("a client that reads nothing");
  expect_echo(deaf, random);
  const Bytes taken = served.flood(deaf, most_taken);
  expect(taken.size() < most_taken,
         "a client reads nothing, and your code goes on reading from it: it has taken 4 MB");
}

TEST(Buffers, CostNoTimeWhileTheyWait) {
  Served served;
  Random random;
  served.start();
  Peer deaf = served.connect_narrow("a client that reads nothing");
  expect_echo(deaf, random);
  served.flood(deaf, most_taken);
  served.subject().expect_idle();
}

TEST(End, ComesAfterTheLastByte) {
  Served served;
  served.start();
  Peer client = served.connect_narrow();
  const Bytes bytes = served.flood(client, most_taken);
  client.half_close();
  client.expect(bytes);
  client.expect_end();
}

TEST(End, ClosesTheConnection) {
  Served served;
  Random random;
  served.start();
  Peer first = served.connect("a client that has said nothing");
  Peer second = served.connect("another client");
  expect_echo(second, random);
  const std::size_t before = served.subject().descriptors();
  first.half_close();
  first.expect_end();
  second.half_close();
  second.expect_end();
  served.subject().await([&] { return served.subject().descriptors() == before - 2; },
                         "both descriptors to be closed");
}

TEST(End, OfOneClientConcernsNobodyElse) {
  Served served;
  Random random;
  served.start();
  Peer other = served.connect("another client");
  Peer broken = served.connect("a client that breaks off");
  expect_echo(other, random);
  expect_echo(broken, random);
  broken.reset();
  expect_echo(other, random);
}

TEST(Stop, EndsServe) {
  Served served;
  Random random;
  served.start();
  Peer client = served.connect();
  expect_echo(client, random);
  served.stop();
}

TEST(Stop, WaitsForNobody) {
  Served served;
  Random random;
  served.start();
  Peer deaf = served.connect_narrow("a client that reads nothing");
  expect_echo(deaf, random);
  served.flood(deaf, most_taken);
  served.stop();
}

TEST(Stop, LeavesNothingOpen) {
  Served served;
  Random random;
  served.start();
  std::vector<Peer> clients;
  for (int i = 1; i <= 5; ++i) {
    clients.push_back(served.connect("client " + std::to_string(i)));
    expect_echo(clients.back(), random);
  }
  served.stop();
  served.subject().expect_no_open_descriptors();
  for (Peer& client : clients) client.expect_end("", true);
  served.subject().finish();
}

}  // namespace
}  // namespace unblock::kit
