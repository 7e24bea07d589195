#pragma once

#include <poll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/output_buffer.hpp"
#include "core/server.hpp"
#include "core/unique_fd.hpp"
#include "core/wake_event.hpp"

namespace unblock {

/// One thread for all clients: it sleeps in poll(2) until one of them is ready.
class PollServer {
 public:
  explicit PollServer(const ServerOptions& options);

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  void run();
  void stop() noexcept;

 private:
  struct Connection {
    UniqueFd fd;
    OutputBuffer out;  // what the socket would not take; while it is not empty, nothing is read
  };

  void on_acceptable();
  void on_readable(Connection& connection);
  void on_writable(Connection& connection);
  void open_connection(UniqueFd conn_fd);
  void close_connection(Connection& connection);

  [[nodiscard]] bool may_accept() const noexcept;

  UniqueFd listen_fd_;
  std::uint16_t port_;
  std::size_t max_connections_;
  WakeEvent stop_;
  std::vector<pollfd> watched_;          // stop_, the listener, then one entry for each connection
  std::vector<Connection> connections_;  // by descriptor; unused places have no fd
  std::size_t open_ = 0;                 // connections that have one
  bool short_of_resources_ = false;      // accept found no descriptor or no memory
  std::array<std::byte, 16 * 1024> buffer_;  // one for all: between two reads nothing stays in it
};

static_assert(EchoServer<PollServer>);

}  // namespace unblock
