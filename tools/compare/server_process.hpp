#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/child_process.hpp"
#include "tools/compare/contender.hpp"
#include "tools/compare/interrupt.hpp"
#include "tools/load/load_client.hpp"

namespace unblock {

/// One server's process, from its start to its end, in a process group of its own: the terminal's
/// Ctrl-C is for us, and the destructor kills what is left, with what it has started. While it
/// waits, it looks at `interrupt` and gives up where there was one.
class ServerProcess {
 public:
  /// Throws UserError where the program cannot be executed.
  ServerProcess(const Contender& contender, Pinning pinning, const Interrupt& interrupt);
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess();

  [[nodiscard]] pid_t pid() const noexcept { return child_.pid(); }

  /// Waits for the line that names its port. Where none comes, says why in `problem`, and the
  /// server has ended; where there was an interrupt, says nothing.
  std::optional<std::uint16_t> await_port(std::chrono::milliseconds deadline, std::string& problem);

  /// Its standard output and error, for a load to look after, so that a server that logs never
  /// waits for us.
  std::vector<Watched> talk();

  /// How it died, where it does so within the deadline.
  std::optional<std::string> death(std::chrono::milliseconds deadline);

  /// Ends it; false where it took more than a SIGTERM.
  bool stop(std::chrono::milliseconds deadline);

  /// The last line of its standard error as ": ...", to be put behind a sentence; empty where there
  /// is none. Once it has ended.
  std::string last_words();

  /// What it used in its life, with the processes that it has waited for. Once it has ended.
  [[nodiscard]] const rusage& usage() const noexcept { return usage_; }

 private:
  std::optional<int> wait(std::chrono::milliseconds deadline);

  const Interrupt& interrupt_;
  ChildProcess child_;
  rusage usage_{};
};

}  // namespace unblock
