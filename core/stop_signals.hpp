#pragma once

#include <functional>
#include <thread>

#include "core/unique_fd.hpp"
#include "core/wake_event.hpp"

namespace unblock {

/// Ctrl-C (SIGINT) and SIGTERM as an ordinary function call. Construct it before the program starts
/// any thread: the signals are then blocked in all of them, and nothing is ever interrupted at a
/// random instruction. A second signal ends the process at once, for a stop that hangs.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();  ///< calls nothing any more, and lets the signals through as before

  /// From now on the first of the signals calls `stop`, in a thread of its own; one that came
  /// before this call counts too. Call it once.
  void on_stop(std::function<void()> stop);

 private:
  UniqueFd signals_;  // signalfd(2)
  WakeEvent done_;
  std::jthread waiter_;
};

}  // namespace unblock
