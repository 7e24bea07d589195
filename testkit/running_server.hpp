#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <thread>

#include "core/lesson.hpp"

namespace unblock {

/// A model's server, running in a thread of this process. The destructor stops it and, where run()
/// does not return within test_deadline or threw, ends the test program with a line that says so: a
/// thread that hangs cannot be taken back.
class RunningServer {
 public:
  explicit RunningServer(const Model& model, const ServerOptions& options = {});
  RunningServer(std::string name, std::unique_ptr<AnyServer> server);
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;
  ~RunningServer();

  [[nodiscard]] std::uint16_t port() const noexcept { return server_->port(); }
  [[nodiscard]] AnyServer& server() noexcept { return *server_; }
  /// The kernel's id of the thread that serves: the one in run(), or a program's first.
  [[nodiscard]] pid_t thread_id() const;

  /// Whether run() has returned.
  [[nodiscard]] bool finished() const noexcept { return finished_; }

  /// Calls stop() and waits until run() has returned.
  void stop();

 private:
  std::string name_;
  std::unique_ptr<AnyServer> server_;
  std::atomic<pid_t> thread_id_{0};
  std::atomic<bool> finished_{false};
  std::jthread thread_;
};

}  // namespace unblock
