// epoll, one-shot: what is reported falls silent until it is armed again, so that several threads
// may wait on one epoll instance, and each connection is in the hands of one of them at most.
//
//   listen; create an epoll instance; register the listener with it
//   in each thread, repeat:
//     epoll_wait(events)          sleeps until at least one armed descriptor is ready
//       the listener:           accept, register the connection for reading; arm the listener again
//       a ready connection:     read, and send back what the socket takes
//                               or, where something is left over, send that first
//                               then arm it again, and touch it no more
//
// Invariants: who has a connection is the thread that got its event, until it arms it again or
// closes it, so no event points to one that is gone. Arming is for writing exactly while the
// OutputBuffer holds something, else for reading, and looks at what is ready at that moment.
//
// Manual: epoll(7) epoll_ctl(2) epoll_wait(2), accept(2) read(2) send(2), tcp(7).
//
// Compare with: lt_echo_server.cpp, which makes one call less a request, in one thread.

#include "oneshot_echo_server.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

constexpr std::size_t events_per_wait = 256;        // what is beyond comes first at the next wait
constexpr std::size_t events_per_wait_shared = 16;  // so that no thread keeps what another could do
constexpr int accepts_per_turn = 64;  // so that a crowd of newcomers does not starve the others
constexpr int retry_ms = 100;         // a server without resources waits that long for some

}  // namespace

OneShotServer::OneShotServer(const ServerOptions& options)
    : listen_fd_{listen_tcp(options.host, options.port, SOCK_NONBLOCK)},
      port_{local_port(listen_fd_.get())},
      max_connections_{options.max_connections},
      epoll_fd_{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))},
      threads_{std::max<std::size_t>(options.threads, 1)} {
  watch(EPOLL_CTL_ADD, stop_.fd(), EPOLLIN, &stop_);  // not one-shot: every thread shall see it
  watch(EPOLL_CTL_ADD, listen_fd_.get(), EPOLLIN | EPOLLONESHOT, &listen_fd_);
}

// [run]
void OneShotServer::run() {
  {
    std::vector<std::jthread> others;  // joined at the end of the block, however it is left
    try {
      while (others.size() + 1 < threads_) others.emplace_back([this] { serve(); });
    } catch (const std::exception&) {  // EAGAIN, see pthread_create(3)
      stop();
      throw UserError{
          fmt::format("the system gives {} threads: lower --threads", others.size() + 1)};
    }
    serve();
  }
  connections_.clear();
  if (failure_) std::rethrow_exception(failure_);
}

void OneShotServer::serve() noexcept {
  try {
    serve_until_stopped();
  } catch (...) {
    const std::lock_guard lock{mutex_};
    failure_ = std::current_exception();  // for run() to throw
    stop();
  }
}

