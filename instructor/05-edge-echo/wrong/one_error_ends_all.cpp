// Mistake: throws when a connection fails, and all the others end with it
// Loses: End.OfOneClientConcernsNobodyElse

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>

#include "core/errors.hpp"
#include "core/output_buffer.hpp"
#include "edge_echo.hpp"

namespace exercise {
namespace {

using unblock::check;
using unblock::OutputBuffer;
using unblock::UniqueFd;

constexpr int steps_per_turn = 4;

struct Connection {
  UniqueFd fd;
  OutputBuffer out;       // while it is not empty, nothing is read
  bool has_turn = false;  // it is in turns_: it can go on, and no event will tell so
};

class Server {
 public:
  Server(int listen_fd, int stop_fd) : listen_fd_{listen_fd}, stop_fd_{stop_fd} {
    watch(stop_fd, EPOLLIN);
    watch(listen_fd, EPOLLIN | EPOLLET);
  }

  void add(UniqueFd fd) {
    const int number = fd.get();
    connections_[number].fd = std::move(fd);
    watch(number, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  }

  void run() {
    std::array<epoll_event, 64> events;
    for (;;) {
      const int timeout_ms = turns_.empty() ? -1 : 0;
      const int ready = ::epoll_wait(epoll_fd_.get(), events.data(), events.size(), timeout_ms);
      if (ready < 0 && errno == EINTR) continue;
      check("epoll_wait", ready);
      for (const epoll_event& event : std::span{events}.first(static_cast<std::size_t>(ready))) {
        if (event.data.fd == stop_fd_) return;
        if (event.data.fd == listen_fd_) {
          on_acceptable();
        } else {
          give_turn(connections_.at(event.data.fd));
        }
      }
      for (const int fd : std::exchange(turns_, {})) take_turn(connections_.at(fd));
    }
  }

 private:
  void on_acceptable() {
    for (;;) {
      UniqueFd fd{::accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
      if (fd) {
        add(std::move(fd));
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        is_full_ = true;  // until a connection ends: those who wait are no news any more
        return;
      } else if (errno == EAGAIN) {
        return;
      }
    }
  }

  void give_turn(Connection& connection) {
    if (std::exchange(connection.has_turn, true)) return;
    turns_.push_back(connection.fd.get());
  }

  // Until EAGAIN, from where on an event will tell; or until the turn is over.
  void take_turn(Connection& connection) {
    connection.has_turn = false;
    for (int i = 0; i < steps_per_turn; ++i) {
      const bool sends = !connection.out.empty();
      const ssize_t count = sends ? send(connection) : receive(connection);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      check(sends ? "send" : "read", count);
      if (count == 0 && !sends) return close(connection);
    }
    give_turn(connection);
  }

  ssize_t receive(Connection& connection) {
    const ssize_t got = ::read(connection.fd.get(), buffer_.data(), buffer_.size());
    if (got > 0) connection.out.append(std::span{buffer_}.first(static_cast<std::size_t>(got)));
    return got;
  }

  ssize_t send(Connection& connection) {
    const auto bytes = connection.out.front();
    const ssize_t sent = ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) connection.out.consume(static_cast<std::size_t>(sent));
    return sent;
  }

  void close(Connection& connection) {
    connections_.erase(connection.fd.get());
    if (std::exchange(is_full_, false)) on_acceptable();
  }

  void watch(int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    check("epoll_ctl", ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, fd, &event));
  }

  int listen_fd_;
  int stop_fd_;
  UniqueFd epoll_fd_{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))};
  std::unordered_map<int, Connection> connections_;
  std::vector<int> turns_;
  bool is_full_ = false;
  std::array<std::byte, 16 * 1024> buffer_;
};

}  // namespace

void serve(int listen_fd, int stop_fd, std::vector<UniqueFd> connections) {
  Server server{listen_fd, stop_fd};
  for (UniqueFd& connection : connections) server.add(std::move(connection));
  server.run();
}

}  // namespace exercise
