// Echo with libevent's events: it tells what is ready, and the system calls are one's own.
//
//   on_accepted: an event for reading and one for writing; the first is added
//   on_readable: recv, send; what the socket does not take is kept, and the events change places
//   on_writable: send the rest; when all of it is gone, the events change places again
//
// Invariants: a connection waits either to read or to write, so what a client does not read costs
// one read's worth. Where there is no descriptor for one more client, the listener is disabled
// until a client has left.

#include <event2/event.h>
#include <event2/listener.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <span>
#include <unordered_map>

#include "contract.hpp"
#include "core/errors.hpp"
#include "core/output_buffer.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

struct Free {
  void operator()(event_base* base) const { ::event_base_free(base); }
  void operator()(evconnlistener* listener) const { ::evconnlistener_free(listener); }
  void operator()(event* event) const { ::event_free(event); }
};
template <typename Freed>
using Owned = std::unique_ptr<Freed, Free>;

class Server {
 public:
  explicit Server(PeerListener listener);
  void run() { ::event_base_dispatch(base_.get()); }

 private:
  struct Connection {
    Server& server;
    UniqueFd fd;
    Owned<event> readable = {};  // one of the two is added, never both; freed before fd is closed
    Owned<event> writable = {};
    OutputBuffer output = {};
  };

  void on_accepted(int fd);
  void on_accept_failed();
  void on_readable(Connection& connection);
  void on_writable(Connection& connection);
  void send(Connection& connection, std::span<const std::byte> bytes);
  void close_connection(Connection& connection);

  Owned<event_base> base_{::event_base_new()};
  Owned<event> interrupt_;
  Owned<event> terminate_;
  Owned<evconnlistener> listener_;
  std::unordered_map<int, Connection> connections_;
  std::array<std::byte, peer_buffer_size> buffer_;  // one for all: it is empty between two reads
};

Server::Server(PeerListener listener) {
  const auto on_signal = [](evutil_socket_t, short, void* base) {
    ::event_base_loopbreak(static_cast<event_base*>(base));
  };
  interrupt_.reset(evsignal_new(base_.get(), SIGINT, on_signal, base_.get()));
  terminate_.reset(evsignal_new(base_.get(), SIGTERM, on_signal, base_.get()));
  if (evsignal_add(interrupt_.get(), nullptr) < 0 || evsignal_add(terminate_.get(), nullptr) < 0) {
    throw_errno("evsignal_add");
  }
  const auto on_connection = [](evconnlistener*, evutil_socket_t fd, sockaddr*, int, void* server) {
    static_cast<Server*>(server)->on_accepted(fd);
  };
  listener_.reset(::evconnlistener_new(base_.get(), on_connection, this,
                                       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0,
                                       listener.fd.release()));
  if (listener_ == nullptr) throw_errno("evconnlistener_new");
  ::evconnlistener_set_error_cb(listener_.get(), [](evconnlistener*, void* server) {
    static_cast<Server*>(server)->on_accept_failed();
  });
  listener.announce();
}

void Server::on_accepted(int fd) {
  Connection& connection =
      connections_.emplace(fd, Connection{.server = *this, .fd = UniqueFd{fd}}).first->second;
  const auto on_event = [](evutil_socket_t, short what, void* argument) {
    auto& ready = *static_cast<Connection*>(argument);
    what == EV_READ ? ready.server.on_readable(ready) : ready.server.on_writable(ready);
  };
  connection.readable.reset(
      ::event_new(base_.get(), fd, EV_READ | EV_PERSIST, on_event, &connection));
  connection.writable.reset(
      ::event_new(base_.get(), fd, EV_WRITE | EV_PERSIST, on_event, &connection));
  if (::event_add(connection.readable.get(), nullptr) < 0) close_connection(connection);
}

void Server::on_accept_failed() {
  if (is_out_of_resources(errno)) ::evconnlistener_disable(listener_.get());
}

void Server::on_readable(Connection& connection) {
  const ssize_t got = ::recv(connection.fd.get(), buffer_.data(), buffer_.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return close_connection(connection);
  send(connection, std::span{buffer_}.first(static_cast<std::size_t>(got)));
}

void Server::on_writable(Connection& connection) {
  const auto front = connection.output.front();
  const ssize_t put = ::send(connection.fd.get(), front.data(), front.size(), MSG_NOSIGNAL);
  if (put < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (put < 0) return close_connection(connection);
  connection.output.consume(static_cast<std::size_t>(put));
  if (!connection.output.empty()) return;
  ::event_del(connection.writable.get());
  ::event_add(connection.readable.get(), nullptr);
}

void Server::send(Connection& connection, std::span<const std::byte> bytes) {
  const ssize_t put = ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (put < 0 && errno != EAGAIN && errno != EINTR) return close_connection(connection);
  bytes = bytes.subspan(put < 0 ? 0 : static_cast<std::size_t>(put));
  if (bytes.empty()) return;
  connection.output.append(bytes);
  ::event_del(connection.readable.get());
  ::event_add(connection.writable.get(), nullptr);
}

void Server::close_connection(Connection& connection) {
  connections_.erase(connection.fd.get());
  ::evconnlistener_enable(listener_.get());
}

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) {
  return unblock::peer_main("libevent-events", argc, argv, [](unblock::PeerListener listener) {
    unblock::Server{std::move(listener)}.run();
  });
}
