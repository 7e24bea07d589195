#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/04-poll-chat/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(BackPressure, EndsWithTheSleeper) {
  FullRoom room;
  Random random;
  room.sleeper.reset();
  Peer listener = greeted(room.served.connect("another member"));
  const std::string line = "\n" + random_line(random);
  room.speaker.send(line);
  std::string heard;
  while (!heard.ends_with(line)) heard += listener.receive_line();
}

TEST(BackPressure, StillLetsMembersIn) {
  FullRoom room;
  greeted(room.served.connect("another member"));
}

TEST(Members, ComeAndGo) {
  Served served;
  Random random;
  served.start();
  std::vector<Peer> all;
  for (int i = 0; i < 60; ++i) {
    if (all.size() < 3 || random.number(0, 1) == 0) {
      all.push_back(greeted(served.connect("member " + std::to_string(i))));
    } else {
      const auto who = all.begin() + static_cast<long>(random.number(1, all.size() - 1));
      if (random.number(0, 1) == 0) {
        who->reset();
      } else {
        who->half_close();
        who->expect_end();
      }
      all.erase(who);
    }
    const std::string line = random_line(random);
    all.front().send(line);
    for (std::size_t k = 1; k < all.size(); ++k) all[k].expect(line);
  }
}

}  // namespace
}  // namespace unblock::kit
