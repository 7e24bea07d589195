#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "tools/compare/server_process.hpp"
#include "tools/load/load_client.hpp"

namespace unblock {

/// How each round goes.
struct RoundOptions {
  LoadOptions load;  ///< its port is the server's
  std::chrono::nanoseconds warm_up{30'000'000};
  std::chrono::nanoseconds duration{250'000'000};
  Pinning pinning = Pinning::same;
  std::chrono::milliseconds start_deadline{5'000};
  std::chrono::milliseconds stop_deadline{2'000};
};

/// What one round has shown of one server.
struct Round {
  std::string problem;  ///< why there are no numbers, as the rest of a sentence; else empty
  std::string remark;   ///< what else to know of it; mostly empty
  std::uint64_t requests = 0;
  std::uint64_t never_sent = 0;  ///< due in an open loop, and never sent
  std::chrono::nanoseconds elapsed{};
  std::chrono::nanoseconds server_cpu{};  ///< user and system, over the measured time
  std::chrono::nanoseconds client_cpu{};
  Histogram latency;            ///< ns
  std::size_t threads = 0;      ///< most seen
  std::size_t peak_memory = 0;  ///< resident, bytes
  /// Resident bytes that came with the connections after the first one, and their number.
  std::size_t memory_for_connections = 0;
  std::size_t more_connections = 0;
  std::size_t served = 0;  ///< connections that had an answer
  Failures failures{};
  /// Of the server's whole life, with the processes that it has waited for.
  double user_cpu_in_life = 0;  ///< seconds outside the kernel, and inside
  double system_cpu_in_life = 0;
  std::uint64_t answers = 0;
  std::uint64_t voluntary_switches = 0;    ///< it waited
  std::uint64_t involuntary_switches = 0;  ///< another one was to run
};

/// Starts the server as a process of its own, puts the load on it, stops it. What a server does
/// wrong is in the round; throws only for what this program lacks. Nothing where the user
/// interrupts it. The process is gone when it returns.
std::optional<Round> run_round(const Contender& contender, const RoundOptions& options,
                               const Interrupt& interrupt);

/// Raises this process' limit of open descriptors, which servers inherit, to what the load takes.
/// Throws UserError, with the way out, where the system does not allow it.
void allow_descriptors_for(const LoadOptions& load);

/// Why the load cannot be had here, in one line with the way out; nothing where it can.
std::optional<std::string> lack_of_descriptors_for(const LoadOptions& load);

}  // namespace unblock
