#include "wait_queue.hpp"

#include "scheduler.hpp"

namespace unblock::fibers {

bool WaitQueue::wait(std::unique_lock<std::mutex>& lock, Deadline deadline) {
  return wait(lock, deadline, true);
}

void WaitQueue::wait_surely(std::unique_lock<std::mutex>& lock) { wait(lock, std::nullopt, false); }

bool WaitQueue::wait(std::unique_lock<std::mutex>& lock, Deadline deadline, bool cancellable) {
  Fiber& self = ThisFiber::get("waiting");
  Place place{&self, last_};
  (last_ == nullptr ? first_ : last_->next) = &place;
  last_ = &place;

  struct Leaving {  // however this function ends, nobody may find `place` any more
    WaitQueue& queue;
    Place& its_place;
    std::unique_lock<std::mutex>& its_lock;
    ~Leaving() {
      if (!its_lock.owns_lock()) its_lock.lock();
      if (!its_place.taken_out) queue.take_out(its_place);
    }
  } const leaving{*this, place, lock};

  for (;;) {
    // Only here, where it stands in the queue: a stop() from now on wakes it.
    if (cancellable || self.scheduler.deadlocked()) ThisFiber::check_cancelled(self);
    lock.unlock();
    deadline ? self.scheduler.io().park_until(*deadline) : ThisFiber::park();
    lock.lock();
    if (place.taken_out) return true;
    if (deadline && std::chrono::steady_clock::now() >= *deadline) return false;
  }
}

Fiber* WaitQueue::wake_one() noexcept {
  if (first_ == nullptr) return nullptr;
  Fiber* const fiber = first_->fiber;
  take_out(*first_);
  fiber->scheduler.wake(*fiber);
  return fiber;
}

void WaitQueue::wake_all() noexcept {
  while (wake_one() != nullptr) {
  }
}

void WaitQueue::take_out(Place& place) noexcept {
  (place.previous == nullptr ? first_ : place.previous->next) = place.next;
  (place.next == nullptr ? last_ : place.next->previous) = place.previous;
  place.taken_out = true;
}

}  // namespace unblock::fibers
