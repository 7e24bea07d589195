#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/unique_fd.hpp"
#include "exercises/kit/failure.hpp"
#include "exercises/kit/message.hpp"
#include "exercises/kit/sandboxed.hpp"

/// A check's side: the subject, that is the student's code in a process of its own, and what a
/// check can order it to do and see of it from outside.
namespace unblock::kit {

/// What the checks of this program know of the submission; the grader tells it (checks_main.cpp).
struct Settings {
  std::filesystem::path sandbox;
  std::filesystem::path subject;          ///< built with AddressSanitizer and UBSan
  std::filesystem::path threads_subject;  ///< built with ThreadSanitizer; empty where there is none
  std::string student_file;               ///< "read_exactly.cpp"
  Limits limits;
  bool io_uring = false;
  std::vector<std::string> denied_calls;
};
Settings& settings();

/// What the sandbox could not enforce so far in this process.
std::vector<std::string> containment_notes();
void note_not_enforced(const std::string& what);  ///< nothing where it is empty

struct SubjectOptions {
  bool race_detector = false;   ///< run the build with ThreadSanitizer (exercise.toml: threads)
  bool find_leaks = false;      ///< finish() fails where memory was leaked
  std::size_t descriptors = 0;  ///< may be open at once; 0: as exercise.toml says
  std::vector<std::string> denied_calls = {};  ///< besides those of exercise.toml
  /// How long it may sleep with nothing to do before a check that waits for it calls it a hang.
  std::chrono::milliseconds patience{1500};
};

/// An exception of the student's code, as it was told.
struct Thrown {
  bool is_system_error = false;
  int code = 0;  ///< errno, where it is a system_error
  std::string what;
};

class Subject;

/// A command under way.
class Call {
 public:
  /// Waits for its result. An exception fails the check.
  template <typename Result = void>
  Result result();
  /// Waits for the exception that it must end with; a result fails the check.
  Thrown thrown();
  /// Whether it has ended by now.
  [[nodiscard]] bool ended();

  /// Waits until it sleeps in a system call. Fails where it ends instead.
  void await_asleep();
  /// Sends its thread a signal while it sleeps in a system call, and waits until it is handled: the
  /// call fails with EINTR, or returns what it has done so far. (One that never sleeps gets the
  /// signal as well.) Fails where it ends instead.
  void interrupt();
  /// Its thread: the main one, or that of Commands::in_thread.
  [[nodiscard]] pid_t thread() const;

 private:
  friend class Subject;
  Call(Subject& subject, std::int64_t id, std::string name)
      : subject_{&subject}, id_{id}, name_{std::move(name)} {}

  Subject* subject_;
  std::int64_t id_;
  std::string name_;
};

/// A running subject. Whatever waits here fails the check as soon as it is sure that there is
/// nothing to wait for: the subject has ended (and how), sleeps with nothing to do (and in which
/// call), or uses CPU time without end. No deadline depends on how busy the machine is. One thread
/// at a time.
class Subject {
 public:
  explicit Subject(const SubjectOptions& options = {});
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  /// Orders a command of subject.cpp and does not wait for it. Arguments are types that travel
  /// (message.hpp); a UniqueFd must be moved in, and is closed here then.
  template <typename... Arguments>
  Call start(const std::string& name, Arguments... arguments);
  /// Orders a command and waits for its result.
  template <typename Result = void, typename... Arguments>
  Result call(const std::string& name, Arguments... arguments) {
    return start(name, std::move(arguments)...).template result<Result>();
  }

  /// Waits until one of `events` (poll(2)) is true of `fd`, one of the check's own descriptors.
  /// `what` completes "while the check waited for": "the rest of the bytes".
  void await(int fd, short events, const std::string& what);
  /// Waits until `condition` holds, looking again and again.
  void await(const std::function<bool()>& condition, const std::string& what);

  /// Waits until the subject has nothing left to do: all its threads sleep, and none has run from
  /// one look to the next. False where it finds no rest, but uses CPU time all along.
  bool await_rest();
  /// Fails unless the subject comes to rest, and then uses next to no CPU time. Takes a fifth of a
  /// second.
  void expect_idle(const std::string& cause = {});

  /// Sends a signal to one of its threads that sleeps in this system call ("select"), waiting for
  /// such a thread, and until the signal is handled: for threads that the student's code has made.
  /// Does nothing where they never sleep.
  void interrupt(const std::string& name);

  [[nodiscard]] pid_t pid() const noexcept { return sandboxed_->pid(); }
  [[nodiscard]] std::vector<pid_t> threads() const;
  /// Open descriptors.
  [[nodiscard]] std::size_t descriptors() const;
  /// Those of one kind, as their links are named (proc(5), fd): "anon_inode:[eventpoll]".
  [[nodiscard]] std::vector<int> descriptors_of(const std::string& kind) const;
  /// What the kernel tells of a descriptor (proc(5), fdinfo); nothing where it is closed.
  [[nodiscard]] std::string descriptor_info(int fd) const;
  [[nodiscard]] std::chrono::nanoseconds cpu_time() const;
  [[nodiscard]] std::size_t resident_bytes() const;
  /// "read() of descriptor 5", for each thread that sleeps in a call other than for the next
  /// command.
  [[nodiscard]] std::vector<std::string> sleeping_in() const;

  /// Fails unless as many descriptors are open as when the subject began.
  void expect_no_open_descriptors(const std::string& cause = {});

  /// Ends the subject as a good one ends: no more commands, and it returns from main(). Fails where
  /// it does not, or a sanitizer has found something. Each check ends with it.
  void finish();

  /// Fails, because the subject has ended: tells how. Does nothing where it has not.
  void fail_if_ended();

 private:
  friend class Call;
  struct Answer {
    std::int64_t kind;
    MessageReader values;
  };
  /// What is known of a wait that goes on; a subject that makes no progress is found by it.
  struct Wait;

  void signal(pid_t thread, bool asleep);
  Call send_command(std::int64_t id, const std::string& name, const MessageWriter& command);
  Answer await_answer(const Call& call);
  [[noreturn]] void fail_early(const Call& call);
  void receive_answer();
  void await_ready();
  void check_progress(Wait& wait, const std::string& what);
  [[noreturn]] void fail_ended(const Ending& ending);
  [[noreturn]] void fail_malformed(const std::string& why);

  SubjectOptions options_;
  UniqueFd channel_;
  std::optional<Sandboxed> sandboxed_;
  std::map<std::int64_t, Answer> answers_;
  std::int64_t last_id_ = 0;
  std::string last_command_ = "its start";
  bool channel_ended_ = false;
  std::size_t first_descriptors_ = 0;
};

template <typename... Arguments>
Call Subject::start(const std::string& name, Arguments... arguments) {
  MessageWriter command;
  const std::int64_t id = ++last_id_;
  put(command, id);
  put(command, name);
  (put(command, arguments), ...);
  return send_command(id, name, command);
}

template <typename Result>
Result Call::result() {
  Subject::Answer answer = subject_->await_answer(*this);
  try {
    if (answer.kind != 0) {
      take<std::int64_t>(answer.values);
      fail({.what = name_ + " threw an exception: " + take<std::string>(answer.values)});
    }
    if constexpr (!std::is_void_v<Result>) return take<Result>(answer.values);
  } catch (const MalformedMessage& error) {
    subject_->fail_malformed(error.what());
  }
}

}  // namespace unblock::kit
