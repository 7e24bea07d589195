#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/child_process.hpp"
#include "tools/compare/interrupt.hpp"

namespace unblock {

/// Which CPUs the server and the client may use.
enum class Pinning {
  same,   ///< one CPU for both
  split,  ///< one each
  none,   ///< the scheduler decides
};

/// The CPUs for both ends, as PinnedToCpu counts them. Throws UserError where there are too few.
struct Places {
  std::optional<std::size_t> server;
  std::optional<std::size_t> client;
};
Places places_for(Pinning pinning);

/// A server that takes part: a program that prints `listening on HOST:PORT` once it serves, and
/// ends on SIGTERM.
struct Contender {
  std::string name;
  std::vector<std::string> command;
};

/// The contender that the model of this name is (tools/compare/models.hpp). Throws UserError where
/// there is none.
Contender contender_for_model(const std::string& name);

/// A server of somebody else's, from "NAME=COMMAND", where a shell splits the command. Throws
/// UserError where it is not of that form.
Contender contender_for_command(const std::string& text);

/// One server's process, from its start to its end; the destructor kills what is left. While it
/// waits, it looks at `interrupt` and gives up where there was one.
class ServerProcess {
 public:
  /// Throws UserError where the program cannot be executed.
  ServerProcess(const Contender& contender, Pinning pinning, const Interrupt& interrupt);

  [[nodiscard]] pid_t pid() const noexcept { return child_.pid(); }

  /// Waits for the line that names its port. Where none comes, says why in `problem`, and the
  /// server has ended; where there was an interrupt, says nothing.
  std::optional<std::uint16_t> await_port(std::chrono::milliseconds deadline, std::string& problem);

  /// How it died, where it does so within the deadline.
  std::optional<std::string> death(std::chrono::milliseconds deadline);

  /// Ends it; false where it took more than a SIGTERM.
  bool stop(std::chrono::milliseconds deadline);

  /// The last line of its standard error as ": ...", to be put behind a sentence; empty where there
  /// is none. Once it has ended.
  std::string last_words();

  /// Now, of its threads and of its resident memory (the most so far, bytes); 0 once it has ended.
  [[nodiscard]] std::size_t threads() const;
  [[nodiscard]] std::size_t peak_memory() const;

 private:
  const Interrupt& interrupt_;
  ChildProcess child_;
};

}  // namespace unblock
