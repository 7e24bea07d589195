// Mistake: closes as soon as the client has finished sending, whatever waits for it
// Loses: End.ComesAfterTheLastByte

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
#include "core/unique_fd.hpp"
#include "level_echo.hpp"

namespace exercise {
namespace {

using unblock::check;
using unblock::OutputBuffer;
using unblock::UniqueFd;

struct Connection {
  UniqueFd fd;
  OutputBuffer out;  // while it is not empty, nothing is read
};

class Server {
 public:
  Server(int listen_fd, int stop_fd) : listen_fd_{listen_fd}, stop_fd_{stop_fd} {
    watch(EPOLL_CTL_ADD, stop_fd, EPOLLIN);
    watch(EPOLL_CTL_ADD, listen_fd, EPOLLIN);
  }

  void run() {
    std::array<epoll_event, 64> events;
    for (;;) {
      const int ready = ::epoll_wait(epoll_fd_.get(), events.data(), events.size(), -1);
      if (ready < 0 && errno == EINTR) continue;
      check("epoll_wait", ready);
      for (const epoll_event& event : std::span{events}.first(static_cast<std::size_t>(ready))) {
        if (event.data.fd == stop_fd_) return;
        if (event.data.fd == listen_fd_) {
          on_acceptable();
        } else {
          Connection& connection = connections_.at(event.data.fd);
          if (event.events & EPOLLRDHUP) {
            close(connection);
            continue;
          }
          connection.out.empty() ? on_readable(connection) : on_writable(connection);
        }
      }
    }
  }

 private:
  void on_acceptable() {
    UniqueFd fd{::accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (fd) {
      const int number = fd.get();
      watch(EPOLL_CTL_ADD, number, EPOLLIN | EPOLLRDHUP);
      connections_.emplace(number, Connection{std::move(fd), {}});
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      is_full_ = true;  // until a connection ends
      watch(EPOLL_CTL_MOD, listen_fd_, 0);
    }
    // Anything else is the matter of one client that has gone again.
  }

  void on_readable(Connection& connection) {
    const ssize_t got = ::read(connection.fd.get(), buffer_.data(), buffer_.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return close(connection);
    connection.out.append(std::span{buffer_}.first(static_cast<std::size_t>(got)));
    send_what_fits(connection);
  }

  void on_writable(Connection& connection) { send_what_fits(connection); }

  void send_what_fits(Connection& connection) {
    const auto bytes = connection.out.front();
    const ssize_t sent = ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return close(connection);
    if (sent > 0) connection.out.consume(static_cast<std::size_t>(sent));
    watch(EPOLL_CTL_MOD, connection.fd.get(),
          (connection.out.empty() ? EPOLLIN : EPOLLOUT) | EPOLLRDHUP);
  }

  void close(Connection& connection) {
    connections_.erase(connection.fd.get());
    if (!is_full_) return;
    is_full_ = false;
    watch(EPOLL_CTL_MOD, listen_fd_, EPOLLIN);
  }

  void watch(int operation, int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    check("epoll_ctl", ::epoll_ctl(epoll_fd_.get(), operation, fd, &event));
  }

  int listen_fd_;
  int stop_fd_;
  UniqueFd epoll_fd_{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))};
  std::unordered_map<int, Connection> connections_;
  bool is_full_ = false;
  std::array<std::byte, 16 * 1024> buffer_;
};

}  // namespace

void serve(int listen_fd, int stop_fd) { Server{listen_fd, stop_fd}.run(); }

}  // namespace exercise
