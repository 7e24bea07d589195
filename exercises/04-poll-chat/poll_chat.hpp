#pragma once

namespace exercise {

/// A chat room for the clients of `listen_fd`, until `stop_fd` is readable. Whoever comes gets the
/// line "welcome". From then on, each line that another member sends goes to it, whole and with its
/// newline, in the order in which the room has read them; nobody gets its own lines. When a member
/// has finished sending (end-of-stream), what it has said since its last newline counts as a line;
/// what waits for it is sent, and its connection is closed. When the connection breaks, it is
/// closed at once.
///
/// While more than 64 KB wait for any member, the room reads from nobody.
///
/// One thread, asleep in poll(2); blocks nowhere else. `listen_fd` is a listening TCP socket,
/// non-blocking; it and `stop_fd` are the caller's and stay open. A signal changes nothing. Returns
/// when all connections are closed. Throws std::system_error where a call fails that must not; what
/// one member does concerns that member alone. (The program around ignores SIGPIPE.)
void serve(int listen_fd, int stop_fd);

}  // namespace exercise
