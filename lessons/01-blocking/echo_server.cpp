// Blocking I/O: each call waits, in the kernel, until it can do something.
//
//   listen
//   repeat: conn = accept            sleeps until a client comes
//     repeat: n = read(conn)         sleeps until at least one byte comes
//       write(conn, n bytes)         sleeps while the client's window is full
//     until n == 0                   the client has finished sending
//
// Invariants: a connection's descriptor is closed and shut down only while mutex_ is held, so
// stop() can never shut down a number that the kernel has given to someone else meanwhile.
//
// Manual: socket(2) bind(2) listen(2) accept(2) read(2) write(2) shutdown(2), tcp(7).
//
// Compare with: threaded_echo_server.cpp, which serves each client in a thread of its own;
// 02-nonblocking, where the same calls return at once; 13-fibers, which looks like this and is not.

#include "echo_server.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
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

}  // namespace unblock
