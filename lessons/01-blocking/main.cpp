#include "core/lesson.hpp"
#include "echo_server.hpp"
#include "experiments.hpp"
#include "threaded_echo_server.hpp"

int main(int argc, char** argv) {
  using namespace unblock;
  const Lesson lesson{
      .number = 1,
      .name = "blocking",
      .title = "Blocking I/O: one thread for each connection",
      .idea =
          "Every call waits in the kernel until it can do something: accept until a client comes, "
          "read "
          "until a byte is there, write while the client's window is full. While a thread waits it "
          "can "
          "do nothing else, so that a server for many clients needs a thread for each.",
      .models = {model<ThreadPerConnectionServer>("thread-per-connection",
                                                  "one thread for each client"),
                 model<OneThreadServer>("one-thread",
                                        "one thread for all clients, one client after another")},
      .experiments =
          {{"one-byte", "N1",
            "A blocking read does not wait until the buffer is full: one byte is enough; and until "
            "something comes, it does not return.",
            one_byte},
           {"short-counts", "N1",
            "A blocking write may take a part only, and a signal ends a wait before anything has "
            "come.",
            short_counts},
           {"blocked-read", "B5",
            "In a blocking read the thread sleeps; the data make it runnable, and then it copies "
            "them.",
            blocked_read},
           {"stop-accept", "N2",
            "A server blocked in accept is stopped by setting a flag and connecting to it from "
            "itself.",
            stop_accept},
           {"one-slow-client", "D1",
            "With one blocking thread for all, one slow client stops every other.",
            one_slow_client},
           {"thread-for-each", "B8", "With the blocking API each socket has a thread of its own.",
            thread_for_each},
           {"data-race", "B1",
            "On one core nothing runs in parallel, and still a data race is possible.", data_race},
           {"system-call", "B3",
            "A system call puts its number and its arguments in registers and executes one "
            "instruction.",
            system_call},
           {"thread-cost", "B2 B4",
            "A thread is expensive to create and to switch: about a microsecond a switch, 1 % of a "
            "core "
            "for 10,000 threads at one switch a second.",
            thread_cost}},
  };
  return lesson_main(lesson, argc, argv);
}
