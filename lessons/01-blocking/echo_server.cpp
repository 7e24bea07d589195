// Blocking I/O: each call waits, in the kernel, until it can do something.
//
//   listen
//   repeat: conn = accept            sleeps until a client comes
//     in a thread of its own (or, in OneThreadServer, right here):
//       repeat: n = read(conn)       sleeps until at least one byte comes
//         write(conn, n bytes)       sleeps while the client's window is full
//       until n == 0                 the client has finished sending
//
// Invariants: a connection's descriptor is closed only while mutex_ is held, by the thread that
// serves it, so stop() can never shut down a number that the kernel has given to someone else
// meanwhile. Manual: socket(2) bind(2) listen(2) accept(2) read(2) write(2) shutdown(2), tcp(7).
// Compare with: 02-nonblocking, where the same calls return at once; 13-fibers, which looks like
// this and is not.

#include "echo_server.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <system_error>
#include <utility>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {

// [open_listener]
UniqueFd open_listener(const ServerOptions& options) {
  const SocketAddress address = resolve(options.host, options.port).front();

  UniqueFd listen_fd{::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!listen_fd) throw_listen_error("socket", options.host, options.port);

  // Without it, the connections of a server that has just ended keep its port for a minute.
  const int on = 1;
  check("setsockopt", ::setsockopt(listen_fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
  // Connections inherit this from their listener: an answer is sent at once, however short.
  set_no_delay(listen_fd.get());

  if (::bind(listen_fd.get(), address.get(), address.length) < 0) {
    throw_listen_error("bind", options.host, options.port);
  }
  // From here on the kernel completes connections by itself and queues them for accept.
  if (::listen(listen_fd.get(), SOMAXCONN) < 0) {
    throw_listen_error("listen", options.host, options.port);
  }
  return listen_fd;
}
// [/open_listener]

// [echo]
void echo_until_end(int conn_fd) {
  std::array<std::byte, 16 * 1024> buffer;
  for (;;) {
    // It sleeps until something is there and returns what there is (a short read).
    const ssize_t got = ::read(conn_fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;  // a signal handler ran; nothing was read
    if (got <= 0) return;                     // 0: end-of-stream; -1: the connection is broken

    for (std::size_t sent = 0; sent < static_cast<std::size_t>(got);) {
      // It sleeps while the client's window is full, and may take a part only (a short write).
      // MSG_NOSIGNAL: a client that is gone is an error here (EPIPE) and not a signal that ends us.
      const ssize_t put =
          ::send(conn_fd, buffer.data() + sent, static_cast<std::size_t>(got) - sent, MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return;
      sent += static_cast<std::size_t>(put);
    }
  }
}
// [/echo]

// [self_connection]
void SelfConnection::request_stop() noexcept {
  const std::lock_guard lock{mutex_};
  stopping_ = true;  // before the connection, so that accept's return finds it raised
  if (connection_) return;

  SocketAddress address;
  address.length = sizeof address.storage;
  ::getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address.storage), &address.length);
  // Non-blocking: where the queue is full, accept has clients to return with, and we need not wait
  // our turn. A listener on every address (0.0.0.0, ::) is reached at that very address on Linux.
  connection_ = UniqueFd{::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!connection_ ||
      (::connect(connection_.get(), address.get(), address.length) < 0 && errno != EINPROGRESS)) {
    // No descriptor to connect with: a listener that is shut down refuses from now on, which ends
    // accept too.
    ::shutdown(listen_fd_, SHUT_RD);
  }
}
// [/self_connection]

OneThreadServer::OneThreadServer(const ServerOptions& options)
    : listen_fd_{open_listener(options)},
      port_{local_port(listen_fd_.get())},
      self_{listen_fd_.get()} {}

void OneThreadServer::run() {
  while (!self_.stop_requested()) {
    UniqueFd conn_fd{::accept4(listen_fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!conn_fd) {
      if (self_.stop_requested() || concerns_one_client(errno)) continue;
      throw_errno("accept");
    }
    {
      const std::lock_guard lock{mutex_};
      if (self_.stop_requested()) break;
      conn_fd_ = std::move(conn_fd);
    }
    echo_until_end(conn_fd_.get());  // and every other client waits
    const std::lock_guard lock{mutex_};
    conn_fd_.reset();
  }
}

void OneThreadServer::stop() noexcept {
  self_.request_stop();  // wakes accept
  const std::lock_guard lock{mutex_};
  if (conn_fd_) ::shutdown(conn_fd_.get(), SHUT_RDWR);  // wakes read (0) and write (EPIPE)
}

ThreadPerConnectionServer::ThreadPerConnectionServer(const ServerOptions& options)
    : listen_fd_{open_listener(options)},
      port_{local_port(listen_fd_.get())},
      max_connections_{options.max_connections},
      self_{listen_fd_.get()} {}

// [run]
void ThreadPerConnectionServer::run() {
  while (!self_.stop_requested()) on_acceptable();

  std::unique_lock lock{mutex_};
  for (const Connection& connection : serving_) ::shutdown(connection.fd.get(), SHUT_RDWR);
  one_ended_.wait(lock, [this] { return serving_.empty(); });
  const Connections last = std::exchange(finished_, {});
  lock.unlock();  // the last thread may still be on its way out of serve(); ~Connection joins it
}
// [/run]

void ThreadPerConnectionServer::stop() noexcept {
  self_.request_stop();  // wakes accept
  const std::lock_guard lock{
      mutex_};              // so that it cannot fall between a waiter's look and its sleep
  one_ended_.notify_all();  // wakes a wait for a place
}

// [accept]
void ThreadPerConnectionServer::on_acceptable() {
  std::unique_lock lock{mutex_};
  one_ended_.wait(lock,
                  [this] { return serving_.size() < max_connections_ || self_.stop_requested(); });
  std::uint64_t ended_before = ended_;
  lock.unlock();

  UniqueFd conn_fd{::accept4(listen_fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  if (self_.stop_requested()) return;
  if (!conn_fd) {
    if (concerns_one_client(errno)) return;
    if (!is_out_of_resources(errno)) throw_errno("accept");
    wait_until_one_ends(ended_before);  // trying again at once would only burn the CPU
    return;
  }
  while (!start_thread(conn_fd) && !self_.stop_requested()) {
    ended_before = wait_until_one_ends(ended_before);
  }
}
// [/accept]

// False where the system has no thread to give; then `conn_fd` still owns the connection.
bool ThreadPerConnectionServer::start_thread(UniqueFd& conn_fd) {
  const std::lock_guard lock{mutex_};
  const auto connection = serving_.emplace(serving_.end());
  try {
    connection->thread = std::jthread{[this, connection] { serve(connection); }};
  } catch (const std::system_error&) {  // EAGAIN, see pthread_create(3)
    serving_.erase(connection);
    return false;
  }
  connection->fd = std::move(conn_fd);
  return true;
}

// [serve]
void ThreadPerConnectionServer::serve(Connections::iterator connection) {
  int conn_fd = -1;
  {
    const std::lock_guard lock{mutex_};  // start_thread() has filled in the connection
    conn_fd = connection->fd.get();
  }
  echo_until_end(conn_fd);

  // A thread cannot join itself: it leaves itself to the one that finishes next, and joins the one
  // before.
  Connections before;
  const std::lock_guard lock{mutex_};
  connection->fd.reset();
  before.splice(before.end(), finished_);
  finished_.splice(finished_.end(), serving_, connection);
  ++ended_;
  one_ended_.notify_all();
}
// [/serve]

// Returns the new count of those that have ended.
std::uint64_t ThreadPerConnectionServer::wait_until_one_ends(std::uint64_t ended_before) {
  std::unique_lock lock{mutex_};
  // The time is for what other parts of the process, or other processes, give back.
  one_ended_.wait_for(lock, std::chrono::milliseconds{100}, [this, ended_before] {
    return ended_ != ended_before || self_.stop_requested();
  });
  return ended_;
}

}  // namespace unblock
