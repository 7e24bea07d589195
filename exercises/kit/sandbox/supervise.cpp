#include "exercises/kit/sandbox/supervise.hpp"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace unblock::sandbox {
namespace {

// How often the memory is looked at: a program that takes memory as fast as it can gets some 50 MB
// in that time.
constexpr int look_every_ms = 20;

// Who has as many processes as it may at so many looks, one after another, forks in a loop, and
// would only keep the CPUs busy with it from now on.
constexpr int looks_at_most_processes = 3;

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  unsigned long ticks = 0;  // of CPU time, its ended children's too
  std::size_t threads = 0;
  std::size_t pages = 0;  // resident
};

// One line of /proc/PID/stat: proc(5). The name in parentheses may hold anything.
bool read_process(const char* pid, Process& process) {
  std::ifstream file{std::string{"/proc/"} + pid + "/stat"};
  std::string line;
  if (!std::getline(file, line)) return false;
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return false;
  unsigned long user = 0;
  unsigned long system = 0;
  long reaped_user = 0;
  long reaped_system = 0;
  long threads = 0;
  long resident = 0;
  process.pid = std::atoi(pid);
  if (std::sscanf(line.c_str() + name_end + 1,
                  " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld %*d %*d %ld %*d %*u "
                  "%*u %ld",
                  &process.parent, &user, &system, &reaped_user, &reaped_system, &threads,
                  &resident) != 7) {
    return false;
  }
  process.ticks = user + system + static_cast<unsigned long>(reaped_user + reaped_system);
  process.threads = static_cast<std::size_t>(threads);
  process.pages = static_cast<std::size_t>(resident);
  return true;
}

// All processes below this one.
std::vector<Process> processes_below() {
  std::multimap<pid_t, Process> by_parent;
  DIR* const folder = ::opendir("/proc");
  if (folder == nullptr) return {};
  while (const dirent* entry = ::readdir(folder)) {
    Process process;
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
        read_process(entry->d_name, process)) {
      by_parent.emplace(process.parent, process);
    }
  }
  ::closedir(folder);
  std::vector<Process> below;
  std::vector<pid_t> parents{::getpid()};
  while (!parents.empty()) {
    const auto [first, last] = by_parent.equal_range(parents.back());
    parents.pop_back();
    for (auto at = first; at != last; ++at) {
      below.push_back(at->second);
      parents.push_back(at->second.pid);
    }
  }
  return below;
}

End::Reason over_limit(const Options& options, int& looks_at_most) {
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  static const auto second = static_cast<unsigned long>(::sysconf(_SC_CLK_TCK));
  std::size_t pages = 0;
  std::size_t threads = 0;
  unsigned long ticks = 0;
  for (const Process& process : processes_below()) {
    threads += process.threads;
    pages += process.pages;
    ticks += process.ticks;
  }
  if (pages * page > options.memory_mb << 20U) return End::Reason::memory;
  if (ticks > options.cpu_s * second) return End::Reason::cpu;
  looks_at_most = threads >= options.processes ? looks_at_most + 1 : 0;
  if (looks_at_most == looks_at_most_processes) return End::Reason::processes;
  return End::Reason::by_itself;
}

// Reaps what has ended; true where the program is among it.
bool reap(pid_t program, int& wait_status) {
  bool ended = false;
  int status = 0;
  while (const pid_t pid = ::waitpid(-1, &status, WNOHANG)) {
    if (pid < 0) break;
    if (pid == program) {
      wait_status = status;
      ended = true;
    }
  }
  return ended;
}

}  // namespace

End supervise(pid_t program, const Options& options) {
  // SIGCHLD ends a wait, so that the end of the program is told at once.
  sigset_t child_ended;
  ::sigemptyset(&child_ended);
  ::sigaddset(&child_ended, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child_ended, nullptr);
  ::signal(SIGCHLD, [](int) {});
  sigset_t none;
  ::sigemptyset(&none);

  End end;
  int looks_at_most = 0;
  for (;;) {
    if (reap(program, end.wait_status)) return end;
    end.reason = over_limit(options, looks_at_most);
    if (end.reason != End::Reason::by_itself) return end;
    pollfd listener{status_fd, 0, 0};  // POLLHUP comes unasked
    constexpr timespec wait{.tv_sec = 0, .tv_nsec = look_every_ms * 1'000'000L};
    // ppoll lets the signal through only while it waits: none is lost between reap() and here.
    if (::ppoll(&listener, 1, &wait, &none) > 0) return end;
  }
}

void kill_all_below() {
  for (;;) {
    const std::vector<Process> below = processes_below();
    if (below.empty()) return;
    // One that is stopped forks no more: so there is an end to it, however fast they are.
    for (const Process& process : below) ::kill(process.pid, SIGSTOP);
    for (const Process& process : below) ::kill(process.pid, SIGKILL);
    int status = 0;
    while (::waitpid(-1, &status, WNOHANG) > 0) {
    }
  }
}

}  // namespace unblock::sandbox
