#pragma once

namespace unblock {

/// Whether FD_SET in fortified.cpp checks its descriptor: a question to the C library's headers.
bool fd_set_is_checked() noexcept;

/// FD_SET(fd, ...), as it is in a program built with _FORTIFY_SOURCE. Where it is checked, a
/// descriptor from FD_SETSIZE on ends the process (SIGABRT); where it is not, it must not be given.
void fortified_fd_set(int fd) noexcept;

}  // namespace unblock
