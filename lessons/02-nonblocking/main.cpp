#include <chrono>

#include "core/lesson.hpp"
#include "echo_server.hpp"
#include "experiments.hpp"

int main(int argc, char** argv) {
  using namespace unblock;
  const Lesson lesson{
      .number = 2,
      .name = "nonblocking",
      .title = "Non-blocking I/O: calls that return at once, and a loop that asks all the time",
      .idea =
          "With O_NONBLOCK a call that would sleep returns EAGAIN instead. So one thread can serve "
          "many clients "
          "by asking each socket in turn; but nobody tells it when to ask, so that it burns a CPU "
          "or, where it "
          "naps between two turns, keeps its clients waiting.",
      .models = {model<PollingServer>("polling", "one thread asks all sockets, without a pause"),
                 model<PollingServer>("polling-nap",
                                      "the same, with a nap of 1 ms where a turn brought nothing",
                                      std::chrono::milliseconds{1})},
      .experiments =
          {{"at-once", "N3 T3",
            "With O_NONBLOCK, set by fcntl, the same calls return at once where they would wait.",
            returns_at_once},
           {"three-answers", "N3",
            "read tells apart: nothing yet (EAGAIN), nothing ever (0), and broken (an error).",
            three_answers},
           {"short-write", "T3",
            "A blocking write waits until all is taken; a non-blocking one takes what fits.",
            short_write},
           {"shared-flag", "N3",
            "O_NONBLOCK is set by fcntl, for everyone who holds a copy of the descriptor.",
            shared_flag},
           {"connect", "N3",
            "A non-blocking connect returns at once, and SO_ERROR tells later how it ended.",
            connect_in_progress},
           {"regular-file", "N3",
            "With O_NONBLOCK the same calls return at once, whatever the descriptor stands for.",
            regular_file},
           {"one-device", "B6",
            "For a single device non-blocking calls are of almost no use: the loop burns a CPU.",
            one_device},
           {"nap", "B6", "A nap between two turns gives the CPU back, and clients pay with delay.",
            nap_or_burn}},
  };
  return lesson_main(lesson, argc, argv);
}
