#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

#include "core/server.hpp"
#include "engine.hpp"
#include "proactor.hpp"

namespace unblock {

/// One server for every engine: it starts operations and handles completions, and never waits. Each
/// connection is a chain: the handler of a read starts the write of what came, the handler of the
/// write starts the next read. So a connection has one operation in flight, its handlers never run
/// at the same time however many threads there are, and no more is read than has been written back.
class ProactorEchoServer final : private CompletionHandler {
 public:
  explicit ProactorEchoServer(const ServerOptions& options, EngineKind kind = EngineKind::select);

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  void run();
  void stop() noexcept { engine_->cancel_all(); }  // every handler is called, and starts no more

 private:
  struct Connection final : CompletionHandler {
    Connection(ProactorEchoServer& its_server, UniqueFd socket);
    void on_completion(CompletionEvent event) override;

    ProactorEchoServer& server;
    Initiator initiator;
    std::list<Connection>::iterator self;
  };

  void on_completion(CompletionEvent event) override;
  void on_accepted(CompletionEvent event);
  void on_read(Connection& connection, CompletionEvent event);
  void on_written(Connection& connection, CompletionEvent event);
  void close_connection(Connection& connection);
  void accept_if_there_is_room();

  std::unique_ptr<Engine> engine_;
  Proactor proactor_;
  Initiator listener_;
  std::uint16_t port_;
  std::size_t max_connections_;
  bool unlimited_;

  std::mutex mutex_;  // guards what follows; held when one comes or goes, not for what it sends
  std::list<Connection> connections_;
  bool accepting_ = false;  // an accept is in flight
  bool delayed_ = false;    // a delay is
};

static_assert(EchoServer<ProactorEchoServer>);

}  // namespace unblock
