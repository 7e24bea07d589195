// Mistake: accepts all who wait before it looks whether it is to stop
// Loses: Acceptor.StopsFromItsHandler

#include <fcntl.h>
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
  ::fcntl(state_->listener.get(), F_SETFL, O_NONBLOCK);
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
    for (;;) {
      const int connection = ::accept(state_->listener.get(), nullptr, nullptr);
      if (connection < 0) break;
      state_->on_connection(UniqueFd{connection});
    }
    if (errno != EINTR && errno != ECONNABORTED && errno != EAGAIN) {
      throw std::system_error(errno, std::system_category(), "accept");
    }
  }
}

void Acceptor::stop() noexcept { state_->stopped.signal(); }

}  // namespace exercise
