#include "select_echo.hpp"

#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "core/output_buffer.hpp"
#include "core/unique_fd.hpp"

namespace exercise {

using unblock::UniqueFd;

void serve_echo(int listen_fd, int stop_fd) {
  (void)listen_fd;
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(stop_fd, &readable);
  // TODO: the listener; each client, to be read or to be written; and all of it again and again.
  ::select(stop_fd + 1, &readable, nullptr, nullptr, nullptr);
}

}  // namespace exercise
