// Mistake: looks without the lock whether somebody waits who is to be notified
// Loses: Server.HasNoDataRaceWhileItIsFull

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "core/wake_event.hpp"
#include "thread_per_connection.hpp"

namespace exercise {

using unblock::UniqueFd;

struct Server::State {
  struct Connection {
    UniqueFd fd;
    std::jthread thread;
  };
  using Connections = std::list<Connection>;

  UniqueFd listener;
  std::size_t max_connections = 0;
  Serve serve;
  unblock::WakeEvent stop_event = {};  // wakes run where it waits for clients

  std::mutex mutex = {};                 // guards what follows
  std::condition_variable changed = {};  // one has ended, or stop() was called
  bool stopping = false;
  bool waits_for_place = false;
  Connections serving = {};
  Connections done = {};  // to be joined

  bool await_place();
  bool await_client() const;
  void await_end_of_one();
  void start_thread(UniqueFd connection);
  void serve_one(Connections::iterator connection, int fd);
};

Server::Server(UniqueFd listener, std::size_t max_connections, Serve serve) : state_{new State{}} {
  state_->listener = std::move(listener);
  state_->max_connections = max_connections;
  state_->serve = std::move(serve);
}

Server::~Server() = default;

void Server::run() {
  State& state = *state_;
  while (state.await_place()) {
    if (!state.await_client()) continue;
    UniqueFd connection{::accept4(state.listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (connection) {
      state.start_thread(std::move(connection));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      state.await_end_of_one();
    } else if (errno != EINTR && errno != ECONNABORTED) {
      throw std::system_error{errno, std::generic_category(), "accept"};
    }
  }
  std::unique_lock lock{state.mutex};
  for (const State::Connection& connection : state.serving) {
    ::shutdown(connection.fd.get(), SHUT_RDWR);  // under the mutex: it is not closed meanwhile
  }
  state.changed.wait(lock, [&] { return state.serving.empty(); });
  const State::Connections last = std::exchange(state.done, {});
  lock.unlock();  // ~jthread joins; a thread may still be on its way out of serve_one
}

void Server::stop() noexcept {
  {
    const std::lock_guard lock{state_->mutex};
    state_->stopping = true;
    state_->changed.notify_all();
  }
  state_->stop_event.signal();
}

// False where the server is to stop.
bool Server::State::await_place() {
  std::unique_lock lock{mutex};
  if (!stopping && serving.size() >= max_connections) {
    waits_for_place = true;
    // The time is for a thread that has just missed it.
    while (!stopping && serving.size() >= max_connections) {
      changed.wait_for(lock, std::chrono::milliseconds{100});
    }
    waits_for_place = false;
  }
  if (stopping) return false;
  const Connections joined = std::exchange(done, {});
  lock.unlock();
  return true;
}

// False where something else has ended the wait.
bool Server::State::await_client() const {
  std::array<pollfd, 2> watched{{{listener.get(), POLLIN, 0}, {stop_event.fd(), POLLIN, 0}}};
  return ::poll(watched.data(), watched.size(), -1) > 0 && watched[1].revents == 0;
}

// The time is for descriptors that others give back.
void Server::State::await_end_of_one() {
  std::unique_lock lock{mutex};
  const std::size_t before = serving.size();
  changed.wait_for(lock, std::chrono::milliseconds{100},
                   [&] { return stopping || serving.size() < before; });
}

void Server::State::start_thread(UniqueFd connection) {
  const std::lock_guard lock{mutex};
  const auto added = serving.emplace(serving.end());
  const int fd = connection.get();
  added->fd = std::move(connection);
  added->thread = std::jthread{[this, added, fd] { serve_one(added, fd); }};
}

void Server::State::serve_one(Connections::iterator connection, int fd) {
  try {
    serve(fd);
  } catch (...) {
    // It concerns this client only, whose connection ends.
  }
  const bool somebody_waits = waits_for_place;
  const std::lock_guard lock{mutex};
  connection->fd.reset();
  done.splice(done.end(), serving, connection);
  if (somebody_waits || stopping) changed.notify_all();
}

}  // namespace exercise
