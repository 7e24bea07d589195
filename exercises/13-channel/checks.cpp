#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/13-channel/scenes.hpp"

namespace unblock::kit {
namespace {

std::vector<std::string> words(Random& random, std::size_t count) {
  std::vector<std::string> all;
  // The number keeps them different.
  for (std::size_t i = 0; i < count; ++i) all.push_back(random.word(5) + std::to_string(i));
  return all;
}

TEST(Values, GoThroughInOrder) {
  Subject subject;
  Random random;
  const auto w = words(random, 4);
  const auto lines = run_fibers(subject, {4},
                                {{send(w[0]), send(w[1]), send(w[2]), send(w[3])},
                                 {receive(), receive(), receive(), receive()}});
  expect_received(lines, w);
  subject.finish();
}

TEST(Values, ByTheThousand) {
  Subject subject;
  const std::string values = std::to_string(Random{}.number(10'000, 12'000));
  const auto lines =
      run_fibers(subject, {7}, {{{"send-many", 0, values}}, {{"receive-many", 0, values}}});
  expect_received(lines, {"received " + values});
  subject.finish();
}

TEST(Send, WaitsForRoom) {
  Subject subject;
  Random random;
  const auto w = words(random, 3);
  const auto lines = run_fibers(
      subject, {2},
      {{send(w[0]), send(w[1]), send(w[2])}, {yield(), yield(), say("now"), receive(), receive()}});
  expect_in_order(lines, {"sent " + w[0], "sent " + w[1], "now", "sent " + w[2]});
  expect_in_order(lines, {w[0], w[1]});
  subject.finish();
}

TEST(Receive, WaitsForAValue) {
  Subject subject;
  Random random;
  const auto w = words(random, 2);
  const auto lines =
      run_fibers(subject, {2},
                 {{receive(), receive()}, {yield(), say("now"), send(w[0]), yield(), send(w[1])}});
  expect_received(lines, {"now", w[0], w[1]});
  subject.finish();
}

TEST(Waiting, IsForTheFiberAndNotForTheThread) {
  Subject subject;
  const auto lines = run_fibers(subject, {1, 1},
                                {{receive(0), say("never")},
                                 {send("a", 1), send("b", 1), send("c", 1), say("never")},
                                 {say("one"), yield(), say("two")}});
  expect_received(lines, {"one", "two"});
  subject.finish();
}

TEST(Waiting, ReceiversAreServedInOrder) {
  Subject subject;
  Random random;
  const auto w = words(random, 3);
  const auto lines = run_fibers(subject, {3},
                                {{trace_receive()},
                                 {trace_receive()},
                                 {trace_receive()},
                                 {send(w[0]), send(w[1]), send(w[2])}});
  expect_among(lines, {"gets 0 " + w[0], "gets 1 " + w[1], "gets 2 " + w[2]});
  subject.finish();
}

TEST(Waiting, SendersAreServedInOrder) {
  Subject subject;
  Random random;
  const auto w = words(random, 4);
  const auto lines = run_fibers(subject, {1},
                                {{send(w[0])},
                                 {send(w[1])},
                                 {send(w[2])},
                                 {send(w[3])},
                                 {receive(), receive(), receive(), receive()}});
  expect_received(lines, w);
  subject.finish();
}

TEST(Waiting, NobodyOvertakesAReceiver) {
  Subject subject;
  Random random;
  const auto w = words(random, 2);
  // Fiber 0 has waited for longer, and has not run since the value came.
  const auto lines = run_fibers(
      subject, {1},
      {{trace_receive()}, {send(w[0]), trace_receive()}, {yield(), yield(), send(w[1])}});
  expect_among(lines, {"gets 0 " + w[0], "gets 1 " + w[1]});
  subject.finish();
}

TEST(Waiting, NobodyOvertakesASender) {
  Subject subject;
  Random random;
  const auto w = words(random, 3);
  // When fiber 1 has made room, this is fiber 0's, who has not run since.
  const auto lines = run_fibers(subject, {1},
                                {{send(w[0]), send(w[1])},
                                 {receive(), send(w[2])},
                                 {yield(), yield(), receive(), receive()}});
  expect_received(lines, {w[0], w[1], w[2]});
  subject.finish();
}

TEST(Rendezvous, TheSenderWaitsForTheReceiver) {
  Subject subject;
  Random random;
  const auto w = words(random, 2);
  const auto lines =
      run_fibers(subject, {0},
                 {{send(w[0]), send(w[1])}, {yield(), yield(), say("now"), receive(), receive()}});
  expect_in_order(lines, {"now", "sent " + w[0], "sent " + w[1]});
  expect_received(lines, {"now", w[0], w[1]});
  subject.finish();
}

TEST(Rendezvous, TheReceiverWaitsForTheSender) {
  Subject subject;
  Random random;
  const auto w = words(random, 2);
  const auto lines = run_fibers(
      subject, {0}, {{receive(), receive()}, {yield(), say("now"), send(w[0]), send(w[1])}});
  expect_received(lines, {"now", w[0], w[1]});
  expect_among(lines, {"sent " + w[0], "sent " + w[1]});
  subject.finish();
}

TEST(Close, LeavesWhatIsIn) {
  Subject subject;
  Random random;
  const auto w = words(random, 2);
  const auto lines =
      run_fibers(subject, {2},
                 {{send(w[0]), send(w[1]), close(), receive(), receive(), receive(), receive()}});
  expect_received(lines, {w[0], w[1], "the end", "the end"});
  subject.finish();
}

TEST(Close, EndsTheWaitOfReceivers) {
  Subject subject;
  const auto lines = run_fibers(
      subject, {2, 0}, {{receive(0), say("a")}, {receive(0)}, {receive(1)}, {close(0), close(1)}});
  expect_same(lines, {"a", "the end", "the end", "the end"});
  subject.finish();
}

TEST(Close, EndsTheWaitOfSenders) {
  Subject subject;
  Random random;
  const auto w = words(random, 4);
  const auto lines = run_fibers(subject, {1},
                                {{send(w[0]), send(w[1]), send(w[2])},
                                 {send(w[3])},
                                 {close(), yield(), yield(), receive(), receive(), receive()}});
  expect_among(lines, {"not sent " + w[2], "not sent " + w[3]});
  expect(std::find(lines.begin(), lines.end(), w[3]) == lines.end(),
         "a value was received whose send() has returned false");
  subject.finish();
}

TEST(Close, RefusesFurtherValues) {
  Subject subject;
  Random random;
  const std::string word = random.word(5);
  const auto lines =
      run_fibers(subject, {2, 0}, {{close(0), close(1), send(word, 0), send(word, 1)}});
  expect_received(lines, {"not sent " + word, "not sent " + word});
  subject.finish();
}

TEST(Park, MayReturnForNothing) {
  Subject subject;
  Random random;
  const auto w = words(random, 4);
  const auto lines = run_fibers(
      subject, {1, 1},
      {{receive(0)},
       {send(w[1], 1), send(w[2], 1), send(w[3], 1)},
       {wake_for_nothing(0), wake_for_nothing(1), yield(), wake_for_nothing(0), wake_for_nothing(1),
        yield(), say("now"), send(w[0], 0), yield(), receive(1), receive(1), receive(1)}});
  expect_in_order(lines, {"now", w[0]});
  expect_in_order(lines, {"now", w[1], w[2], w[3]});
  expect_in_order(lines, {"now", "sent " + w[3]});
  subject.finish();
}

}  // namespace
}  // namespace unblock::kit
