#include "core/lesson.hpp"
#include "echo_server.hpp"
#include "experiments.hpp"

int main(int argc, char** argv) {
  using namespace unblock;
  const Lesson lesson{
      .number = 4,
      .name = "poll",
      .title = "poll: a list of descriptors, as long as one likes",
      .idea =
          "One call sleeps until one of many descriptors is ready. The caller keeps a list of what "
          "it watches; "
          "the kernel writes into it what happened, and leaves the rest of it as it was. No limit "
          "on the number, "
          "but the whole list is walked at every call.",
      .models = {model<PollServer>("poll", "one thread, a list of descriptors given to poll(2)")},
      .experiments =
          {{"kept-list", "N8", "poll leaves alone what it was asked, so that the list can be kept.",
            kept_list},
           {"events", "N8", "POLLHUP, POLLERR and POLLNVAL are reported without being asked for.",
            every_event},
           {"write-interest", "N8",
            "Interest in writing while there is nothing to write makes the loop spin.",
            leftover_write_interest},
           {"no-limit", "N8", "poll has no limit on the number of descriptors.", no_limit},
           {"cost", "N8",
            "poll is the sibling of select: it costs O(n) in the number of descriptors, too.",
            cost_of_poll}},
  };
  return lesson_main(lesson, argc, argv);
}
