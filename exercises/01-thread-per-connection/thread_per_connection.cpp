#include "thread_per_connection.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace exercise {

using unblock::UniqueFd;

struct Server::State {
  UniqueFd listener;
  std::size_t max_connections;
  Serve serve;
  // TODO: which connections are open, which threads are under way, and who may look at that when?
};

Server::Server(UniqueFd listener, std::size_t max_connections, Serve serve)
    : state_{
          std::make_unique<State>(State{std::move(listener), max_connections, std::move(serve)})} {}

Server::~Server() = default;

void Server::run() {
  // TODO: this serves one client, in this thread.
  const UniqueFd connection{::accept4(state_->listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  if (connection) state_->serve(connection.get());
}

void Server::stop() noexcept {
  // TODO: run may sleep in accept, or wait for a client to end.
}

}  // namespace exercise
