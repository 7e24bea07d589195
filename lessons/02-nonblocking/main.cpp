#include <chrono>

#include "core/lesson.hpp"
#include "echo_server.hpp"

int main(int argc, char** argv) {
  using namespace unblock;
  const Lesson lesson{
      .number = 2,
      .name = "nonblocking",
      .title = "Non-blocking I/O: calls that return at once, and a loop that asks all the time",
      .idea =
          "With O_NONBLOCK a call that would sleep returns EAGAIN instead. So one thread can serve "
          "many clients\n"
          "by asking each socket in turn; but nobody tells it when to ask, so that it burns a CPU "
          "or, where it\n"
          "naps between two turns, keeps its clients waiting.",
      .models = {model<PollingServer>("polling", "one thread asks all sockets, without a pause"),
                 model<PollingServer>("polling-nap",
                                      "the same, with a nap of 1 ms where a turn brought nothing",
                                      std::chrono::milliseconds{1})},
      .experiments = {},
  };
  return lesson_main(lesson, argc, argv);
}
