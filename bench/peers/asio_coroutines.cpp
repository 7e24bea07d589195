// Echo with Asio's C++20 coroutines.
//
//   listen(): for each connection co_awaited from async_accept, spawn a session
//   session(): co_await async_read_some, co_await async_write, until the end of the stream
//
// Invariants: a session waits either to read or to write, never for both, so what a client does
// not read costs one buffer. Where there is no descriptor for one more client, nothing is accepted
// until a client has left.

#include <array>
#include <asio.hpp>
#include <csignal>
#include <utility>

#include "contract.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;

class Server {
 public:
  explicit Server(PeerListener listener)
      // The protocol is what remote addresses are read as, and none is read here.
      : acceptor_{context_, tcp::v4(), listener.fd.release()}, signals_{context_, SIGINT, SIGTERM} {
    signals_.async_wait([this](std::error_code, int) { context_.stop(); });
    listener.announce();
    asio::co_spawn(context_, listen(), asio::detached);
  }

  void run() { context_.run(); }

 private:
  awaitable<void> listen() {
    while (true) {
      std::error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(redirect_error(use_awaitable, error));
      if (!error) {
        asio::co_spawn(context_, session(std::move(socket)), asio::detached);
      } else if (is_out_of_resources(error.value())) {
        co_await somebody_left_.async_wait(redirect_error(use_awaitable, error));
        somebody_left_.expires_at(asio::steady_timer::time_point::max());
      }
    }
  }

  awaitable<void> session(tcp::socket socket) {
    std::array<std::byte, peer_buffer_size> buffer;
    std::error_code error;
    while (!error) {
      const std::size_t size = co_await socket.async_read_some(
          asio::buffer(buffer), redirect_error(use_awaitable, error));
      if (error) break;
      co_await asio::async_write(socket, asio::buffer(buffer, size),
                                 redirect_error(use_awaitable, error));
    }
    socket.close();
    somebody_left_.expires_at(asio::steady_timer::time_point::min());
  }

  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  asio::signal_set signals_;
  // An event: it is set by expiring, and cleared by being put off for ever.
  asio::steady_timer somebody_left_{context_, asio::steady_timer::time_point::max()};
};

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) {
  return unblock::peer_main("asio-coroutines", argc, argv, [](unblock::PeerListener listener) {
    unblock::Server{std::move(listener)}.run();
  });
}
