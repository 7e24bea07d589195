// A scheduler of fibers: N of them over M threads.
//
//   each of the M threads, repeat:
//     fiber = the first of the queue        sleeps while it is empty, or (SchedulerOptions::
//                                           idle_threads_wait) does what the I/O thread does
//     switch to it                          until it yields, parks or ends
//     only now, when it has left its stack:
//       it yielded: to the end of the queue
//       it parked:  mark it as parked       whoever wakes it from now on puts it into the queue
//       it ended:   wake those who join it
//
//   the I/O thread, repeat:                 io_thread.cpp
//     wait for readiness and times; put the fibers that wait for them into the queue
//
// Invariants: a fiber is in the queue at most once, and never while it is still on its stack: it
// could be resumed in two places. A fiber that parks looks at what it waits for after it has told
// others where it waits; so it sees what came before, and is woken for what comes after.
//
// Manual: none of it is the kernel's but the sleep of idle threads, sem_overview(7).
//
// Compare with: 01-blocking, where the kernel's scheduler does all this.

#include "scheduler.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"

namespace unblock::fibers {

Scheduler::Scheduler(SchedulerOptions options) : options_{std::move(options)}, io_{*this} {
  if (options_.threads == 0) options_.threads = available_cpus();
}

Scheduler::~Scheduler() = default;

void Scheduler::stop() noexcept {
  stopping_.store(true, std::memory_order_release);
  io_.interrupt();
}

void Scheduler::run_threads(const std::function<void()>& spawn_first) {
  if (ThisFiber::worker() != nullptr)
    throw RuleBroken{"run() is not for fibers: spawn() one instead"};
  {
    std::vector<std::jthread> threads;  // joined at the end of this block, whatever happens
    try {
      io_.start();
      if (stopping()) io_.interrupt();
      while (threads.size() + 1 < options_.threads) threads.emplace_back([this] { work(); });
      spawn_first();
    } catch (...) {
      drop_live();
      threads.clear();
      io_.end();
      throw;
    }
    drop_live();
    work();
  }
  io_.end();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

// [work]
void Scheduler::work() noexcept {
  Worker worker{.context = Context{options_.switch_kind}};
  ThisFiber::set_worker(&worker);
  Fiber* back_into_queue = nullptr;
  while (Fiber* const fiber = next(std::exchange(back_into_queue, nullptr))) {
    resume(worker, *fiber);
    switch (worker.left) {  // the fiber has left its stack: only now may others have it
      case Worker::Left::yielded:
        back_into_queue = fiber;
        break;
      case Worker::Left::parked:
        trace(Step::parked, *fiber);
        if (!fiber->settle()) back_into_queue = fiber;  // woken on its way
        break;
      case Worker::Left::ended:
        retire(*fiber);
        break;
    }
  }
  ThisFiber::set_worker(nullptr);
}
// [/work]

void Scheduler::resume(Worker& worker, Fiber& fiber) noexcept {
  // An exchange and not a store: it acquires what the last of its wakers has done.
  fiber.state.exchange(FiberState::running, std::memory_order_acquire);
  trace(Step::resumed, fiber);
  worker.fiber = &fiber;
  // The exceptions that are being handled belong to the fiber, not to the thread.
  auto* const exceptions = reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
  std::swap(*exceptions, fiber.exceptions);
  Context::switch_to(worker.context, fiber.context);
  std::swap(*exceptions, fiber.exceptions);
  worker.fiber = nullptr;
}

// What follows, up to make_ready(), is called with mutex_ held.
void Scheduler::append(const Woken& woken) noexcept {
  if (woken.count == 0) return;
  woken.last->next = nullptr;
  (first_ready_ == nullptr ? first_ready_ : last_ready_->next) = woken.first;
  last_ready_ = woken.last;
}

// No thread has a fiber to run. Who waits for nothing from outside waits for another fiber.
void Scheduler::detect_deadlock() noexcept {
  if (waiting_outside.load() != 0 || live_.load() == 0 || deadlocked()) return;
  if (stopping() && !all_woken_) return;  // stop() is about to wake them
  note_error(std::make_exception_ptr(RuleBroken{
      fmt::format("deadlock: nothing can wake the fibers that are left ({})", live_.load())}));
  deadlocked_.store(true, std::memory_order_release);
  stop();
}

Fiber* Scheduler::next(Fiber* yielded) noexcept {
  std::unique_lock lock{mutex_};
  if (yielded != nullptr) append({yielded, yielded, 1});
  while (first_ready_ == nullptr && !ended_) {
    if (++idle_ == options_.threads) detect_deadlock();
    options_.idle_threads_wait ? await_work_at_kernel(lock) : await_work(lock);
    --idle_;
  }
  Fiber* const first = first_ready_;
  if (first != nullptr) first_ready_ = first->next;
  const bool many = ++resumed_since_poll_ >= resumed_per_poll;
  const bool io_is_wanted = many && std::exchange(io_waits_, false);
  lock.unlock();
  if (io_is_wanted) io_wanted_.post();
  return first;
}

// The two release the mutex while they sleep.
void Scheduler::await_work(std::unique_lock<std::mutex>& lock) noexcept {
  ++sleeping_;
  const bool io_is_wanted = std::exchange(io_waits_, false);
  lock.unlock();
  if (io_is_wanted) io_wanted_.post();
  work_.wait();
  lock.lock();
}

void Scheduler::await_work_at_kernel(std::unique_lock<std::mutex>& lock) noexcept {
  ++waiting_;
  resumed_since_poll_ = 0;
  lock.unlock();
  const Woken woken = io_.wait();
  lock.lock();
  --waiting_;
  append(woken);
  // interrupt() may wake one thread only, and that may be the I/O thread: who is woken passes it
  // on.
  const bool more_than_ours = first_ready_ != nullptr && first_ready_->next != nullptr;
  if (waiting_ > 0 && (more_than_ours || ended_)) io_.interrupt();
}

void Scheduler::make_ready(const Woken& woken) noexcept {
  std::size_t to_wake = 0;
  bool interrupts = false;
  {
    const std::lock_guard lock{mutex_};
    append(woken);
    // A thread that runs looks at the queue by itself; only a sleeping one costs a system call.
    to_wake = std::min(woken.count, sleeping_);
    sleeping_ -= to_wake;
    interrupts = waiting_ > 0 && (first_ready_ != nullptr || ended_);
  }
  for (; to_wake > 0; --to_wake) work_.post();
  if (interrupts) io_.interrupt();
}

// While every thread is busy, more fibers that are ready help nobody, and an I/O thread that
// fetches each event as it comes takes the CPU from those that would handle it. So it polls when a
// thread has run out of fibers, or, that nobody waits too long, when many have been resumed.
void Scheduler::await_demand() noexcept {
  std::unique_lock lock{mutex_};
  if (sleeping_ == 0 && resumed_since_poll_ < resumed_per_poll && !ended_) {
    io_waits_ = true;  // whoever finds it takes it away, and posts
    lock.unlock();
    io_wanted_.wait();
    lock.lock();
  }
  resumed_since_poll_ = 0;
}

}  // namespace unblock::fibers
