#pragma once

#include <functional>
#include <memory>

#include "core/unique_fd.hpp"

namespace exercise {

/// Accepts connections in one thread, until any thread stops it.
class Acceptor {
 public:
  /// Gets each connection, in the thread that is in run(). It returns soon, and does not throw.
  using OnConnection = std::function<void(unblock::UniqueFd)>;

  /// `listener` is a blocking, listening TCP socket; the acceptor owns it from now on.
  Acceptor(unblock::UniqueFd listener, OnConnection on_connection);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  /// Closes whatever the acceptor has opened, and the listener. Nobody is in run() or stop() then.
  ~Acceptor();

  /// Hands over clients, in the order in which they come, until stop() is called; is called once.
  /// Between two clients it sleeps, and wakes for nothing but the next client or stop(). A signal
  /// that arrives meanwhile changes nothing. Throws std::system_error with the errno of an accept
  /// that failed.
  void run();

  /// Makes run() return, without any other client's help. From any thread, and from on_connection;
  /// before run(), during it and after it; once or more often. It waits for nothing, needs no
  /// descriptor that the acceptor has not opened before, and never becomes a client: on_connection
  /// is not called for it. A client that is still in the kernel's queue may be handed over or not;
  /// none is handed over any more once on_connection itself has called stop().
  void stop() noexcept;

 private:
  struct State;  // what an acceptor has: yours to define
  std::unique_ptr<State> state_;
};

}  // namespace exercise
