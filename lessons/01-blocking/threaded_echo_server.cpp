// Blocking I/O, a thread for each connection: whoever waits, waits alone.
//
//   listen
//   repeat: wait for a place         sleeps while as many clients are served as may be
//     conn = accept                  sleeps until a client comes
//     in a thread of its own: echo until the end (echo_server.cpp), then give the place back
//
// Invariants: a connection's descriptor is closed and shut down only while mutex_ is held, so run()
// can never shut down a number that the kernel has given to someone else meanwhile; at most one
// thread has ended and is not joined.
//
// Manual: accept(2) shutdown(2) pthread_create(3).
//
// Compare with: echo_server.cpp, one thread for all; 05-epoll, where one thread serves the whole
// batch.

#include "threaded_echo_server.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {

ThreadPerConnectionServer::ThreadPerConnectionServer(const ServerOptions& options)
    : listen_fd_{open_listener(options)},
      port_{local_port(listen_fd_.get())},
      max_connections_{options.max_connections},
      self_{listen_fd_.get()} {}

// [run]
void ThreadPerConnectionServer::run() {
  while (!self_.stop_requested()) on_acceptable();

  std::unique_lock lock{mutex_};
  for (const Connection& connection : serving_) ::shutdown(connection.fd.get(), SHUT_RDWR);
  one_ended_.wait(lock, [this] { return serving_.empty(); });
  const Connections last = std::exchange(finished_, {});
  lock.unlock();  // the last thread may still be on its way out of serve(); ~Connection joins it
}
// [/run]

void ThreadPerConnectionServer::stop() noexcept {
  self_.request_stop();  // wakes accept
  const std::lock_guard lock{
      mutex_};              // so that it cannot fall between a waiter's look and its sleep
  one_ended_.notify_all();  // wakes a wait for a place
}

// [accept]
void ThreadPerConnectionServer::on_acceptable() {
  std::unique_lock lock{mutex_};
  one_ended_.wait(lock,
                  [this] { return serving_.size() < max_connections_ || self_.stop_requested(); });
  std::uint64_t ended_before = ended_;
  lock.unlock();

  UniqueFd conn_fd{::accept4(listen_fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  if (self_.stop_requested()) return;
  if (!conn_fd) {
    if (concerns_one_client(errno)) return;
    if (!is_out_of_resources(errno)) throw_errno("accept");
    wait_until_one_ends(ended_before);  // trying again at once would only burn the CPU
    return;
  }
  while (!start_thread(conn_fd) && !self_.stop_requested()) {
    ended_before = wait_until_one_ends(ended_before);
  }
}
// [/accept]

// False where the system has no thread to give; then `conn_fd` still owns the connection.
bool ThreadPerConnectionServer::start_thread(UniqueFd& conn_fd) {
  const std::lock_guard lock{mutex_};
  const auto connection = serving_.emplace(serving_.end());
  try {
    connection->thread = std::jthread{[this, connection] { serve(connection); }};
  } catch (const std::system_error&) {  // EAGAIN, see pthread_create(3)
    serving_.erase(connection);
    return false;
  }
  connection->fd = std::move(conn_fd);
  return true;
}

// [serve]
void ThreadPerConnectionServer::serve(Connections::iterator connection) {
  int conn_fd = -1;
  {
    const std::lock_guard lock{mutex_};  // start_thread() has filled in the connection
    conn_fd = connection->fd.get();
  }
  echo_until_end(conn_fd);

  // A thread cannot join itself: it leaves itself to the one that finishes next, and joins the one
  // before.
  Connections before;
  const std::lock_guard lock{mutex_};
  connection->fd.reset();
  before.splice(before.end(), finished_);
  finished_.splice(finished_.end(), serving_, connection);
  ++ended_;
  one_ended_.notify_all();
}
// [/serve]

// Returns the new count of those that have ended.
std::uint64_t ThreadPerConnectionServer::wait_until_one_ends(std::uint64_t ended_before) {
  std::unique_lock lock{mutex_};
  // The time is for what other parts of the process, or other processes, give back.
  one_ended_.wait_for(lock, std::chrono::milliseconds{100}, [this, ended_before] {
    return ended_ != ended_before || self_.stop_requested();
  });
  return ended_;
}

}  // namespace unblock
