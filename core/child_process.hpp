#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/unique_fd.hpp"

namespace unblock {

/// How a child process is started.
struct ChildOptions {
  std::vector<std::string> command;  ///< the program's path, and its arguments
  /// Limits of the child: {RLIMIT_NOFILE, 32}.
  std::vector<std::pair<int, rlim_t>> limits = {};
  std::optional<std::size_t> cpu = {};  ///< bind it to this CPU
  bool close_standard_output = false;
  /// A process group of its own, named by its pid: what a terminal sends to us (Ctrl-C) does not
  /// reach it, and ::kill(-pid) reaches those that it has started.
  bool own_group = false;
};

/// A program started by this one, with its standard output and error read through pipes. Whatever
/// happens to the owner, the child does not outlive it: the destructor kills and reaps it, and the
/// kernel kills it when the thread that started it ends (PR_SET_PDEATHSIG). One thread at a time.
class ChildProcess {
 public:
  /// Throws UserError where the program cannot be executed, std::system_error where a call fails.
  explicit ChildProcess(const ChildOptions& options);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  /// The next line of its standard output, without the newline; nothing at its end, or where the
  /// deadline passed first.
  std::optional<std::string> read_line(std::chrono::milliseconds deadline = std::chrono::seconds{
                                           20});

  /// Everything that is left of its standard output and of its standard error; waits for their
  /// ends.
  std::string read_rest(std::chrono::milliseconds deadline = std::chrono::seconds{20});
  std::string read_errors(std::chrono::milliseconds deadline = std::chrono::seconds{20});

  /// Takes what it has written so far and forgets all but the last line or two, so that a child
  /// that talks never waits for its reader. Does not block. To be called whenever one of the two
  /// descriptors, its standard output and its standard error, is readable.
  void drain();
  [[nodiscard]] int output_fd() const noexcept { return output_.get(); }
  [[nodiscard]] int errors_fd() const noexcept { return errors_.get(); }

  void signal(int number) const noexcept;

  /// Its exit status, or 128 plus the number of the signal that ended it; nothing where the
  /// deadline passed first. `usage`, where given, receives what it used in its life (wait4(2)).
  std::optional<int> wait(std::chrono::milliseconds deadline = std::chrono::seconds{20},
                          rusage* usage = nullptr);

 private:
  std::optional<std::string> read_until(int fd, std::string& buffer, char last,
                                        std::chrono::milliseconds deadline);

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd output_;
  UniqueFd errors_;
  std::string output_buffer_;
  std::string errors_buffer_;
  std::optional<int> status_;
};

/// The port of a line "listening on HOST:PORT (model NAME)"; nothing where it is not such a line.
std::optional<std::uint16_t> parse_listening_line(const std::string& line);

}  // namespace unblock
