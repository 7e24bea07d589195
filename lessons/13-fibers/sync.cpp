#include "sync.hpp"

#include "scheduler.hpp"

namespace unblock::fibers {

void Mutex::lock() {
  Fiber& self = ThisFiber::get("Mutex::lock()");
  std::unique_lock guard{guard_};
  if (owner_ == nullptr) {
    owner_ = &self;
    return;
  }
  if (owner_ == &self)
    throw RuleBroken{"Mutex::lock(): the fiber holds it and would wait for itself"};
  waiting_.wait_surely(guard);  // unlock() has made it ours
}

void Mutex::unlock() {
  Fiber& self = ThisFiber::get("Mutex::unlock()");
  const std::lock_guard guard{guard_};
  if (owner_ != &self) throw RuleBroken{"Mutex::unlock(): another fiber holds it, or none"};
  // Handed over rather than left open: who came first gets it, and not who happens to run.
  owner_ = waiting_.wake_one();
}

bool Mutex::try_lock() {
  Fiber& self = ThisFiber::get("Mutex::try_lock()");
  const std::lock_guard guard{guard_};
  if (owner_ != nullptr) return false;
  owner_ = &self;
  return true;
}

bool Condition::wait_once(std::unique_lock<Mutex>& lock, Deadline deadline) {
  bool notified = false;
  {
    // Between the two unlocks we stand in the queue: no notification falls in between.
    std::unique_lock guard{guard_};
    lock.unlock();
    notified = waiting_.wait(guard, deadline);
  }
  lock.lock();
  return notified;
}

void Condition::notify_one() {
  const std::lock_guard guard{guard_};
  waiting_.wake_one();
}

void Condition::notify_all() {
  const std::lock_guard guard{guard_};
  waiting_.wake_all();
}

}  // namespace unblock::fibers
