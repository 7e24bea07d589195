#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/05-level-echo/scenes.hpp"
#include "exercises/kit/served.hpp"

namespace unblock::kit {
namespace {

TEST(LevelEcho, MovesMegabytesBothWays) {
  Served served;
  Random random;
  served.start();
  Peer client = served.connect_narrow();
  Bytes bytes = served.flood(client, 4U << 20U);
  std::size_t sent = bytes.size();
  const Bytes more = random.bytes(random.number(3U << 20U, 4U << 20U));
  bytes.insert(bytes.end(), more.begin(), more.end());
  Bytes came;
  while (came.size() < bytes.size()) {
    // It sends as much as fits and takes little, so that the server is cut short.
    sent += client.send_some(std::span{bytes}.subspan(sent));
    const Bytes some = client.receive_some(random.number(1, 16 * 1024));
    if (some.empty()) break;
    came.insert(came.end(), some.begin(), some.end());
  }
  expect_equal("the bytes that came back", came, bytes);
}

TEST(House, TakesInAWholeQueue) {
  Served served;
  Random random;
  std::vector<Peer> clients;
  for (int i = 1; i <= 100; ++i) clients.push_back(served.connect("client " + std::to_string(i)));
  served.start();
  for (Peer& client : clients) expect_echo(client, random);
}

TEST(House, WaitsWhenItIsFull) {
  Served served{{.descriptors = 20}};
  Random random;
  std::vector<Peer> clients;
  for (int i = 1; i <= 30; ++i) clients.push_back(served.connect("client " + std::to_string(i)));
  served.start();
  expect_echo(clients.front(), random);
  served.subject().expect_idle(
      "accept fails with EMFILE while a client waits, and the listener "
      "stays readable: watch it again when a connection has ended");
  for (Peer& client : clients) {  // each makes room for one that waits
    expect_echo(client, random);
    client.half_close();
    client.expect_end();
  }
}

TEST(Buffers, GoWithTheirClient) {
  Served served;
  Random random;
  served.start();
  Peer other = served.connect("another client");
  expect_echo(other, random);
  const std::size_t before = served.subject().descriptors();
  for (int i = 0; i < 3; ++i) {
    Peer deaf = served.connect_narrow("a client that reads nothing");
    served.flood(deaf, 4U << 20U);
    deaf.reset();
    expect_echo(other, random);
  }
  served.subject().await([&] { return served.subject().descriptors() == before; },
                         "the descriptors of those who broke off to be closed");
}

}  // namespace
}  // namespace unblock::kit
