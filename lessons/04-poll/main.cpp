#include "core/lesson.hpp"
#include "echo_server.hpp"

int main(int argc, char** argv) {
  using namespace unblock;
  const Lesson lesson{
      .number = 4,
      .name = "poll",
      .title = "poll: a list of descriptors, as long as one likes",
      .idea =
          "One call sleeps until one of many descriptors is ready. The caller keeps a list of what "
          "it watches;\n"
          "the kernel writes into it what happened, and leaves the rest of it as it was. No limit "
          "on the number,\n"
          "but the whole list is walked at every call.",
      .models = {model<PollServer>("poll", "one thread, a list of descriptors given to poll(2)")},
      .experiments = {},
  };
  return lesson_main(lesson, argc, argv);
}
