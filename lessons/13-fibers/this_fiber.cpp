// What a fiber does to itself: find out who it is, leave its stack, end.

#include <fmt/format.h>

#include "scheduler.hpp"

namespace unblock::fibers {
namespace {

thread_local Scheduler::Worker* current_worker = nullptr;

}  // namespace

// [thread_local]
// A fiber may be left on one thread and resumed on another. The compiler does not know that: within
// a function it may compute the address of a thread_local once, and use it again after a call in
// which the fiber has moved. So only these two functions name the variable, they are never made
// part of another one, and nobody uses what worker() returned across a switch.
[[gnu::noinline]] Scheduler::Worker* ThisFiber::worker() noexcept {
  asm volatile("" ::: "memory");  // nor may one call stand for the next one, too
  return current_worker;
}

[[gnu::noinline]] void ThisFiber::set_worker(Scheduler::Worker* worker) noexcept {
  current_worker = worker;
}
// [/thread_local]

Fiber& ThisFiber::get(const char* what) {
  Scheduler::Worker* const here = worker();
  if (here == nullptr || here->fiber == nullptr) {
    throw RuleBroken{fmt::format(
        "{} is for fibers: call it in a function that Scheduler::run() or spawn() was given",
        what)};
  }
  return *here->fiber;
}

void ThisFiber::park() noexcept {
  Scheduler::Worker& before = *worker();
  before.left = Scheduler::Worker::Left::parked;
  Context::switch_to(before.fiber->context, before.context);
  // Here we are again, on the same stack; the thread may be another one, and `before` its old one.
}

void ThisFiber::yield() noexcept {
  Scheduler::Worker& before = *worker();
  before.left = Scheduler::Worker::Left::yielded;
  Context::switch_to(before.fiber->context, before.context);
}

void yield() {
  Fiber& fiber = ThisFiber::get("yield()");
  ThisFiber::check_cancelled(fiber);
  ThisFiber::yield();
}

void sleep_until(std::chrono::steady_clock::time_point when) {
  Fiber& fiber = ThisFiber::get("sleep_until()");
  ThisFiber::check_cancelled(fiber);
  while (std::chrono::steady_clock::now() < when) {
    fiber.scheduler.io().park_until(when);
    ThisFiber::check_cancelled(fiber);
  }
}

void sleep_for(std::chrono::nanoseconds duration) {
  sleep_until(std::chrono::steady_clock::now() + duration);
}

// No exception may leave a fiber: below this function there is nothing to unwind to. So it is kept
// for the one who joins.
void fiber_main(void* argument) noexcept {
  Fiber& fiber = *static_cast<Fiber*>(argument);
  try {
    fiber.body(fiber);
  } catch (const Cancelled&) {
    // The way out of a stopped scheduler.
  } catch (...) {
    fiber.error = std::current_exception();
  }
  Scheduler::Worker& last = *ThisFiber::worker();
  last.left = Scheduler::Worker::Left::ended;
  Context::leave_for_good(fiber.context, last.context);
}

}  // namespace unblock::fibers
