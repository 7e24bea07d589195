#include "poll_chat.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "core/errors.hpp"
#include "core/output_buffer.hpp"
#include "core/unique_fd.hpp"

namespace exercise {

using unblock::check;
using unblock::OutputBuffer;
using unblock::UniqueFd;

// TODO: what do you have to remember of a member? What it has said since its last newline, and what
// else?

void serve(int listen_fd, int stop_fd) {
  for (;;) {
    // TODO: the members, too; each for what you are waiting for.
    std::vector<pollfd> watched{{stop_fd, POLLIN, 0}, {listen_fd, POLLIN, 0}};
    // TODO: a signal may interrupt this call.
    check("poll", ::poll(watched.data(), watched.size(), -1));
    if (watched[0].revents != 0) return;
    if (watched[1].revents != 0) {
      // TODO: greet, and keep. Here the connection is closed again.
      const UniqueFd connection{
          ::accept4(listen_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    }
  }
}

}  // namespace exercise
