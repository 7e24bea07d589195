// Mistake: waits for the time of the one who began to sleep first
// Loses: Sleep.EndsInTheOrderOfTheTimes

#include <deque>
#include <exception>
#include <map>
#include <utility>
#include <vector>

#include "fiber_scheduler.hpp"
#include "lessons/13-fibers/context.hpp"

namespace exercise {
namespace {

using unblock::fibers::Context;
using unblock::fibers::Stack;

class MyScheduler;

struct Fiber {
  Fiber(MyScheduler& its_scheduler, FiberId its_id, std::function<void()> its_body)
      : scheduler{its_scheduler}, id{its_id}, body{std::move(its_body)} {}

  MyScheduler& scheduler;
  FiberId id;
  std::function<void()> body;
  Stack stack{Scheduler::stack_bytes};
  Context context;
  std::vector<Fiber*> joiners;
  std::exception_ptr error;
  bool ended = false;
};

class MyScheduler final : public Scheduler {
 public:
  explicit MyScheduler(Clock& clock) : clock_{clock} {}

  FiberId spawn(std::function<void()> body) override {
    const FiberId id = ++last_id_;
    auto fiber = std::make_unique<Fiber>(*this, id, std::move(body));
    fiber->context.prepare(fiber->stack, &MyScheduler::fiber_main, fiber.get());
    ready_.push_back(fiber.get());
    live_.emplace(id, std::move(fiber));
    return id;
  }

  void run() override {
    while (!live_.empty()) {
      wake_sleepers();
      if (!ready_.empty()) {
        resume_next();
      } else if (!sleepers_.empty()) {
        clock_.sleep_until(sleepers_.begin()->first);
      } else {
        throw Deadlock{"every fiber that is left waits for another one"};
      }
    }
  }

  void yield() override {
    ready_.push_back(current_);
    leave();
  }

  void join(FiberId id) override {
    if (const auto found = live_.find(id); found != live_.end()) {
      found->second->joiners.push_back(current_);
      leave();
    }
    if (const auto found = errors_.find(id); found != errors_.end()) {
      std::rethrow_exception(found->second);
    }
  }

  void sleep_until(Time when) override {
    sleepers_.emplace_back(when, current_);
    leave();
  }

 private:
  // No exception may leave it: below it there is nothing to unwind to.
  static void fiber_main(void* argument) noexcept {
    Fiber& self = *static_cast<Fiber*>(argument);
    try {
      self.body();
    } catch (...) {
      self.error = std::current_exception();
    }
    self.ended = true;
    Context::leave_for_good(self.context, self.scheduler.main_);
  }

  void leave() { Context::switch_to(current_->context, main_); }

  void resume_next() {
    current_ = ready_.front();
    ready_.pop_front();
    Context::switch_to(main_, current_->context);
    if (current_->ended) retire(*current_);
  }

  // Here, on the stack of run(): nobody can free the stack that he stands on.
  void retire(Fiber& fiber) {
    if (fiber.error) errors_.emplace(fiber.id, fiber.error);
    ready_.insert(ready_.end(), fiber.joiners.begin(), fiber.joiners.end());
    live_.erase(fiber.id);
  }

  void wake_sleepers() {
    if (sleepers_.empty()) return;
    const Time now = clock_.now();
    while (!sleepers_.empty() && sleepers_.begin()->first <= now) {
      ready_.push_back(sleepers_.begin()->second);
      sleepers_.erase(sleepers_.begin());
    }
  }

  Clock& clock_;
  Context main_;  // of run()
  Fiber* current_ = nullptr;
  FiberId last_id_ = 0;
  std::map<FiberId, std::unique_ptr<Fiber>> live_;
  std::map<FiberId, std::exception_ptr> errors_;  // of those that have ended by one
  std::deque<Fiber*> ready_;
  std::deque<std::pair<Time, Fiber*>> sleepers_;
};

}  // namespace

std::unique_ptr<Scheduler> make_scheduler(Clock& clock) {
  return std::make_unique<MyScheduler>(clock);
}

}  // namespace exercise
