// The program around your file: it calls your function as a check orders. Nothing here is to be
// changed; the grader uses its own copy.

#include <fcntl.h>

#include "core/errors.hpp"
#include "exercises/kit/commands.hpp"
#include "uring_echo.hpp"

int main() {
  using unblock::UniqueFd;

  unblock::kit::Commands commands;
  commands.on("serve", [](const UniqueFd& listen_fd, const UniqueFd& stop_fd, std::size_t most) {
    // The kernel waits by itself only where a descriptor blocks.
    unblock::check("fcntl", ::fcntl(listen_fd.get(), F_SETFL, 0));
    exercise::serve(listen_fd.get(), stop_fd.get(), most);
  });
  return commands.run();
}
