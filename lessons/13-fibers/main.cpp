#include "core/lesson.hpp"
#include "echo_server.hpp"
#include "experiments.hpp"

int main(int argc, char** argv) {
  using namespace unblock;
  using fibers::SwitchKind;

  Model own = model<FiberServer>(
      "fibers", "a fiber for each client, over M threads and an I/O thread; our own switch",
      SwitchKind::own);
  Model portable =
      model<FiberServer>("fibers-ucontext", "the same with swapcontext(3)", SwitchKind::ucontext);
  own.takes_threads = true;
  portable.takes_threads = true;

  const Lesson lesson{
      .number = 13,
      .name = "fibers",
      .title = "Fibers: code that looks blocking, on threads that never wait",
      .idea =
          "A fiber has a stack of its own, as a thread has, but the program itself switches\n"
          "from one to another: a function call that comes back on another stack. When a\n"
          "fiber's read finds nothing, the fiber is parked and its thread runs another one; a\n"
          "thread for I/O watches all descriptors and makes the fiber ready again.",
      .models = {own, portable},
      .experiments = fiber_experiments(),
  };
  return lesson_main(lesson, argc, argv);
}
