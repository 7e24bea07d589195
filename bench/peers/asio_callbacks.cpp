// Echo with Asio's callbacks.
//
//   accept(): async_accept -> a session; accept() again
//   Session:  async_read_some -> async_write -> async_read_some ...; the handlers own the session
//
// Invariants: a session waits either to read or to write, never for both, so what a client does
// not read costs one buffer. Where there is no descriptor for one more client, nothing is accepted
// until a client has left.

#include <array>
#include <asio.hpp>
#include <csignal>
#include <memory>
#include <utility>

#include "contract.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

using asio::ip::tcp;

class Server {
 public:
  explicit Server(PeerListener listener)
      // The protocol is what remote addresses are read as, and none is read here.
      : acceptor_{context_, tcp::v4(), listener.fd.release()}, signals_{context_, SIGINT, SIGTERM} {
    signals_.async_wait([this](std::error_code, int) { context_.stop(); });
    listener.announce();
    accept();
  }

  void run() { context_.run(); }

  // A client has left, and its descriptor is closed.
  void on_left() {
    somebody_left_ = true;
    if (std::exchange(paused_, false)) accept();
  }

 private:
  void accept();

  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  asio::signal_set signals_;
  bool somebody_left_ = false;  // since the last accept()
  bool paused_ = false;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Server& server, tcp::socket socket) : server_{server}, socket_{std::move(socket)} {}

  void read() {
    socket_.async_read_some(asio::buffer(buffer_), [this, self = shared_from_this()](
                                                       std::error_code error, std::size_t n) {
      error ? leave() : write(n);
    });
  }

 private:
  void write(std::size_t size) {
    asio::async_write(socket_, asio::buffer(buffer_, size),
                      [this, self = shared_from_this()](std::error_code error, std::size_t) {
                        error ? leave() : read();
                      });
  }

  void leave() {
    socket_.close();
    server_.on_left();
  }

  Server& server_;
  tcp::socket socket_;
  std::array<std::byte, peer_buffer_size> buffer_;
};

void Server::accept() {
  somebody_left_ = false;
  acceptor_.async_accept([this](std::error_code error, tcp::socket socket) {
    // Between the failure and this call a session may have ended.
    paused_ = is_out_of_resources(error.value()) && !somebody_left_;
    if (paused_) return;
    if (!error) std::make_shared<Session>(*this, std::move(socket))->read();
    accept();
  });
}

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) {
  return unblock::peer_main("asio-callbacks", argc, argv, [](unblock::PeerListener listener) {
    unblock::Server{std::move(listener)}.run();
  });
}
