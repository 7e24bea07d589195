#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "core/unique_fd.hpp"
#include "exercises/kit/peer.hpp"

/// What the checks of this exercise have in common.
namespace unblock::kit {

/// For the command serve: no connections but the listener's.
inline std::vector<UniqueFd> none() { return {}; }

inline std::vector<UniqueFd> just(UniqueFd connection) {
  std::vector<UniqueFd> connections;
  connections.push_back(std::move(connection));
  return connections;
}

inline void expect_echo(Peer& client, Random& random) {
  const Bytes bytes = random.bytes(random.number(1, 100));
  client.send(bytes);
  client.expect(bytes);
}

/// A non-blocking connection that never runs dry: its other end is itself, so that all that is sent
/// over it comes back to be read, at once.
UniqueFd endless_connection();

/// A non-blocking TCP connection (`theirs`) with 120 KB to read that are all there, for which there
/// is room to send back a small part only. Nothing more comes: no edge tells of anything but that
/// room.
struct FullConnection {
  Connection connection;
  Bytes sent;
};
FullConnection full_connection(Subject& subject);

/// Receives `expected`, a part at a time: whatever is there whenever the server sleeps.
void expect_in_parts(Subject& subject, Peer& client, const Bytes& expected);

}  // namespace unblock::kit
