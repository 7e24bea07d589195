// epoll, edge-triggered: each wait returns what has happened since the last one, once.
//
//   listen; create an epoll instance; register the listener with it
//   repeat: epoll_wait(events)       sleeps until something happens to a registered descriptor
//     the listener:           accept until EAGAIN, register each connection for everything
//     a ready connection:     remember what has happened, and give it a turn
//     each connection in turn: read and send back, or send what is left over, until EAGAIN or until
//                             the turn is over; who could go on gets another turn
//
// Invariants: a connection that could go on has a turn, for no event will tell again. All events of
// a batch are noted before anything is handled, and only the connection whose turn it is is closed,
// so no event and no turn points to one that is gone. Only the listener is ever registered anew.
//
// Manual: epoll(7) epoll_create(2) epoll_ctl(2) epoll_wait(2), read(2) send(2), tcp(7).
//
// Compare with: lt_echo_server.cpp, which needs no memory of what was reported and no turns.

#include "et_echo_server.hpp"

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
// A turn's end, so that a client that sends without a pause does not starve the others.
constexpr int reads_per_turn = 4;

// With these, a short read does not mean that there is nothing more to read: an end-of-stream, an
// error or, behind the mark at which a read stops, more than the urgent byte may follow (tcp(7)).
constexpr std::uint32_t more_than_bytes = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;

// Only after EAGAIN or a short write will an event say that there is room again: nothing else may
// end the sending.
ssize_t send_now(int fd, std::span<const std::byte> bytes) {
  for (;;) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0 || errno != EINTR) return sent;
  }
}

}  // namespace

// [create]
EdgeTriggeredServer::EdgeTriggeredServer(const ServerOptions& options)
    : listen_fd_{listen_tcp(options.host, options.port, SOCK_NONBLOCK)},
      port_{local_port(listen_fd_.get())},
      max_connections_{options.max_connections},
      epoll_fd_{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))} {
  watch(EPOLL_CTL_ADD, stop_.fd(), EPOLLIN, &stop_);
  watch(EPOLL_CTL_ADD, listen_fd_.get(), EPOLLIN | EPOLLET, &listen_fd_);
}
// [/create]

// [run]
void EdgeTriggeredServer::run() {
  std::array<epoll_event, events_per_wait> events;
  for (;;) {
    watch_listener_while_there_is_room();
    const int patience_ms = short_of_resources_ ? retry_ms : -1;
    const int ready = ::epoll_wait(epoll_fd_.get(), events.data(), static_cast<int>(events.size()),
                                   turns_.empty() ? patience_ms : 0);
    if (ready < 0 && errno == EINTR) continue;
    check("epoll_wait", ready);
    if (ready == 0 && turns_.empty()) short_of_resources_ = false;  // try to accept again

    for (const epoll_event& event : std::span{events}.first(static_cast<std::size_t>(ready))) {
      if (event.data.ptr == &stop_) return connections_.clear();
      if (event.data.ptr == &listen_fd_) {
        on_acceptable();
        continue;
      }
      auto& connection = *static_cast<Connection*>(event.data.ptr);
      connection.ready |= event.events;
      give_turn(connection);
    }
    round_.swap(turns_);  // a turn given from now on is for the next round
    for (Connection* connection : round_) take_turn(*connection);
    round_.clear();
  }
}
// [/run]

void EdgeTriggeredServer::stop() noexcept { stop_.signal(); }

