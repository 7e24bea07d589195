#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/09-async-read/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(Handlers, AreCalledInTheOrderOfCompletion) {
  Scene scene;
  std::vector<Source> clients = scene.sources(4);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    scene.read(clients[i], fmt::format("r{}", i));
    scene.subject().await_rest();
  }
  // Not the first one, which is the one that the thread waits for in any case.
  const std::size_t first = scene.random().number(1, 3);
  std::vector<Bytes> sent;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    Source& client = clients[(first + 3 * i) % 4];
    sent.push_back(scene.send(client));
    client.peer.await_read();
    scene.subject().await_rest();
  }
  scene.run();
  for (std::size_t i = 0; i < clients.size(); ++i) {
    scene.expect_report(fmt::format("r{}", (first + 3 * i) % 4), sent[i]);
  }
}

TEST(Handlers, MayThrow) {
  Scene scene;
  std::vector<Source> clients = scene.sources(2);
  scene.read(clients[0], "throws", "throw");
  scene.read(clients[1], "next", "stop");
  const Bytes first = scene.send(clients[0]);
  clients[0].peer.await_read();
  Call run = scene.subject().start("run");
  run.thrown();
  scene.expect_report("throws", first);
  scene.run();
  scene.expect_report("next", scene.send(clients[1]));
  scene.await_end();
}

TEST(Refused, WhatIsNotOpen) {
  Scene scene;
  Source client = scene.source();
  scene.run();
  scene.read(client, "other");
  // Small enough for the kernel's smallest table of descriptors: select looks at nothing beyond.
  constexpr int not_open = 50;
  scene.subject().call("async_read", not_open, "not-open", std::size_t{100}, "");
  scene.expect_error("not-open", EBADF);
  scene.expect_report("other", scene.send(client));
}

TEST(Stop, LosesNoData) {
  Scene scene;
  std::vector<Source> clients = scene.sources(2);
  scene.read(clients[0], "complete");
  scene.read(clients[1], "in-flight");
  const Bytes bytes = scene.send(clients[0]);
  clients[0].peer.await_read();
  scene.subject().await_rest();
  scene.subject().call("stop");
  scene.run();
  scene.expect_report("complete", bytes, "it was complete before stop(): its bytes are read");
  scene.expect_error("in-flight", ECANCELED);
  scene.await_end();
}

TEST(Stop, RefusesWhatComesLater) {
  Scene scene;
  Source client = scene.source();
  scene.run();
  scene.subject().call("stop");
  scene.await_end();
  const Bytes bytes = scene.send(client);
  scene.read(client, "late");
  Call one = scene.subject().start("run_one");
  expect_equal("what run_one() returns", one.result<bool>(), true);
  scene.expect_error("late", ECANCELED);
  expect_equal("what run_one() returns when nothing is left", scene.subject().call<bool>("run_one"),
               false);
}

}  // namespace
}  // namespace unblock::kit
