#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

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
  std::chrono::nanoseconds elapsed{};
  std::chrono::nanoseconds server_cpu{};  ///< user and system, over the measured time
  std::chrono::nanoseconds client_cpu{};
  Histogram latency;            ///< ns
  std::size_t threads = 0;      ///< most seen
  std::size_t peak_memory = 0;  ///< resident, bytes
  Failures failures{};
};

/// Starts the server as a process of its own, puts the load on it, stops it. What a server does
/// wrong is in the round; throws only for what this program lacks. Nothing where the user
/// interrupts it. The process is gone when it returns.
std::optional<Round> run_round(const Contender& contender, const RoundOptions& options,
                               const Interrupt& interrupt);

/// A contender and its rounds; once it has a problem it takes part no more.
struct Entry {
  Contender contender;
  std::vector<Round> rounds;  ///< without a problem
  std::string problem;        ///< "did not start: ..."; empty where there is none
};

/// Contenders side by side.
struct Comparison {
  RoundOptions options;
  std::size_t planned_rounds = 0;
  std::vector<Entry> entries;
  std::optional<Entry> twin;  ///< one of the contenders a second time, for the noise
  bool interrupted = false;   ///< entries hold what was measured before
};

/// Called before each round with its number (from 1) and who is next.
using Progress = std::function<void(std::size_t round, const Contender& contender)>;

/// `rounds` times: one round of each contender in turn, and of the twin, so that a change of the
/// machine's pace hits all alike.
Comparison compare(const std::vector<Contender>& contenders, const RoundOptions& options,
                   std::size_t rounds, const Interrupt& interrupt, const Progress& progress);

/// Raises this process' limit of open descriptors to what the load takes; servers inherit it.
/// Throws UserError where the system does not allow it.
void allow_descriptors_for(const LoadOptions& load);

}  // namespace unblock
