#include "core/lesson.hpp"
#include "et_echo_server.hpp"
#include "experiments.hpp"
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
      .experiments =
          {{"skeleton", "K5 K4",
            "The skeleton is create, register, wait, dispatch; a ready socket is handled without "
            "blocking the others.",
            skeleton},
           {"batch", "B8 K4", "With the non-blocking API a single thread serves the batch.", batch},
           {"level", "T4", "Level-triggered epoll returns a descriptor every time it is usable.",
            level},
           {"edge", "T5",
            "Edge-triggered epoll wakes once per event: what was left unread stays unnoticed until "
            "new data come.",
            edge},
           {"edge-blocking", "T5", "Edge-triggered epoll is usable only with non-blocking sockets.",
            edge_blocking},
           {"short-read", "T5",
            "After a read that returned less than was asked for, there is nothing more to read.",
            short_read},
           {"one-shot", "T5",
            "A one-shot descriptor is silent after its event until it is armed again.", one_shot},
           {"fairness", "K4 T5", "A ready connection is handled without blocking the others.",
            fairness},
           {"usual-sample", "B7",
            "An epoll echo server waits, walks the ready list, reads what there is and writes it "
            "back.",
            usual_sample},
           {"hang-up", "B7", "EPOLLRDHUP tells that the client has gone.", hang_up},
           {"stale", "B7", "Each entry of the ready list belongs to the connection of its number.",
            stale},
           {"deregister", "B7", "Closing a descriptor is enough to end its registration.",
            deregister},
           {"watched", "N8",
            "select costs O(n) in the number of descriptors, and poll is its sibling; the speed of "
            "epoll does not depend on their number.",
            watched},
           {"ready", "N8", "The speed of epoll does not depend on the number of descriptors.",
            ready},
           {"few-and-many", "N9",
            "Modern programs use epoll where there is one; some of its modes come close to "
            "asynchronous work.",
            few_and_many}},
  };
  return lesson_main(lesson, argc, argv);
}
