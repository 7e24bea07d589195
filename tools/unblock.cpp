// The `unblock` command: what runs across the lessons.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "tools/command_line.hpp"

namespace unblock {
namespace {

// A descriptor below 3 that is closed would be given to the next socket, and what is printed would
// go to a server.
void require_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (fd == STDOUT_FILENO) {
      throw UserError{"standard output is closed: give it a file, a pipe or a terminal"};
    }
    check("open", ::open("/dev/null", O_RDWR));
  }
}

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) {
  using namespace unblock;
  // A pipe or a client that is gone is an error of write(2), not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);
  try {
    require_standard_streams();
    return run_unblock(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "unblock: {}\n", explain(error));
    return 1;
  }
}
