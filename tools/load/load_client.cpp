// The load: an echo client on one edge-triggered epoll instance.
//
//   connect all, a bounded number at a time; each sends one request
//   repeat: epoll_wait
//     for each ready connection:
//       recv, compare with what was sent
//       for each complete answer: record its latency; in a closed loop start the next request
//       send what was started
//     in an open loop: start the requests that are due, on connections that are free
//
// A descriptor is registered once, for reading and writing, and never changed: edge-triggered, a
// writable socket is announced only after a send that it did not take whole (epoll(7)).

#include "tools/load/load_client.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "tools/load/loopback.hpp"

namespace unblock {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::size_t chunk = 64 * 1024;  // of a recv or a send

// Connections that may wait for their first answer: a listener's queue holds 4096 (SOMAXCONN), and
// a client that overfills it waits a second for each lost SYN.
constexpr std::size_t settling_at_most = 256;

// What an event stands for that is no connection's.
constexpr std::uint32_t interrupt_tag = ~std::uint32_t{0};
constexpr std::uint32_t first_beside_tag = interrupt_tag - 1'000;

}  // namespace

LoadClient::LoadClient(const LoadOptions& options)
    : options_{options},
      epoll_fd_{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))},
      pattern_{chunk},
      buffer_(chunk),
      connections_(connections_of(options)),
      due_(connections_.size() * options.pipeline),
      events_(256) {
  const auto watch = [&](int fd, std::uint32_t events, std::uint32_t tag) {
    epoll_event event{.events = events, .data = {.u32 = tag}};
    check("epoll_ctl", ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, fd, &event));
  };
  if (options_.interrupt_fd >= 0) watch(options_.interrupt_fd, EPOLLIN, interrupt_tag);
  for (std::uint32_t i = 0; i < options_.beside.size(); ++i) {
    watch(options_.beside[i].fd, EPOLLIN | EPOLLET, first_beside_tag + i);
  }
  // A wait for the next request that is due ends when it is due, and not 50 us later (prctl(2)).
  if (is_open_loop()) ::prctl(PR_SET_TIMERSLACK, 1);
}

std::size_t LoadClient::connections_of(const LoadOptions& options) noexcept {
  return options.connections + options.idle + options.slow;
}

std::size_t LoadClient::descriptors_needed(const LoadOptions& options) noexcept {
  return connections_of(options) + 64;
}

void LoadClient::connect(std::size_t count) {
  const std::size_t goal = std::min(count, connections_.size());
  auto settled = settled_;
  auto last_progress = Clock::now();
  bool wait_for_answers = true;
  while (!interrupted_ && (opened_ < goal || (wait_for_answers && settled_ < goal))) {
    while (opened_ < goal && (!wait_for_answers || opened_ - settled_ < settling_at_most)) {
      open_one();
    }
    if (settled_ >= goal) return;
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
  free_.clear();
  taken_ = 0;
  if (is_open_loop()) schedule_ = Schedule{begin, begin + duration, options_.rate};
  for (std::size_t i = 0; i < opened_; ++i) {
    make_use_of(i, begin);
    flush(i);
  }
  auto now = begin;
  while (now - begin < duration && window_.requests < requests && busy_alive_ > 0 &&
         !interrupted_) {
    send_what_is_due();
    // With a request waiting for a connection, it is an answer that comes next.
    const bool next_is_due = is_open_loop() && !free_.empty();
    turn(next_is_due ? std::min(begin + duration, schedule_.due_at(taken_)) : begin + duration);
    now = Clock::now();
  }
  schedule_.end_at(now);
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
    send_what_is_due();
    turn(std::min(last_progress + options_.patience, end));
    now = Clock::now();
    if (window_.requests > answered) last_progress = now;
    if (now - last_progress >= options_.patience || now >= end) break;
  }
  if (!interrupted_) give_up_on_answers(now);
  for (Connection& connection : connections_) connection.fd.reset();
  window_.elapsed = now - begin;
  window_.client_cpu = thread_cpu_time() - cpu_before;
  return std::exchange(window_, {});
}

