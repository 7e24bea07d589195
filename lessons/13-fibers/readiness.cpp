// How a fiber and the I/O thread (or a thread that waits in its place) meet at a descriptor,
// without a lock.
//
//   the fiber                                       the I/O thread
//     ready? take the note away, and go on            before = exchange(value, ready)
//     compare-and-exchange(value, nothing -> me)      a fiber in `before`? wake it
//     park
//     take the note away, and go on
//
// Invariants: whichever comes first, nothing is lost. Is the edge first, then the fiber's exchange
// fails and it does not park. Is the fiber first, then the I/O thread finds it. A fiber that has
// told where it waits and is not parked yet is only notified, and its worker does not park it
// (fiber.hpp).
//
// Compare with: 05-epoll, where one thread notes and handles, so that nothing can come in between.

#include "scheduler.hpp"

namespace unblock::fibers {

bool Readiness::take() noexcept {
  // Just the fiber that reads (or writes) takes `ready` away. An edge that comes in between comes
  // before the fiber tries.
  if (value_.load(std::memory_order_relaxed) != ready) return false;
  value_.exchange(nothing, std::memory_order_acquire);  // what set() has released
  return true;
}

Fiber* Readiness::set() noexcept {
  // Release: whoever finds `ready` also sees Watched::read_on. Acquire: the fiber's address, and
  // with it all that the fiber did before it put it there.
  const std::uintptr_t before = value_.exchange(ready, std::memory_order_acq_rel);
  return before == nothing || before == ready ? nullptr : reinterpret_cast<Fiber*>(before);
}

void Readiness::wait() {
  Fiber& self = ThisFiber::get("waiting for a descriptor");
  ThisFiber::check_cancelled(self);
  if (take()) {
    // A client that never lets its fiber wait must not keep the thread from the other fibers.
    constexpr unsigned in_a_row = 32;
    if (++self.lucky % in_a_row == 0) ThisFiber::yield();
    return;
  }
  self.lucky = 0;
  const auto me = reinterpret_cast<std::uintptr_t>(&self);
  const WaitsOutside counted{self.scheduler};
  for (;;) {
    std::uintptr_t seen = nothing;
    if (!value_.compare_exchange_strong(seen, me, std::memory_order_acq_rel)) {
      if (seen == ready) break;
      throw RuleBroken{
          "two fibers wait to read, or two to write, one descriptor: it is for one each"};
    }
    // Only here, where the I/O thread and stop() find it: what they do from now on wakes it.
    if (!ThisFiber::cancelled(self)) ThisFiber::park();
    seen = me;
    if (!value_.compare_exchange_strong(seen, nothing, std::memory_order_acq_rel)) break;  // ready
    ThisFiber::check_cancelled(self);  // else it was woken for nothing
  }
  take();
}

}  // namespace unblock::fibers
