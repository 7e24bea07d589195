#include "stop_acceptor.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace exercise {

using unblock::UniqueFd;

struct Acceptor::State {
  UniqueFd listener;
  OnConnection on_connection;
  // TODO: how does stop() tell run() that it is to end, and how does it wake it?
};

Acceptor::Acceptor(UniqueFd listener, OnConnection on_connection)
    : state_{std::make_unique<State>(State{std::move(listener), std::move(on_connection)})} {}

Acceptor::~Acceptor() = default;

void Acceptor::run() {
  // TODO: again and again, until it is stopped; and -1 has more than one meaning.
  UniqueFd connection{::accept4(state_->listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  if (connection) state_->on_connection(std::move(connection));
}

void Acceptor::stop() noexcept {
  // TODO
}

}  // namespace exercise
