#include <algorithm>
#include <cerrno>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/observe.hpp"
#include "exercises/09-async-read/scenes.hpp"

namespace unblock::kit {

Scene::Scene(const SubjectOptions& options) : subject_{options} {
  Connection reports = socket_pair(subject_, "the check");
  Connection gate = socket_pair(subject_, "the gate");
  subject_.call("make_async_reader", std::move(reports.theirs), std::move(gate.theirs));
  reports_.emplace(std::move(reports.ours));
  gate_.emplace(std::move(gate.ours));
}

Source Scene::source(const std::string& name) {
  Connection connection = socket_pair(subject_, name);
  const int fd = subject_.call<int>("adopt", std::move(connection.theirs));
  return {std::move(connection.ours), fd};
}

std::vector<Source> Scene::sources(std::size_t count) {
  std::vector<Source> all;
  for (std::size_t i = 1; i <= count; ++i) all.push_back(source("client " + std::to_string(i)));
  return all;
}

Bytes Scene::send(Source& source) {
  Bytes bytes = random_.bytes(random_.number(1, 100));
  source.peer.send(bytes);
  return bytes;
}

Report Scene::report() {
  // Where run() has returned, or thrown, nobody will call a handler any more.
  subject_.await([&] { return reports().readable() || (call_ && call_->ended()); },
                 "a handler to be called");
  if (!reports().readable()) {
    call_->result();
    fail({.what = "run() or run_one() has returned, and has not called the handler",
          .expected = "that every read that was started completes, and its handler is called"});
  }
  Report report;
  std::istringstream words{reports().receive_line()};
  if (!(words >> report.name >> report.error >> report.bytes)) {
    fail({.what = "a handler told something that is no report"});
  }
  constexpr std::size_t most = 1000;  // as large as the buffers are
  report.data = reports().receive(std::min(report.bytes, most));
  return report;
}

void Scene::expect_no_report(const std::string& cause) {
  subject_.await_rest();
  reports().expect_nothing(cause);
}

void Scene::expect_told(const Report& report, const std::string& name, int error, const Bytes& data,
                        const std::string& cause) {
  expect_equal("the read whose handler was called", report.name, name, cause);
  expect_equal("the error in the completion of " + name, report.error, error, cause);
  expect_equal("the number of bytes in the completion of " + name, report.bytes, data.size(),
               cause);
  expect_equal("the bytes in the buffer of " + name, report.data, data, cause);
}

namespace {

// How often the subject's threads have left a CPU: one that wakes up for nothing shows.
long switches(const Subject& subject) {
  long sum = 0;
  for (const pid_t thread : subject.threads()) {
    const ContextSwitches count = context_switches(thread);
    sum += count.voluntary + count.involuntary;
  }
  return sum;
}

TEST(AsyncRead, CompletesWithWhatCame) {
  Scene scene;
  Source client = scene.source();
  scene.run();
  for (const char* const name : {"first", "second", "third"}) {
    scene.read(client, name);
    scene.expect_report(name, scene.send(client));
  }
}

TEST(AsyncRead, IsCarriedOutWhileNobodyRuns) {
  Scene scene;
  Source early = scene.source("client 1");
  Source late = scene.source("client 2");
  const Bytes first = scene.send(early);
  scene.read(early, "first");
  early.peer.await_read();
  scene.read(late, "second");
  const Bytes second = scene.send(late);
  late.peer.await_read();
  scene.expect_no_report(
      "a handler was called, and nobody is in run(): queue what is complete, and leave calling it "
      "to run()");
  scene.run();
  scene.expect_report("first", first);
  scene.expect_report("second", second);
}

TEST(AsyncRead, GoesOnWhileAHandlerTakesItsTime) {
  Scene scene;
  Source slow = scene.source("client 1");
  Source other = scene.source("client 2");
  scene.read(slow, "slow", "wait");
  scene.read(other, "other");
  scene.run();
  scene.expect_report("slow", scene.send(slow));
  const Bytes bytes = scene.send(other);
  other.peer.await_read();
  scene.expect_no_report("two handlers were called at the same time, and run() by one thread only");
  scene.gate().send("!");
  scene.expect_report("other", bytes);
}

TEST(AsyncRead, WakesTheThreadThatSleeps) {
  Scene scene;
  Source silent = scene.source("a client that says nothing");
  Source client = scene.source("client 2");
  scene.run();
  scene.read(silent, "silent");
  scene.subject().await_rest();
  scene.read(client, "other");
  scene.expect_report("other", scene.send(client));
}

TEST(AsyncRead, FillsTheBufferAtMost) {
  Scene scene;
  Source client = scene.source();
  scene.run();
  constexpr std::size_t size = 32;
  const Bytes bytes = scene.random().bytes(3 * size + 10);
  client.peer.send(bytes);
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    const std::size_t end = std::min(at + size, bytes.size());
    scene.read(client, "part", "", size);
    scene.expect_report("part", {bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                 bytes.begin() + static_cast<std::ptrdiff_t>(end)});
  }
}

TEST(AsyncRead, TellsTheEndFromAnError) {
  Scene scene;
  scene.run();
  Source finished = scene.source("a client that finishes");
  const Bytes bytes = scene.send(finished);
  finished.peer.half_close();
  scene.read(finished, "bytes");
  scene.expect_report("bytes", bytes);
  scene.read(finished, "end");
  scene.expect_report("end", {}, "read returned 0: that is the end, and no error");
  Connection broken = tcp_pair(scene.subject(), "a client that breaks off");
  const int fd = scene.subject().call<int>("adopt", std::move(broken.theirs));
  scene.subject().call("async_read", fd, "error", std::size_t{100}, "");
  broken.ours.reset();
  scene.expect_error("error", ECONNRESET);
}

TEST(AsyncRead, ServesManyInOneThread) {
  Scene scene;
  constexpr std::size_t count = 30;
  std::vector<Source> clients = scene.sources(count);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  scene.run();
  scene.read(clients[0], "r0");
  scene.subject().await_rest();
  const std::size_t threads = scene.subject().threads().size();
  for (std::size_t i = 1; i < count; ++i) scene.read(clients[i], fmt::format("r{}", i));
  expect_equal("the number of threads, 30 reads being in flight", scene.subject().threads().size(),
               threads, "one thread waits for all of them");
  for (std::size_t i = count; i > 1; --i) {  // in any order
    std::swap(order[i - 1], order[scene.random().number(0, i - 1)]);
  }
  // Not the first one first: the thread waits for that one in any case.
  if (order.front() == 0) std::swap(order.front(), order.back());
  for (const std::size_t i : order)
    scene.expect_report(fmt::format("r{}", i), scene.send(clients[i]));
}

TEST(AsyncRead, MayBeStartedByAHandler) {
  Scene scene;
  Source client = scene.source();
  scene.read(client, "chain", "again");
  scene.run();
  for (int i = 0; i < 10; ++i) scene.expect_report("chain", scene.send(client));
  client.peer.half_close();
  scene.expect_report("chain", {});
}

TEST(AsyncRead, GoesOnAfterASignal) {
  Scene scene;
  Source client = scene.source();
  scene.run();
  scene.read(client, "first");
  scene.subject().await_rest();
  scene.subject().interrupt("select");
  scene.call().interrupt();
  scene.expect_report("first", scene.send(client));
}

TEST(AsyncRead, SleepsMeanwhile) {
  Scene scene;
  std::vector<Source> clients = scene.sources(3);
  scene.run();
  scene.read(clients[0], "first");
  scene.expect_report("first", scene.send(clients[0]));
  scene.send(clients[0]);  // nobody has asked for that
  scene.read(clients[1], "silent");
  scene.read(clients[2], "cancelled");
  scene.cancel(clients[2]);
  scene.expect_error("cancelled", ECANCELED);
  scene.subject().await_rest();
  const long before = switches(scene.subject());
  scene.subject().expect_idle();
  expect_equal("how often your threads wake up in a fifth of a second in which nothing happens",
               switches(scene.subject()) - before, 0L,
               "a time-out of select is a way to look again and again: let whoever starts or "
               "cancels a read wake the thread");
}

TEST(Cancel, CompletesTheRead) {
  Scene scene;
  Source client = scene.source();
  scene.run();
  scene.read(client, "cancelled");
  scene.subject().await_rest();
  scene.cancel(client);
  scene.expect_error("cancelled", ECANCELED);
  const Bytes bytes = scene.send(client);
  scene.expect_no_report("the read was cancelled, and has completed: it completes once");
  scene.read(client, "next");
  scene.expect_report("next", bytes, "bytes that nobody has read belong to the next read");
}

TEST(Cancel, LeavesWhatIsComplete) {
  Scene scene;
  Source client = scene.source();
  scene.read(client, "complete");
  const Bytes bytes = scene.send(client);
  client.peer.await_read();
  scene.subject().await_rest();
  scene.cancel(client);
  scene.run();
  scene.expect_report("complete", bytes, "it was complete before it was cancelled");
  scene.expect_no_report("a read completes once");
  scene.read(client, "next");
  scene.expect_report("next", scene.send(client), "there was nothing to cancel");
}

TEST(Cancel, LetsGoOfTheSocket) {
  Scene scene;
  std::vector<Source> clients = scene.sources(2);
  scene.run();
  scene.read(clients[0], "other");
  scene.read(clients[1], "cancelled", "close");
  scene.subject().await_rest();
  scene.cancel(clients[1]);
  scene.expect_error("cancelled", ECANCELED);
  step("the handler closes the socket");
  clients[1].peer.expect_end(
      "the socket is closed, and its client does not learn it: select, asleep, holds on to it. A "
      "cancellation must wake the thread");
  scene.expect_no_report("the read was cancelled, and has completed: it completes once");
  scene.expect_report("other", scene.send(clients[0]));
}

TEST(Refused, WhatFitsIntoNoSet) {
  Scene scene;
  Source client = scene.source();
  scene.run();
  Connection high = socket_pair(scene.subject(), "client 2");
  const int fd = scene.subject().call<int>("adopt_beyond_the_set", std::move(high.theirs));
  step("its descriptor is {}", fd);
  scene.subject().call("async_read", fd, "large", std::size_t{100}, "");
  scene.expect_error("large", EINVAL);
  scene.read(client, "small");
  scene.expect_report("small", scene.send(client));
}

TEST(Refused, ASecondReadOfASocket) {
  Scene scene;
  Source client = scene.source();
  scene.run();
  scene.read(client, "first");
  scene.read(client, "second");
  scene.expect_error("second", EBUSY);
  scene.expect_report("first", scene.send(client), "it goes on, whatever became of the second");
}

TEST(Stop, CallsEveryHandlerOnce) {
  Scene scene;
  constexpr std::size_t count = 10;
  std::vector<Source> clients = scene.sources(count);
  scene.run();
  for (std::size_t i = 0; i < count; ++i) scene.read(clients[i], fmt::format("r{}", i));
  scene.subject().await_rest();
  scene.subject().call("stop");
  scene.await_end();
  std::map<std::string, int> called;
  for (std::size_t i = 0; i < count; ++i) {
    const Report report = scene.report();
    Scene::expect_told(report, report.name, ECANCELED, {});
    ++called[report.name];
  }
  scene.expect_no_report("every read completes once");
  expect_equal("the number of reads whose handler was called", called.size(), count);
}

TEST(Stop, LeavesNothingBehind) {
  Scene scene{{.find_leaks = true}};
  std::vector<Source> clients = scene.sources(3);
  Call one = scene.subject().start("run_one");
  scene.read(clients[0], "first");
  scene.expect_report("first", scene.send(clients[0]));
  expect_equal("what run_one() returns", one.result<bool>(), true);
  for (const Source& client : clients) scene.read(client, "in-flight");
  const Bytes bytes = scene.send(clients[0]);
  clients[0].peer.await_read();
  step("destroys the reader: one read is complete, two are in flight");
  scene.subject().call("~AsyncReader");
  scene.expect_no_report("nobody calls a handler from the destructor on");
  scene.subject().call("close_all");
  scene.subject().expect_no_open_descriptors();
  scene.subject().finish();
}

TEST(Threads, ShareNothingUnprotected) {
  Scene scene{{.race_detector = true}};
  std::vector<Source> clients = scene.sources(4);
  scene.run();
  for (int round = 0; round < 8; ++round) {
    for (Source& client : clients) scene.read(client, "read");
    scene.cancel(clients[0]);
    for (std::size_t i = 1; i < clients.size(); ++i) scene.send(clients[i]);
    for (std::size_t i = 0; i < clients.size(); ++i) scene.report();
  }
  scene.read(clients[0], "last", "again");
  for (int i = 0; i < 5; ++i) scene.expect_report("last", scene.send(clients[0]));
  scene.subject().call("stop");
  scene.expect_error("last", ECANCELED);
  scene.await_end();
  scene.subject().call("~AsyncReader");
  scene.subject().finish();
}

}  // namespace
}  // namespace unblock::kit
