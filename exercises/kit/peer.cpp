#include "exercises/kit/peer.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock::kit {

Peer::Peer(Subject& subject, UniqueFd fd, std::string name)
    : subject_{&subject}, fd_{std::move(fd)}, name_{std::move(name)} {
  set_nonblocking(fd_.get());
}

void Peer::fail_broken(const std::string& doing, int error) {
  // A subject that crashed breaks its connections a moment before its end is told.
  for (int looks = 0; looks < 40; ++looks) {
    subject_->fail_if_ended();
    ::poll(nullptr, 0, 10);
  }
  fail({.what = fmt::format("the connection broke while {} {}", name_, doing),
        .came = std::string{::strerrordesc_np(error)}});
}

std::size_t Peer::send_some(std::span<const std::byte> bytes) {
  for (;;) {
    ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == ENOTSOCK) put = ::write(fd_.get(), bytes.data(), bytes.size());
    if (put >= 0) return static_cast<std::size_t>(put);
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) fail_broken("was sending", errno);
  }
}

void Peer::send(std::span<const std::byte> bytes) {
  step("{} sends {}", name_, view(bytes));
  while (!bytes.empty()) {
    bytes = bytes.subspan(send_some(bytes));
    if (!bytes.empty()) {
      subject_->await(fd_.get(), POLLOUT,
                      fmt::format("room to send the last {} bytes", bytes.size()));
    }
  }
}

std::size_t Peer::fill() {
  const Bytes chunk(64 * 1024, std::byte{'.'});
  std::size_t total = 0;
  while (const std::size_t put = send_some(chunk)) total += put;
  step("{} sends {} bytes, until nothing more fits", name_, total);
  return total;
}

void Peer::await_read() {
  subject_->await([this] { return unread() == 0; }, "the bytes to be read");
}

void Peer::await_read(Call& call) {
  subject_->await([&] { return call.ended() || unread() == 0; }, "the bytes to be read");
}

// 0 at end-of-stream.
std::size_t Peer::receive_into(std::span<std::byte> bytes, const std::string& what) {
  for (;;) {
    const ssize_t got = ::read(fd_.get(), bytes.data(), bytes.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) {
      subject_->await(fd_.get(), POLLIN, what);
    } else if (errno != EINTR) {
      fail_broken("waited for " + what, errno);
    }
  }
}

Bytes Peer::receive(std::size_t size) {
  Bytes bytes(size);
  std::size_t received = 0;
  while (received < size) {
    const std::size_t got = receive_into(std::span{bytes}.subspan(received),
                                         fmt::format("byte {} of {}", received + 1, size));
    if (got == 0) {
      ::poll(nullptr, 0, 50);
      subject_->fail_if_ended();
      bytes.resize(received);
      fail({.what = fmt::format("the connection ended before {} had all bytes", name_),
            .expected = fmt::format("{} bytes", size),
            .came = view(bytes)});
    }
    received += got;
  }
  step("{} receives {}", name_, view(bytes));
  return bytes;
}

Bytes Peer::receive_some(std::size_t most) {
  Bytes bytes(most);
  bytes.resize(receive_into(bytes, "something to read"));
  step("{} receives {}", name_, bytes.empty() ? "end-of-stream" : view(bytes));
  return bytes;
}

std::string Peer::receive_line() {
  std::string line;
  while (!line.ends_with('\n')) {
    std::byte next{};
    if (receive_into(std::span{&next, 1}, "the end of a line") == 0) {
      fail({.what = fmt::format("the connection ended within a line that {} received", name_),
            .expected = "a newline at its end",
            .came = view(line)});
    }
    line += static_cast<char>(next);
  }
  step("{} receives the line {}", name_, view(line));
  return line;
}

void Peer::expect(std::span<const std::byte> expected, const std::string& cause) {
  const Bytes came = receive(expected.size());
  expect_equal(fmt::format("{} received other bytes", name_), came,
               Bytes{expected.begin(), expected.end()}, cause);
}

