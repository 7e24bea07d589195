#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "core/server.hpp"
#include "core/unique_fd.hpp"

namespace unblock {

/// A listening socket, with every call spelled out: socket, setsockopt, bind, listen.
/// Throws UserError where the address cannot be had.
UniqueFd open_listener(const ServerOptions& options);

/// Sends back what comes, until end-of-stream; blocks in read(2) and in write(2). Returns when the
/// client has finished sending and has everything back, or when the connection is broken.
void echo_until_end(int conn_fd);

/// The way to end a thread that sleeps in accept(2): raise a flag, then connect to oneself so that
/// accept returns (statement N2).
class SelfConnection {
 public:
  /// `listen_fd` stays the caller's and must outlive this.
  explicit SelfConnection(int listen_fd) noexcept : listen_fd_{listen_fd} {}

  /// From any thread, more than once. Does not block.
  void request_stop() noexcept;
  [[nodiscard]] bool stop_requested() const noexcept { return stopping_; }

 private:
  int listen_fd_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  UniqueFd connection_;  // guarded by mutex_; kept open until accept has taken it
};

/// One thread for all clients: it serves one from beginning to end, and only then accepts the next.
class OneThreadServer {
 public:
  explicit OneThreadServer(const ServerOptions& options);

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  void run();
  void stop() noexcept;

 private:
  UniqueFd listen_fd_;
  std::uint16_t port_;
  SelfConnection self_;
  std::mutex mutex_;
  UniqueFd
      conn_fd_;  // guarded by mutex_, so that stop() never shuts down a descriptor that is reused
};

static_assert(EchoServer<OneThreadServer>);

}  // namespace unblock
