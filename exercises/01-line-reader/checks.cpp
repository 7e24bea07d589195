#include <errno.h>

#include <algorithm>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "exercises/01-line-reader/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(LineReader, ReturnsALine) {
  Subject subject;
  Reader reader{subject};
  const std::string line = Random{}.word(20);
  reader.peer.send(line + "\n");
  reader.expect_line(line);
  subject.finish();
}

TEST(LineReader, GathersPieces) {
  Subject subject;
  Reader reader{subject};
  Random random;
  const std::string line = random.word(random.number(30, 60));
  const std::string sent = line + "\n";
  Call call = reader.start_next();
  for (std::size_t at = 0; at < sent.size() && !call.ended();) {
    const std::size_t size = std::min(random.number(1, 12), sent.size() - at);
    reader.peer.send(sent.substr(at, size));
    at += size;
    reader.await_read(call);
  }
  reader.expect_line(call, line);
  subject.finish();
}

TEST(LineReader, KeepsWhatFollows) {
  Subject subject;
  Reader reader{subject};
  Random random;
  const std::string first = random.word(7);
  const std::string second = random.word(random.number(1, 30));
  const std::string fourth = random.word(20);
  reader.peer.send(first + "\n" + second + "\n\n" + fourth.substr(0, 8));
  reader.expect_line(first);
  reader.expect_line(second);
  reader.expect_line("");
  reader.peer.send(fourth.substr(8) + "\n");
  reader.expect_line(fourth);
  subject.finish();
}

TEST(LineReader, ReturnsTheLastLineWithoutItsEnd) {
  Subject subject;
  Reader reader{subject};
  const std::string line = Random{}.word(20);
  reader.peer.send(line);
  reader.peer.half_close();
  reader.expect_line(line);
  reader.expect_end();
  subject.finish();
}

TEST(LineReader, TellsTheEnd) {
  Subject subject;
  Reader reader{subject};
  const std::string line = Random{}.word(20);
  reader.peer.send(line + "\n");
  reader.peer.half_close();
  reader.expect_line(line);
  reader.expect_end();
  reader.expect_end();
  subject.finish();
}

TEST(LineReader, TakesACarriageReturnForAPartOfTheEnd) {
  Subject subject;
  Reader reader{subject};
  Random random;
  const std::string first = random.word(10);
  const std::string second = random.word(5) + "\r" + random.word(5);
  Call call = reader.start_next();
  reader.peer.send(first + "\r");
  reader.await_read(call);
  if (!call.ended()) reader.peer.send("\n");
  reader.expect_line(call, first);
  call = reader.start_next();
  reader.peer.send(second.substr(0, 6));
  reader.await_read(call);
  if (!call.ended()) reader.peer.send(second.substr(6) + "\n");
  reader.expect_line(call, second);
  subject.finish();
}

TEST(LineReader, RefusesALineWithoutEnd) {
  constexpr std::size_t max_line = 1000;
  Subject subject;
  Reader reader{subject, max_line};
  reader.peer.send(Random{}.word(max_line + 2));
  reader.expect_too_long();
  subject.finish();
}

TEST(LineReader, GoesOnAfterASignal) {
  Subject subject;
  Reader reader{subject};
  const std::string line = Random{}.word(20);
  Call call = reader.start_next();
  call.interrupt();
  reader.peer.send(line + "\n");
  reader.expect_line(call, line);
  subject.finish();
}

TEST(LineReader, ThrowsWhatTheSystemSays) {
  Subject subject;
  auto [ours, theirs] = tcp_pair(subject);
  const auto number = subject.call<std::size_t>("LineReader", std::move(theirs), 100);
  Call call = subject.start("next", number);
  ours.reset();
  const Thrown thrown = call.thrown();
  expect(thrown.is_system_error, "next threw something else than std::system_error");
  expect_equal("the errno that next throws", thrown.code, ECONNRESET);
  subject.finish();
}

TEST(LineReader, SleepsWhileItWaits) {
  Subject subject;
  Reader reader{subject};
  Call call = reader.start_next();
  reader.peer.send("half a line");
  reader.await_read(call);
  subject.expect_idle();
}

TEST(LineReader, MindsItsOwnStreamOnly) {
  Subject subject;
  Random random;
  Reader one{subject};
  Reader two{subject};
  const std::string first = random.word(10);
  const std::string other = random.word(10);
  one.peer.send(first + "\n" + random.word(10) + "\n");
  one.expect_line(first);
  two.peer.send(other + "\n");
  two.expect_line(other);
  subject.finish();
}

}  // namespace
}  // namespace unblock::kit
