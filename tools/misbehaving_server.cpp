// An echo server that keeps the contract of a lesson's program, or breaks it in one known way.
// Tests put it before the load client and `unblock compare`; it serves one connection after another
// event, in one thread, and is not meant to be fast.

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

constexpr std::size_t answers_before_it_breaks = 200;
constexpr std::chrono::milliseconds stall{500};

struct Server {
  std::string mode;
  UniqueFd listen_fd = listen_tcp("127.0.0.1", 0);
  std::vector<UniqueFd> connections;
  std::size_t answers = 0;

  void run();
  bool echo(int conn_fd);
  bool misbehave(int conn_fd, std::string& bytes);
};

void send_all(int conn_fd, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t put = ::send(conn_fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (put < 0) return;
    sent += static_cast<std::size_t>(put);
  }
}

// False where the connection is to be closed. It may change `bytes`, which are sent back then.
bool Server::misbehave(int conn_fd, std::string& bytes) {
  if (mode == "never-answers") bytes.clear();
  if (mode == "chatters") {
    fmt::print("{}\n", std::string(500, 'o'));
    fmt::print(stderr, "{}\n", std::string(500, 'e'));
  }
  if (answers < answers_before_it_breaks) return true;
  if (mode == "stalls" && answers == answers_before_it_breaks) std::this_thread::sleep_for(stall);
  if (mode == "wrong-byte") bytes.back() = static_cast<char>(bytes.back() ^ 1);
  if (mode == "swallows-a-byte") bytes.pop_back();
  if (mode == "too-many-bytes") bytes += 'x';
  if (mode == "goes-silent") bytes.clear();
  if (mode == "closes") return false;
  if (mode == "resets") {
    const linger at_once{1, 0};
    ::setsockopt(conn_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return false;
  }
  if (mode == "dies") {
    fmt::print(stderr, "first words\nlast words\n");
    std::abort();
  }
  if (mode == "exits") {
    fmt::print(stderr, "enough for today\n");
    std::exit(3);
  }
  return true;
}

// False where the connection has ended.
bool Server::echo(int conn_fd) {
  std::array<char, 16 * 1024> buffer;
  const ssize_t got = ::read(conn_fd, buffer.data(), buffer.size());
  if (got <= 0) return false;
  std::string bytes(buffer.data(), static_cast<std::size_t>(got));
  ++answers;
  if (!misbehave(conn_fd, bytes)) return false;
  send_all(conn_fd, bytes);
  return true;
}

void Server::run() {
  for (;;) {
    const bool is_full = mode == "holds-ten" && connections.size() == 10;
    std::vector<pollfd> watched{{listen_fd.get(), static_cast<short>(is_full ? 0 : POLLIN), 0}};
    for (const UniqueFd& connection : connections) watched.push_back({connection.get(), POLLIN, 0});
    check("poll", ::poll(watched.data(), watched.size(), -1));
    for (std::size_t i = connections.size(); i-- > 0;) {
      if (watched[i + 1].revents == 0 || echo(connections[i].get())) continue;
      connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (watched[0].revents != 0) {
      connections.emplace_back(
          check("accept4", ::accept4(listen_fd.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    }
  }
}

int run(const std::string& mode) {
  if (mode == "does-not-start") {
    fmt::print(stderr, "misbehaving: no luck today: try tomorrow\n");
    return 1;
  }
  if (mode == "says-nothing") return ::pause();
  if (mode == "says-something-else") {
    fmt::print("hello\n");
    return 0;
  }
  while (mode == "never-ends-its-line") fmt::print("{}", std::string(500, '.'));
  if (mode == "ignores-sigterm") ::signal(SIGTERM, SIG_IGN);
  Server server;
  server.mode = mode;
  fmt::print("warming up\nlistening on 127.0.0.1:{} (model {})\n",
             local_port(server.listen_fd.get()), mode);
  std::fflush(stdout);
  // The one that serves is another process than the one that was started, and does not care for the
  // other's end.
  if (mode == "forks" && check("fork", ::fork()) > 0) return ::pause();
  if (mode == "forks") ::signal(SIGTERM, SIG_IGN);
  server.run();
  return 0;
}

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) { return unblock::run(argc == 2 ? argv[1] : "behaves"); }
