// Mistake: leaves a client whose descriptor does not fit without an answer
// Loses: SelectEcho.ClosesWhoIsBeyondTheSet, SelectEcho.ServesTheNextThatFits

#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "core/output_buffer.hpp"
#include "core/unique_fd.hpp"
#include "select_echo.hpp"

namespace exercise {

using unblock::UniqueFd;

namespace {

struct Connection {
  UniqueFd fd;  // none: it is over
  unblock::OutputBuffer out = {};
};

bool come_again(int error) { return error == EAGAIN || error == EINTR; }

void send_kept(Connection& connection) {
  const std::span<const std::byte> bytes = connection.out.front();
  const ssize_t sent = ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) {
    connection.out.consume(static_cast<std::size_t>(sent));
  } else if (!come_again(errno)) {
    connection.fd.reset();
  }
}

void read_some(Connection& connection) {
  std::array<std::byte, 16 * 1024> block;
  const ssize_t got = ::read(connection.fd.get(), block.data(), block.size());
  if (got > 0) {
    connection.out.append(std::span{block}.first(static_cast<std::size_t>(got)));
    send_kept(connection);
  } else if (got == 0 || !come_again(errno)) {
    connection.fd.reset();  // nothing is kept for it, or we would not have read
  }
}

void accept_all(int listen_fd, std::vector<Connection>& connections,
                std::vector<UniqueFd>& beyond) {
  for (;;) {
    UniqueFd fd{::accept4(listen_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (fd && fd.get() < FD_SETSIZE) {
      connections.push_back({std::move(fd)});
    } else if (fd) {
      beyond.push_back(std::move(fd));
    } else {
      if (errno == EAGAIN) return;
      if (errno != EINTR && errno != ECONNABORTED) {
        throw std::system_error{errno, std::generic_category(), "accept"};
      }
    }
  }
}

}  // namespace

void serve_echo(int listen_fd, int stop_fd) {
  std::vector<Connection> connections;
  std::vector<UniqueFd> beyond;
  for (;;) {
    fd_set readable;
    fd_set writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(listen_fd, &readable);
    FD_SET(stop_fd, &readable);
    int highest = std::max(listen_fd, stop_fd);
    for (const Connection& connection : connections) {
      FD_SET(connection.fd.get(), connection.out.empty() ? &readable : &writable);
      highest = std::max(highest, connection.fd.get());
    }
    if (::select(highest + 1, &readable, &writable, nullptr, nullptr) < 0) {
      if (errno == EINTR) continue;
      throw std::system_error{errno, std::generic_category(), "select"};
    }
    if (FD_ISSET(stop_fd, &readable)) return;
    for (Connection& connection : connections) {
      if (FD_ISSET(connection.fd.get(), &writable)) {
        send_kept(connection);
      } else if (FD_ISSET(connection.fd.get(), &readable)) {
        read_some(connection);
      }
    }
    std::erase_if(connections, [](const Connection& connection) { return !connection.fd; });
    if (FD_ISSET(listen_fd, &readable)) accept_all(listen_fd, connections, beyond);
  }
}

}  // namespace exercise
