#include "core/lesson.hpp"
#include "echo_server.hpp"
#include "experiments.hpp"

int main(int argc, char** argv) {
  using namespace unblock;
  const Lesson lesson{
      .number = 3,
      .name = "select",
      .title = "select: one thread that waits for many descriptors",
      .idea =
          "One call sleeps until one of many descriptors is ready. What to wait for, and what came "
          "of it, are "
          "the same sets of bits: each call overwrites them, each turn fills them anew. A set has "
          "1,024 bits, "
          "and all of them up to the highest are walked at every call.",
      .models = {model<SelectServer>("select", "one thread, sets of bits given to select(2)")},
      .experiments =
          {{"overwritten-sets", "N8",
            "The sets for reading and for writing are overwritten by the call, and filled anew.",
            overwritten_sets},
           {"timeout", "N8", "The timeout must be set anew before each call, too.",
            timeout_counts_down},
           {"hint", "N8", "What select calls ready may block all the same.", ready_is_a_hint},
           {"behind-the-set", "N8",
            "A descriptor from FD_SETSIZE on is written behind the set's end.", behind_the_set},
           {"full-set", "N8", "select stops at FD_SETSIZE descriptors, and a server must, too.",
            full_set},
           {"cost", "N8", "select costs O(n) in the number of descriptors that it watches.",
            cost_of_select}},
  };
  return lesson_main(lesson, argc, argv);
}
