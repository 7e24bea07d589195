#pragma once

#include <string>
#include <vector>

#include "core/child_process.hpp"
#include "core/lesson.hpp"
#include "core/wake_event.hpp"

namespace unblock {

/// A program that keeps the contract of the lessons' programs, as a server of the test's own
/// process: constructed, it listens; run() waits for its end; stop() has it ended by SIGTERM.
class ProgramServer final : public AnyServer {
 public:
  /// `command` serves with the flags --host and --port. Throws UserError with the program's own
  /// words where it refuses in one line and with status 1, std::runtime_error where it does
  /// anything else than to listen.
  ProgramServer(std::vector<std::string> command, const ServerOptions& options);

  [[nodiscard]] std::uint16_t port() const noexcept override { return port_; }
  /// Throws std::runtime_error where the program ends by itself, or with another status than 0, or
  /// says anything on its standard error.
  void run() override;
  void stop() noexcept override { stop_.signal(); }

  [[nodiscard]] pid_t pid() const noexcept { return child_.pid(); }

 private:
  WakeEvent stop_;
  ChildProcess child_;
  std::uint16_t port_ = 0;
};

/// The model that `command` serves.
Model program_model(std::string name, std::vector<std::string> command);

}  // namespace unblock
