#include "core/lesson.hpp"
#include "echo_server.hpp"

int main(int argc, char** argv) {
  using namespace unblock;
  const Lesson lesson{
      .number = 3,
      .name = "select",
      .title = "select: one thread that waits for many descriptors",
      .idea =
          "One call sleeps until one of many descriptors is ready. What to wait for, and what came "
          "of it, are\n"
          "the same sets of bits: each call overwrites them, each turn fills them anew. A set has "
          "1,024 bits,\n"
          "and all of them up to the highest are walked at every call.",
      .models = {model<SelectServer>("select", "one thread, sets of bits given to select(2)")},
      .experiments = {},
  };
  return lesson_main(lesson, argc, argv);
}
