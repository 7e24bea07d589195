// The load: a closed-loop echo client on one edge-triggered epoll instance.
//
//   connect all, a bounded number at a time; each sends one request
//   repeat: epoll_wait
//     for each ready connection:
//       recv, compare with what was sent
//       for each complete answer: record its latency, start the next request
//       send what was started
//
// A descriptor is registered once, for reading and writing, and never changed: edge-triggered, a
// writable socket is announced only after a send that it did not take whole (epoll(7)).

#include "tools/load/load_client.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// A prime, so that no usual size of a message divides it: bytes that are lost, doubled or taken
// from another connection do not fit.
constexpr std::size_t pattern_period = 65'521;
constexpr std::size_t chunk = 64 * 1024;  // of a recv or a send

// Connections that may wait for their first answer: a listener's queue holds 4096 (SOMAXCONN), and
// a client that overfills it waits a second for each lost SYN.
constexpr std::size_t settling_at_most = 256;

// Each source address has its own ephemeral ports (some 28,000), on loopback all of 127/8 is ours.
constexpr std::size_t source_addresses = 16;

constexpr std::uint32_t interrupt_tag = ~std::uint32_t{0};

std::vector<std::byte> make_pattern() {
  std::vector<std::byte> pattern(pattern_period + chunk);
  std::uint32_t state = 2'463'534'242;
  for (std::size_t i = 0; i < pattern_period; ++i) {
    state ^= state << 13;  // xorshift, after G. Marsaglia
    state ^= state >> 17;
    state ^= state << 5;
    pattern[i] = static_cast<std::byte>(state);
  }
  // Repeated for one chunk more, so that every chunk lies in one piece wherever it begins.
  for (std::size_t i = 0; i < chunk; ++i) {
    pattern[pattern_period + i] = pattern[i % pattern_period];
  }
  return pattern;
}

sockaddr_in loopback(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl((127U << 24) | host);
  return address;
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// A socket on the way to the server, from one of our loopback addresses; empty where it was refused
// at once.
UniqueFd start_connecting(std::uint16_t port, std::size_t index) {
  UniqueFd fd{check("socket", ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))};
  set_no_delay(fd.get());
  // Leaves the choice of the port to connect(2), which may use one anew for another server (ip(7)).
  const int on = 1;
  check("setsockopt", ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on));
  const sockaddr_in source = loopback(static_cast<std::uint32_t>(1 + index % source_addresses), 0);
  check("bind", ::bind(fd.get(), generic(source), sizeof source));
  const sockaddr_in server = loopback(1, port);
  if (::connect(fd.get(), generic(server), sizeof server) < 0 && errno != EINPROGRESS) {
    if (errno != ECONNREFUSED) throw_errno("connect");
    return UniqueFd{};
  }
  return fd;
}

}  // namespace

std::string to_string(Failure failure) {
  switch (failure) {
    case Failure::refused:
      return "refused";
    case Failure::closed_early:
      return "closed early";
    case Failure::reset:
      return "reset";
    case Failure::wrong_bytes:
      return "wrong bytes";
    case Failure::unanswered:
      return "unanswered";
  }
  return "unknown";
}

std::size_t total(const Failures& failures) noexcept {
  return std::accumulate(failures.begin(), failures.end(), std::size_t{0});
}

std::string to_string(const Failures& failures) {
  std::string text;
  for (std::size_t kind = 0; kind < failure_kinds; ++kind) {
    if (failures[kind] == 0) continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", failures[kind], to_string(static_cast<Failure>(kind)));
  }
  return text;
}

LoadClient::LoadClient(const LoadOptions& options)
    : options_{options},
      epoll_fd_{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))},
      pattern_{make_pattern()},
      buffer_(chunk),
      connections_(options.connections + options.idle),
      due_(connections_.size() * options.pipeline),
      events_(256) {
  if (options_.interrupt_fd >= 0) {
    epoll_event event{.events = EPOLLIN, .data = {.u32 = interrupt_tag}};
    check("epoll_ctl", ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, options_.interrupt_fd, &event));
  }
}

std::size_t LoadClient::descriptors_needed(const LoadOptions& options) noexcept {
  return options.connections + options.idle + 64;
}

void LoadClient::connect() {
  auto settled = settled_;
  auto last_progress = Clock::now();
  bool wait_for_answers = true;
  while (!interrupted_ &&
         (opened_ < connections_.size() || (wait_for_answers && settled_ < connections_.size()))) {
    while (opened_ < connections_.size() &&
           (!wait_for_answers || opened_ - settled_ < settling_at_most)) {
      open_one();
    }
    if (settled_ == connections_.size()) return;
    turn(last_progress + options_.patience);
    const auto now = Clock::now();
    if (settled_ > settled) {
      settled = settled_;
      last_progress = now;
    } else if (now - last_progress >= options_.patience) {
      wait_for_answers = false;  // it serves some and leaves the others waiting
    }
  }
}

LoadWindow LoadClient::drive(nanoseconds duration, std::uint64_t requests) {
  window_ = {};
  const nanoseconds cpu_before = thread_cpu_time();
  const auto begin = Clock::now();
  sending_ = true;
  for (std::size_t i = 0; i < opened_; ++i) {
    fill_pipeline(i, begin);
    flush(i);
  }
  auto now = begin;
  while (now - begin < duration && window_.requests < requests && busy_alive_ > 0 &&
         !interrupted_) {
    turn(begin + duration);
    now = Clock::now();
  }
  window_.elapsed = now - begin;
  window_.client_cpu = thread_cpu_time() - cpu_before;
  return std::exchange(window_, {});
}

