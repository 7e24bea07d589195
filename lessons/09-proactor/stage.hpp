#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/experiment.hpp"
#include "core/observe.hpp"
#include "core/tcp.hpp"
#include "engine.hpp"
#include "proactor.hpp"

namespace unblock {

// Stage hands of the experiments.

/// A handler that writes down what it is told, and in which thread.
class Notebook final : public CompletionHandler {
 public:
  struct Entry {
    pid_t thread = 0;
    AsynchronousOperation::Kind kind{};
    int error = 0;
    std::string text;  ///< read: the bytes that came
  };

  void on_completion(CompletionEvent event) override;
  /// Waits until there are `count` entries; throws UserError where that takes ten seconds.
  void await_entries(std::size_t count) const;
  [[nodiscard]] std::vector<Entry> entries() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

/// A proactor that runs in a thread of its own, until the end of this object. An engine may have
/// one in its life.
class RunningProactor {
 public:
  explicit RunningProactor(Engine& engine);
  ~RunningProactor();

  [[nodiscard]] pid_t thread_id() const;

 private:
  Engine& engine_;
  Notebook nobody_;
  Initiator keep_alive_;  // a long delay: without any operation in flight, run() would return
  std::atomic<pid_t> thread_id_ = 0;
  std::jthread thread_;
};

/// An operation on one end of a connection, and the client at the other.
struct Line {
  Line(AsynchronousOperationProcessor& processor, CompletionHandler& handler)
      : Line{processor, handler, connected_pair()} {}

  UniqueFd client;
  Initiator initiator;

 private:
  Line(AsynchronousOperationProcessor& processor, CompletionHandler& handler, ConnectedPair pair)
      : client{std::move(pair.client)}, initiator{processor, handler, std::move(pair.server)} {}
};

/// The system call in which a thread sleeps, with the descriptor that is its first argument
/// (proc(5), /proc/PID/task/TID/syscall). Nothing where it runs, or where the kernel does not tell.
struct SleepsIn {
  long number = -1;
  long first_argument = -1;
};
std::optional<SleepsIn> sleeps_in(pid_t thread);

/// How long a thread has run, or has been ready to, since its start (proc(5), schedstat): the rest
/// of its time it was asleep. Zero where the kernel does not tell.
std::chrono::nanoseconds time_awake(pid_t thread);

/// Threads of this process that sleep in read(2) of one of `fds`.
std::size_t threads_reading(const std::set<int>& fds);

void send_text(int fd, std::string_view text);
/// Blocks until as many bytes have come.
std::string receive_text(int fd, std::size_t size);
/// Whether there is something to read from `fd` now.
bool has_something(int fd);

/// An engine by the name of its model.
struct NamedEngine {
  std::string name;
  EngineKind kind{};
  std::string missing;  ///< why this machine or this build does not have it; empty where it has
};
std::vector<NamedEngine> all_engines();
std::vector<NamedEngine> engines_here();

/// What an experiment on POSIX AIO finds where there is none; nothing where there is. After it, the
/// calls of aio(7) may be made.
std::optional<Finding> without_posix_aio();

/// Prints a table. `rows` are its first ones, the headings at least; `add` adds those of one
/// engine. An engine that is missing has a row that says so, and below the table a line that says
/// why.
void table_of_engines(
    Narrator& out, std::vector<std::vector<std::string>> rows,
    const std::function<void(const NamedEngine&, std::vector<std::vector<std::string>>&)>& add);

}  // namespace unblock
