#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "core/unique_fd.hpp"

namespace exercise {

/// Serves each client in a thread of its own, and so many clients at once as it may.
class Server {
 public:
  /// Serves one client: blocks until it is done with it. Given; called in many threads at once. It
  /// does not close the connection, and may throw.
  using Serve = std::function<void(int conn_fd)>;

  /// `listener` is a blocking, listening TCP socket; the server owns it from now on.
  /// `max_connections`, 1 to 10,000: how many calls of `serve` may be under way at once.
  Server(unblock::UniqueFd listener, std::size_t max_connections, Serve serve);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Closes whatever the server has opened, and the listener. Nobody is in run() or stop() then.
  ~Server();

  /// Accepts clients and calls `serve` for each in a new thread, until stop(); is called once.
  /// - While max_connections are served, further clients wait for one of them to end; none is
  /// turned
  ///   away.
  /// - A connection is closed as soon as `serve` has returned or thrown; what it threw concerns no
  ///   other client.
  /// - Threads that are done do not pile up: at most max_connections of them are not joined (or
  ///   detached) at any time.
  /// - While there is nothing to do it sleeps, also while it is full. Where accept finds no
  ///   descriptor free (EMFILE), it waits until one of its connections has ended.
  /// After stop() it shuts down every connection that is still open, so that `serve` comes to its
  /// end, and returns when all threads that it has started are done with `serve`. Other errors of
  /// accept: std::system_error.
  void run();

  /// Makes run() return. From any thread; before run(), during it and after it; once or more often.
  void stop() noexcept;

 private:
  struct State;  // what a server has: yours to define
  std::unique_ptr<State> state_;
};

}  // namespace exercise
