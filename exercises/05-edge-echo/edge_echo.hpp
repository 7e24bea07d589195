#pragma once

#include <vector>

#include "core/unique_fd.hpp"

namespace exercise {

/// Serves the clients of `listen_fd`, and those of `connections` that are there already, until
/// `stop_fd` is readable: each gets back every byte that it sends, in order. When a client has
/// finished sending (end-of-stream) and has everything back, its connection is closed; when the
/// connection breaks, at once.
///
/// One thread, asleep in epoll_wait(2); blocks nowhere else. Every connection is watched
/// edge-triggered. However much one client sends, all others get their turns.
///
/// `listen_fd` is a listening TCP socket, non-blocking; it and `stop_fd` are the caller's and stay
/// open. `connections` are connected sockets, non-blocking; some may have bytes to read already, or
/// their end. A signal changes nothing. Returns when all connections are closed, and every other
/// descriptor that it has opened. Throws std::system_error where a call fails that must not; what
/// one client does concerns that client alone. (The program around ignores SIGPIPE.)
void serve(int listen_fd, int stop_fd, std::vector<unblock::UniqueFd> connections);

}  // namespace exercise
