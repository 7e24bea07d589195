// Mistake: asks again and again whether a client has come, and never sleeps
// Loses: Acceptor.SleepsUntilAClientComes

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "stop_acceptor.hpp"

namespace exercise {

using unblock::UniqueFd;

struct Acceptor::State {
  UniqueFd listener;
  OnConnection on_connection;
  std::atomic<bool> stopped{false};
};

Acceptor::Acceptor(UniqueFd listener, OnConnection on_connection) : state_{new State{}} {
  state_->listener = std::move(listener);
  state_->on_connection = std::move(on_connection);
}

Acceptor::~Acceptor() = default;

void Acceptor::run() {
  pollfd watched{state_->listener.get(), POLLIN, 0};
  while (!state_->stopped) {
    const int ready = ::poll(&watched, 1, 0);
    if (ready == 0) continue;
    if (ready < 0) {
      if (errno == EINTR) continue;
      throw std::system_error(errno, std::system_category(), "poll");
    }
    if (state_->stopped) break;
    const int connection = ::accept(state_->listener.get(), nullptr, nullptr);
    if (connection >= 0) {
      state_->on_connection(UniqueFd{connection});
    } else if (errno != EINTR && errno != ECONNABORTED) {
      throw std::system_error(errno, std::system_category(), "accept");
    }
  }
}

void Acceptor::stop() noexcept { state_->stopped = true; }

}  // namespace exercise
