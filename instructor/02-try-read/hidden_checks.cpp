#include <errno.h>

#include <utility>

#include <gtest/gtest.h>

#include "exercises/02-try-read/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(TryRead, WorksOnAPipe) {
  Subject subject;
  auto [ours, theirs] = nonblocking(pipe_to(subject));
  auto [silent, its_silent] = nonblocking(pipe_to(subject));
  const Bytes bytes = Random{}.bytes(20);
  ours.send(bytes);
  expect_data(subject.call<Try>("try_read", std::move(theirs), std::size_t{100}), bytes);
  const Try came = subject.call<Try>("try_read", std::move(its_silent), std::size_t{100});
  expect_found("what try_read found in an empty pipe", std::get<0>(came), Found::nothing);
  subject.finish();
}

TEST(TryRead, TakesNoBytesForNothing) {
  Subject subject;
  auto [ours, theirs] = nonblocking(socket_pair(subject));
  ours.send("something");
  const Try came = subject.call<Try>("try_read", std::move(theirs), std::size_t{0});
  expect_found("what try_read found with a buffer of no bytes", std::get<0>(came), Found::nothing);
  subject.finish();
}

TEST(TryRead, TellsWhichError) {
  Subject subject;
  const Try came = subject.call<Try>("try_read_minus_1", std::size_t{100});
  expect_found("what try_read found with descriptor -1", std::get<0>(came), Found::error);
  expect_equal("the errno that try_read tells", std::get<2>(came), EBADF);
  subject.finish();
}

TEST(ReadAvailable, LeavesTheRest) {
  Subject subject;
  Random random;
  auto [ours, theirs] = nonblocking(socket_pair(subject));
  const Bytes first = random.bytes(random.number(5'000, 9'000));
  const Bytes second = random.bytes(random.number(100, 200));
  ours.send(first);
  ours.send(second);
  const auto [one, two] = subject.call<std::pair<Available, Available>>(
      "read_available_twice", std::move(theirs), first.size(), std::size_t{1000});
  expect_available(one, first, Found::data);
  expect_available(two, second, Found::nothing);
  subject.finish();
}

TEST(ReadAvailable, KeepsWhatCameBeforeAnError) {
  Subject subject;
  Random random;
  auto [ours, theirs] = nonblocking(tcp_pair(subject));
  const Bytes bytes = random.bytes(random.number(10, 50));
  ours.send(bytes);
  ours.reset();
  const auto came = subject.call<Available>("read_available", std::move(theirs), std::size_t{1000});
  expect_available(came, bytes, Found::error);
  expect_equal("the errno that read_available tells", std::get<1>(came), ECONNRESET);
  subject.finish();
}

}  // namespace
}  // namespace unblock::kit
