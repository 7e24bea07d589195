#include <vector>

#include <gtest/gtest.h>

#include "exercises/03-select-echo/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(SelectEcho, BrokenClientCostsNobodyElse) {
  Subject subject;
  Scene scene{subject};
  scene.start();
  Peer other = scene.served("another client");
  Peer silent = scene.served("the first client");
  silent.reset();
  scene.expect_echo(other);
  Peer slow = scene.served("the second client");
  scene.send_until_full(slow);
  slow.reset();
  scene.expect_echo(other);
}

TEST(SelectEcho, SleepsWhileItCannotSend) {
  Subject subject;
  Scene scene{subject};
  scene.start();
  Peer client = scene.served();
  scene.send_until_full(client);
  subject.expect_idle();
  client.half_close();
  subject.expect_idle();
}

TEST(SelectEcho, SleepsWhenTheRestIsSent) {
  Subject subject;
  Scene scene{subject};
  scene.start();
  Peer client = scene.served();
  const Bytes sent = scene.send_until_full(client);
  scene.expect_all(client, sent);
  subject.expect_idle();
}

TEST(SelectEcho, ServesTheNextThatFits) {
  Subject subject;
  Scene scene{subject};
  scene.start();
  std::vector<Peer> served = scene.served_up_to_the_set();
  {
    Peer beyond = scene.connect("a client beyond FD_SETSIZE");
    beyond.expect_end({}, true);
  }
  served.erase(served.begin() + 1);
  subject.await_rest();
  Peer next = scene.served("the next client");
  for (Peer& client : served) scene.expect_echo(client);
}

TEST(SelectEcho, GoesOnAfterASignal) {
  Subject subject;
  Scene scene{subject};
  Call serving = scene.start();
  Peer client = scene.served();
  subject.await_rest();
  serving.interrupt();
  scene.expect_echo(client);
}

}  // namespace
}  // namespace unblock::kit
