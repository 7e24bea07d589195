#pragma once

#include <cstddef>

namespace exercise {

/// Serves the clients of `listen_fd` until `stop_fd` is readable: each gets back every byte that it
/// sends, in order. When a client has finished sending (end-of-stream) and has everything back, its
/// connection is closed; when the connection breaks, at once.
///
/// No more than `most` clients (at least 1): when one more comes, the connection that has been open
/// longest is ended, whatever is under way there, and the new one is served. There are descriptors
/// enough for one client more.
///
/// The kernel accepts, receives and sends, through one ring of `ring_entries`; the only call that
/// sleeps is io_uring_enter(2), in one thread. `listen_fd` is a listening TCP socket, blocking (a
/// non-blocking one would complete with -EAGAIN instead of waiting); it and `stop_fd` are the
/// caller's and stay open, and `stop_fd` unread. A signal changes nothing. Returns when nothing is
/// in flight any more, all connections are closed, and every other descriptor that it has opened.
/// Throws std::system_error where a call fails that must not; what one client does concerns that
/// client alone.
void serve(int listen_fd, int stop_fd, std::size_t most);

/// The size of the submission queue: for io_uring_queue_init(3). So small that it fills up.
inline constexpr unsigned ring_entries = 8;

}  // namespace exercise
