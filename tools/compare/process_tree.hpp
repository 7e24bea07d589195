#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <vector>

namespace unblock {

/// What a server uses, it and the processes that it has started: a master with workers is one
/// server. Only children of a process' main thread are found. All is 0 where it has ended.

/// The process, its children, theirs, ...
std::vector<pid_t> processes_of(pid_t pid);

/// CPU time so far, user and system, of the processes that live.
std::chrono::nanoseconds tree_cpu_time(const std::vector<pid_t>& pids);

std::size_t tree_threads(const std::vector<pid_t>& pids);

/// Resident bytes, now and at the peak. Of several processes the sum, so that pages which they
/// share count for each.
std::size_t tree_memory(const std::vector<pid_t>& pids);
std::size_t tree_peak_memory(const std::vector<pid_t>& pids);

}  // namespace unblock
