#include <algorithm>
#include <tuple>

#include <gtest/gtest.h>

#include "exercises/kit/peer.hpp"
#include "exercises/kit/subject.hpp"

namespace unblock::kit {
namespace {

using Read = std::tuple<std::size_t, Bytes>;

TEST(Both, WorkOnAPipe) {
  Subject subject;
  auto [to, its_input] = pipe_to(subject);
  auto [from, its_output] = pipe_from(subject);
  const Bytes bytes = Random{}.bytes(100);
  Call call = subject.start("copy", std::move(its_input), std::move(its_output), bytes.size());
  to.send(bytes);
  from.expect(bytes);
  call.result();
  subject.finish();
}

TEST(Both, MoveMegabytesUnderSignals) {
  Subject subject;
  Random random;
  auto [ours, theirs] = socket_pair(subject);
  const Bytes bytes = random.bytes(random.number(3U << 20U, 4U << 20U));
  auto [from, its_output] = socket_pair(subject, "the reader");
  Call call = subject.start("copy", std::move(theirs), std::move(its_output), bytes.size());
  const std::span all{bytes};
  for (std::size_t sent = 0; sent < bytes.size();) {
    const std::size_t size = std::min(random.number(1, 1U << 20U), bytes.size() - sent);
    call.interrupt();
    ours.send(all.subspan(sent, size));
    sent += size;
    if (sent < bytes.size()) {
      ours.await_read();
    }
  }
  call.interrupt();
  from.expect(bytes);
  call.result();
  subject.finish();
}

TEST(ReadExactly, SleepsWhileItWaits) {
  Subject subject;
  auto [ours, theirs] = socket_pair(subject);
  Call call = subject.start("read_exactly", std::move(theirs), 20);
  ours.send("a few");
  ours.await_read();
  subject.expect_idle();
  ours.half_close();
  call.result<Read>();
  subject.finish();
}

TEST(Both, LeaveTheDescriptorOpen) {
  Subject subject;
  auto [to, its_input] = socket_pair(subject);
  auto [from, its_output] = socket_pair(subject, "the reader");
  const Bytes bytes = Random{}.bytes(10);
  to.send(bytes);
  subject.call("copy_and_keep", std::move(its_input), std::move(its_output), bytes.size());
  from.expect(bytes);
  to.expect_nothing("the descriptor is the caller's, and read_exactly has closed it");
  from.expect_nothing("the descriptor is the caller's, and write_all has closed it");
  subject.finish();
}

TEST(Both, DoNothingForNoBytes) {
  Subject subject;
  auto [ours, theirs] = socket_pair(subject);
  const auto [count, buffer] = subject.call<Read>("read_exactly", std::move(theirs), 0);
  expect_equal("the number that read_exactly returns for no bytes", count, std::size_t{0});
  auto [other, its_other] = socket_pair(subject);
  subject.call("write_all", std::move(its_other), Bytes{});
  other.expect_end();
  subject.finish();
}

}  // namespace
}  // namespace unblock::kit
