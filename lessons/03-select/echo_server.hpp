#pragma once

#include <sys/select.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/output_buffer.hpp"
#include "core/server.hpp"
#include "core/unique_fd.hpp"
#include "core/wake_event.hpp"

namespace unblock {

/// One thread for all clients: it sleeps in select(2) until one of them is ready. A client whose
/// descriptor is too large for select (FD_SETSIZE, 1024) waits until it can have a smaller one; the
/// constructor throws UserError where the process has none below that left.
class SelectServer {
 public:
  explicit SelectServer(const ServerOptions& options);

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
  void admit_parked();

  UniqueFd listen_fd_;
  std::uint16_t port_;
  std::size_t max_connections_;
  WakeEvent stop_;
  std::vector<Connection> connections_;  // by descriptor; unused places have no fd
  std::size_t open_ = 0;                 // connections that have one
  UniqueFd parked_;                      // accepted, and too large a descriptor for select
  bool short_of_resources_ = false;      // accept found no memory, no descriptor or none to watch
  std::array<std::byte, 16 * 1024> buffer_;  // one for all: between two reads nothing stays in it
};

static_assert(EchoServer<SelectServer>);

}  // namespace unblock