LoadWindow LoadClient::finish() {
  window_ = {};
  const nanoseconds cpu_before = thread_cpu_time();
  const auto begin = Clock::now();
  sending_ = false;
  auto now = begin;
  auto last_progress = begin;
  // One answer after another may take its time, but not without end.
  const auto end = begin + 10 * options_.patience;
  while (anyone_waits() && !interrupted_) {
    const std::uint64_t answered = window_.requests;
    turn(std::min(last_progress + options_.patience, end));
    now = Clock::now();
    if (window_.requests > answered) last_progress = now;
    if (now - last_progress >= options_.patience || now >= end) break;
  }
  for (Connection& connection : connections_) {
    if (!connection.fd) continue;
    if (connection.answered < connection.requested && !interrupted_) {
      fail(connection, Failure::unanswered);
    }
    connection.fd.reset();
  }
  window_.elapsed = now - begin;
  window_.client_cpu = thread_cpu_time() - cpu_before;
  return std::exchange(window_, {});
}

void LoadClient::open_one() {
  const std::size_t index = opened_++;
  Connection& connection = connections_[index];
  connection.idle = index >= options_.connections;
  ++(connection.idle ? idle_alive_ : busy_alive_);
  connection.fd = start_connecting(options_.port, index);
  if (!connection.fd) return fail(connection, Failure::refused);
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                    .data = {.u32 = static_cast<std::uint32_t>(index)}};
  check("epoll_ctl", ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, connection.fd.get(), &event));
  start_request(index, Clock::now());
  flush(index);
}

// Waits until something is ready or `until` has come, and handles what is ready.
void LoadClient::turn(Clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
  const int ready = ::epoll_wait(epoll_fd_.get(), events_.data(), static_cast<int>(events_.size()),
                                 static_cast<int>(std::clamp<long>(left, 0, 60'000)));
  if (ready < 0 && errno != EINTR) throw_errno("epoll_wait");
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.u32 == interrupt_tag) {
      interrupted_ = true;
      return;
    }
    on_event(event.data.u32, event.events);
  }
}

void LoadClient::on_event(std::size_t index, std::uint32_t events) {
  // A connection handles its own events only, so that one of this batch is never of a closed
  // descriptor.
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    on_readable(index, (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
  }
  flush(index);
}

void LoadClient::on_readable(std::size_t index, bool has_ended) {
  Connection& connection = connections_[index];
  for (;;) {
    const ssize_t got = ::recv(connection.fd.get(), buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) return fail_for_errno(connection);
    if (got == 0) return fail(connection, Failure::closed_early);

    const auto count = static_cast<std::size_t>(got);
    const std::uint64_t end = connection.received + count;
    if (end > connection.sent ||
        std::memcmp(buffer_.data(), pattern_at(index, connection.received), count) != 0) {
      return fail(connection, Failure::wrong_bytes);
    }
    connection.received = end;
    const auto now = Clock::now();
    while (connection.received >= (connection.answered + 1) * options_.message_bytes) {
      on_answered(index, now);
    }
    // A buffer that was not filled has taken all there was; what comes later is another event. The
    // end of the stream has been announced already, if it is to come with this one.
    if (count < buffer_.size() && !has_ended) return;
  }
}

void LoadClient::on_answered(std::size_t index, Clock::time_point now) {
  Connection& connection = connections_[index];
  if (connection.greeted) {
    const auto due = due_[index * options_.pipeline + connection.answered % options_.pipeline];
    window_.latency.record(static_cast<std::uint64_t>(nanoseconds{now - due}.count()));
    ++window_.requests;
  } else {
    connection.greeted = true;
    ++greeted_;
    ++settled_;
  }
  ++connection.answered;
  if (sending_) fill_pipeline(index, now);
}

void LoadClient::fill_pipeline(std::size_t index, Clock::time_point due) {
  const Connection& connection = connections_[index];
  if (!connection.fd || connection.idle || !connection.greeted) return;
  while (connection.requested - connection.answered < options_.pipeline) start_request(index, due);
}

void LoadClient::start_request(std::size_t index, Clock::time_point due) {
  Connection& connection = connections_[index];
  due_[index * options_.pipeline + connection.requested % options_.pipeline] = due;
  connection.wanted += options_.message_bytes;
  ++connection.requested;
}

void LoadClient::flush(std::size_t index) {
  Connection& connection = connections_[index];
  while (connection.fd && connection.sent < connection.wanted) {
    const auto size = static_cast<std::size_t>(
        std::min<std::uint64_t>(connection.wanted - connection.sent, chunk));
    const ssize_t put =
        ::send(connection.fd.get(), pattern_at(index, connection.sent), size, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return;  // EPOLLOUT follows; before it is connected, too
    if (put < 0) return fail_for_errno(connection);
    connection.sent += static_cast<std::size_t>(put);
  }
}

void LoadClient::fail(Connection& connection, Failure failure) {
  connection.fd.reset();
  if (!connection.greeted) ++settled_;
  --(connection.idle ? idle_alive_ : busy_alive_);
  ++failures_[static_cast<std::size_t>(failure)];
}

void LoadClient::fail_for_errno(Connection& connection) {
  fail(connection, errno == ECONNREFUSED ? Failure::refused : Failure::reset);
}

const std::byte* LoadClient::pattern_at(std::size_t index, std::uint64_t offset) const noexcept {
  return pattern_.data() + (index * 7'919 + offset) % pattern_period;
}

bool LoadClient::anyone_waits() const noexcept {
  return std::any_of(connections_.begin(), connections_.end(), [](const Connection& connection) {
    return connection.fd && connection.answered < connection.requested;
  });
}

}  // namespace unblock
