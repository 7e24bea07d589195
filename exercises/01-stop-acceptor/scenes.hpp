#pragma once

#include <string>
#include <utility>

#include "exercises/kit/peer.hpp"
#include "exercises/kit/subject.hpp"

namespace unblock::kit {

/// An acceptor in the subject, its listener, and a witness that gets a byte for each connection
/// that was handed over.
class Scene {
 public:
  explicit Scene(Subject& subject, int stop_after = 0, int backlog = 128)
      : Scene{subject, socket_pair(subject, "the witness"), stop_after, backlog} {}

  Listener listener;
  Peer witness;

  Peer connect(std::string name = "the client") {
    return listener.connect(*subject_, std::move(name));
  }
  /// The client gets its greeting: it was handed over.
  void expect_greeting(Peer& client, const std::string& cause = {}) {
    client.expect(greeting_, cause);
  }
  /// run() has begun, and sleeps (unless it never does).
  Call start_run() {
    Call run = subject_->start("run");
    subject_->await_rest();
    return run;
  }
  void stop() { subject_->call("stop"); }

 private:
  Scene(Subject& subject, Connection pair, int stop_after, int backlog)
      : listener{backlog},
        witness{std::move(pair.ours)},
        subject_{&subject},
        greeting_{Random{}.word(12)} {
    subject.call("Acceptor", listener.descriptor(), std::move(pair.theirs), greeting_, stop_after);
  }

  Subject* subject_;
  std::string greeting_;
};

}  // namespace unblock::kit
