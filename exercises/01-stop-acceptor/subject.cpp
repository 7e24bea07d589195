// The program around your file: it calls your functions as a check orders, and tells what came of
// it. Nothing here is to be changed; the grader uses its own copy.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "exercises/kit/commands.hpp"
#include "stop_acceptor.hpp"

namespace {

void say(const unblock::UniqueFd& to, const std::string& text) {
  ::send(to.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

}  // namespace

int main() {
  using unblock::UniqueFd;

  unblock::kit::Commands commands;
  std::unique_ptr<exercise::Acceptor> acceptor;
  std::vector<UniqueFd> kept;

  // Each connection is greeted and closed, and one byte goes to the witness. `stop_after`: the
  // connection whose handler calls stop(), 0 for none.
  commands.on("Acceptor", [&acceptor](UniqueFd listener, UniqueFd witness, std::string greeting,
                                      int stop_after) {
    auto witness_of_all = std::make_shared<UniqueFd>(std::move(witness));
    acceptor = std::make_unique<exercise::Acceptor>(
        std::move(listener), [=, &acceptor, count = 0](UniqueFd connection) mutable {
          say(*witness_of_all, "+");
          say(connection, greeting);
          if (++count == stop_after) acceptor->stop();
        });
  });
  commands.in_thread("run", [&acceptor] { acceptor->run(); });
  commands.on("stop", [&acceptor] { acceptor->stop(); });
  commands.on("~Acceptor", [&acceptor] { acceptor.reset(); });
  // A descriptor that is the program's own.
  commands.on("keep", [&kept](UniqueFd fd) { kept.push_back(std::move(fd)); });
  // From now on no descriptor is free.
  commands.on("use_up_descriptors", [&kept] {
    while (kept.emplace_back(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0))) {
    }
  });
  return commands.run();
}
