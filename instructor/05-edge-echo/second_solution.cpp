// Right too, in another manner: it keeps no list of turns, but has the kernel report again whoever
// has not been drained (EPOLL_CTL_MOD looks anew); the listener is level-triggered.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

#include "edge_echo.hpp"

namespace exercise {
namespace {

constexpr std::size_t most_waiting = 32 * 1024;
constexpr std::size_t most_in_a_turn = 64 * 1024;

struct Client {
  unblock::UniqueFd fd;
  std::string waiting;
  bool has_finished = false;
};

enum class Now { drained, could_go_on, over };

bool is_not_now() { return errno == EAGAIN || errno == EWOULDBLOCK; }

Now serve_for_a_while(Client& client) {
  for (std::size_t moved = 0; moved < most_in_a_turn;) {
    bool blocked_in = client.has_finished || client.waiting.size() >= most_waiting;
    bool blocked_out = client.waiting.empty();
    if (!blocked_in) {
      char piece[8192];
      const ssize_t got = ::recv(client.fd.get(), piece, sizeof piece, MSG_DONTWAIT);
      if (got < 0 && errno != EINTR && !is_not_now()) return Now::over;
      blocked_in = got < 0 && is_not_now();
      client.has_finished = got == 0;
      if (got > 0) client.waiting.append(piece, static_cast<std::size_t>(got));
      if (got > 0) moved += static_cast<std::size_t>(got);
    }
    if (!client.waiting.empty()) {
      const ssize_t put = ::send(client.fd.get(), client.waiting.data(), client.waiting.size(),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
      if (put < 0 && errno != EINTR && !is_not_now()) return Now::over;
      blocked_out = put < 0 && is_not_now();
      if (put > 0) client.waiting.erase(0, static_cast<std::size_t>(put));
      if (put > 0 && client.waiting.size() < most_waiting) blocked_in = client.has_finished;
    }
    if (client.has_finished && client.waiting.empty()) return Now::over;
    if (blocked_in && blocked_out) return Now::drained;
  }
  return Now::could_go_on;
}

struct Poller {
  unblock::UniqueFd fd{::epoll_create1(EPOLL_CLOEXEC)};

  void control(int operation, int watched, std::uint32_t events, void* data) const {
    epoll_event event;
    event.events = events;
    event.data.ptr = data;
    if (::epoll_ctl(fd.get(), operation, watched, &event) != 0) {
      throw std::system_error{errno, std::generic_category(), "epoll_ctl"};
    }
  }
};

constexpr std::uint32_t everything = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

}  // namespace

void serve(int listen_fd, int stop_fd, std::vector<unblock::UniqueFd> connections) {
  const Poller poller;
  std::vector<std::unique_ptr<Client>> clients;
  const auto add = [&](unblock::UniqueFd fd) {
    const auto place = static_cast<std::size_t>(fd.get());
    if (clients.size() <= place) clients.resize(place + 1);
    clients[place] = std::make_unique<Client>(Client{std::move(fd), {}});
    poller.control(EPOLL_CTL_ADD, static_cast<int>(place), everything, clients[place].get());
  };
  for (auto& connection : connections) add(std::move(connection));
  bool listens = true;
  poller.control(EPOLL_CTL_ADD, listen_fd, EPOLLIN, &listen_fd);
  poller.control(EPOLL_CTL_ADD, stop_fd, EPOLLIN, &stop_fd);
  for (;;) {
    epoll_event event;
    const int ready = ::epoll_wait(poller.fd.get(), &event, 1, -1);
    if (ready < 0 && errno != EINTR) {
      throw std::system_error{errno, std::generic_category(), "epoll_wait"};
    }
    if (ready < 1) continue;
    if (event.data.ptr == &stop_fd) return;
    if (event.data.ptr == &listen_fd) {
      unblock::UniqueFd fd{::accept4(listen_fd, nullptr, nullptr, SOCK_NONBLOCK)};
      listens = fd || (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM);
      if (fd) add(std::move(fd));
      if (!listens) poller.control(EPOLL_CTL_MOD, listen_fd, 0, &listen_fd);
      continue;
    }
    auto& client = *static_cast<Client*>(event.data.ptr);
    switch (serve_for_a_while(client)) {
      case Now::drained:
        break;
      case Now::could_go_on:
        poller.control(EPOLL_CTL_MOD, client.fd.get(), everything, &client);
        break;
      case Now::over:
        clients[static_cast<std::size_t>(client.fd.get())].reset();
        if (!listens) poller.control(EPOLL_CTL_MOD, listen_fd, EPOLLIN, &listen_fd);
        listens = true;
        break;
    }
  }
}

}  // namespace exercise
