#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <unordered_set>

namespace unblock {

/// Stops every thread of a running server, and of the processes that it has started, at each system
/// call, and counts them (ptrace(2)). All but calls() is for the thread that has made it: only the
/// thread that has seized another may trace it.
class Tracer {
 public:
  /// Throws std::system_error where tracing is not allowed.
  explicit Tracer(pid_t leader);
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  /// Lets the server run on until its leader has ended, which is left for others to be waited for,
  /// and takes its other processes with it. Somebody else ends the leader.
  void run();

  /// Calls so far. Any thread may ask.
  [[nodiscard]] std::size_t calls() const noexcept { return calls_; }

 private:
  bool seize(pid_t tid);
  void go_on(pid_t tid);
  bool has_ended(pid_t tid);

  pid_t leader_;
  std::atomic<std::size_t> calls_{0};
  std::unordered_set<pid_t> traced_;
  std::unordered_set<pid_t> inside_;  // between the entry and the exit of a call
};

}  // namespace unblock
