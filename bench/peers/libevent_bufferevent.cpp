// Echo with libevent's bufferevents, which do the system calls themselves.
//
//   on_accepted: a bufferevent
//   on_read:     move what came in to what goes out; too much of it stops the reading
//   on_written:  all of it is gone: read again
//   on_event:    the end of the stream, once all is written, and errors
//
// Invariants: a connection is not read from while more than `most_pending` bytes wait to be written
// to it, so what a client does not read costs that and one read. Where there is no descriptor for
// one more client, the listener is disabled until a client has left.

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <unordered_map>

#include "contract.hpp"
#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

constexpr std::size_t most_pending = std::size_t{64} * 1024;

struct Free {
  void operator()(event_base* base) const { ::event_base_free(base); }
  void operator()(evconnlistener* listener) const { ::evconnlistener_free(listener); }
  void operator()(event* event) const { ::event_free(event); }
  void operator()(bufferevent* stream) const { ::bufferevent_free(stream); }
};
template <typename Freed>
using Owned = std::unique_ptr<Freed, Free>;

class Server {
 public:
  explicit Server(PeerListener listener);
  void run() { ::event_base_dispatch(base_.get()); }

 private:
  static Server& of(void* server) { return *static_cast<Server*>(server); }
  void on_accepted(int fd);
  void on_accept_failed();
  static void on_read(bufferevent* stream);
  void on_written(bufferevent* stream);
  void on_event(bufferevent* stream, short what);
  void close_connection(bufferevent* stream);

  Owned<event_base> base_{::event_base_new()};
  Owned<event> interrupt_;
  Owned<event> terminate_;
  Owned<evconnlistener> listener_;
  struct Connection {
    Owned<bufferevent> stream;
    bool finished = false;  // the end of its stream was read
  };
  std::unordered_map<bufferevent*, Connection> connections_;
};

Server::Server(PeerListener listener) {
  const auto on_signal = [](evutil_socket_t, short, void* base) {
    ::event_base_loopbreak(static_cast<event_base*>(base));
  };
  interrupt_.reset(evsignal_new(base_.get(), SIGINT, on_signal, base_.get()));
  terminate_.reset(evsignal_new(base_.get(), SIGTERM, on_signal, base_.get()));
  if (evsignal_add(interrupt_.get(), nullptr) < 0 || evsignal_add(terminate_.get(), nullptr) < 0) {
    throw_errno("evsignal_add");
  }
  const auto on_connection = [](evconnlistener*, evutil_socket_t fd, sockaddr*, int, void* server) {
    of(server).on_accepted(fd);
  };
  listener_.reset(::evconnlistener_new(base_.get(), on_connection, this,
                                       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0,
                                       listener.fd.release()));
  if (listener_ == nullptr) throw_errno("evconnlistener_new");
  ::evconnlistener_set_error_cb(
      listener_.get(), [](evconnlistener*, void* server) { of(server).on_accept_failed(); });
  listener.announce();
}

void Server::on_accepted(int fd) {
  bufferevent* const stream = ::bufferevent_socket_new(base_.get(), fd, BEV_OPT_CLOSE_ON_FREE);
  if (stream == nullptr) throw_errno("bufferevent_socket_new");
  connections_.emplace(stream, Connection{.stream = Owned<bufferevent>{stream}});
  ::bufferevent_setcb(
      stream, [](bufferevent* ready, void*) { on_read(ready); },
      [](bufferevent* ready, void* server) { of(server).on_written(ready); },
      [](bufferevent* ready, short what, void* server) { of(server).on_event(ready, what); }, this);
  ::bufferevent_enable(stream, EV_READ | EV_WRITE);
}

void Server::on_accept_failed() {
  if (is_out_of_resources(errno)) ::evconnlistener_disable(listener_.get());
}

void Server::on_read(bufferevent* stream) {
  evbuffer* const output = ::bufferevent_get_output(stream);
  ::evbuffer_add_buffer(output, ::bufferevent_get_input(stream));
  if (::evbuffer_get_length(output) > most_pending) ::bufferevent_disable(stream, EV_READ);
}

void Server::on_written(bufferevent* stream) {
  if (connections_.at(stream).finished) return close_connection(stream);
  ::bufferevent_enable(stream, EV_READ);
}

void Server::on_event(bufferevent* stream, short what) {
  const bool pending = ::evbuffer_get_length(::bufferevent_get_output(stream)) > 0;
  if ((what & BEV_EVENT_ERROR) != 0 || !pending) return close_connection(stream);
  connections_.at(stream).finished = true;
}

void Server::close_connection(bufferevent* stream) {
  connections_.erase(stream);
  ::evconnlistener_enable(listener_.get());
}

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) {
  return unblock::peer_main("libevent-bufferevent", argc, argv, [](unblock::PeerListener listener) {
    unblock::Server{std::move(listener)}.run();
  });
}
