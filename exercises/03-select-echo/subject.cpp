// The program around your file: it calls your functions as a check orders, and tells what came of
// it. Nothing here is to be changed; the grader uses its own copy.

#include <fcntl.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "core/wake_event.hpp"
#include "exercises/kit/commands.hpp"
#include "select_echo.hpp"

int main() {
  using unblock::UniqueFd;

  unblock::kit::Commands commands;
  unblock::WakeEvent stop;
  std::vector<UniqueFd> used_up;

  commands.in_thread("serve_echo", [&stop](const UniqueFd& listener) {
    exercise::serve_echo(listener.get(), stop.fd());
  });
  commands.on("stop", [&stop] { stop.signal(); });
  // Uses up descriptors, so that the next one is `next` or, where that is taken, more.
  commands.on("use_up_descriptors", [&used_up](int next) {
    for (;;) {
      UniqueFd copy{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)};
      if (!copy || copy.get() >= next) return;
      used_up.push_back(std::move(copy));
    }
  });
  return commands.run();
}
