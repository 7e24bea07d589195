#include "core/lesson.hpp"
#include "echo_server.hpp"

int main(int argc, char** argv) {
  using namespace unblock;
  const Lesson lesson{
      .number = 1,
      .name = "blocking",
      .title = "Blocking I/O: one thread for each connection",
      .idea =
          "Every call waits in the kernel until it can do something: accept until a client comes, "
          "read until\n"
          "a byte is there, write while the client's window is full. While a thread waits it can "
          "do nothing\n"
          "else, so that a server for many clients needs a thread for each.",
      .models = {model<ThreadPerConnectionServer>("thread-per-connection",
                                                  "one thread for each client"),
                 model<OneThreadServer>("one-thread",
                                        "one thread for all clients, one client after another")},
      .experiments = {},
  };
  return lesson_main(lesson, argc, argv);
}
