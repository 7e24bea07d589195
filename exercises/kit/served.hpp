#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "core/unique_fd.hpp"
#include "exercises/kit/failure.hpp"
#include "exercises/kit/peer.hpp"
#include "exercises/kit/subject.hpp"

/// For exercises whose interface is `serve(listen_fd, stop_fd)`: a server of a student's, its
/// clients, and its stop.
namespace unblock::kit {

class Served {
 public:
  explicit Served(const SubjectOptions& options = {});

  /// Begins the command "serve" with the listener, the descriptor that stops it, and `arguments`.
  /// Who has connected before waits in the queue.
  template <typename... Arguments>
  void start(Arguments... arguments) {
    auto [ours, theirs] = socket_pair(subject_, "the check");
    stop_ = std::move(ours);
    call_ = subject_.start("serve", listener_.descriptor(true), std::move(theirs),
                           std::move(arguments)...);
  }

  /// A client, connected (maybe not yet accepted).
  Peer connect(std::string name = "the client");
  /// One over which little is under way: a few hundred kilobytes in the kernel's buffers, both
  /// directions together, and nothing more fits. Those who connect later have the server's small
  /// buffers, too.
  Peer connect_narrow(std::string name = "the client");

  /// Makes the stop descriptor readable, and waits until serve has returned.
  void stop();

  /// Waits until the server sleeps in a system call, and has nothing to do therefore.
  void await_asleep();
  /// Sends random bytes and receives none, until nothing more fits and the server sleeps (or seems
  /// never to do so), or about `most` are sent, or the connection breaks. Returns what was sent.
  Bytes flood(Peer& peer, std::size_t most);

  [[nodiscard]] Subject& subject() noexcept { return subject_; }
  [[nodiscard]] Call& call() { return *call_; }
  [[nodiscard]] const Listener& listener() const noexcept { return listener_; }

 private:
  Subject subject_;
  Listener listener_;
  std::optional<Peer> stop_;
  std::optional<Call> call_;
};

}  // namespace unblock::kit
