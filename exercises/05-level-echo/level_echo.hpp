#pragma once

namespace exercise {

/// Serves the clients of `listen_fd` until `stop_fd` is readable: each gets back every byte that it
/// sends, in order. When a client has finished sending (end-of-stream) and has everything back, its
/// connection is closed; when the connection breaks, at once.
///
/// One thread, asleep in epoll_wait(2), level-triggered; blocks nowhere else. `listen_fd` is a
/// listening TCP socket, non-blocking; it and `stop_fd` are the caller's and stay open. A signal
/// changes nothing. Returns when all connections are closed, and every other descriptor that it has
/// opened. Throws std::system_error where a call fails that must not; what one client does concerns
/// that client alone. (The program around ignores SIGPIPE.)
void serve(int listen_fd, int stop_fd);

}  // namespace exercise
