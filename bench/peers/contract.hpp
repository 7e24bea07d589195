#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "core/unique_fd.hpp"

namespace unblock {

/// Bytes that a peer reads at a time, at most: as many as the lessons' models.
inline constexpr std::size_t peer_buffer_size = std::size_t{16} * 1024;

/// What main() hands to a peer's server: the listening socket, and how to say that it is served.
/// The socket does not block, and what is accepted from it has Nagle's delay off, as with the
/// lessons' models.
struct PeerListener {
  UniqueFd fd;
  /// Prints "listening on HOST:PORT (model NAME)". To be called once SIGINT and SIGTERM stop it.
  std::function<void()> announce;
};

/// The program of a peer: reads --host and --port, listens, and calls `serve`, which returns when
/// SIGINT or SIGTERM has come. Returns the exit status: 0, 1 for what went wrong (one line on
/// standard error), 2 for a wrong command line.
int peer_main(const std::string& name, int argc, char** argv, void (*serve)(PeerListener listener));

}  // namespace unblock
