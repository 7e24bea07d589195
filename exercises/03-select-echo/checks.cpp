#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "exercises/03-select-echo/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(SelectEcho, SendsBackWhatComes) {
  Subject subject;
  Scene scene{subject};
  scene.start();
  for (int number = 1; number <= 3; ++number) {
    Peer client = scene.served("client " + std::to_string(number));
    scene.expect_echo(client);
  }
}

TEST(SelectEcho, ServesManyAtOnce) {
  Subject subject;
  Scene scene{subject};
  scene.start();
  const Peer silent = scene.connect("a silent client");
  std::vector<Peer> clients;
  for (int number = 1; number <= 12; ++number) {
    clients.push_back(scene.connect("client " + std::to_string(number)));
  }
  for (int round = 0; round < 3; ++round) {
    for (Peer& client : clients) scene.expect_echo(client);
  }
}

TEST(SelectEcho, FinishesAClientThatHasFinished) {
  Subject subject;
  Scene scene{subject};
  scene.start();
  Peer client = scene.served();
  client.half_close();
  client.expect_end();
}

TEST(SelectEcho, SleepsWhileNothingHappens) {
  Subject subject;
  Scene scene{subject};
  Call serving = scene.start();
  const Peer client = scene.served();
  subject.expect_idle();
  expect(!serving.ended(), "serve_echo has returned, and nobody has stopped it");
}

TEST(SelectEcho, SlowReaderStopsNobody) {
  Subject subject;
  Scene scene{subject};
  scene.start();
  Peer quick = scene.served("the quick client");
  Peer slow = scene.served("the slow client");
  // Without reading, and more than the kernel keeps of it.
  const Bytes bytes(1U << 20U, std::byte{'s'});
  std::size_t sent = 0;
  for (int turn = 0; turn < 20; ++turn) {
    sent += slow.send_some(std::span{bytes}.subspan(sent));
    scene.expect_echo(quick, "the server waits for the slow client, that is in send");
  }
  subject.await_rest();
  sent += slow.send_some(std::span{bytes}.subspan(sent));
  subject.await_rest();
  step("the slow client has sent {} bytes and read none", sent);
  scene.expect_echo(quick, "the server waits for the slow client, that is in send");
}

TEST(SelectEcho, KeepsLittleForASlowReader) {
  Subject subject;
  Scene scene{subject};
  scene.start();
  Peer client = scene.served();
  const Bytes sent = scene.send_until_full(client);
  constexpr std::size_t room = 1U << 20U;  // several times what both ends' kernel buffers hold
  expect(sent.size() < room,
         fmt::format("the server has taken {} bytes from a client that reads nothing itself",
                     sent.size()));
}

TEST(SelectEcho, SendsTheRestWhenThereIsRoom) {
  Subject subject;
  Scene scene{subject};
  scene.start();
  Peer client = scene.served();
  const Bytes sent = scene.send_until_full(client);
  scene.expect_all(client, sent);
  scene.expect_echo(client);
}

TEST(SelectEcho, SendsTheRestBeforeItCloses) {
  Subject subject;
  Scene scene{subject};
  scene.start();
  Peer client = scene.served();
  const Bytes sent = scene.send_until_full(client);
  client.half_close();
  scene.expect_all(client, sent);
  client.expect_end();
}

TEST(SelectEcho, ClosesWhoIsBeyondTheSet) {
  Subject subject;
  Scene scene{subject};
  scene.start();
  std::vector<Peer> served = scene.served_up_to_the_set();
  for (int number = 1; number <= 3; ++number) {
    Peer beyond = scene.connect("client " + std::to_string(number) + " beyond FD_SETSIZE");
    beyond.expect_end({}, true);
  }
  for (Peer& client : served) scene.expect_echo(client);
}

TEST(SelectEcho, StopsWhenItIsTold) {
  Subject subject;
  Scene scene{subject};
  Call serving = scene.start();
  Peer client = scene.served();
  subject.call("stop");
  serving.result();
  client.expect_end("serve_echo has returned, and the client is still connected", true);
  subject.expect_no_open_descriptors();
  subject.finish();
}

}  // namespace
}  // namespace unblock::kit
