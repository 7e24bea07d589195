#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>

#include "core/output_buffer.hpp"
#include "core/server.hpp"
#include "core/unique_fd.hpp"
#include "core/wake_event.hpp"

namespace unblock {

/// The mistakes that servers of this kind are known for.
enum class Bug {
  none,
  ignores_short_writes,     ///< takes what send(2) took for all there was
  loses_an_early_stop,      ///< run() forgets a stop() that came before it
  hangs_up_with_data_left,  ///< closes at end-of-stream although bytes wait to be sent
  spins_when_full,          ///< goes on watching the listener when accept fails with EMFILE
  turns_clients_away,       ///< closes whom it cannot serve at once
  buffers_without_bound,    ///< goes on reading from a client that does not read
  leaks_descriptors,        ///< forgets to close a connection that was reset
  dies_of_a_broken_pipe,    ///< takes an error of send(2) for the end of the server
};

inline constexpr std::array all_bugs{
    std::pair{Bug::none, "none"},
    std::pair{Bug::ignores_short_writes, "ignores_short_writes"},
    std::pair{Bug::loses_an_early_stop, "loses_an_early_stop"},
    std::pair{Bug::hangs_up_with_data_left, "hangs_up_with_data_left"},
    std::pair{Bug::spins_when_full, "spins_when_full"},
    std::pair{Bug::turns_clients_away, "turns_clients_away"},
    std::pair{Bug::buffers_without_bound, "buffers_without_bound"},
    std::pair{Bug::leaks_descriptors, "leaks_descriptors"},
    std::pair{Bug::dies_of_a_broken_pipe, "dies_of_a_broken_pipe"},
};

/// A plain echo server over poll(2) that makes one of the mistakes, to see that the conformance
/// suite catches it. With Bug::none it conforms.
class PlantedServer {
 public:
  PlantedServer(const ServerOptions& options, Bug bug);

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  void run();
  void stop() noexcept;

 private:
  struct Connection {
    UniqueFd fd;
    OutputBuffer output;
    bool finished = false;  // end-of-stream was read
  };

  void on_acceptable();
  bool on_readable(Connection& connection);  // false: to be closed
  bool flush(Connection& connection);

  Bug bug_;
  UniqueFd listen_fd_;
  std::uint16_t port_;
  std::size_t max_connections_;
  WakeEvent wake_;
  UniqueFd spare_fd_{::dup(wake_.fd())};
  std::atomic<bool> stopping_{false};
  bool full_ = false;
  std::map<int, Connection> connections_;
};

}  // namespace unblock
