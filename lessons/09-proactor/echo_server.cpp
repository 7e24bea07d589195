// A proactor: order an operation, and be called when it is complete.
//
//   start accept
//   on accepted(connection):  start read on it, and the next accept
//   on read(data):            start write of the data         nothing, or an error: close
//   on written(rest):         start write of the rest, or, where there is none, the next read
//   the proactor's threads:   take a completion event, call its handler, for ever
//
// Invariants: a connection has exactly one operation in flight, until its handler closes it; so
// nothing of it is ever used by two threads at once, and who closes it is the only one who knows
// it. The buffer with what was read goes from the event into the write, and back to its pool when
// all is written: a connection that is silent holds none. An accept is in flight while there is
// room.
//
// Manual: none, and that is the point: the engines make the system calls.
//
// Compare with: 05-epoll, where the handler is told that a socket is ready, and then reads.

#include "echo_server.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "core/tcp.hpp"

namespace unblock {
namespace {

using Kind = AsynchronousOperation::Kind;

}  // namespace

ProactorEchoServer::ProactorEchoServer(const ServerOptions& options, EngineKind kind)
    : engine_{make_engine(kind, std::max<std::size_t>(options.threads, 1))},
      proactor_{*engine_},
      listener_{*engine_, *this, listen_tcp(options.host, options.port)},
      port_{local_port(listener_.fd())},
      max_connections_{std::min(options.max_connections, engine_->capacity())},
      unlimited_{max_connections_ == std::numeric_limits<std::size_t>::max()} {}

// [run]
void ProactorEchoServer::run() {
  {
    const std::lock_guard lock{mutex_};
    accept_if_there_is_room();
  }
  proactor_.run();  // until nothing is in flight: when stop() has cancelled it all
}
// [/run]

// [accept]
void ProactorEchoServer::on_completion(CompletionEvent event) {
  if (event.operation->kind == Kind::accept) return on_accepted(std::move(event));
  const std::lock_guard lock{mutex_};
  delayed_ = false;
  accept_if_there_is_room();
}

void ProactorEchoServer::on_accepted(CompletionEvent event) {
  const std::lock_guard lock{mutex_};
  accepting_ = event.more;
  if (event.error == ECANCELED) return;
  if (event.error == 0) {
    const auto connection =
        connections_.emplace(connections_.end(), *this, std::move(event.accepted));
    connection->self = connection;
    connection->initiator.start_read();
  } else if (is_out_of_resources(event.error)) {
    // Nothing is accepted until a connection ends. Where there is none, somebody else must give
    // back what is missing; that nobody tells us, so we look again after a while.
    if (connections_.empty() && !std::exchange(delayed_, true)) {
      listener_.start_delay(std::chrono::milliseconds{100});
    }
    return;
  } else if (!concerns_one_client(event.error)) {
    throw std::system_error{event.error, std::generic_category(), "accept"};
  }
  accept_if_there_is_room();
}

void ProactorEchoServer::accept_if_there_is_room() {
  if (accepting_ || connections_.size() >= max_connections_) return;
  accepting_ = true;
  // With a limit, each accept is ordered by itself: what the kernel accepts on its own accord, it
  // does not count.
  listener_.start_accept(/*many=*/unlimited_);
}
// [/accept]

ProactorEchoServer::Connection::Connection(ProactorEchoServer& its_server, UniqueFd socket)
    : server{its_server}, initiator{*its_server.engine_, *this, std::move(socket)} {}

// [chain]
void ProactorEchoServer::Connection::on_completion(CompletionEvent event) {
  if (event.operation->kind == Kind::read) return server.on_read(*this, std::move(event));
  server.on_written(*this, std::move(event));
}

void ProactorEchoServer::on_read(Connection& connection, CompletionEvent event) {
  if (event.error != 0 || event.data.empty()) return close_connection(connection);
  connection.initiator.start_write(std::move(event.data));
}

void ProactorEchoServer::on_written(Connection& connection, CompletionEvent event) {
  if (event.error != 0) return close_connection(connection);
  if (!event.data.empty()) return connection.initiator.start_write(std::move(event.data));
  event.data = Buffer{};  // back to its pool, before somebody else needs one
  connection.initiator.start_read();
}
// [/chain]

void ProactorEchoServer::close_connection(Connection& connection) {
  {
    std::list<Connection> closed;  // destroyed, and its socket closed, once the lock is free
    const std::lock_guard lock{mutex_};
    closed.splice(closed.end(), connections_, connection.self);
  }
  const std::lock_guard lock{mutex_};
  accept_if_there_is_room();  // only now: the next one may need its descriptor
}

}  // namespace unblock
