// select: one call waits for all descriptors; two sets of bits say which, and for what.
//
//   listen; watch the listener
//   repeat: fill both sets anew      the call before has overwritten them
//     select(sets)                   sleeps until at least one descriptor in them is ready
//     each ready connection:  read, and send back what the socket takes
//                             or, where something is left over, send that first
//     the listener, if ready: accept what waits
//
// Invariants: a connection is in the set for writing exactly while its OutputBuffer holds
// something, and in the set for reading exactly while it does not; no descriptor from FD_SETSIZE on
// ever reaches FD_SET.
//
// Manual: select(2) accept(2) read(2) send(2) fcntl(2), tcp(7).
//
// Compare with: 02-nonblocking, which asks every socket in turn; 04-poll, which has no such limit.

#include "echo_server.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

constexpr int accepts_per_turn = 64;  // so that a crowd of newcomers does not starve the others

// How long a server without resources waits for other parts of the system to free some.
constexpr timeval retry_time{.tv_sec = 0, .tv_usec = 100'000};

// FD_SET with a larger descriptor writes behind the set's end: it is the caller who must not.
bool fits_in_set(int fd) { return fd < FD_SETSIZE; }

}  // namespace

SelectServer::SelectServer(const ServerOptions& options)
    : listen_fd_{listen_tcp(options.host, options.port, SOCK_NONBLOCK)},
      port_{local_port(listen_fd_.get())},
      max_connections_{options.max_connections} {
  if (!fits_in_set(listen_fd_.get()) || !fits_in_set(stop_.fd())) {
    throw UserError{fmt::format(
        "select watches descriptors below {}, and this process has them all in use: close some, or "
        "take lesson 04's poll",
        FD_SETSIZE)};
  }
}

// [run]
void SelectServer::run() {
  for (;;) {
    if (parked_ && !short_of_resources_) admit_parked();

    // select leaves in the sets what is ready, and thereby forgets what was asked for.
    fd_set readable;
    fd_set writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(stop_.fd(), &readable);
    if (may_accept()) FD_SET(listen_fd_.get(), &readable);
    int highest = std::max(stop_.fd(), listen_fd_.get());
    for (const Connection& connection : connections_) {
      if (!connection.fd) continue;
      FD_SET(connection.fd.get(), connection.out.empty() ? &readable : &writable);
      highest = std::max(highest, connection.fd.get());
    }
    timeval timeout = retry_time;  // Linux counts it down in place: it must be set anew, too
    const int ready = ::select(highest + 1, &readable, &writable, nullptr,
                               short_of_resources_ ? &timeout : nullptr);
    if (ready < 0 && errno == EINTR) continue;
    check("select", ready);
    if (ready == 0) short_of_resources_ = false;  // nothing happened: try to accept again
    if (FD_ISSET(stop_.fd(), &readable)) break;

    for (Connection& connection : connections_) {
      if (!connection.fd) continue;
      if (FD_ISSET(connection.fd.get(), &writable)) {
        on_writable(connection);
      } else if (FD_ISSET(connection.fd.get(), &readable)) {
        on_readable(connection);
      }
    }
    if (FD_ISSET(listen_fd_.get(), &readable)) on_acceptable();
  }
  connections_.clear();
  parked_.reset();
}
// [/run]

void SelectServer::stop() noexcept { stop_.signal(); }

// [accept]
void SelectServer::on_acceptable() {
  for (int i = 0; i < accepts_per_turn && may_accept(); ++i) {
    UniqueFd conn_fd{::accept4(listen_fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!conn_fd) {
      if (errno == EAGAIN) return;
      if (concerns_one_client(errno)) continue;
      if (!is_out_of_resources(errno)) throw_errno("accept");
      short_of_resources_ = true;
      return;
    }
    if (!fits_in_set(conn_fd.get())) {  // the house is full, and this client has a foot in the door
      parked_ = std::move(conn_fd);
      short_of_resources_ = true;
      return;
    }
    open_connection(std::move(conn_fd));
  }
}
// [/accept]

// [read]
void SelectServer::on_readable(Connection& connection) {
  const ssize_t got = ::read(connection.fd.get(), buffer_.data(), buffer_.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;  // select tells again
  // 0: the client has finished sending, and has everything back, or we would not be reading.
  if (got <= 0) return close_connection(connection);

  ssize_t sent =
      ::send(connection.fd.get(), buffer_.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return close_connection(connection);
  if (sent < 0) sent = 0;
  connection.out.append(std::span{buffer_}.subspan(static_cast<std::size_t>(sent),
                                                   static_cast<std::size_t>(got - sent)));
}
// [/read]

// [write]
void SelectServer::on_writable(Connection& connection) {
  const std::span bytes = connection.out.front();
  const ssize_t sent = ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (sent < 0) return close_connection(connection);
  connection.out.consume(static_cast<std::size_t>(sent));
}
// [/write]

void SelectServer::open_connection(UniqueFd conn_fd) {
  const auto place = static_cast<std::size_t>(conn_fd.get());
  if (place >= connections_.size()) connections_.resize(place + 1);
  connections_[place].fd = std::move(conn_fd);
  ++open_;
}

void SelectServer::close_connection(Connection& connection) {
  connection = {};
  --open_;
  short_of_resources_ = false;  // a descriptor is free again
}

bool SelectServer::may_accept() const noexcept {
  return open_ < max_connections_ && !short_of_resources_;
}

// [park]
// A copy gets the lowest free descriptor (dup(2)); the connection does not notice.
void SelectServer::admit_parked() {
  UniqueFd copy{::fcntl(parked_.get(), F_DUPFD_CLOEXEC, 0)};
  if (copy && fits_in_set(copy.get())) {
    parked_.reset();
    open_connection(std::move(copy));
  } else {
    short_of_resources_ = true;
  }
}
// [/park]

}  // namespace unblock
