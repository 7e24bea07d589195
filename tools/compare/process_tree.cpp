#include "tools/compare/process_tree.hpp"

#include <cstdlib>
#include <fstream>
#include <numeric>
#include <string>

#include <fmt/format.h>

#include "core/observe.hpp"

namespace unblock {
namespace {

// A number of /proc/PID/status, in the unit that stands there; 0 where the process is gone.
std::size_t status_number(pid_t pid, const std::string& name) {
  std::ifstream file{fmt::format("/proc/{}/status", pid)};
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, name.size(), name) == 0) {
      return std::strtoul(line.c_str() + name.size(), nullptr, 10);
    }
  }
  return 0;
}

template <typename Value, typename Function>
Value sum(const std::vector<pid_t>& pids, Function of) {
  return std::accumulate(pids.begin(), pids.end(), Value{},
                         [&](Value before, pid_t pid) { return before + of(pid); });
}

}  // namespace

std::vector<pid_t> processes_of(pid_t pid) {
  std::vector<pid_t> found{pid};
  for (std::size_t i = 0; i < found.size(); ++i) {
    std::ifstream children{fmt::format("/proc/{0}/task/{0}/children", found[i])};
    for (pid_t child = 0; children >> child;) found.push_back(child);
  }
  return found;
}

std::chrono::nanoseconds tree_cpu_time(const std::vector<pid_t>& pids) {
  return sum<std::chrono::nanoseconds>(pids, [](pid_t pid) { return process_cpu_time(pid); });
}

std::size_t tree_threads(const std::vector<pid_t>& pids) {
  return sum<std::size_t>(pids, [](pid_t pid) { return status_number(pid, "Threads:"); });
}

std::size_t tree_memory(const std::vector<pid_t>& pids) {
  return sum<std::size_t>(pids, [](pid_t pid) { return resident_bytes(pid); });
}

std::size_t tree_peak_memory(const std::vector<pid_t>& pids) {
  return sum<std::size_t>(pids, [](pid_t pid) { return status_number(pid, "VmHWM:") * 1024; });
}

}  // namespace unblock