// [accept]
void EdgeTriggeredServer::on_acceptable() {
  for (int i = 0; i < accepts_per_turn && may_accept(); ++i) {
    UniqueFd conn_fd{::accept4(listen_fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!conn_fd) {
      if (errno == EAGAIN) return;
      if (concerns_one_client(errno)) continue;
      if (!is_out_of_resources(errno)) throw_errno("accept");
      short_of_resources_ = true;
      break;
    }
    open_connection(std::move(conn_fd));
  }
  // Those left in the queue are no news any more. Watching anew makes the kernel look anew.
  listener_is_watched_ = false;
  watch(EPOLL_CTL_MOD, listen_fd_.get(), 0, &listen_fd_);
}
// [/accept]

// [read]
void EdgeTriggeredServer::on_readable(Connection& connection) {
  for (int i = 0; i < reads_per_turn; ++i) {
    const ssize_t got = ::read(connection.fd.get(), buffer_.data(), buffer_.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {  // drained: from here on, what comes is an event again
      connection.ready &= ~(EPOLLIN | EPOLLPRI);
      return;
    }
    // 0: the client has finished sending, and has everything back, or we would not be reading.
    if (got <= 0) return close_connection(connection);

    ssize_t sent =
        send_now(connection.fd.get(), std::span{buffer_}.first(static_cast<std::size_t>(got)));
    if (sent < 0 && errno != EAGAIN) return close_connection(connection);
    if (sent < 0) sent = 0;
    if (sent < got) {  // that the socket takes more will be an event
      connection.out.append(std::span{buffer_}.subspan(static_cast<std::size_t>(sent),
                                                       static_cast<std::size_t>(got - sent)));
      connection.ready &= ~EPOLLOUT;
      return;
    }
    // A short read has drained the socket, too (epoll(7), question 9), and saves a call.
    if (static_cast<std::size_t>(got) < buffer_.size() && !(connection.ready & more_than_bytes)) {
      connection.ready &= ~EPOLLIN;
      return;
    }
  }
  give_turn(connection);
}
// [/read]

// [write]
void EdgeTriggeredServer::on_writable(Connection& connection) {
  const ssize_t sent = send_now(connection.fd.get(), connection.out.front());
  if (sent < 0 && errno != EAGAIN) return close_connection(connection);
  if (sent > 0) connection.out.consume(static_cast<std::size_t>(sent));
  if (connection.out.empty()) return give_turn(connection);  // to read what came meanwhile
  connection.ready &= ~EPOLLOUT;
}
// [/write]

void EdgeTriggeredServer::open_connection(UniqueFd conn_fd) {
  const auto place = static_cast<std::size_t>(conn_fd.get());
  if (place >= connections_.size()) connections_.resize(place + 1);
  connections_[place] = std::make_unique<Connection>(Connection{std::move(conn_fd), {}});
  ++open_;
  // For everything, once: but for the first, an event for writing follows a send cut short only.
  if (watch(EPOLL_CTL_ADD, static_cast<int>(place),
            EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET, connections_[place].get())) {
    return;
  }
  close_connection(*connections_[place]);  // what is not watched cannot be served
  short_of_resources_ = true;
}

// [close]
void EdgeTriggeredServer::close_connection(Connection& connection) {
  // Closing a descriptor ends its registration, since there is no other descriptor for the same
  // socket (epoll(7), question 6): no call of epoll_ctl is needed here.
  connections_[static_cast<std::size_t>(connection.fd.get())].reset();
  --open_;
  short_of_resources_ = false;  // a descriptor is free again
}
// [/close]

// [turns]
void EdgeTriggeredServer::give_turn(Connection& connection) {
  if (connection.has_turn) return;
  connection.has_turn = true;
  turns_.push_back(&connection);
}

void EdgeTriggeredServer::take_turn(Connection& connection) {
  connection.has_turn = false;
  const std::uint32_t broken = EPOLLHUP | EPOLLERR;  // reported for reading and writing alike
  if (connection.out.empty()) {
    if (connection.ready & (EPOLLIN | EPOLLRDHUP | broken)) on_readable(connection);
  } else {
    if (connection.ready & (EPOLLOUT | broken)) on_writable(connection);
  }
}
// [/turns]

// False where the kernel has no room for one more registration.
bool EdgeTriggeredServer::watch(int operation, int fd, std::uint32_t events, void* data) {
  epoll_event event{.events = events, .data = {.ptr = data}};
  if (::epoll_ctl(epoll_fd_.get(), operation, fd, &event) == 0) return true;
  if (errno != ENOSPC && errno != ENOMEM) throw_errno("epoll_ctl");
  return false;
}

// [listener]
void EdgeTriggeredServer::watch_listener_while_there_is_room() {
  if (listener_is_watched_ || !may_accept()) return;
  listener_is_watched_ = true;
  watch(EPOLL_CTL_MOD, listen_fd_.get(), EPOLLIN | EPOLLET, &listen_fd_);
}
// [/listener]

bool EdgeTriggeredServer::may_accept() const noexcept {
  return open_ < max_connections_ && !short_of_resources_;
}

}  // namespace unblock
