// The program around your file: it calls your function as a check orders. Nothing here is to be
// changed; the grader uses its own copy.

#include "exercises/kit/commands.hpp"
#include "small_redis.hpp"

int main() {
  using unblock::UniqueFd;

  unblock::kit::Commands commands;
  commands.on("serve", [](const UniqueFd& listen_fd, const UniqueFd& stop_fd) {
    exercise::serve(listen_fd.get(), stop_fd.get());
  });
  return commands.run();
}
