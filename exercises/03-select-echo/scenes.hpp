#pragma once

#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "exercises/kit/peer.hpp"
#include "exercises/kit/subject.hpp"

namespace unblock::kit {

/// serve_echo under way in the subject.
class Scene {
 public:
  explicit Scene(Subject& subject) : subject_{&subject} {
    // Connections inherit it: the kernel keeps little for a client that does not read.
    const UniqueFd fd = listener.descriptor(true);
    const int bytes = 32 * 1024;
    for (const int option : {SO_SNDBUF, SO_RCVBUF}) {
      check("setsockopt", ::setsockopt(fd.get(), SOL_SOCKET, option, &bytes, sizeof bytes));
    }
  }

  Listener listener;

  Call start() { return subject_->start("serve_echo", listener.descriptor(true)); }
  Peer connect(const std::string& name = "the client") {
    Peer client = listener.connect(*subject_, name);
    client.set_buffers(16 * 1024);
    return client;
  }
  void expect_echo(Peer& client, const std::string& cause = {}) {
    const std::string word = random_.word(random_.number(1, 40));
    client.send(word);
    client.expect(word, cause);
  }
  /// A client that has got an echo.
  Peer served(const std::string& name = "the client", const std::string& cause = {}) {
    Peer client = connect(name);
    expect_echo(client, cause);
    return client;
  }
  /// Clients with the last descriptors that fit into a set: whoever comes next gets a larger one.
  std::vector<Peer> served_up_to_the_set() {
    constexpr int clients = 3;
    subject_->await_rest();
    subject_->call("use_up_descriptors", FD_SETSIZE - clients);
    std::vector<Peer> served_clients;
    for (int number = 1; number <= clients; ++number) {
      served_clients.push_back(served("client " + std::to_string(number)));
    }
    return served_clients;
  }
  /// Sends until the server takes no more, since the client reads nothing; at most two megabytes,
  /// which is far more than the buffers of the kernel have room for. Returns what was sent.
  Bytes send_until_full(Peer& client) {
    constexpr std::size_t most = 2U << 20U;
    Bytes sent;
    while (sent.size() < most) {
      const Bytes bytes = random_.bytes(64 * 1024);
      const std::size_t put = client.send_some(bytes);
      sent.insert(sent.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(put));
      if (put > 0) continue;
      subject_->await_rest();
      if (!writable(client)) break;
    }
    step("{} has sent {} bytes and read none", client.name(), sent.size());
    return sent;
  }

  /// The client reads all that it has sent; with room to spare, since the kernel is slow to open a
  /// small window again.
  static void expect_all(Peer& client, const Bytes& sent) {
    client.set_buffers(1 << 20);
    client.expect(sent);
  }

 private:
  static bool writable(const Peer& client);

  Subject* subject_;
  Random random_;
};

inline bool Scene::writable(const Peer& client) {
  pollfd watched{client.fd(), POLLOUT, 0};
  return ::poll(&watched, 1, 0) == 1;
}

}  // namespace unblock::kit