void Peer::expect_end(const std::string& cause, bool or_reset) {
  std::array<std::byte, 256> bytes{};
  for (;;) {
    const ssize_t got = ::read(fd_.get(), bytes.data(), bytes.size());
    if (got == 0 || (got < 0 && errno == ECONNRESET && or_reset)) break;
    if (got > 0) {
      fail({.what = fmt::format("{} received more than it should", name_),
            .expected = "end-of-stream",
            .came = view(std::span{bytes}.first(static_cast<std::size_t>(got))),
            .cause = cause});
    }
    if (errno == EAGAIN) {
      subject_->await(fd_.get(), POLLIN, "the end of the connection");
    } else if (errno != EINTR) {
      fail({.what = fmt::format("the connection of {} broke", name_),
            .expected = "end-of-stream",
            .came = std::string{::strerrordesc_np(errno)},
            .cause = cause});
    }
  }
  step("{} sees the end of the connection", name_);
}

void Peer::expect_nothing(const std::string& cause) {
  if (!readable()) return;
  const Bytes came = receive_some();
  fail({.what = fmt::format("{} received something too early, or too much", name_),
        .expected = "nothing",
        .came = came.empty() ? "end-of-stream" : view(came),
        .cause = cause});
}

void Peer::half_close() {
  step("{} finishes sending", name_);
  check("shutdown", ::shutdown(fd_.get(), SHUT_WR));
}

void Peer::reset() {
  step("{} resets the connection", name_);
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  check("setsockopt", ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
  fd_.reset();
}

void Peer::close() {
  step("{} closes the connection", name_);
  fd_.reset();
}

void Peer::set_buffers(int bytes) {
  for (const int option : {SO_SNDBUF, SO_RCVBUF}) {
    check("setsockopt", ::setsockopt(fd_.get(), SOL_SOCKET, option, &bytes, sizeof bytes));
  }
}

bool Peer::readable() const {
  pollfd watched{fd_.get(), POLLIN, 0};
  return ::poll(&watched, 1, 0) == 1;
}

std::size_t Peer::unread() const {
  int bytes = 0;
  check("ioctl", ::ioctl(fd_.get(), SIOCOUTQ, &bytes));
  return static_cast<std::size_t>(bytes);
}

Connection socket_pair(Subject& subject, std::string name) {
  std::array<int, 2> ends{};
  check("socketpair", ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
  UniqueFd ours{ends[0]};
  UniqueFd theirs{ends[1]};
  return {Peer{subject, std::move(ours), std::move(name)}, std::move(theirs)};
}

Connection tcp_pair(Subject& subject, std::string name) {
  ConnectedPair pair = connected_pair();
  return {Peer{subject, std::move(pair.client), std::move(name)}, std::move(pair.server)};
}

Connection pipe_to(Subject& subject) {
  std::array<int, 2> ends{};
  check("pipe2", ::pipe2(ends.data(), O_CLOEXEC));
  UniqueFd theirs{ends[0]};
  return {Peer{subject, UniqueFd{ends[1]}, "the check"}, std::move(theirs)};
}

Connection pipe_from(Subject& subject) {
  std::array<int, 2> ends{};
  check("pipe2", ::pipe2(ends.data(), O_CLOEXEC));
  UniqueFd theirs{ends[1]};
  return {Peer{subject, UniqueFd{ends[0]}, "the check"}, std::move(theirs)};
}

Listener::Listener(int backlog) : fd_{listen_tcp("127.0.0.1", 0)}, port_{local_port(fd_.get())} {
  check("listen", ::listen(fd_.get(), backlog));
}

UniqueFd Listener::descriptor(bool nonblocking) const {
  if (nonblocking) set_nonblocking(fd_.get());
  return UniqueFd{check("fcntl", ::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0))};
}

Peer Listener::connect(Subject& subject, std::string name) const {
  step("{} connects", name);
  return Peer{subject, connect_tcp("127.0.0.1", port_), std::move(name)};
}

}  // namespace unblock::kit
