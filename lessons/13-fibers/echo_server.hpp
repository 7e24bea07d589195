#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "core/server.hpp"
#include "core/unique_fd.hpp"
#include "scheduler.hpp"
#include "socket.hpp"
#include "sync.hpp"

namespace unblock {

/// A fiber for each client, on `options.threads` threads (by default one for each CPU) and an I/O
/// thread.
class FiberServer {
 public:
  explicit FiberServer(const ServerOptions& options,
                       fibers::SwitchKind switch_kind = fibers::default_switch);

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  void run();
  void stop() noexcept;

 private:
  using Buffer = std::array<std::byte, 16 * 1024>;

  // Buffers for the connections that have something to send back just now. One on each fiber's
  // stack would cost an idle connection the pages that it was written to.
  class Buffers {
   public:
    class Loan {
     public:
      explicit Loan(Buffers& buffers);
      Loan(const Loan&) = delete;
      Loan& operator=(const Loan&) = delete;
      ~Loan();
      [[nodiscard]] std::span<std::byte> bytes() const noexcept { return *buffer_; }

     private:
      Buffers& buffers_;
      std::unique_ptr<Buffer> buffer_;
    };

   private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Buffer>> unused_;  // guarded by mutex_, as is the next
    std::size_t made_ = 0;
  };

  class Serving {  // counts a connection, from its first moment to its last
   public:
    explicit Serving(FiberServer& server);
    Serving(Serving&& other) noexcept : server_{std::exchange(other.server_, nullptr)} {}
    Serving& operator=(Serving&&) = delete;
    ~Serving();
    [[nodiscard]] FiberServer& server() const noexcept { return *server_; }

   private:
    FiberServer* server_;
  };

  struct Connection {  // what a connection's fiber runs
    void operator()() { counted.server().serve(socket); }
    Serving counted;
    fibers::Socket socket;  // closed before it is counted as ended
  };

  void on_acceptable(fibers::Socket& listener);
  template <typename Attempt>
  void when_there_is_room(Attempt attempt);
  void serve(fibers::Socket& conn);

  UniqueFd listen_fd_;
  std::uint16_t port_;
  std::size_t max_connections_;
  Buffers buffers_;
  fibers::Mutex mutex_;
  fibers::Condition one_ended_;  // a connection, that is
  std::size_t serving_ = 0;      // guarded by mutex_, as is the next
  std::uint64_t ended_ = 0;
  fibers::Scheduler scheduler_;  // the last: it ends first
};

static_assert(EchoServer<FiberServer>);

}  // namespace unblock
