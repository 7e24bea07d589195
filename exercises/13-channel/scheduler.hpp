#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <list>

#include "lessons/13-fibers/context.hpp"

namespace exercise {

struct Fiber;

/// A scheduler of fibers on one thread, with what is needed to let a fiber wait for another one.
/// Given. Those that may run stand in a queue; whoever comes to the front runs until it yields,
/// parks or ends.
class Scheduler {
 public:
  Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  /// What is on the stacks of fibers that have not ended is forgotten.
  ~Scheduler();

  /// A new fiber at the end of the queue. Its body must not throw.
  void spawn(std::function<void()> body);
  /// Returns when no fiber may run: all have ended, or wait for what will not come.
  void run();

  // The rest is for fibers.

  /// The fiber that calls.
  [[nodiscard]] Fiber* current() const noexcept { return current_; }
  /// Puts the calling fiber at the end of the queue.
  void yield();
  /// Leaves the calling fiber out of the queue. Returns some time after another one has called
  /// wake() for it, and perhaps also for no reason: so look again at what you wait for.
  void park();
  /// Puts a parked fiber at the end of the queue. Changes nothing where it is not parked: a wake-up
  /// is not remembered.
  void wake(Fiber* fiber);

 private:
  static void fiber_main(void* fiber) noexcept;
  void leave();

  unblock::fibers::Context main_;
  Fiber* current_ = nullptr;
  std::list<Fiber> fibers_;
  std::deque<Fiber*> ready_;
};

}  // namespace exercise
