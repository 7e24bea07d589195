#pragma once

#include "exercises/kit/served.hpp"

namespace unblock::kit {

/// Up to a hundred bytes, there and back.
inline void expect_echo(Peer& client, Random& random) {
  const Bytes bytes = random.bytes(random.number(1, 100));
  client.send(bytes);
  client.expect(bytes);
}

}  // namespace unblock::kit
