#include <errno.h>

#include <algorithm>
#include <tuple>

#include <gtest/gtest.h>

#include "exercises/kit/peer.hpp"
#include "exercises/kit/subject.hpp"

namespace unblock::kit {
namespace {

// What the command read_exactly answers: the function's result, and its buffer.
using Read = std::tuple<std::size_t, Bytes>;

void expect_read(Call& call, const Bytes& expected) {
  const auto [count, buffer] = call.result<Read>();
  expect_equal("the number that read_exactly returns", count, expected.size());
  expect_equal("the bytes in read_exactly's buffer", buffer, expected);
}

TEST(ReadExactly, FillsTheBuffer) {
  Subject subject;
  auto [ours, theirs] = socket_pair(subject);
  const Bytes bytes = Random{}.bytes(40);
  ours.send(bytes);
  Call call = subject.start("read_exactly", std::move(theirs), bytes.size());
  expect_read(call, bytes);
  subject.finish();
}

TEST(ReadExactly, GathersPieces) {
  Subject subject;
  Random random;
  auto [ours, theirs] = socket_pair(subject);
  const Bytes bytes = random.bytes(random.number(30, 60));
  Call call = subject.start("read_exactly", std::move(theirs), bytes.size());
  const std::span all{bytes};
  for (std::size_t sent = 0; sent < bytes.size();) {
    const std::size_t size = std::min(random.number(1, 12), bytes.size() - sent);
    ours.send(all.subspan(sent, size));
    sent += size;
    ours.await_read(call);
    if (call.ended()) break;  // too early, and its result says so
  }
  expect_read(call, bytes);
  subject.finish();
}

TEST(ReadExactly, ReturnsWhatCameBeforeTheEnd) {
  Subject subject;
  Random random;
  auto [ours, theirs] = socket_pair(subject);
  const Bytes bytes = random.bytes(random.number(5, 20));
  Call call = subject.start("read_exactly", std::move(theirs), bytes.size() + 10);
  ours.send(bytes);
  ours.half_close();
  const auto [count, buffer] = call.result<Read>();
  expect_equal("the number that read_exactly returns at end-of-stream", count, bytes.size());
  expect_equal("the bytes in read_exactly's buffer, as many as it returned",
               Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count)), bytes);
  subject.finish();
}

TEST(ReadExactly, LeavesWhatFollows) {
  Subject subject;
  Random random;
  auto [ours, theirs] = socket_pair(subject);
  const Bytes first = random.bytes(random.number(10, 20));
  const Bytes second = random.bytes(random.number(10, 20));
  ours.send(first);
  Call call =
      subject.start("read_exactly_twice", std::move(theirs), first.size() + 5, second.size());
  ours.await_read();
  Bytes rest = random.bytes(5);
  Bytes both = rest;
  both.insert(both.end(), second.begin(), second.end());
  ours.send(both);
  const auto [one, two] = call.result<std::tuple<Bytes, Bytes>>();
  Bytes expected = first;
  expected.insert(expected.end(), rest.begin(), rest.end());
  expect_equal("the bytes of the first call of read_exactly", one, expected);
  expect_equal("the bytes of the second call of read_exactly", two, second);
  subject.finish();
}

TEST(ReadExactly, GoesOnAfterASignal) {
  Subject subject;
  Random random;
  auto [ours, theirs] = socket_pair(subject);
  const Bytes bytes = random.bytes(20);
  Call call = subject.start("read_exactly", std::move(theirs), bytes.size());
  call.interrupt();
  ours.send(bytes);
  expect_read(call, bytes);
  subject.finish();
}

TEST(ReadExactly, ThrowsWhatTheSystemSays) {
  Subject subject;
  auto [ours, theirs] = tcp_pair(subject);
  Call call = subject.start("read_exactly", std::move(theirs), 20);
  ours.reset();
  const Thrown thrown = call.thrown();
  expect(thrown.is_system_error, "read_exactly threw something else than std::system_error");
  expect_equal("the errno that read_exactly throws", thrown.code, ECONNRESET);
  subject.finish();
}

TEST(WriteAll, WritesEveryByte) {
  Subject subject;
  auto [ours, theirs] = socket_pair(subject);
  const Bytes bytes = Random{}.bytes(40);
  Call call = subject.start("write_all", std::move(theirs), bytes);
  ours.expect(bytes);
  call.result();
  subject.finish();
}

TEST(WriteAll, GoesOnAfterAShortWrite) {
  Subject subject;
  auto [ours, theirs] = socket_pair(subject);
  const Bytes bytes = Random{}.bytes(2U << 20U);
  Call call = subject.start("write_all", std::move(theirs), bytes);
  // It sleeps since the buffer is full; a part was written, and a signal makes write return it.
  call.interrupt();
  ours.expect(bytes);
  call.result();
  ours.expect_end();
  subject.finish();
}

TEST(WriteAll, ThrowsWhenTheReaderIsGone) {
  Subject subject;
  auto [ours, theirs] = socket_pair(subject);
  ours.close();
  Call call = subject.start("write_all", std::move(theirs), Random{}.bytes(40));
  const Thrown thrown = call.thrown();
  expect(thrown.is_system_error, "write_all threw something else than std::system_error");
  expect_equal("the errno that write_all throws", thrown.code, EPIPE);
  subject.finish();
}

}  // namespace
}  // namespace unblock::kit
