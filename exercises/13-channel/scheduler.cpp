#include "scheduler.hpp"

#include <utility>

namespace exercise {

using unblock::fibers::Context;
using unblock::fibers::Stack;

struct Fiber {
  Fiber(Scheduler& its_scheduler, std::function<void()> its_body)
      : scheduler{its_scheduler}, body{std::move(its_body)} {}

  enum class State { ready, running, parked, ended };
  Scheduler& scheduler;
  std::function<void()> body;
  State state = State::ready;
  Stack stack{std::size_t{128} * 1024};
  Context context;
};

Scheduler::Scheduler() = default;
Scheduler::~Scheduler() = default;

void Scheduler::spawn(std::function<void()> body) {
  Fiber& fiber = fibers_.emplace_back(*this, std::move(body));
  fiber.context.prepare(fiber.stack, &Scheduler::fiber_main, &fiber);
  ready_.push_back(&fiber);
}

void Scheduler::run() {
  while (!ready_.empty()) {
    current_ = ready_.front();
    ready_.pop_front();
    current_->state = Fiber::State::running;
    Context::switch_to(main_, current_->context);
  }
  current_ = nullptr;
  fibers_.remove_if([](const Fiber& fiber) { return fiber.state == Fiber::State::ended; });
}

void Scheduler::yield() {
  current_->state = Fiber::State::ready;
  ready_.push_back(current_);
  leave();
}

void Scheduler::park() {
  current_->state = Fiber::State::parked;
  leave();
}

void Scheduler::wake(Fiber* fiber) {
  if (fiber->state != Fiber::State::parked) return;
  fiber->state = Fiber::State::ready;
  ready_.push_back(fiber);
}

void Scheduler::leave() { Context::switch_to(current_->context, main_); }

void Scheduler::fiber_main(void* argument) noexcept {
  Fiber& self = *static_cast<Fiber*>(argument);
  Scheduler& scheduler = self.scheduler;
  self.body();
  self.state = Fiber::State::ended;
  Context::leave_for_good(self.context, scheduler.main_);
}

}  // namespace exercise
