#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "exercises/kit/served.hpp"

/// What the checks of this exercise have in common.
namespace unblock::kit {

inline Peer greeted(Peer member) {
  member.expect("welcome\n");
  return member;
}

inline std::string random_line(Random& random) { return random.word(random.number(5, 40)) + "\n"; }

/// A room with one who sleeps, and one who has spoken until nothing more fitted.
struct FullRoom {
  // More than a room takes that stops reading: the kernel's buffers hold less than a megabyte.
  static constexpr std::size_t most = 4U << 20U;

  Served served;
  Peer speaker;
  Peer sleeper;
  Bytes spoken;

  FullRoom()
      : speaker{(served.start(), greeted(served.connect_narrow("the speaker")))},
        sleeper{greeted(served.connect_narrow("a member that reads nothing"))},
        spoken{served.flood(speaker, most)} {}
};

}  // namespace unblock::kit
