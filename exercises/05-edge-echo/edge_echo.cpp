#include "edge_echo.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "core/errors.hpp"
#include "core/output_buffer.hpp"

namespace exercise {
namespace {

using unblock::check;
using unblock::OutputBuffer;
using unblock::UniqueFd;

// TODO: what do you have to remember of a connection, besides its descriptor and what the socket
// would not take? Edge-triggered, no event will remind you.

void watch(int epoll_fd, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  check("epoll_ctl", ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event));
}

}  // namespace

void serve(int listen_fd, int stop_fd, std::vector<UniqueFd> connections) {
  const UniqueFd epoll_fd{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))};
  watch(epoll_fd.get(), listen_fd, EPOLLIN);
  watch(epoll_fd.get(), stop_fd, EPOLLIN);
  // TODO: watch each of `connections`, too, edge-triggered.
  connections.clear();

  std::array<epoll_event, 64> events;
  for (;;) {
    // TODO: a signal may interrupt this call.
    const int ready = check("epoll_wait", ::epoll_wait(epoll_fd.get(), events.data(),
                                                       static_cast<int>(events.size()), -1));
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == stop_fd) return;
      if (fd == listen_fd) {
        // TODO: keep the connection, and watch it. Here it is closed again.
        const UniqueFd connection{
            ::accept4(listen_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        continue;
      }
      // TODO: read and send back, until when? This event comes once.
    }
  }
}

}  // namespace exercise
