#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "core/output_buffer.hpp"
#include "core/server.hpp"
#include "core/unique_fd.hpp"
#include "core/wake_event.hpp"

namespace unblock {

/// One thread for all clients, or `ServerOptions::threads` of them (0: one), asleep in
/// epoll_wait(2) on the same epoll instance. One-shot: a connection that is reported is silent
/// until it is armed again, so that at any time at most one thread has it.
class OneShotServer {
 public:
  explicit OneShotServer(const ServerOptions& options);

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  void run();
  void stop() noexcept;

 private:
  struct Connection {
    explicit Connection(UniqueFd conn_fd) noexcept : fd{std::move(conn_fd)} {}

    UniqueFd fd;
    OutputBuffer out;  // what the socket would not take; while it is not empty, nothing is read
    // By the thread that got its event, until that thread has armed it and left epoll_ctl. The
    // kernel may report it to the next thread in between, which then waits for that moment.
    std::atomic<bool> held{true};
  };

  void on_acceptable();
  void on_readable(Connection& connection, std::span<std::byte> buffer);
  void on_writable(Connection& connection);
  void open_connection(UniqueFd conn_fd);
  void close_connection(Connection& connection);

  void serve() noexcept;
  void serve_until_stopped();
  void arm(Connection& connection);
  bool watch(int operation, int fd, std::uint32_t events, void* data);
  void watch_listener_while_there_is_room();
  [[nodiscard]] bool may_accept() const noexcept;

  UniqueFd listen_fd_;
  std::uint16_t port_;
  std::size_t max_connections_;
  WakeEvent stop_;
  UniqueFd epoll_fd_;
  std::size_t threads_;
  std::atomic<bool> short_of_resources_ = false;  // accept found no descriptor or no memory
  std::mutex mutex_;  // guards what is below; taken where a connection begins or ends
  // By descriptor. Events point to a Connection, so that it must stay where it is until it is
  // closed.
  std::vector<std::unique_ptr<Connection>> connections_;
  std::size_t open_ = 0;             // connections that are not null
  bool listener_is_watched_ = true;  // what epoll has been told
  std::exception_ptr failure_;       // what ended a thread
};

static_assert(EchoServer<OneShotServer>);

}  // namespace unblock
