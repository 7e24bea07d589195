#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/unique_fd.hpp"

namespace unblock::kit {

/// What a program in the sandbox may use. All its processes together, where nothing else is said.
struct Limits {
  std::size_t cpu_s = 10;
  std::size_t memory_mb = 512;       ///< resident
  std::size_t address_space_mb = 0;  ///< of each process; 0: no limit, as sanitizers need it
  std::size_t processes = 32;        ///< and threads
  std::size_t descriptors = 256;     ///< of each process
  std::size_t file_mb = 1;           ///< of each file, and of what it prints
  std::size_t box_mb = 16;           ///< of all files in its own folder
};

/// What is to be run, and what it may see.
struct SandboxOptions {
  std::filesystem::path sandbox;              ///< the sandbox program
  std::vector<std::string> command;           ///< the program's path, and its arguments
  std::vector<std::string> environment = {};  ///< "NAME=VALUE"; there are no others
  std::vector<std::filesystem::path> readable = {};
  std::vector<std::filesystem::path> writable = {};
  std::vector<std::filesystem::path> covered = {};
  std::vector<std::string> denied_calls = {};  ///< select, poll, epoll, timerfd ...: ENOSYS
  Limits limits = {};
  bool network = true;  ///< that of this process; otherwise not even loopback
  bool io_uring = false;
  bool namespaces = true;  ///< where the machine allows them; false is for tests of what is left
  int channel = -1;        ///< what becomes its descriptor 3; stays the caller's
};

/// How a program in the sandbox ended.
struct Ending {
  enum class Reason { exited, signalled, memory, cpu, processes, output, not_started };
  Reason reason = Reason::not_started;
  int number = 0;    ///< exit status, or signal
  std::string text;  ///< why it was not started
};

/// A program in a sandbox (sandbox/main.cpp): a session, processes, limits and, where the machine
/// allows it, a file system of its own. The destructor kills whatever it started and waits until
/// all of it is gone. One thread at a time.
class Sandboxed {
 public:
  /// Returns when the program is about to run. Throws std::runtime_error where it cannot be run.
  explicit Sandboxed(const SandboxOptions& options);
  Sandboxed(const Sandboxed&) = delete;
  Sandboxed& operator=(const Sandboxed&) = delete;
  ~Sandboxed();

  /// The program's process id, as this process knows it.
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// What this machine does not let the sandbox enforce, as parts of a sentence.
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }

  /// Readable once the program has ended.
  [[nodiscard]] int status_fd() const noexcept { return status_.get(); }
  /// How it ended; nothing where the deadline passed first.
  std::optional<Ending> wait(std::chrono::milliseconds deadline);

  /// What it has printed so far, at most `most` bytes of it.
  [[nodiscard]] std::string output(std::size_t most = 64 * 1024) const;
  [[nodiscard]] std::string errors(std::size_t most = 64 * 1024) const;

  /// Kills all of it.
  void kill() noexcept;

 private:
  struct Started {};
  Sandboxed(const SandboxOptions& options, Started);
  bool receive_status(std::chrono::steady_clock::time_point end);

  UniqueFd output_;  // memfd: it needs no reader, and the limit of a file's size bounds it
  UniqueFd errors_;
  UniqueFd status_;
  pid_t sandbox_ = -1;
  pid_t pid_ = -1;
  std::vector<std::string> notes_;
  std::optional<Ending> ending_;
};

/// Puts this process, which must have one thread, into a network of its own that has loopback and
/// nothing else. Returns why it cannot, or nothing where it did.
std::string enter_own_network();

}  // namespace unblock::kit
