#include "core/lesson.hpp"
#include "echo_server.hpp"
#include "experiments.hpp"

int main(int argc, char** argv) {
  using namespace unblock;
  const auto with_threads = [](Model model) {
    model.takes_threads = true;
    return model;
  };
  const Lesson lesson{
      .number = 9,
      .name = "proactor",
      .title = "The proactor: operations that are ordered, and handlers of their completion",
      .idea =
          "Instead of waiting until a socket is ready and then reading, a program orders the read "
          "and goes on; somebody else carries it out, and a handler gets the data. Who that "
          "somebody is may vary: a select loop in another thread, glibc's threads (POSIX AIO), or "
          "the kernel (io_uring). One server runs on each.",
      .models = {with_threads(model<ProactorEchoServer>(
                     "proactor-select", "a select loop in a thread of its own does the work",
                     EngineKind::select)),
                 with_threads(model<ProactorEchoServer>(
                     "proactor-aio", "POSIX AIO: glibc's threads do it, and send a signal",
                     EngineKind::aio_signal)),
                 with_threads(model<ProactorEchoServer>(
                     "proactor-uring", "io_uring: the kernel does it, many for one system call",
                     EngineKind::uring))},
      .experiments =
          {{"roles", "N5",
            "The proactor has seven roles; an operation is started in our thread, and its "
            "completion may be handled in another one, or in several.",
            roles},
           {"endless-chain", "N6",
            "An operation started in a completion handler makes an endless chain of processing.",
            endless_chain},
           {"cancel", "N6", "However such a chain is ended, each handler is called exactly once.",
            cancellation},
           {"reactor-inside", "N7",
            "The operation processor works over select in a thread of its own: a reactor inside.",
            reactor_inside},
           {"hidden-wait", "N10",
            "To us the operation is asynchronous; the waiting is hidden in a select in another "
            "thread.",
            hidden_wait},
           {"aio-notices", "N11",
            "With POSIX AIO a completion arrives by a signal or in a special thread.", aio_notices},
           {"aio-threads", "N11",
            "POSIX AIO lets one order the handling of an event from the system.", aio_threads},
           {"gain", "N11",
            "Having POSIX AIO carry out the reads and writes of a socket saves waiting.", aio_gain},
           {"batches", "N12",
            "Ordering instead of waiting saves work, through memory shared with the kernel.",
            batches},
           {"two-reads", "N13",
            "Only one operation may be ordered per socket at a time: the order of completion is "
            "not "
            "known.",
            two_reads}},
  };
  return lesson_main(lesson, argc, argv);
}
