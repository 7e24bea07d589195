#include "fiber_scheduler.hpp"

#include <utility>

#include "lessons/13-fibers/context.hpp"

namespace exercise {
namespace {

using unblock::fibers::Context;
using unblock::fibers::Stack;

// TODO: what else belongs to a fiber?
struct Fiber {
  FiberId id;
  std::function<void()> body;
  Stack stack{Scheduler::stack_bytes};
  Context context;
};

class MyScheduler final : public Scheduler {
 public:
  explicit MyScheduler(Clock& clock) : clock_{clock} {}

  FiberId spawn(std::function<void()> body) override {
    // TODO: make a fiber, prepare its context, and put it at the end of the queue.
    (void)body;
    return ++last_id_;
  }

  void run() override {
    // TODO: while there are fibers, switch to the first one of the queue, and see, when it has come
    // back, whether it has ended. And if nobody is in the queue?
  }

  void yield() override {
    // TODO: back into the queue, and from this fiber's context to that of run().
  }

  void join(FiberId id) override {
    (void)id;  // TODO
  }

  void sleep_until(Time when) override {
    // TODO: the others could run meanwhile.
    while (clock_.now() < when) clock_.sleep_until(when);
  }

 private:
  Clock& clock_;
  Context main_;  // of run()
  FiberId last_id_ = 0;
};

}  // namespace

std::unique_ptr<Scheduler> make_scheduler(Clock& clock) {
  return std::make_unique<MyScheduler>(clock);
}

}  // namespace exercise