void LoadClient::open_one() {
  const std::size_t index = opened_++;
  Connection& connection = connections_[index];
  if (index < options_.slow) connection.kind = Kind::slow;
  if (index >= options_.slow + options_.connections) connection.kind = Kind::idle;
  ++(connection.kind == Kind::busy ? busy_alive_ : others_alive_);
  if (!reopen(index)) return;
  start_request(index, Clock::now());
  flush(index);
}

// Gives the connection a new socket, and nothing sent on it; false where it was refused.
bool LoadClient::reopen(std::size_t index) {
  Connection& connection = connections_[index];
  connection.wanted = connection.sent = connection.received = 0;
  connection.requested = connection.answered = 0;
  connection.fd = start_connecting(options_.port, index);
  if (!connection.fd) {
    fail(connection, Failure::refused);
    return false;
  }
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                    .data = {.u32 = static_cast<std::uint32_t>(index)}};
  check("epoll_ctl", ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, connection.fd.get(), &event));
  return true;
}

// Waits until something is ready or `until` has come, and handles what is ready.
void LoadClient::turn(Clock::time_point until) {
  const int ready = wait(until);
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    const std::uint32_t tag = event.data.u32;
    if (tag == interrupt_tag) {
      interrupted_ = true;
      return;
    }
    if (tag >= first_beside_tag) {
      options_.beside[tag - first_beside_tag].on_readable();
    } else {
      on_event(tag, event.events);
    }
  }
}

