// Right too, in another manner: plain functions; it reads on until a mark is reached, so that a
// client's end may be known while bytes wait; and what it watches follows from what it has.

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <list>
#include <string>
#include <system_error>

#include "level_echo.hpp"

namespace exercise {
namespace {

constexpr std::size_t mark = 64 * 1024;

struct Client {
  int fd;
  std::string waiting;
  bool has_finished = false;
  bool is_gone = false;
  std::uint32_t watched = EPOLLIN;
};

[[noreturn]] void give_up(const char* call) {
  throw std::system_error{errno, std::system_category(), call};
}

void control(int poller, int operation, int fd, std::uint32_t events, void* data) {
  epoll_event event;
  event.events = events;
  event.data.ptr = data;
  if (::epoll_ctl(poller, operation, fd, &event) != 0) give_up("epoll_ctl");
}

bool nothing_now() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

void receive(Client& client) {
  char piece[4096];
  while (!client.has_finished && client.waiting.size() < mark) {
    const ssize_t got = ::recv(client.fd, piece, sizeof piece, 0);
    if (got > 0) {
      client.waiting.append(piece, static_cast<std::size_t>(got));
      continue;
    }
    if (got == 0) client.has_finished = true;
    if (got < 0) client.is_gone = !nothing_now();
    return;
  }
}

void transmit(Client& client) {
  while (!client.waiting.empty()) {
    const ssize_t put = ::write(client.fd, client.waiting.data(), client.waiting.size());
    if (put < 0) {
      client.is_gone = client.is_gone || !nothing_now();
      return;
    }
    client.waiting.erase(0, static_cast<std::size_t>(put));
  }
}

std::uint32_t wanted(const Client& client) {
  const bool reads = !client.has_finished && client.waiting.size() < mark;
  return (reads ? EPOLLIN : 0U) | (client.waiting.empty() ? 0U : EPOLLOUT);
}

struct State {
  int poller = -1;
  std::list<Client> clients;

  ~State() {
    for (const Client& client : clients) ::close(client.fd);
    ::close(poller);
  }
};

// False where there is no room for another one.
bool welcome(State& state, int listen_fd) {
  const int fd = ::accept(listen_fd, nullptr, nullptr);
  if (fd < 0) return errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS;
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  state.clients.push_back({fd, {}});
  control(state.poller, EPOLL_CTL_ADD, fd, EPOLLIN, &state.clients.back());
  return true;
}

}  // namespace

void serve(int listen_fd, int stop_fd) {
  State state;
  state.poller = ::epoll_create1(0);
  if (state.poller < 0) give_up("epoll_create1");
  control(state.poller, EPOLL_CTL_ADD, listen_fd, EPOLLIN, &listen_fd);
  control(state.poller, EPOLL_CTL_ADD, stop_fd, EPOLLIN, nullptr);
  bool open = true;
  for (;;) {
    epoll_event event;  // one at a time: there is no stale one
    const int ready = ::epoll_wait(state.poller, &event, 1, -1);
    if (ready < 0 && errno != EINTR) give_up("epoll_wait");
    if (ready <= 0) continue;
    if (event.data.ptr == nullptr) return;
    if (event.data.ptr == &listen_fd) {
      open = welcome(state, listen_fd);
      if (!open) control(state.poller, EPOLL_CTL_MOD, listen_fd, 0, &listen_fd);
      continue;
    }
    auto& client = *static_cast<Client*>(event.data.ptr);
    receive(client);
    transmit(client);
    if (client.is_gone || (client.has_finished && client.waiting.empty())) {
      ::close(client.fd);
      state.clients.remove_if([&](const Client& each) { return &each == &client; });
      if (!open) control(state.poller, EPOLL_CTL_MOD, listen_fd, EPOLLIN, &listen_fd);
      open = true;
    } else if (const auto events = wanted(client); events != client.watched) {
      client.watched = events;
      control(state.poller, EPOLL_CTL_MOD, client.fd, events, &client);
    }
  }
}

}  // namespace exercise
