#include <errno.h>

#include <gtest/gtest.h>

#include "exercises/02-try-read/scenes.hpp"

namespace unblock::kit {
namespace {

// The flags after make_nonblocking, of a descriptor that had `before` besides those of a socket.
int flags_after(int before) {
  Subject subject;
  auto [ours, theirs] = socket_pair(subject);
  // Flags belong to what a descriptor refers to: the check's duplicate shows them, too.
  const UniqueFd same{check("fcntl", ::fcntl(theirs.get(), F_DUPFD_CLOEXEC, 0))};
  check("fcntl", ::fcntl(same.get(), F_SETFL, before));
  subject.call("make_nonblocking", std::move(theirs));
  subject.finish();
  return check("fcntl", ::fcntl(same.get(), F_GETFL));
}

TEST(MakeNonblocking, SetsTheFlag) {
  expect((flags_after(0) & O_NONBLOCK) != 0, "O_NONBLOCK is not set after make_nonblocking");
}

TEST(MakeNonblocking, KeepsTheOtherFlags) {
  const int flags = flags_after(O_APPEND);
  expect((flags & O_NONBLOCK) != 0, "O_NONBLOCK is not set after make_nonblocking");
  expect((flags & O_APPEND) != 0, "O_APPEND was set before make_nonblocking, and is not any more");
}

TEST(MakeNonblocking, ThrowsWhatTheSystemSays) {
  Subject subject;
  const Thrown thrown = subject.start("make_nonblocking_minus_1").thrown();
  expect(thrown.is_system_error, "make_nonblocking threw something else than std::system_error");
  expect_equal("the errno that make_nonblocking throws for descriptor -1", thrown.code, EBADF);
  subject.finish();
}

TEST(TryRead, FindsData) {
  Subject subject;
  Random random;
  auto [ours, theirs] = nonblocking(socket_pair(subject));
  const Bytes bytes = random.bytes(random.number(5, 30));
  ours.send(bytes);
  expect_data(subject.call<Try>("try_read", std::move(theirs), std::size_t{100}), bytes);
  subject.finish();
}

TEST(TryRead, FindsNothing) {
  Subject subject;
  auto [ours, theirs] = nonblocking(socket_pair(subject));
  const Try came = subject.call<Try>("try_read", std::move(theirs), std::size_t{100});
  expect_found("what try_read found where nothing has been sent", std::get<0>(came),
               Found::nothing);
  subject.finish();
}

TEST(TryRead, FindsTheEnd) {
  Subject subject;
  auto [ours, theirs] = nonblocking(socket_pair(subject));
  ours.half_close();
  const Try came = subject.call<Try>("try_read", std::move(theirs), std::size_t{100});
  expect_found("what try_read found at end-of-stream", std::get<0>(came), Found::end);
  subject.finish();
}

TEST(TryRead, FindsAnError) {
  Subject subject;
  auto [ours, theirs] = nonblocking(tcp_pair(subject));
  ours.reset();
  const Try came = subject.call<Try>("try_read", std::move(theirs), std::size_t{100});
  expect_found("what try_read found where the connection was reset", std::get<0>(came),
               Found::error);
  expect_equal("the errno that try_read tells", std::get<2>(came), ECONNRESET);
  subject.finish();
}

TEST(ReadAvailable, ReadsAllThatIsThere) {
  Subject subject;
  Random random;
  auto [ours, theirs] = nonblocking(socket_pair(subject));
  const Bytes bytes = random.bytes(random.number(30'000, 40'000));
  ours.send(bytes);
  expect_available(
      subject.call<Available>("read_available", std::move(theirs), std::size_t{100'000}), bytes,
      Found::nothing);
  subject.finish();
}

TEST(ReadAvailable, KeepsWhatCameBeforeTheEnd) {
  Subject subject;
  Random random;
  auto [ours, theirs] = nonblocking(socket_pair(subject));
  const Bytes bytes = random.bytes(random.number(10, 50));
  ours.send(bytes);
  ours.half_close();
  expect_available(subject.call<Available>("read_available", std::move(theirs), std::size_t{1000}),
                   bytes, Found::end);
  subject.finish();
}

}  // namespace
}  // namespace unblock::kit
