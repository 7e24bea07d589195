#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace exercise {

using Clock = std::chrono::steady_clock;  // on Linux the same as CLOCK_MONOTONIC
using TimerId = std::uint64_t;

/// An event loop: descriptors and timers, one thread. Actions run in run(), one at a time; an
/// action may call everything here but run().
class TimerLoop {
 public:
  TimerLoop() = default;
  TimerLoop(const TimerLoop&) = delete;
  TimerLoop& operator=(const TimerLoop&) = delete;
  /// Closes what it has opened; actions that have not run never will.
  virtual ~TimerLoop() = default;

  /// Has run() call `action` once, as soon as it can when `due` has come, and never before. A time
  /// that has passed already is due. Actions run in the order of their times, those of equal times
  /// in the order in which they were set; one that another action sets, in the next round at the
  /// earliest.
  virtual TimerId at(Clock::time_point due, std::function<void()> action) = 0;

  /// Has the action not run. True where it would have run; false where it has run already (or is
  /// running), or was cancelled.
  virtual bool cancel(TimerId id) = 0;

  /// Calls `action` whenever there is something to read from `fd`, again and again while there is
  /// (level-triggered). The descriptor stays the caller's, and open until the loop is gone.
  virtual void watch(int fd, std::function<void()> action) = 0;

  /// Sleeps in epoll_wait(2) until something is to be done, and does it: in each round every timer
  /// that was due at its beginning, and every descriptor that is readable. Returns after the action
  /// that has called stop(). A signal changes nothing. Throws std::system_error.
  virtual void run() = 0;
  virtual void stop() = 0;
};

/// A loop with nothing to do yet. However many timers it has, it opens one epoll descriptor and one
/// timerfd(2).
std::unique_ptr<TimerLoop> make_timer_loop();

}  // namespace exercise
