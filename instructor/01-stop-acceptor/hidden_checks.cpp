#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "exercises/01-stop-acceptor/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(Acceptor, StopsFromItsHandler) {
  Subject subject;
  Scene scene{subject, 2};
  Peer first = scene.connect("client 1");
  Peer second = scene.connect("client 2");
  Peer third = scene.connect("client 3");
  Call run = subject.start("run");
  run.result();
  scene.expect_greeting(first);
  scene.expect_greeting(second);
  scene.witness.expect("++");
  scene.witness.expect_nothing("on_connection has called stop, and yet it got one more client");
  subject.finish();
}

TEST(Acceptor, StopWaitsForNothing) {
  Subject subject;
  constexpr int backlog = 0;  // a queue of one place
  Scene scene{subject, 0, backlog};
  Peer client = scene.connect();
  scene.stop();
  subject.finish();
}

TEST(Acceptor, StopsOnlyOnce) {
  Subject subject;
  Scene scene{subject};
  scene.stop();
  // A number that the first stop has freed goes to these.
  auto [ours, theirs] = socket_pair(subject, "a stranger");
  auto [ours_too, theirs_too] = socket_pair(subject, "another stranger");
  subject.call("keep", std::move(theirs));
  subject.call("keep", std::move(theirs_too));
  scene.stop();
  ours.expect_nothing("stop has closed or used a descriptor that is not its own");
  ours_too.expect_nothing("stop has closed or used a descriptor that is not its own");
  subject.finish();
}

TEST(Acceptor, ClosesWhatItOpened) {
  Subject subject;
  Scene scene{subject};
  Call run = scene.start_run();
  Peer client = scene.connect();
  scene.expect_greeting(client);
  subject.await_rest();
  scene.stop();
  run.result();
  subject.call("~Acceptor");
  subject.expect_no_open_descriptors();
  subject.finish();
}

TEST(Acceptor, StopsWithoutADescriptor) {
  Subject subject;
  Scene scene{subject};
  Call run = scene.start_run();
  subject.call("use_up_descriptors");
  scene.stop();
  run.result();
  subject.finish();
}

}  // namespace
}  // namespace unblock::kit
