#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/05-edge-echo/scenes.hpp"
#include "exercises/kit/served.hpp"

namespace unblock::kit {
namespace {

TEST(Fair, ToNewClientsToo) {
  Served served;
  Random random;
  std::vector<UniqueFd> connections;
  connections.push_back(endless_connection());
  connections.push_back(endless_connection());
  served.start(std::move(connections));
  std::vector<Peer> clients;
  for (int i = 1; i <= 5; ++i) {
    clients.push_back(served.connect("client " + std::to_string(i)));
    expect_echo(clients.back(), random);
  }
}

TEST(House, WaitsWhenItIsFull) {
  Served served{{.descriptors = 20}};
  Random random;
  std::vector<Peer> clients;
  for (int i = 1; i <= 30; ++i) clients.push_back(served.connect("client " + std::to_string(i)));
  served.start(none());
  for (Peer& client : clients) {  // each makes room for one that waits
    expect_echo(client, random);
    client.half_close();
    client.expect_end();
  }
}

TEST(End, ComesAfterTheLastByte) {
  Served served;
  auto [connection, bytes] = full_connection(served.subject());
  connection.ours.half_close();
  served.start(just(std::move(connection.theirs)));
  expect_in_parts(served.subject(), connection.ours, bytes);
  connection.ours.expect_end();
}

}  // namespace
}  // namespace unblock::kit
