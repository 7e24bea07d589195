#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/output_buffer.hpp"
#include "core/server.hpp"
#include "core/unique_fd.hpp"

namespace unblock {

/// Makes read, write and accept on `fd` return at once, with EAGAIN where they would sleep. The
/// flag belongs to the open file description: whoever shares it (dup, fork) is concerned too.
void make_nonblocking(int fd);

/// One thread for all clients: it asks each socket in turn, and never waits for any. Where a turn
/// brought nothing it takes a nap, and with a nap of 0 it goes on asking, with all of a CPU.
class PollingServer {
 public:
  explicit PollingServer(const ServerOptions& options, std::chrono::microseconds nap = {});

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  void run();
  void stop() noexcept;  ///< seen in the next turn, after the nap

 private:
  struct Connection {
    UniqueFd fd;
    OutputBuffer out;  // what the socket would not take; while it is not empty, nothing is read
  };

  // Each tells whether there was anything to do: that is all we learn of readiness.
  bool on_acceptable();
  bool on_readable(Connection& connection);
  bool on_writable(Connection& connection);
  void open_connection(UniqueFd conn_fd);
  void close_connection(Connection& connection);

  [[nodiscard]] bool may_accept() const noexcept;

  UniqueFd listen_fd_;
  std::uint16_t port_;
  std::size_t max_connections_;
  std::chrono::microseconds nap_;
  std::atomic<bool> stopping_{false};
  std::vector<Connection> connections_;  // by descriptor; unused places have no fd
  std::size_t open_ = 0;                 // connections that have one
  std::chrono::steady_clock::time_point accept_again_at_{};  // later than now: no resources for one
  std::array<std::byte, 16 * 1024> buffer_;  // one for all: between two reads nothing stays in it
};

static_assert(EchoServer<PollingServer>);

}  // namespace unblock
