// Non-blocking I/O: the calls of lesson 01, and none of them waits.
//
//   listen; make the listener non-blocking
//   repeat: accept                     EAGAIN: nobody waits
//     each connection:  read           EAGAIN: nothing is there; else send back what the socket
//     takes
//                       or, where something is left over, send that first
//     nothing at all?   take a nap, or ask again
//
// Invariants: every descriptor is non-blocking before it is read or written; a connection is read
// only while its OutputBuffer is empty.
//
// Manual: fcntl(2) accept(2) read(2) send(2), tcp(7).
//
// Compare with: 01-blocking, where the same calls sleep; 03-select, which sleeps for all of them at
// once instead of asking each.

#include "echo_server.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <thread>
#include <utility>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

constexpr int accepts_per_turn = 64;  // so that a crowd of newcomers does not starve the others

// How long a server without resources waits for other parts of the system to free some.
constexpr std::chrono::milliseconds retry_time{100};

}  // namespace

// [fcntl]
void make_nonblocking(int fd) {
  // Read, add, write back: F_SETFL replaces all flags, and O_APPEND, say, would be lost.
  const int flags = check("fcntl", ::fcntl(fd, F_GETFL));
  check("fcntl", ::fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}
// [/fcntl]

PollingServer::PollingServer(const ServerOptions& options, std::chrono::microseconds nap)
    : listen_fd_{listen_tcp(options.host, options.port)},
      port_{local_port(listen_fd_.get())},
      max_connections_{options.max_connections},
      nap_{nap} {
  make_nonblocking(listen_fd_.get());
}

// [run]
void PollingServer::run() {
  while (!stopping_) {
    bool progress = may_accept() && on_acceptable();

    for (Connection& connection : connections_) {
      if (!connection.fd) continue;
      if (connection.out.empty() ? on_readable(connection) : on_writable(connection)) {
        progress = true;
      }
    }
    if (!progress && nap_.count() > 0) std::this_thread::sleep_for(nap_);
  }
  connections_.clear();
}
// [/run]

void PollingServer::stop() noexcept { stopping_ = true; }

// [accept]
bool PollingServer::on_acceptable() {
  for (int i = 0; i < accepts_per_turn && may_accept(); ++i) {
    // Whether the new socket inherits O_NONBLOCK differs from system to system; on Linux it does
    // not.
    UniqueFd conn_fd{::accept4(listen_fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!conn_fd) {
      if (errno == EAGAIN) return i > 0;
      if (concerns_one_client(errno)) continue;
      if (!is_out_of_resources(errno)) throw_errno("accept");
      accept_again_at_ = std::chrono::steady_clock::now() + retry_time;
      return i > 0;
    }
    make_nonblocking(conn_fd.get());
    open_connection(std::move(conn_fd));
  }
  return true;
}
// [/accept]

// [read]
bool PollingServer::on_readable(Connection& connection) {
  const ssize_t got = ::read(connection.fd.get(), buffer_.data(), buffer_.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;  // we ask again next turn
  if (got <= 0) {
    // 0: the client has finished sending, and has everything back, or we would not be reading.
    close_connection(connection);
    return true;
  }

  ssize_t sent =
      ::send(connection.fd.get(), buffer_.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    close_connection(connection);
    return true;
  }
  if (sent < 0) sent = 0;
  connection.out.append(std::span{buffer_}.subspan(static_cast<std::size_t>(sent),
                                                   static_cast<std::size_t>(got - sent)));
  return true;
}
// [/read]

// [write]
bool PollingServer::on_writable(Connection& connection) {
  const std::span bytes = connection.out.front();
  const ssize_t sent = ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (sent < 0) {
    close_connection(connection);
    return true;
  }
  connection.out.consume(static_cast<std::size_t>(sent));
  return true;
}
// [/write]

void PollingServer::open_connection(UniqueFd conn_fd) {
  const auto place = static_cast<std::size_t>(conn_fd.get());
  if (place >= connections_.size()) connections_.resize(place + 1);
  connections_[place].fd = std::move(conn_fd);
  ++open_;
}

void PollingServer::close_connection(Connection& connection) {
  connection = {};
  --open_;
  accept_again_at_ = {};  // a descriptor is free again
}

bool PollingServer::may_accept() const noexcept {
  return open_ < max_connections_ && std::chrono::steady_clock::now() >= accept_again_at_;
}

}  // namespace unblock
