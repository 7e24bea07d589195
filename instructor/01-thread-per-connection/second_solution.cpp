// Right too, in another manner: a semaphore counts the places, threads are detached and counted,
// and stop connects to the listener, as the lecture does.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <semaphore>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "thread_per_connection.hpp"

namespace exercise {
namespace {

// What threads use that nobody joins: it lives as long as the last of them.
struct Shared {
  Shared(std::size_t count, Server::Serve its_serve)
      : places{static_cast<std::ptrdiff_t>(count)}, serve{std::move(its_serve)} {}

  std::counting_semaphore<> places;
  Server::Serve serve;
  std::atomic<bool> stopping{false};
  std::mutex mutex;
  std::condition_variable one_ended;
  std::set<int> open;  // guarded by mutex: closed and shut down only while it is held
};

void serve_one(const std::shared_ptr<Shared>& shared, int connection) {
  try {
    shared->serve(connection);
  } catch (...) {
  }
  {
    const std::lock_guard lock{shared->mutex};
    ::close(connection);
    shared->open.erase(connection);
    shared->one_ended.notify_all();
  }
  shared->places.release();
}

}  // namespace

struct Server::State {
  unblock::UniqueFd listener;
  sockaddr_storage address;
  socklen_t length;
  unblock::UniqueFd waker;
  std::shared_ptr<Shared> shared;
};

Server::Server(unblock::UniqueFd listener, std::size_t max_connections, Serve serve)
    : state_{std::make_unique<State>()} {
  State& state = *state_;
  state.listener = std::move(listener);
  state.length = sizeof state.address;
  ::getsockname(state.listener.get(), reinterpret_cast<sockaddr*>(&state.address), &state.length);
  state.waker = unblock::UniqueFd{
      ::socket(state.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!state.waker) throw std::system_error(errno, std::system_category(), "socket");
  state.shared = std::make_shared<Shared>(max_connections, std::move(serve));
}

Server::~Server() = default;

void Server::run() {
  Shared& shared = *state_->shared;
  for (;;) {
    shared.places.acquire();
    if (shared.stopping) break;
    const int connection = ::accept4(state_->listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
    const int error = errno;
    if (shared.stopping) {
      if (connection >= 0) ::close(connection);
      break;
    }
    if (connection >= 0) {
      {
        const std::lock_guard lock{shared.mutex};
        shared.open.insert(connection);
      }
      std::thread{serve_one, state_->shared, connection}.detach();
      continue;
    }
    shared.places.release();
    if (error == EMFILE || error == ENFILE) {
      std::unique_lock lock{shared.mutex};
      shared.one_ended.wait_for(lock, std::chrono::milliseconds{50});
    } else if (error != EINTR && error != ECONNABORTED) {
      throw std::system_error(error, std::system_category(), "accept");
    }
  }
  std::unique_lock lock{shared.mutex};
  for (const int connection : shared.open) ::shutdown(connection, SHUT_RDWR);
  shared.one_ended.wait(lock, [&] { return shared.open.empty(); });
}

void Server::stop() noexcept {
  if (state_->shared->stopping.exchange(true)) return;
  ::connect(state_->waker.get(), reinterpret_cast<const sockaddr*>(&state_->address),
            state_->length);
  state_->shared->places.release();
}

}  // namespace exercise
