#include "level_echo.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/errors.hpp"
#include "core/output_buffer.hpp"
#include "core/unique_fd.hpp"

namespace exercise {
namespace {

using unblock::check;
using unblock::OutputBuffer;
using unblock::UniqueFd;

// TODO: what do you have to remember of a connection? Its descriptor, and what else?

void watch(int epoll_fd, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  check("epoll_ctl", ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event));
}

}  // namespace

void serve(int listen_fd, int stop_fd) {
  const UniqueFd epoll_fd{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))};
  watch(epoll_fd.get(), listen_fd);
  watch(epoll_fd.get(), stop_fd);

  std::array<epoll_event, 64> events;
  for (;;) {
    // TODO: a signal may interrupt this call.
    const int ready = check("epoll_wait", ::epoll_wait(epoll_fd.get(), events.data(),
                                                       static_cast<int>(events.size()), -1));
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == stop_fd) return;
      if (fd == listen_fd) {
        // TODO: keep the connection, non-blocking, and watch it. Here it is closed again.
        const UniqueFd connection{
            ::accept4(listen_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        continue;
      }
      // TODO: read what is there, and send it back. What the socket does not take goes into the
      // connection's OutputBuffer; what do you watch the connection for then, and what not?
    }
  }
}

}  // namespace exercise
