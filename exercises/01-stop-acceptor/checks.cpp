#include <errno.h>

#include <string>

#include <gtest/gtest.h>

#include "core/observe.hpp"
#include "exercises/01-stop-acceptor/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(Acceptor, HandsOverEveryClient) {
  Subject subject;
  Scene scene{subject};
  Peer early = scene.connect("an early client");
  subject.start("run");
  scene.expect_greeting(early);
  for (int number = 1; number <= 5; ++number) {
    Peer client = scene.connect("client " + std::to_string(number));
    scene.expect_greeting(client);
    client.expect_end();
  }
}

TEST(Acceptor, SleepsUntilAClientComes) {
  Subject subject;
  Scene scene{subject};
  Call run = subject.start("run");
  Peer client = scene.connect();
  scene.expect_greeting(client);
  subject.await_rest();
  const pid_t thread = run.thread();
  const long before = context_switches(thread).voluntary;
  subject.expect_idle();
  expect(!run.ended(), "run has returned, and nobody has called stop");
  expect(context_switches(thread).voluntary == before,
         "run wakes although no client came and nobody has called stop",
         "it looks at the flag every now and then: a wait with a timeout polls, too");
}

TEST(Acceptor, StopEndsRun) {
  Subject subject;
  Scene scene{subject};
  Call run = scene.start_run();
  Peer client = scene.connect();
  scene.expect_greeting(client);
  subject.await_rest();
  expect(!run.ended(), "run has returned, and nobody has called stop");
  scene.stop();
  run.result();
  subject.finish();
}

TEST(Acceptor, StopIsNotLostBeforeRun) {
  Subject subject;
  Scene scene{subject};
  scene.stop();
  subject.start("run").result();
  subject.finish();
}

TEST(Acceptor, StopIsNoClient) {
  Subject subject;
  Scene scene{subject};
  Call run = scene.start_run();
  scene.stop();
  run.result();
  scene.witness.expect_nothing(
      "the connection that wakes accept is none of a client's: look at "
      "the flag before you hand it over");
  subject.finish();
}

TEST(Acceptor, GoesOnAfterASignal) {
  Subject subject;
  Scene scene{subject};
  Call run = subject.start("run");
  Peer first = scene.connect("client 1");
  scene.expect_greeting(first);
  subject.await_rest();
  run.interrupt();
  Peer second = scene.connect("client 2");
  scene.expect_greeting(second);
}

TEST(Acceptor, ThrowsWhatTheSystemSays) {
  Subject subject;
  Scene scene{subject};
  Peer client = scene.connect();
  subject.call("use_up_descriptors");
  const Thrown thrown = subject.start("run").thrown();
  expect(thrown.is_system_error, "run threw something else than std::system_error");
  expect_equal("the errno that run throws where no descriptor is free", thrown.code, EMFILE);
}

TEST(Acceptor, HasNoDataRace) {
  Subject subject{{.race_detector = true}};
  Scene scene{subject};
  scene.start_run();
  scene.stop();
  scene.stop();
  subject.fail_if_ended();
}

}  // namespace
}  // namespace unblock::kit
