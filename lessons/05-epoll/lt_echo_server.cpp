// epoll, level-triggered: the kernel keeps the list, and each wait returns what is ready of it.
//
//   listen; create an epoll instance; register the listener with it
//   repeat: epoll_wait(events)       sleeps until at least one registered descriptor is ready
//     the listener:           accept, register the connection for reading
//     a ready connection:     read, and send back what the socket takes
//                             or, where something is left over, send that first
//
// Invariants: a connection is registered for writing exactly while its OutputBuffer holds
// something, and for reading exactly while it does not. A batch of events holds at most one for a
// connection, and handling it closes no other connection, so no event points to one that is gone.
//
// Manual: epoll(7) epoll_create(2) epoll_ctl(2) epoll_wait(2), accept(2) read(2) send(2), tcp(7).
//
// Compare with: 04-poll, which hands the kernel the whole list each time; et_echo_server.cpp, to
// which each change is reported once.

#include "lt_echo_server.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <utility>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

constexpr std::size_t events_per_wait = 256;  // what is beyond comes first at the next wait
constexpr int accepts_per_turn = 64;  // so that a crowd of newcomers does not starve the others
// How long a server without resources waits for other parts of the system to free some.
constexpr int retry_ms = 100;

}  // namespace

// [create]
LevelTriggeredServer::LevelTriggeredServer(const ServerOptions& options)
    : listen_fd_{listen_tcp(options.host, options.port, SOCK_NONBLOCK)},
      port_{local_port(listen_fd_.get())},
      max_connections_{options.max_connections},
      epoll_fd_{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))} {
  watch(EPOLL_CTL_ADD, stop_.fd(), EPOLLIN, &stop_);
  watch(EPOLL_CTL_ADD, listen_fd_.get(), EPOLLIN, &listen_fd_);
}
// [/create]

// [run]
void LevelTriggeredServer::run() {
  std::array<epoll_event, events_per_wait> events;
  for (;;) {
    watch_listener_while_there_is_room();
    const int ready = ::epoll_wait(epoll_fd_.get(), events.data(), static_cast<int>(events.size()),
                                   short_of_resources_ ? retry_ms : -1);
    if (ready < 0 && errno == EINTR) continue;
    check("epoll_wait", ready);
    if (ready == 0) short_of_resources_ = false;  // nothing happened: try to accept again

    for (const epoll_event& event : std::span{events}.first(static_cast<std::size_t>(ready))) {
      if (event.data.ptr == &stop_) return connections_.clear();
      if (event.data.ptr == &listen_fd_) {
        on_acceptable();
        continue;
      }
      auto& connection = *static_cast<Connection*>(event.data.ptr);
      // EPOLLHUP and EPOLLERR come unasked. Either way the call that we are waiting to make returns
      // at once, and says what is the matter.
      connection.out.empty() ? on_readable(connection) : on_writable(connection);
    }
  }
}
// [/run]

void LevelTriggeredServer::stop() noexcept { stop_.signal(); }

// [accept]
void LevelTriggeredServer::on_acceptable() {
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
void LevelTriggeredServer::on_readable(Connection& connection) {
  const ssize_t got = ::read(connection.fd.get(), buffer_.data(), buffer_.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;  // epoll tells again
  // 0: the client has finished sending, and has everything back, or we would not be reading.
  if (got <= 0) return close_connection(connection);

  ssize_t sent =
      ::send(connection.fd.get(), buffer_.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return close_connection(connection);
  if (sent < 0) sent = 0;
  if (sent == got) return;
  connection.out.append(std::span{buffer_}.subspan(static_cast<std::size_t>(sent),
                                                   static_cast<std::size_t>(got - sent)));
  // Not for reading any more: what we do not read stays ready, and each wait would return at once.
  watch(EPOLL_CTL_MOD, connection.fd.get(), EPOLLOUT, &connection);
}
// [/read]

// [write]
void LevelTriggeredServer::on_writable(Connection& connection) {
  const std::span bytes = connection.out.front();
  const ssize_t sent = ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (sent < 0) return close_connection(connection);
  connection.out.consume(static_cast<std::size_t>(sent));
  if (!connection.out.empty()) return;
  // Not for writing any more: a socket is nearly always writable, and each wait would return at
  // once.
  watch(EPOLL_CTL_MOD, connection.fd.get(), EPOLLIN, &connection);
}
// [/write]

void LevelTriggeredServer::open_connection(UniqueFd conn_fd) {
  const auto place = static_cast<std::size_t>(conn_fd.get());
  if (place >= connections_.size()) connections_.resize(place + 1);
  connections_[place] = std::make_unique<Connection>(Connection{std::move(conn_fd), {}});
  ++open_;
  if (watch(EPOLL_CTL_ADD, static_cast<int>(place), EPOLLIN, connections_[place].get())) return;
  close_connection(*connections_[place]);  // what is not watched cannot be served
  short_of_resources_ = true;
}

// [close]
void LevelTriggeredServer::close_connection(Connection& connection) {
  // Closing a descriptor ends its registration, since there is no other descriptor for the same
  // socket (epoll(7), question 6): no call of epoll_ctl is needed here.
  connections_[static_cast<std::size_t>(connection.fd.get())].reset();
  --open_;
  short_of_resources_ = false;  // a descriptor is free again
}
// [/close]

// False where the kernel has no room for one more registration.
bool LevelTriggeredServer::watch(int operation, int fd, std::uint32_t events, void* data) {
  epoll_event event{.events = events, .data = {.ptr = data}};
  if (::epoll_ctl(epoll_fd_.get(), operation, fd, &event) == 0) return true;
  if (errno != ENOSPC && errno != ENOMEM) throw_errno("epoll_ctl");
  return false;
}

// [listener]
void LevelTriggeredServer::watch_listener_while_there_is_room() {
  if (listener_is_watched_ == may_accept()) return;
  listener_is_watched_ = may_accept();
  // Registered for nothing, a descriptor is silent.
  watch(EPOLL_CTL_MOD, listen_fd_.get(), listener_is_watched_ ? std::uint32_t{EPOLLIN} : 0U,
        &listen_fd_);
}
// [/listener]

bool LevelTriggeredServer::may_accept() const noexcept {
  return open_ < max_connections_ && !short_of_resources_;
}

}  // namespace unblock
