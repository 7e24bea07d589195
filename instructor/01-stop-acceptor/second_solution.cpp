// Right too, in another manner: the thread waits for the listener and for an event, and calls
// accept only when there is somebody to accept.

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "core/wake_event.hpp"
#include "stop_acceptor.hpp"

namespace exercise {

using unblock::UniqueFd;

struct Acceptor::State {
  UniqueFd listener;
  OnConnection on_connection;
  unblock::WakeEvent stopped;  // once signalled it stays so, and is the flag as well
};

Acceptor::Acceptor(UniqueFd listener, OnConnection on_connection) : state_{new State{}} {
  state_->listener = std::move(listener);
  state_->on_connection = std::move(on_connection);
}

Acceptor::~Acceptor() = default;

void Acceptor::run() {
  std::array<pollfd, 2> watched{
      {{state_->stopped.fd(), POLLIN, 0}, {state_->listener.get(), POLLIN, 0}}};
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

void Acceptor::stop() noexcept { state_->stopped.signal(); }

}  // namespace exercise
