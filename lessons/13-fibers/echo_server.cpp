// Fibers: each call looks as if it waited, as in lesson 01, and what waits is not a thread.
//
//   listen
//   in a fiber, repeat: conn = accept      parks the fiber until a client comes
//     in a fiber of its own:
//       repeat: n = read(conn)             parks the fiber until at least one byte comes
//         write(conn, n bytes)             parks the fiber while the client's window is full
//       until n == 0                       the client has finished sending
//
// Invariants: a connection belongs to its fiber, which closes it by unwinding, also when stop()
// cancels it. A fiber that waits for its client holds no buffer.
//
// Manual: accept(2) recv(2) send(2), tcp(7); epoll(7) for what is below (socket.cpp,
// io_thread.cpp).
//
// Compare with: 01-blocking, which this is line by line; 05-epoll, where each connection's state is
// an object and not a stack.

#include "echo_server.hpp"

#include <cerrno>
#include <chrono>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

using fibers::Socket;

// No descriptor or no memory for one more connection. ENOMEM is also what mmap(2) reports of a
// process that has all the mappings it may have, ENOSPC what epoll_ctl(2) does at its limit.
bool is_for_want_of_room(int error) { return is_out_of_resources(error) || error == ENOSPC; }

}  // namespace

FiberServer::FiberServer(const ServerOptions& options, fibers::SwitchKind switch_kind)
    : listen_fd_{listen_tcp(options.host, options.port, SOCK_NONBLOCK)},
      port_{local_port(listen_fd_.get())},
      max_connections_{options.max_connections},
      scheduler_{{.threads = options.threads,
                  .switch_kind = switch_kind,
                  .tracer = {},
                  .idle_threads_wait = true}} {}

void FiberServer::run() {
  scheduler_.run([this] {
    Socket listener{std::move(listen_fd_)};
    for (;;) on_acceptable(listener);
  });
}

void FiberServer::stop() noexcept { scheduler_.stop(); }

void FiberServer::on_acceptable(Socket& listener) {
  {
    std::unique_lock lock{mutex_};
    one_ended_.wait(lock, [this] { return serving_ < max_connections_; });
  }
  UniqueFd conn_fd;
  when_there_is_room([&] { conn_fd = listener.accept(); });
  if (!conn_fd) return;
  std::optional<Socket> conn;
  when_there_is_room([&] { conn.emplace(std::move(conn_fd)); });
  Connection connection{Serving{*this}, std::move(*conn)};
  when_there_is_room([&] { fibers::spawn(std::move(connection)); });
}

// Attempts what needs a descriptor or memory, and has done nothing where that failed.
template <typename Attempt>
void FiberServer::when_there_is_room(Attempt attempt) {
  for (;;) {
    std::unique_lock lock{mutex_};
    const std::uint64_t ended_before = ended_;
    lock.unlock();
    try {
      return attempt();
    } catch (const std::system_error& error) {
      if (concerns_one_client(error.code().value())) return;
      if (!is_for_want_of_room(error.code().value())) throw;
    } catch (const std::bad_alloc&) {  // likewise
    }
    // Trying again at once would only burn the CPU. The time is for what other parts of the
    // process, or other processes, give back.
    lock.lock();
    one_ended_.wait_until(lock, std::chrono::steady_clock::now() + std::chrono::milliseconds{100},
                          [&] { return ended_ != ended_before; });
  }
}

// [serve]
void FiberServer::serve(Socket& conn) {
  try {
    for (;;) {
      conn.wait_readable();  // for long, perhaps: so the buffer is taken after it
      const Buffers::Loan buffer{buffers_};
      const auto got = conn.try_read(buffer.bytes());
      if (!got) continue;                      // a false alarm
      if (*got == 0) return;                   // end-of-stream: the client has finished sending
      conn.write(buffer.bytes().first(*got));  // all of it, however often it has to wait
    }
  } catch (const std::system_error&) {
    // The connection is broken, which ends it and concerns nobody else.
  } catch (const std::bad_alloc&) {
    // There is no memory to serve it with.
  }
}
// [/serve]

FiberServer::Serving::Serving(FiberServer& server) : server_{&server} {
  const std::lock_guard lock{server_->mutex_};
  ++server_->serving_;
}

FiberServer::Serving::~Serving() {
  if (server_ == nullptr) return;  // moved from
  const std::lock_guard lock{server_->mutex_};
  --server_->serving_;
  ++server_->ended_;
  server_->one_ended_.notify_all();
}

FiberServer::Buffers::Loan::Loan(Buffers& buffers) : buffers_{buffers} {
  const std::lock_guard lock{buffers_.mutex_};
  if (buffers_.unused_.empty()) {
    buffers_.unused_.reserve(++buffers_.made_);  // so that giving it back cannot fail
    buffer_ = std::make_unique<Buffer>();
  } else {
    buffer_ = std::move(buffers_.unused_.back());
    buffers_.unused_.pop_back();
  }
}

FiberServer::Buffers::Loan::~Loan() {
  const std::lock_guard lock{buffers_.mutex_};
  buffers_.unused_.push_back(std::move(buffer_));
}

}  // namespace unblock
