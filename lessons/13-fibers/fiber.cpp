// A fiber's life: where its memory comes from, who may wait for its end, and what becomes of it.

#include <system_error>

#include "scheduler.hpp"

namespace unblock::fibers {

Fiber& Scheduler::unused_fiber() {
  const std::lock_guard lock{fibers_mutex_};
  if (unused_ == nullptr) {
    return fibers_.emplace_back(*this, options_.switch_kind, options_.stack_bytes);
  }
  return *std::exchange(unused_, unused_->next);
}

Handle Scheduler::start(Fiber& fiber) noexcept {
  live_.fetch_add(1, std::memory_order_relaxed);  // we are counted ourselves: it was not zero
  make_ready({&fiber, &fiber, 1});
  return Handle{fiber};
}

// By the worker that ran it, after it has left its stack for good.
void Scheduler::retire(Fiber& fiber) noexcept {
  {
    const std::lock_guard lock{fiber.guard};
    fiber.ended = true;
    fiber.joiners.wake_all();
  }
  release(fiber);
  drop_live();
}

// The fiber itself has ended, or its handle is gone: the last of the two puts it away.
void Scheduler::release(Fiber& fiber) noexcept {
  // Release: what this one did with the fiber. Acquire: what the other one did.
  if (fiber.owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (fiber.error) note_error(std::exchange(fiber.error, nullptr));  // nobody has joined it
  const std::lock_guard lock{fibers_mutex_};
  fiber.next = std::exchange(unused_, &fiber);
}

void Scheduler::drop_live() noexcept {
  // Acquire and release: run() sees all that its fibers have done.
  if (live_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::lock_guard lock{mutex_};
  ended_ = true;
  for (; sleeping_ > 0; --sleeping_) work_.post();
  if (std::exchange(io_waits_, false)) io_wanted_.post();
  if (waiting_ > 0) io_.interrupt();
}

void Scheduler::note_error(std::exception_ptr error) noexcept {
  const std::lock_guard lock{error_mutex_};
  if (!error_) error_ = std::move(error);
}

void Scheduler::wake_all() noexcept {
  {
    const std::lock_guard lock{fibers_mutex_};
    for (Fiber& fiber : fibers_) wake(fiber);
  }
  const std::lock_guard lock{mutex_};
  all_woken_ = true;
  if (idle_ == options_.threads && first_ready_ == nullptr) detect_deadlock();
}

Handle::~Handle() {
  if (fiber_ != nullptr) fiber_->scheduler.release(*fiber_);
}

void Handle::join() {
  Fiber& self = ThisFiber::get("join()");
  if (fiber_ == nullptr) throw RuleBroken{"join(): a fiber is joined once"};
  if (fiber_ == &self) throw RuleBroken{"join(): a fiber that waits for itself waits for ever"};
  {
    std::unique_lock lock{fiber_->guard};
    while (!fiber_->ended) fiber_->joiners.wait(lock);
  }
  Fiber& ended = *std::exchange(fiber_, nullptr);
  const std::exception_ptr error = std::exchange(ended.error, nullptr);
  ended.scheduler.release(ended);
  if (error) std::rethrow_exception(error);
}

}  // namespace unblock::fibers
