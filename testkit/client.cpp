#include "testkit/client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {

const std::chrono::seconds test_deadline = [] {
  const char* const text = std::getenv("UNBLOCK_TEST_DEADLINE_S");
  return std::chrono::seconds{text == nullptr ? 30 : std::max(1, std::atoi(text))};
}();

Bytes pattern(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
  for (std::byte& byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::byte>(state >> 56U);
  }
  return bytes;
}

Client::Client(std::uint16_t port, const std::string& host, int buffer_bytes) {
  const SocketAddress address = resolve(host, port).front();
  fd_ = UniqueFd{check("socket", ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0))};
  if (buffer_bytes > 0) {
    for (const int option : {SO_SNDBUF, SO_RCVBUF}) {
      check("setsockopt",
            ::setsockopt(fd_.get(), SOL_SOCKET, option, &buffer_bytes, sizeof buffer_bytes));
    }
  }
  check("connect", ::connect(fd_.get(), address.get(), address.length));
  set_no_delay(fd_.get());
  set_nonblocking(fd_.get());
  did("connected");
}

void Client::did(std::string step) { story_.push_back(std::move(step)); }

void Client::fail(const std::string& what) const {
  std::string text = "a client of the server\n";
  // A story may be thousands of steps long: its end tells most.
  const std::size_t first = story_.size() > 12 ? story_.size() - 12 : 0;
  if (first > 0) text += fmt::format("  ... {} steps ...\n", first);
  for (std::size_t i = first; i < story_.size(); ++i) text += "  " + story_[i] + "\n";
  throw std::runtime_error{text + "  then " + what};
}

short Client::wait_for(short events, const char* what) {
  pollfd watched{fd_.get(), events, 0};
  const auto timeout = std::chrono::milliseconds{test_deadline}.count();
  int ready = 0;
  do {
    ready = ::poll(&watched, 1, static_cast<int>(timeout));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) fail(fmt::format("waited {} for {}, in vain", test_deadline.count(), what));
  check("poll", ready);
  return watched.revents;
}

std::size_t Client::send_some(std::span<const std::byte> bytes) {
  const ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (put >= 0) return static_cast<std::size_t>(put);
  if (errno == EAGAIN || errno == EINTR) return 0;
  fail(fmt::format("could not send: {}", std::strerror(errno)));
}

void Client::send(std::span<const std::byte> bytes) {
  const std::size_t size = bytes.size();
  while (!bytes.empty()) {
    const std::size_t put = send_some(bytes);
    bytes = bytes.subspan(put);
    if (put == 0) {
      wait_for(POLLOUT, fmt::format("room to send the last {} bytes", bytes.size()).c_str());
    }
  }
  did(fmt::format("sent {} bytes", size));
}

void Client::expect(std::span<const std::byte> expected) {
  std::array<std::byte, 64 * 1024> buffer;
  std::size_t received = 0;
  while (received < expected.size()) {
    const std::size_t want = std::min(buffer.size(), expected.size() - received);
    const ssize_t got = ::recv(fd_.get(), buffer.data(), want, 0);
    if (got == 0)
      fail(fmt::format("end-of-stream after {} of {} bytes", received, expected.size()));
    if (got < 0 && errno != EAGAIN && errno != EINTR) {
      fail(fmt::format("{} after {} of {} bytes", std::strerror(errno), received, expected.size()));
    }
    if (got < 0) {
      wait_for(POLLIN, fmt::format("byte {} of {}", received + 1, expected.size()).c_str());
      continue;
    }
    const auto fresh = std::span{buffer}.first(static_cast<std::size_t>(got));
    const auto wanted = expected.subspan(received, fresh.size());
    const auto differs = std::mismatch(fresh.begin(), fresh.end(), wanted.begin());
    if (differs.first != fresh.end()) {
      fail(fmt::format("byte {} came back as {:#04x} and not as {:#04x}",
                       received + static_cast<std::size_t>(differs.first - fresh.begin()),
                       static_cast<unsigned>(*differs.first),
                       static_cast<unsigned>(*differs.second)));
    }
    received += fresh.size();
  }
  did(fmt::format("received {} bytes", received));
}

void Client::exchange(std::span<const std::byte> bytes) {
  std::size_t sent = 0;
  std::size_t received = 0;
  const std::size_t story_length = story_.size();
  while (sent < bytes.size()) {
    const std::size_t put = send_some(bytes.subspan(sent));
    sent += put;
    if (put > 0) continue;
    const short ready = wait_for(POLLIN | POLLOUT, "room to send, or bytes to read");
    if ((ready & POLLOUT) != 0 || received == sent) continue;
    const std::size_t chunk = std::min<std::size_t>(sent - received, 4096);
    expect(bytes.subspan(received, chunk));
    received += chunk;
  }
  story_.resize(story_length);  // the chunks are no news
  did(fmt::format("sent {} bytes, reading back {} meanwhile", sent, received));
  expect(bytes.subspan(received));
}

void Client::echo() {
  const Bytes bytes = pattern(16, story_.size() + 1);
  send(bytes);
  expect(bytes);
}

void Client::half_close() {
  check("shutdown", ::shutdown(fd_.get(), SHUT_WR));
  did("finished sending");
}

void Client::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  check("setsockopt", ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
  fd_.reset();
  did("reset the connection");
}

void Client::expect_end() {
  std::array<std::byte, 64 * 1024> buffer;
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) break;
    if (got < 0 && errno == EAGAIN) wait_for(POLLIN, "the end of the connection");
  }
  did("saw the end of the connection");
}

bool Client::readable() const {
  pollfd watched{fd_.get(), POLLIN, 0};
  return ::poll(&watched, 1, 0) == 1;
}

}  // namespace unblock
