#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/01-thread-per-connection/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(Server, ServesEveryClient) {
  Subject subject;
  Scene scene{subject, many};
  subject.start("run");
  for (int number = 1; number <= 5; ++number) {
    Peer client = scene.served("client " + std::to_string(number));
    scene.expect_echo(client);
  }
}

TEST(Server, ServesManyAtOnce) {
  Subject subject;
  Scene scene{subject, many};
  subject.start("run");
  const Peer silent = scene.connect("a silent client");
  std::vector<Peer> clients;
  for (int number = 1; number <= 5; ++number) {
    clients.push_back(scene.served("client " + std::to_string(number)));
  }
  for (Peer& client : clients) scene.expect_echo(client);
}

TEST(Server, ClosesAConnectionAtItsEnd) {
  Subject subject;
  Scene scene{subject, many};
  subject.start("run");
  Peer client = scene.served();
  client.half_close();
  client.expect_end();
}

TEST(Server, KeepsTheLimit) {
  Subject subject;
  Scene scene{subject, 2};
  Call run = subject.start("run");
  Peer first = scene.served("client 1");
  Peer second = scene.served("client 2");
  Peer third = scene.connect("client 3");
  third.send("now");
  scene.await_rest(run);
  third.expect_nothing("two clients are being served, and that is the limit: the third one waits");
  second.close();
  third.expect("now", "a client has left, and another one waits for its place");
  scene.expect_echo(first);
}

TEST(Server, SleepsWhileItIsFull) {
  Subject subject;
  Scene scene{subject, 1};
  Call run = subject.start("run");
  const Peer first = scene.served("client 1");
  const Peer second = scene.connect("client 2");
  subject.expect_idle();
  scene.await_rest(run);
}

TEST(Server, StopEndsAllConnections) {
  Subject subject;
  Scene scene{subject, many};
  Call run = subject.start("run");
  Peer client = scene.served("the client");
  scene.await_rest(run);
  subject.call("stop");
  run.result();
  client.expect_end("run has returned, and the client is still connected", true);
  subject.finish();
}

TEST(Server, StopEndsTheWaitForAPlace) {
  Subject subject;
  Scene scene{subject, 1};
  Call run = subject.start("run");
  const Peer first = scene.served("client 1");
  const Peer second = scene.connect("client 2");
  scene.await_rest(run);
  subject.call("stop");
  run.result();
  subject.finish();
}

TEST(Server, StopIsNotLostBeforeRun) {
  Subject subject;
  Scene scene{subject, many};
  subject.call("stop");
  subject.start("run").result();
  subject.finish();
}

TEST(Server, RunWaitsForItsThreads) {
  Subject subject;
  Scene scene{subject, many};
  const std::size_t threads = subject.threads().size();
  Call run = subject.start("run");
  Peer client = scene.served();
  client.send("~");  // serve returns when the gate is open
  scene.await_rest(run);
  subject.call("stop");
  subject.await_rest();
  expect(!run.ended(), "run has returned while a call of serve was under way");
  subject.call("open_gate");
  run.result();
  subject.await([&] { return subject.threads().size() <= threads; }, "the threads to end");
  subject.finish();
}

TEST(Server, HasNoDataRace) {
  Subject subject{{.race_detector = true}};
  Scene scene{subject, many};
  Call run = subject.start("run");
  for (int round = 0; round < 2; ++round) {
    std::vector<Peer> clients;
    for (int number = 1; number <= 3; ++number) {
      clients.push_back(scene.connect("client " + std::to_string(3 * round + number)));
    }
    for (Peer& client : clients) scene.expect_echo(client);
  }  // they leave while the next ones come
  const Peer last = scene.served("client 7");
  subject.call("stop");
  run.result();
  subject.finish();
}

TEST(Server, HasNoDataRaceWhileItIsFull) {
  Subject subject{{.race_detector = true}};
  Scene scene{subject, 1};
  Call run = subject.start("run");
  Peer first = scene.served("client 1");
  Peer second = scene.connect("client 2");
  scene.await_rest(run);
  first.close();
  scene.expect_echo(second, "a client has left, and another one waits for its place");
  second.close();
  scene.await_rest(run);
  subject.call("stop");
  run.result();
  subject.finish();
}

}  // namespace
}  // namespace unblock::kit
