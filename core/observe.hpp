#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace unblock {

/// What the kernel tells of threads and processes, for experiments and tests: proc(5),
/// getrusage(2), clock_gettime(2). A `tid` is a kernel thread id (gettid(2)) of this process unless
/// a pid is given.

/// The calling thread's id.
pid_t this_thread_id() noexcept;

/// 'R' running or waiting for a CPU, 'S' asleep until an event, 'D' asleep in the kernel without
/// being interruptible, 'T' stopped, 'Z' dead; nothing where there is no such thread.
std::optional<char> thread_state(pid_t tid);

/// The ids of a process' threads; of this process where pid is 0. Empty where there is no such
/// process.
std::vector<pid_t> thread_ids(pid_t pid = 0);

/// Numbers of open descriptors of a process; of this process where pid is 0.
std::size_t open_descriptors(pid_t pid = 0);

/// Waits until `condition` is true, looking every millisecond. False where `deadline` passed first.
/// For what the kernel announces by no event: a thread fell asleep, a process is gone.
bool await(const std::function<bool()>& condition,
           std::chrono::milliseconds deadline = std::chrono::seconds{10});

/// Waits until thread `tid` sleeps in a system call (state S). False where the deadline passed
/// first.
bool await_asleep(pid_t tid, std::chrono::milliseconds deadline = std::chrono::seconds{10});

/// CPU time used so far, user and system together: of the calling thread; of a process and all its
/// threads (this one where pid is 0; zero where there is none).
std::chrono::nanoseconds thread_cpu_time();
std::chrono::nanoseconds process_cpu_time(pid_t pid = 0);

/// How much of the next `window` another process is awake: the share of looks, one every
/// millisecond, that find one of its threads running or waiting for a CPU. Unlike its share of CPU
/// time, that of one which spins is near 1 also on a machine whose CPUs are busy with others.
/// Blocks for that long.
double awake_share(pid_t pid, std::chrono::milliseconds window);

/// How often a thread has left the CPU: because it waited, or because another one was to run.
struct ContextSwitches {
  long voluntary = 0;
  long involuntary = 0;
};
ContextSwitches context_switches(pid_t tid);

/// Resident memory of a process in bytes; of this process where pid is 0.
std::size_t resident_bytes(pid_t pid = 0);

/// CPUs that the calling thread may run on.
std::size_t available_cpus();

/// Binds the calling thread, and those that it creates from then on, to the `index`th CPU of those
/// that it may run on. The destructor undoes it.
class PinnedToCpu {
 public:
  explicit PinnedToCpu(std::size_t index);
  PinnedToCpu(const PinnedToCpu&) = delete;
  PinnedToCpu& operator=(const PinnedToCpu&) = delete;
  ~PinnedToCpu();

 private:
  std::vector<std::size_t> before_;
};

/// The middle value (of two, the upper one); `values` must not be empty.
double median(std::vector<double> values);

}  // namespace unblock
