#include "core/lesson.hpp"
#include "et_echo_server.hpp"
#include "lt_echo_server.hpp"
#include "oneshot_echo_server.hpp"

int main(int argc, char** argv) {
  using namespace unblock;
  Model oneshot = model<OneShotServer>(
      "epoll-oneshot", "each connection is reported once, then armed again; takes --threads");
  oneshot.takes_threads = true;
  const Lesson lesson{
      .number = 5,
      .name = "epoll",
      .title = "epoll: level-triggered, edge-triggered, one-shot",
      .idea =
          "The kernel keeps the list of what is watched, so that it need not be handed over and "
          "walked at\n"
          "every call, and notes by itself what becomes ready; a wait returns only that. A "
          "descriptor is\n"
          "reported for as long as it is ready, or when something happens to it, or once.",
      .models = {model<LevelTriggeredServer>("epoll-lt", "reported for as long as it is ready"),
                 model<EdgeTriggeredServer>("epoll-et", "reported when something new happens"),
                 oneshot},
      .experiments = {},
  };
  return lesson_main(lesson, argc, argv);
}
