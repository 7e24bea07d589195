#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "exercises/09-uring-echo/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(Room, IsMadeWhateverIsInFlight) {
  Served served;
  Random random;
  served.start(std::size_t{1});
  Peer deaf = served.connect_narrow("a client that reads nothing");
  expect_echo(deaf, random);
  served.flood(deaf, most_taken);
  Peer next = served.connect("the next client");
  expect_echo(next, random);
  expect_gone(served.subject(), deaf);
  expect_echo(next, random);
}

TEST(Room, IsMadeAgainAndAgain) {
  Served served;
  Random random;
  served.start(std::size_t{2});
  std::vector<Peer> clients;
  std::size_t open = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    clients.push_back(served.connect(fmt::format("client {}", i + 1)));
    expect_echo(clients.back(), random);
    if (i == 1) open = served.subject().descriptors();
    if (i < 2) continue;
    expect_gone(served.subject(), clients[i - 2]);
    expect_echo(clients[i - 1], random);
  }
  served.subject().await_rest();
  expect_equal("the number of open descriptors, when 38 clients had to go",
               served.subject().descriptors(), open);
}

TEST(End, OfOneWhoReadsNothing) {
  Served served;
  Random random;
  served.start(many);
  Peer other = served.connect("another client");
  expect_echo(other, random);
  const std::size_t before = served.subject().descriptors();
  for (int i = 0; i < 2; ++i) {
    Peer deaf = served.connect_narrow("a client that reads nothing");
    served.flood(deaf, most_taken);
    deaf.reset();
    served.subject().await([&] { return served.subject().descriptors() == before; },
                           "the descriptor of the one who broke off to be closed");
    expect_echo(other, random);
  }
}

TEST(Stop, MayComeFirst) {
  Subject subject;
  const Listener listener;
  std::vector<Peer> clients;
  for (int i = 1; i <= 3; ++i) {
    clients.push_back(listener.connect(subject, fmt::format("client {}", i)));
  }
  auto [stop, theirs] = socket_pair(subject, "the check");
  stop.send("stop");
  subject.call("serve", listener.descriptor(), std::move(theirs), many);
  subject.expect_no_open_descriptors();
}

}  // namespace
}  // namespace unblock::kit
