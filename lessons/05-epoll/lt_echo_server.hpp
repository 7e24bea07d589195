#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/output_buffer.hpp"
#include "core/server.hpp"
#include "core/unique_fd.hpp"
#include "core/wake_event.hpp"

namespace unblock {

/// One thread for all clients, asleep in epoll_wait(2). Level-triggered: what is ready is reported
/// at every wait, for as long as it is ready.
class LevelTriggeredServer {
 public:
  explicit LevelTriggeredServer(const ServerOptions& options);

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

  bool watch(int operation, int fd, std::uint32_t events, void* data);
  void watch_listener_while_there_is_room();
  [[nodiscard]] bool may_accept() const noexcept;

  UniqueFd listen_fd_;
  std::uint16_t port_;
  std::size_t max_connections_;
  WakeEvent stop_;
  UniqueFd epoll_fd_;
  // By descriptor. Events point to a Connection, so that it must stay where it is until it is
  // closed.
  std::vector<std::unique_ptr<Connection>> connections_;
  std::size_t open_ = 0;                     // connections that are not null
  bool listener_is_watched_ = true;          // what epoll has been told
  bool short_of_resources_ = false;          // accept found no descriptor or no memory
  std::array<std::byte, 16 * 1024> buffer_;  // one for all: between two reads nothing stays in it
};

static_assert(EchoServer<LevelTriggeredServer>);

}  // namespace unblock
