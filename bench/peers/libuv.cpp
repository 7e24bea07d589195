// Echo with libuv.
//
//   on_connection: uv_accept, uv_read_start
//   on_read:       uv_try_write at once; what the socket does not take goes to uv_write, and
//                  nothing more is read until that is written
//
// Invariants: a connection is either read from or written to, so what a client does not read costs
// one read's worth. libuv's own answer to EMFILE is to accept and close whoever waits; so this
// server stays below its limit of descriptors, and leaves who comes then in the kernel's queue
// (libuv does not watch the listener while a connection is there that nobody accepts).

#include <sys/resource.h>
#include <sys/socket.h>
#include <uv.h>

#include <array>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "contract.hpp"

namespace unblock {
namespace {

void check_uv(const char* call, int status) {
  if (status < 0) throw std::runtime_error{std::string{call} + ": " + ::uv_strerror(status)};
}

// What libuv and the program itself have open.
constexpr std::size_t reserved_descriptors = 16;

std::size_t most_connections() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur > reserved_descriptors ? limit.rlim_cur - reserved_descriptors : 1;
}

struct Server {
  uv_loop_t loop;
  uv_tcp_t listener;
  uv_signal_t interrupt;
  uv_signal_t terminate;
  std::size_t room = most_connections();
  bool somebody_waits = false;
  std::array<char, peer_buffer_size> buffer;  // one for all: it is empty between two reads
};

struct Connection {
  uv_tcp_t stream;
  uv_write_t write;
  std::vector<char> rest;  // what uv_write has not written yet

  static Connection& of(void* handle) { return *static_cast<Connection*>(handle); }
  Server& server() { return *static_cast<Server*>(stream.loop->data); }
  uv_stream_t* get() { return reinterpret_cast<uv_stream_t*>(&stream); }
};

void accept_one(Server& server);

void on_closed(uv_handle_t* handle) {
  Connection& connection = Connection::of(handle->data);
  Server& server = connection.server();
  delete &connection;  // libuv's handles are freed in their close callback
  ++server.room;
  if (std::exchange(server.somebody_waits, false)) accept_one(server);
}

void close_connection(Connection& connection) {
  auto* const handle = reinterpret_cast<uv_handle_t*>(&connection.stream);
  if (::uv_is_closing(handle) == 0) ::uv_close(handle, on_closed);
}

void on_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
  Server& server = *static_cast<Server*>(handle->loop->data);
  *buffer = ::uv_buf_init(server.buffer.data(), static_cast<unsigned>(server.buffer.size()));
}

void on_read(uv_stream_t* stream, ssize_t got, const uv_buf_t* buffer);

void on_written(uv_write_t* request, int status) {
  Connection& connection = Connection::of(request->handle->data);
  connection.rest = {};
  if (status < 0 || ::uv_read_start(connection.get(), on_alloc, on_read) < 0) {
    close_connection(connection);
  }
}

void on_read(uv_stream_t* stream, ssize_t got, const uv_buf_t* buffer) {
  Connection& connection = Connection::of(stream->data);
  if (got == 0) return;  // EAGAIN
  if (got < 0) return close_connection(connection);
  uv_buf_t bytes = ::uv_buf_init(buffer->base, static_cast<unsigned>(got));
  const int put = ::uv_try_write(stream, &bytes, 1);
  if (put == got) return;
  if (put < 0 && put != UV_EAGAIN) return close_connection(connection);
  ::uv_read_stop(stream);
  connection.rest.assign(buffer->base + (put < 0 ? 0 : put), buffer->base + got);
  bytes = ::uv_buf_init(connection.rest.data(), static_cast<unsigned>(connection.rest.size()));
  if (::uv_write(&connection.write, stream, &bytes, 1, on_written) < 0) {
    close_connection(connection);
  }
}

void accept_one(Server& server) {
  auto connection = std::make_unique<Connection>();
  check_uv("uv_tcp_init", ::uv_tcp_init(&server.loop, &connection->stream));
  --server.room;
  Connection& owned = *connection.release();  // libuv's, until on_closed
  owned.stream.data = &owned;
  if (::uv_accept(reinterpret_cast<uv_stream_t*>(&server.listener), owned.get()) < 0 ||
      ::uv_read_start(owned.get(), on_alloc, on_read) < 0) {
    close_connection(owned);
  }
}

void on_connection(uv_stream_t* listener, int status) {
  if (status < 0) return;  // it concerns that client alone
  Server& server = *static_cast<Server*>(listener->loop->data);
  if (server.room == 0) {
    server.somebody_waits = true;
  } else {
    accept_one(server);
  }
}

void on_signal(uv_signal_t* signal, int) { ::uv_stop(signal->loop); }

void serve(PeerListener listener) {
  Server server{};
  check_uv("uv_loop_init", ::uv_loop_init(&server.loop));
  server.loop.data = &server;
  for (const auto& [handle, number] :
       {std::pair{&server.interrupt, SIGINT}, std::pair{&server.terminate, SIGTERM}}) {
    check_uv("uv_signal_init", ::uv_signal_init(&server.loop, handle));
    check_uv("uv_signal_start", ::uv_signal_start(handle, on_signal, number));
  }
  check_uv("uv_tcp_init", ::uv_tcp_init(&server.loop, &server.listener));
  check_uv("uv_tcp_open", ::uv_tcp_open(&server.listener, listener.fd.release()));
  check_uv("uv_listen",
           ::uv_listen(reinterpret_cast<uv_stream_t*>(&server.listener), SOMAXCONN, on_connection));
  listener.announce();
  ::uv_run(&server.loop, UV_RUN_DEFAULT);  // until on_signal

  server.somebody_waits = false;
  ::uv_walk(
      &server.loop,
      [](uv_handle_t* handle, void*) {
        const bool is_connection = handle->data != nullptr;
        if (::uv_is_closing(handle) == 0) ::uv_close(handle, is_connection ? on_closed : nullptr);
      },
      nullptr);
  ::uv_run(&server.loop, UV_RUN_DEFAULT);  // the close callbacks
  check_uv("uv_loop_close", ::uv_loop_close(&server.loop));
}

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) { return unblock::peer_main("libuv", argc, argv, unblock::serve); }
