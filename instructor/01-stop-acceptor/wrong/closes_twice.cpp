// Mistake: tells run by closing a pipe, at each stop anew
// Loses: Acceptor.StopsOnlyOnce

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "stop_acceptor.hpp"

namespace exercise {

using unblock::UniqueFd;

struct Acceptor::State {
  UniqueFd listener;
  OnConnection on_connection;
  UniqueFd stopped;  // reads end-of-stream once the other end of the pipe is closed
  int other_end = -1;
};

Acceptor::Acceptor(UniqueFd listener, OnConnection on_connection) : state_{new State{}} {
  state_->listener = std::move(listener);
  state_->on_connection = std::move(on_connection);
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) < 0) throw std::system_error(errno, std::system_category(), "pipe");
  state_->stopped = UniqueFd{ends[0]};
  state_->other_end = ends[1];
}

Acceptor::~Acceptor() = default;

void Acceptor::run() {
  std::array<pollfd, 2> watched{
      {{state_->stopped.get(), POLLIN, 0}, {state_->listener.get(), POLLIN, 0}}};
  for (;;) {
    if (::poll(watched.data(), watched.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw std::system_error(errno, std::system_category(), "poll");
    }
    if (watched[0].revents != 0) break;
    const int connection = ::accept(state_->listener.get(), nullptr, nullptr);
    if (connection >= 0) {
      state_->on_connection(UniqueFd{connection});
    } else if (errno != EINTR && errno != ECONNABORTED) {
      throw std::system_error(errno, std::system_category(), "accept");
    }
  }
}

void Acceptor::stop() noexcept { ::close(state_->other_end); }

}  // namespace exercise
