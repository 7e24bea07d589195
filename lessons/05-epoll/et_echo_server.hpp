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

/// One thread for all clients, asleep in epoll_wait(2). Edge-triggered: each change is reported
/// once, and the server remembers what it has not used up.
class EdgeTriggeredServer {
 public:
  explicit EdgeTriggeredServer(const ServerOptions& options);

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  void run();
  void stop() noexcept;

 private:
  struct Connection {
    UniqueFd fd;
    OutputBuffer out;  // what the socket would not take; while it is not empty, nothing is read
    std::uint32_t ready = 0;  // events reported and not used up yet
    bool has_turn = false;    // it is in turns_
  };

  void on_acceptable();
  void on_readable(Connection& connection);
  void on_writable(Connection& connection);
  void open_connection(UniqueFd conn_fd);
  void close_connection(Connection& connection);

  void give_turn(Connection& connection);
  void take_turn(Connection& connection);
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
  std::vector<Connection*> turns_;           // those that can go on, first come, first served
  std::vector<Connection*> round_;           // those whose turn it is in this round
  std::size_t open_ = 0;                     // connections that are not null
  bool listener_is_watched_ = true;          // what epoll has been told
  bool short_of_resources_ = false;          // accept found no descriptor or no memory
  std::array<std::byte, 16 * 1024> buffer_;  // one for all: between two reads nothing stays in it
};

static_assert(EchoServer<EdgeTriggeredServer>);

}  // namespace unblock
