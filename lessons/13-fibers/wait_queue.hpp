#pragma once

// Where fibers stand and wait for one another: first come, first served.

#include <chrono>
#include <mutex>
#include <optional>

namespace unblock::fibers {

struct Fiber;

using Deadline = std::optional<std::chrono::steady_clock::time_point>;

/// Fibers that wait for something of an owner's. Each function is called with the owner's mutex
/// held: a std::mutex, held for a few instructions and never across a switch, since a fiber that is
/// resumed on another thread could not unlock it there.
class WaitQueue {
 public:
  /// Parks the calling fiber until a wake_one() or wake_all() has taken it out of the queue: true;
  /// or until the deadline has passed: false. `lock` is released meanwhile. Throws Cancelled, where
  /// the scheduler was stopped and nobody had taken it out yet.
  bool wait(std::unique_lock<std::mutex>& lock, Deadline deadline = std::nullopt);

  /// The same without a deadline, and not cancelled by stop(): for what is had soon, and wanted
  /// also by destructors. Only a deadlock ends it, by Cancelled.
  void wait_surely(std::unique_lock<std::mutex>& lock);

  /// Takes the first out and makes it ready; nullptr where there is none. What the caller hands
  /// over to it (a lock, say) is its own from then on.
  Fiber* wake_one() noexcept;
  void wake_all() noexcept;

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

 private:
  struct Place {  // on the stack of the fiber that waits
    Fiber* fiber;
    Place* previous;
    Place* next = nullptr;
    bool taken_out = false;
  };
  bool wait(std::unique_lock<std::mutex>& lock, Deadline deadline, bool cancellable);
  void take_out(Place& place) noexcept;

  Place* first_ = nullptr;
  Place* last_ = nullptr;
};

}  // namespace unblock::fibers
