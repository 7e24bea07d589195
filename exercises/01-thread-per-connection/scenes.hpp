#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "exercises/kit/peer.hpp"
#include "exercises/kit/subject.hpp"

namespace unblock::kit {

/// A limit that no client of a check meets.
inline constexpr std::size_t many = 100;

/// A server in the subject, and its listener.
class Scene {
 public:
  Scene(Subject& subject, std::size_t max_connections) : subject_{&subject} {
    subject.call("Server", listener.descriptor(), max_connections);
  }

  Listener listener;

  Peer connect(const std::string& name = "the client") { return listener.connect(*subject_, name); }
  /// A client that has got an echo: it is being served.
  Peer served(const std::string& name = "the client", const std::string& cause = {}) {
    Peer client = connect(name);
    expect_echo(client, cause);
    return client;
  }
  void expect_echo(Peer& client, const std::string& cause = {}) {
    const std::string word = random_.word(random_.number(1, 30));
    client.send(word);
    client.expect(word, cause);
  }
  /// Waits until nothing moves any more; run() must not have ended.
  void await_rest(Call& run) {
    subject_->await_rest();
    expect(!run.ended(), "run has returned, and nobody has called stop");
  }

 private:
  Subject* subject_;
  Random random_;
};

}  // namespace unblock::kit
