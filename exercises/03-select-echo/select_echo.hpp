#pragma once

namespace exercise {

/// Serves all clients in this one thread, with select(2): sends back every byte of each, in order.
/// Returns when `stop_fd` becomes readable.
///
/// `listen_fd` is a non-blocking, listening TCP socket. Both descriptors are below FD_SETSIZE, are
/// the caller's and stay open. Every connection is closed when the function returns.
///
/// - It sleeps in select while there is nothing to do, and waits nowhere else: no client, whatever
/// it
///   does or leaves undone, stops another one.
/// - What the socket of a client does not take now is kept and sent when it does. While there is
///   something kept for a client, nothing is read from it: so no more than 64 KiB are ever kept for
///   each.
/// - When a client has finished sending, it is sent all that it has yet to get; then its connection
/// is
///   closed. One that is broken is closed at once, and costs no other client anything.
/// - A client whose descriptor is FD_SETSIZE (1024) or more is closed at once: select cannot watch
/// it.
///   The others are served as before, and so is the next one that gets a smaller number.
/// - A signal that arrives meanwhile changes nothing.
///
/// poll, epoll and io_uring are denied to the program: they fail with ENOSYS. Throws
/// std::system_error where a call fails for a reason that is no client's (select, say).
void serve_echo(int listen_fd, int stop_fd);

}  // namespace exercise
