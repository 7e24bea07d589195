// poll: one call waits for all descriptors; a list says which, and for what.
//
//   listen; watch the listener
//   repeat: poll(list)               sleeps until at least one entry of the list is ready
//     each ready connection:  read, and send back what the socket takes
//                             or, where something is left over, send that first
//     the listener, if ready: accept what waits, and add it to the list
//
// Invariants: a connection is watched for writing exactly while its OutputBuffer holds something,
// and for reading exactly while it does not; an entry of the list is removed in the turn in which
// its descriptor is closed.
//
// Manual: poll(2) accept(2) read(2) send(2), tcp(7).
//
// Compare with: 03-select, which forgets what it watches at every call; 05-epoll, where the list
// stays in the kernel.

#include "echo_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

constexpr std::size_t stop_entry = 0;
constexpr std::size_t listener_entry = 1;
constexpr std::size_t first_connection = 2;

constexpr int accepts_per_turn = 64;  // so that a crowd of newcomers does not starve the others
// How long a server without resources waits for other parts of the system to free some.
constexpr int retry_ms = 100;

}  // namespace

PollServer::PollServer(const ServerOptions& options)
    : listen_fd_{listen_tcp(options.host, options.port, SOCK_NONBLOCK)},
      port_{local_port(listen_fd_.get())},
      max_connections_{options.max_connections},
      watched_{{stop_.fd(), POLLIN, 0}, {listen_fd_.get(), POLLIN, 0}} {}

// [run]
void PollServer::run() {
  for (;;) {
    // An entry with a negative descriptor is passed over: the listener rests while the house is
    // full.
    watched_[listener_entry].fd = may_accept() ? listen_fd_.get() : -1;
    const int ready = ::poll(watched_.data(), watched_.size(), short_of_resources_ ? retry_ms : -1);
    if (ready < 0 && errno == EINTR) continue;
    check("poll", ready);
    if (ready == 0) short_of_resources_ = false;  // nothing happened: try to accept again
    if (watched_[stop_entry].revents != 0) break;

    for (std::size_t i = first_connection; i < watched_.size(); ++i) {
      pollfd& watched = watched_[i];
      if (watched.revents == 0) continue;
      Connection& connection = connections_[static_cast<std::size_t>(watched.fd)];
      // POLLHUP and POLLERR come unasked. Either way the call that we are waiting to make returns
      // at once, and says what is the matter.
      connection.out.empty() ? on_readable(connection) : on_writable(connection);
      watched.events = connection.out.empty() ? POLLIN : POLLOUT;
      watched.fd = connection.fd.get();  // -1 where it has been closed
    }
    watched_.erase(std::remove_if(watched_.begin() + first_connection, watched_.end(),
                                  [](const pollfd& watched) { return watched.fd < 0; }),
                   watched_.end());
    if (watched_[listener_entry].revents != 0) on_acceptable();
  }
  connections_.clear();
}
// [/run]

void PollServer::stop() noexcept { stop_.signal(); }

// [accept]
void PollServer::on_acceptable() {
  for (int i = 0; i < accepts_per_turn && may_accept(); ++i) {
    UniqueFd conn_fd{::accept4(listen_fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!conn_fd) {
      if (errno == EAGAIN) return;
      if (concerns_one_client(errno)) continue;
      if (!is_out_of_resources(errno)) throw_errno("accept");
      short_of_resources_ = true;
      return;
    }
    open_connection(std::move(conn_fd));
  }
}
// [/accept]

// [read]
void PollServer::on_readable(Connection& connection) {
  const ssize_t got = ::read(connection.fd.get(), buffer_.data(), buffer_.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;  // poll tells again
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
void PollServer::on_writable(Connection& connection) {
  const std::span bytes = connection.out.front();
  const ssize_t sent = ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (sent < 0) return close_connection(connection);
  connection.out.consume(static_cast<std::size_t>(sent));
}
// [/write]

// [open]
void PollServer::open_connection(UniqueFd conn_fd) {
  const auto place = static_cast<std::size_t>(conn_fd.get());
  if (place >= connections_.size()) connections_.resize(place + 1);
  watched_.push_back({conn_fd.get(), POLLIN, 0});
  connections_[place].fd = std::move(conn_fd);
  ++open_;
}
// [/open]

void PollServer::close_connection(Connection& connection) {
  connection = {};
  --open_;
  short_of_resources_ = false;  // a descriptor is free again
}

bool PollServer::may_accept() const noexcept {
  return open_ < max_connections_ && !short_of_resources_;
}

}  // namespace unblock
