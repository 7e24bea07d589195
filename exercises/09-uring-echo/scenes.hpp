#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "exercises/kit/peer.hpp"
#include "exercises/kit/served.hpp"

/// What the checks of this exercise have in common.
namespace unblock::kit {

/// More clients than any check has.
inline constexpr std::size_t many = 1000;
/// A server that reads no more from a client which reads nothing has taken less: half a megabyte
/// lies in the kernel's buffers on the way there and back, and the rest is its own.
inline constexpr std::size_t most_taken = 4U << 20U;

inline void expect_echo(Peer& client, Random& random) {
  const Bytes bytes = random.bytes(random.number(1, 100));
  client.send(bytes);
  client.expect(bytes);
}

/// What the kernel tells of the ring that the subject has open: proc(5), fdinfo.
struct RingState {
  unsigned submission_entries = 0;
  unsigned completions = 0;  ///< so far; it wraps around
};
/// Nothing where it has none.
std::optional<RingState> ring_state(Subject& subject);

/// Waits until the client's connection is broken off, or ended, whatever comes before that.
void expect_gone(Subject& subject, Peer& client, const std::string& cause = {});

}  // namespace unblock::kit