int LoadClient::wait(Clock::time_point until) {
  const int most = static_cast<int>(events_.size());
  const nanoseconds left =
      std::clamp(until - Clock::now(), nanoseconds{0}, nanoseconds{60'000'000'000});
  int ready = 0;
  if (is_open_loop()) {
    // Requests are due more often than every millisecond, in which epoll_wait counts.
    const timespec timeout{.tv_sec = static_cast<time_t>(left.count() / 1'000'000'000),
                           .tv_nsec = static_cast<long>(left.count() % 1'000'000'000)};
    ready = ::epoll_pwait2(epoll_fd_.get(), events_.data(), most, &timeout, nullptr);
  } else {
    ready = ::epoll_wait(epoll_fd_.get(), events_.data(), most,
                         static_cast<int>(std::chrono::ceil<milliseconds>(left).count()));
  }
  if (ready < 0 && errno != EINTR) throw_errno("epoll_wait");
  return ready;
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
  const std::size_t request_size = request_bytes(connection);
  while (connection.fd) {
    const ssize_t got = ::recv(connection.fd.get(), buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) return fail_for_errno(connection);
    if (got == 0) return fail(connection, Failure::closed_early);

    const auto count = static_cast<std::size_t>(got);
    const std::uint64_t end = connection.received + count;
    if (end > connection.sent ||
        std::memcmp(buffer_.data(), pattern_.at(index, connection.received), count) != 0) {
      return fail(connection, Failure::wrong_bytes);
    }
    connection.received = end;
    const auto now = Clock::now();
    while (connection.received >= (connection.answered + 1) * request_size) {
      on_answered(index, now);
    }
    // A buffer that was not filled has taken all there was; what comes later is another event. The
    // end of the stream has been announced already, if it is to come with this one.
    if (count < buffer_.size() && !has_ended) return;
  }
}

void LoadClient::on_answered(std::size_t index, Clock::time_point now) {
  Connection& connection = connections_[index];
  ++answers_;
  ++connection.answered;
  if (!connection.greeted) {
    connection.greeted = true;
    ++greeted_;
    ++settled_;
    if (sending_) make_use_of(index, now);
    return;
  }
  const nanoseconds latency = now - due_of(index, connection.answered - 1);
  window_.latency.record(static_cast<std::uint64_t>(latency.count()));
  ++window_.requests;
  --under_way_;
  if (is_open_loop()) {
    free_.push_back(index);
  } else if (sending_) {
    start_request(index, now);
  }
}

// All requests that it may have under way: in a closed loop they are due now.
void LoadClient::make_use_of(std::size_t index, Clock::time_point now) {
  const Connection& connection = connections_[index];
  if (!connection.fd || connection.kind != Kind::busy || !connection.greeted) return;
  for (auto left = connection.answered + options_.pipeline - connection.requested; left > 0;
       --left) {
    if (is_open_loop()) {
      free_.push_back(index);
    } else {
      start_request(index, now);
    }
  }
}

void LoadClient::send_what_is_due() {
  const std::uint64_t due = schedule_.due_by(Clock::now());
  while (taken_ < due && !free_.empty()) {
    const std::size_t index = free_.front();
    free_.pop_front();
    if (!connections_[index].fd) continue;
    start_request(index, schedule_.due_at(taken_++));
    flush(index);
  }
}

void LoadClient::start_request(std::size_t index, Clock::time_point due) {
  Connection& connection = connections_[index];
  due_of(index, connection.requested) = due;
  if (options_.reconnect && connection.answered > 0 && !reopen(index)) return;
  connection.wanted += request_bytes(connection);
  ++connection.requested;
  if (connection.greeted) ++under_way_;
}

void LoadClient::flush(std::size_t index) {
  Connection& connection = connections_[index];
  while (connection.fd && connection.sent < connection.wanted) {
    const auto size = static_cast<std::size_t>(
        std::min<std::uint64_t>(connection.wanted - connection.sent, chunk));
    const ssize_t put =
        ::send(connection.fd.get(), pattern_.at(index, connection.sent), size, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return;  // EPOLLOUT follows; before it is connected, too
    if (put < 0) return fail_for_errno(connection);
    connection.sent += static_cast<std::size_t>(put);
  }
}

void LoadClient::fail(Connection& connection, Failure failure) {
  connection.fd.reset();
  if (connection.greeted) {
    under_way_ -= connection.requested - connection.answered;
  } else {
    ++settled_;
  }
  --(connection.kind == Kind::busy ? busy_alive_ : others_alive_);
  ++failures_[static_cast<std::size_t>(failure)];
}

void LoadClient::fail_for_errno(Connection& connection) {
  fail(connection, errno == ECONNREFUSED ? Failure::refused : Failure::reset);
}

// What has not come back has taken this long at least.
void LoadClient::give_up_on_answers(Clock::time_point now) {
  const auto record = [&](Clock::time_point due) {
    window_.latency.record(static_cast<std::uint64_t>(nanoseconds{now - due}.count()));
  };
  for (std::size_t index = 0; index < opened_; ++index) {
    Connection& connection = connections_[index];
    if (!connection.fd || connection.answered == connection.requested) continue;
    if (connection.greeted) {
      for (auto k = connection.answered; k < connection.requested; ++k) record(due_of(index, k));
    }
    fail(connection, Failure::unanswered);
  }
  const std::uint64_t due = schedule_.due_by(now);
  window_.never_sent = due - std::min(due, taken_);
  for (; taken_ < due; ++taken_) record(schedule_.due_at(taken_));
}

LoadClient::Clock::time_point& LoadClient::due_of(std::size_t index,
                                                  std::uint64_t request) noexcept {
  return due_[index * options_.pipeline + request % options_.pipeline];
}

std::size_t LoadClient::request_bytes(const Connection& connection) const noexcept {
  return connection.kind == Kind::slow ? 1 : options_.message_bytes;
}

bool LoadClient::anyone_waits() const noexcept {
  return under_way_ > 0 || (busy_alive_ > 0 && taken_ < schedule_.due_by(Clock::now()));
}

}  // namespace unblock
