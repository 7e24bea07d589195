#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>

namespace exercise {

using Time = std::chrono::steady_clock::time_point;

/// What the scheduler knows of time; it asks nobody else. (In some checks time passes only when it
/// is looked at, so that they take no time.)
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual Time now() = 0;
  /// The thread sleeps until about then, and with it all fibers. It may return too early: a signal
  /// comes, a clock is inexact. So look at now() again.
  virtual void sleep_until(Time when) = 0;
};

using FiberId = std::uint64_t;

/// Every fiber that is left waits for another one.
class Deadlock : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Runs fibers on the thread that calls run(). Those that may run stand in a queue: whoever comes
/// to the front runs until it yields, waits or ends.
class Scheduler {
 public:
  /// Of each fiber's stack.
  static constexpr std::size_t stack_bytes = std::size_t{128} * 1024;

  Scheduler() = default;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  /// What is on the stacks of fibers that have not ended is forgotten.
  virtual ~Scheduler() = default;

  /// A new fiber, which is to call `body()`; it goes to the end of the queue, and spawn() returns
  /// at once. From a fiber, or outside run(). No number is given twice.
  virtual FiberId spawn(std::function<void()> body) = 0;

  /// Runs fibers until all have ended. While none of them may run, the thread sleeps. After it,
  /// further ones may be spawned, and run() called again. Throws Deadlock where all that are left
  /// wait for one another; then the scheduler can only be destroyed.
  virtual void run() = 0;

  // The rest is for fibers.

  /// Puts the calling fiber at the end of the queue.
  virtual void yield() = 0;

  /// Waits until that fiber has ended; returns at once where it has. Any number of fibers may join
  /// the same one; when it has ended, they go to the end of the queue in the order in which they
  /// came. Throws what that fiber's body has thrown, to each of them.
  virtual void join(FiberId id) = 0;

  /// Waits until clock.now() is at least `when`. Those whose time has come go to the end of the
  /// queue in the order of their times, also where other fibers are always ready to run.
  virtual void sleep_until(Time when) = 0;
};

/// A scheduler without fibers. `clock` lives longer.
std::unique_ptr<Scheduler> make_scheduler(Clock& clock);

}  // namespace exercise