void OneShotServer::serve_until_stopped() {
  std::array<std::byte, 16 * 1024> buffer;  // one for each thread
  std::array<epoll_event, events_per_wait> events;
  const std::size_t batch = threads_ == 1 ? events_per_wait : events_per_wait_shared;
  for (;;) {
    const int ready = ::epoll_wait(epoll_fd_.get(), events.data(), static_cast<int>(batch),
                                   short_of_resources_ ? retry_ms : -1);
    if (ready < 0 && errno == EINTR) continue;
    check("epoll_wait", ready);
    if (ready == 0) {  // nothing happened: try to accept again
      const std::lock_guard lock{mutex_};
      short_of_resources_ = false;
      watch_listener_while_there_is_room();
    }
    for (const epoll_event& event : std::span{events}.first(static_cast<std::size_t>(ready))) {
      if (event.data.ptr == &stop_) return;
      if (event.data.ptr == &listen_fd_) {
        on_acceptable();
        continue;
      }
      auto& connection = *static_cast<Connection*>(event.data.ptr);
      // The thread that has armed it may still be on its way out of epoll_ctl.
      while (connection.held.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
      // EPOLLHUP and EPOLLERR come unasked. Either way the call that we are waiting to make returns
      // at once, and says what is the matter.
      connection.out.empty() ? on_readable(connection, buffer) : on_writable(connection);
    }
  }
}
// [/run]

void OneShotServer::stop() noexcept { stop_.signal(); }

// [accept]
void OneShotServer::on_acceptable() {
  const std::lock_guard lock{mutex_};
  listener_is_watched_ = false;  // this event was its one shot
  for (int i = 0; i < accepts_per_turn && may_accept(); ++i) {
    UniqueFd conn_fd{::accept4(listen_fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!conn_fd) {
      if (errno == EAGAIN) break;
      if (concerns_one_client(errno)) continue;
      if (!is_out_of_resources(errno)) throw_errno("accept");
      short_of_resources_ = true;
      break;
    }
    open_connection(std::move(conn_fd));
  }
  watch_listener_while_there_is_room();
}
// [/accept]

// [read]
void OneShotServer::on_readable(Connection& connection, std::span<std::byte> buffer) {
  const ssize_t got = ::read(connection.fd.get(), buffer.data(), buffer.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return arm(connection);
  // 0: the client has finished sending, and has everything back, or we would not be reading.
  if (got <= 0) return close_connection(connection);

  ssize_t sent =
      ::send(connection.fd.get(), buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return close_connection(connection);
  if (sent < 0) sent = 0;
  connection.out.append(
      buffer.subspan(static_cast<std::size_t>(sent), static_cast<std::size_t>(got - sent)));
  arm(connection);
}
// [/read]

// [write]
void OneShotServer::on_writable(Connection& connection) {
  const std::span bytes = connection.out.front();
  const ssize_t sent = ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return close_connection(connection);
  if (sent > 0) connection.out.consume(static_cast<std::size_t>(sent));
  arm(connection);
}
// [/write]

// [arm]
void OneShotServer::arm(Connection& connection) {
  const std::uint32_t events = connection.out.empty() ? EPOLLIN : EPOLLOUT;
  watch(EPOLL_CTL_MOD, connection.fd.get(), events | EPOLLONESHOT, &connection);
  connection.held.store(false, std::memory_order_release);  // from here on it is not ours
}
// [/arm]

// Holds mutex_.
void OneShotServer::open_connection(UniqueFd conn_fd) {
  const auto place = static_cast<std::size_t>(conn_fd.get());
  if (place >= connections_.size()) connections_.resize(place + 1);
  connections_[place] = std::make_unique<Connection>(std::move(conn_fd));
  ++open_;
  Connection& connection = *connections_[place];
  if (watch(EPOLL_CTL_ADD, connection.fd.get(), EPOLLIN | EPOLLONESHOT, &connection)) {
    return connection.held.store(false, std::memory_order_release);
  }
  connections_[place].reset();  // what is not watched cannot be served
  --open_;
  short_of_resources_ = true;
}

// [close]
void OneShotServer::close_connection(Connection& connection) {
  const std::lock_guard lock{mutex_};
  // Closing a descriptor ends its registration, since there is no other descriptor for the same
  // socket (epoll(7), question 6): no call of epoll_ctl is needed here.
  connections_[static_cast<std::size_t>(connection.fd.get())].reset();
  --open_;
  short_of_resources_ = false;  // a descriptor is free again
  watch_listener_while_there_is_room();
}
// [/close]

// False where the kernel has no room for one more registration.
bool OneShotServer::watch(int operation, int fd, std::uint32_t events, void* data) {
  epoll_event event{.events = events, .data = {.ptr = data}};
  if (::epoll_ctl(epoll_fd_.get(), operation, fd, &event) == 0) return true;
  if (errno != ENOSPC && errno != ENOMEM) throw_errno("epoll_ctl");
  return false;
}

// [listener]
// Holds mutex_.
void OneShotServer::watch_listener_while_there_is_room() {
  if (listener_is_watched_ || !may_accept()) return;
  listener_is_watched_ = true;
  watch(EPOLL_CTL_MOD, listen_fd_.get(), EPOLLIN | EPOLLONESHOT, &listen_fd_);
}
// [/listener]

bool OneShotServer::may_accept() const noexcept {
  return open_ < max_connections_ && !short_of_resources_;
}

}  // namespace unblock
