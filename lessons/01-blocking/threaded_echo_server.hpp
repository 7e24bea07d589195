#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <thread>

#include "core/server.hpp"
#include "core/unique_fd.hpp"
#include "echo_server.hpp"

namespace unblock {

/// One thread for each client, up to `max_connections`.
class ThreadPerConnectionServer {
 public:
  explicit ThreadPerConnectionServer(const ServerOptions& options);

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  void run();
  void stop() noexcept;

 private:
  struct Connection {
    UniqueFd fd;
    std::jthread thread;
  };
  using Connections = std::list<Connection>;

  void on_acceptable();
  bool start_thread(UniqueFd& conn_fd);
  void serve(Connections::iterator connection);
  std::uint64_t wait_until_one_ends(std::uint64_t ended_before);

  UniqueFd listen_fd_;
  std::uint16_t port_;
  std::size_t max_connections_;
  SelfConnection self_;
  std::mutex mutex_;
  std::condition_variable one_ended_;  // a connection, that is; or stop() was called
  std::uint64_t ended_ = 0;            // guarded by mutex_, as are the lists below
  Connections serving_;                // each has a thread that reads and writes its fd
  Connections finished_;               // at most one: its thread has nothing left to do but end
};

static_assert(EchoServer<ThreadPerConnectionServer>);

}  // namespace unblock
