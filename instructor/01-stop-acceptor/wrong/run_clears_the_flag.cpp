// Mistake: run begins by clearing the flag, and forgets a stop that came before
// Loses: Acceptor.StopIsNotLostBeforeRun

#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "stop_acceptor.hpp"

namespace exercise {

using unblock::UniqueFd;

struct Acceptor::State {
  State(UniqueFd its_listener, OnConnection its_handler)
      : listener{std::move(its_listener)}, on_connection{std::move(its_handler)} {
    length = sizeof address;
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length);
    // Non-blocking: where the queue is full, accept has a client to return with, and stop() need
    // not wait.
    waker = UniqueFd{::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!waker) throw std::system_error{errno, std::generic_category(), "socket"};
  }

  UniqueFd listener;
  OnConnection on_connection;
  sockaddr_storage address{};
  socklen_t length = 0;
  UniqueFd waker;  // connects to the listener, to make accept return
  std::atomic<bool> stopping{false};
};

Acceptor::Acceptor(UniqueFd listener, OnConnection on_connection)
    : state_{std::make_unique<State>(std::move(listener), std::move(on_connection))} {}

Acceptor::~Acceptor() = default;

void Acceptor::run() {
  state_->stopping = false;
  while (!state_->stopping) {
    UniqueFd connection{::accept4(state_->listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (state_->stopping) return;
    if (connection) {
      state_->on_connection(std::move(connection));
    } else if (errno != EINTR && errno != ECONNABORTED) {
      throw std::system_error{errno, std::generic_category(), "accept"};
    }
  }
}

void Acceptor::stop() noexcept {
  // The flag first: whoever is woken must find it raised.
  if (state_->stopping.exchange(true)) return;
  ::connect(state_->waker.get(), reinterpret_cast<const sockaddr*>(&state_->address),
            state_->length);
}

}  // namespace exercise
