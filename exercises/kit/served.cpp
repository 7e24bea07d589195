#include "exercises/kit/served.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock::kit {
namespace {

// The kernel doubles it. Much less, and a window is smaller than one segment of loopback's, which
// makes the sender wait for its timer.
constexpr int narrow_buffer = 64 * 1024;
constexpr std::size_t flood_piece = 16 * 1024;
// Looks in a row that find the server asleep: what is under way over loopback arrives in between.
constexpr int looks_until_stuck = 25;
constexpr std::chrono::milliseconds awake_all_along_after{300};

void set_buffers(int fd, int size) {
  for (const int option : {SO_SNDBUF, SO_RCVBUF}) {
    check("setsockopt", ::setsockopt(fd, SOL_SOCKET, option, &size, sizeof size));
  }
}

bool is_writable(const Peer& peer) {
  pollfd watched{peer.fd(), POLLOUT, 0};
  return ::poll(&watched, 1, 0) == 1;
}

}  // namespace

Served::Served(const SubjectOptions& options) : subject_{options} {}

Peer Served::connect(std::string name) { return listener_.connect(subject_, std::move(name)); }

Peer Served::connect_narrow(std::string name) {
  step("{} connects, with small buffers in the kernel", name);
  const UniqueFd listen_fd = listener_.descriptor();
  set_buffers(listen_fd.get(), narrow_buffer);  // an accepted socket has its listener's
  UniqueFd fd{check("socket", ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  set_buffers(fd.get(), narrow_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(listener_.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check("connect", ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
  // Whatever fits is sent at once: nothing is under way later that Nagle's delay has held back.
  const int yes = 1;
  check("setsockopt", ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes));
  return Peer{subject_, std::move(fd), std::move(name)};
}

void Served::stop() {
  stop_->send("stop");
  call_->result();
}

void Served::await_asleep() { call_->await_asleep(); }

Bytes Served::flood(Peer& peer, std::size_t most) {
  Random random;
  const Bytes piece = random.bytes(flood_piece);
  Bytes sent;
  int looks_asleep = 0;
  auto cpu_at_last = subject_.cpu_time();
  const auto is_stuck = [&] {
    const auto calls = subject_.sleeping_in();
    looks_asleep = calls.empty() ? 0 : looks_asleep + 1;
    return looks_asleep >= looks_until_stuck ||
           subject_.cpu_time() - cpu_at_last > awake_all_along_after;
  };
  while (sent.size() < most) {
    const std::size_t offset = sent.size() % piece.size();
    const ssize_t result =
        ::send(peer.fd(), piece.data() + offset, piece.size() - offset, MSG_NOSIGNAL);
    if (result < 0 && errno == EINTR) continue;
    if (result < 0 && errno != EAGAIN) {
      step("the connection of {} breaks", peer.name());
      return sent;
    }
    const auto put = static_cast<std::size_t>(std::max<ssize_t>(result, 0));
    sent.insert(sent.end(), piece.begin() + static_cast<std::ptrdiff_t>(offset),
                piece.begin() + static_cast<std::ptrdiff_t>(offset + put));
    if (put > 0) {
      looks_asleep = 0;
      cpu_at_last = subject_.cpu_time();
      continue;
    }
    bool stuck = false;
    subject_.await([&] { return is_writable(peer) || (stuck = is_stuck()); },
                   "the server to read, or to sleep");
    if (stuck) break;
  }
  step("{} sends {} bytes and receives none, until nothing more fits", peer.name(), sent.size());
  return sent;
}

}  // namespace unblock::kit
