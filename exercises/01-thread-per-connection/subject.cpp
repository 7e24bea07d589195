// The program around your file: it calls your functions as a check orders, and tells what came of
// it. Nothing here is to be changed; the grader uses its own copy.

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "exercises/kit/commands.hpp"
#include "thread_per_connection.hpp"

namespace {

// Where a client's call of serve waits for a command of the check.
class Gate {
 public:
  void pass() {
    std::unique_lock lock{mutex_};
    opened_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock{mutex_};
    open_ = true;
    opened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

// Sends back what comes until the client has finished. '!' throws; '~' waits at the gate, and
// returns.
void serve(int conn_fd, Gate& gate) {
  std::array<char, 256> buffer;
  for (;;) {
    const ssize_t got = ::read(conn_fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    if (buffer[0] == '!') throw std::runtime_error{"what this client asks for cannot be done"};
    if (buffer[0] == '~') return gate.pass();
    // What is so short fits into the socket at once.
    ::send(conn_fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
  }
}

}  // namespace

int main() {
  using unblock::UniqueFd;

  unblock::kit::Commands commands;
  Gate gate;
  std::unique_ptr<exercise::Server> server;
  std::vector<UniqueFd> kept;

  commands.on("Server", [&server, &gate](UniqueFd listener, std::size_t max_connections) {
    server = std::make_unique<exercise::Server>(std::move(listener), max_connections,
                                                [&gate](int conn_fd) { serve(conn_fd, gate); });
  });
  commands.in_thread("run", [&server] { server->run(); });
  commands.on("stop", [&server] { server->stop(); });
  commands.on("~Server", [&server] { server.reset(); });
  commands.on("open_gate", [&gate] { gate.open(); });
  // A descriptor that is the program's own.
  commands.on("keep", [&kept](UniqueFd fd) { kept.push_back(std::move(fd)); });
  return commands.run();
}
