#pragma once

namespace exercise {

/// Serves the clients of `listen_fd`, in Redis' protocol (RESP 2), until `stop_fd` is readable.
/// README.md says which commands there are, and what each replies.
///
/// On any loop, in one thread or more. `listen_fd` is a listening TCP socket, non-blocking; it and
/// `stop_fd` are the caller's and stay open. Returns when all connections are closed. (The program
/// around ignores SIGPIPE.)
void serve(int listen_fd, int stop_fd);

}  // namespace exercise
