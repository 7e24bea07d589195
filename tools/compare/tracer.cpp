#include "tools/compare/tracer.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "tools/compare/process_tree.hpp"

namespace unblock {
namespace {

// Threads too, and not the children of this process' other threads (waitid(2)).
constexpr int traced_only = __WALL | __WNOTHREAD;

}  // namespace

Tracer::Tracer(pid_t leader) : leader_{leader} {
  // All threads that are found stand still, so that a look that finds no further one has seen them
  // all: what they start from now on is handed to us (PTRACE_O_TRACECLONE).
  for (bool found = true; found;) {
    found = false;
    for (const pid_t pid : processes_of(leader)) {
      for (const pid_t tid : thread_ids(pid)) found = seize(tid) || found;
    }
  }
}

void Tracer::run() {
  for (;;) {
    siginfo_t info{};
    // A look only: what has happened may have changed when it is taken.
    if (::waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOWAIT | traced_only) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED) {
      go_on(info.si_pid);
    } else if (info.si_pid == leader_) {
      break;
    } else {
      has_ended(info.si_pid);
    }
  }
  // What we trace stays a zombie until we have waited for it.
  traced_.erase(leader_);
  for (const pid_t tid : traced_) ::kill(tid, SIGKILL);
  await([this] {
    const std::vector<pid_t> left{traced_.begin(), traced_.end()};
    return std::all_of(left.begin(), left.end(), [this](pid_t tid) { return has_ended(tid); });
  });
}

// True where it stands still now, and did not before.
bool Tracer::seize(pid_t tid) {
  if (traced_.contains(tid)) return false;
  const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                       PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL;
  if (::ptrace(PTRACE_SEIZE, tid, nullptr, options) < 0) {
    if (errno == ESRCH) return false;  // it has ended meanwhile
    throw_errno("ptrace");
  }
  ::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(tid), &info,
                  WEXITED | WSTOPPED | WNOWAIT | traced_only) < 0 &&
         errno == EINTR) {
  }
  traced_.insert(tid);
  return true;
}

// Takes the stop that this thread is in, and lets it run on. It never waits: a thread that was
// killed meanwhile is in no stop any more, and where it is the first of its process, its end cannot
// be seen before the ends of the others have been taken.
void Tracer::go_on(pid_t tid) {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(tid), &info, WSTOPPED | WNOHANG | traced_only) < 0 ||
      info.si_pid != tid) {
    return;
  }
  traced_.insert(tid);
  const int stop = info.si_status & 0xff;
  const bool is_event = info.si_status >> 8 != 0;  // a new thread's first stop, ours, a fork
  int deliver = 0;
  if (stop == (SIGTRAP | 0x80)) {  // PTRACE_O_TRACESYSGOOD: the entry or the exit of a call
    if (inside_.erase(tid) == 0) {
      inside_.insert(tid);
      ++calls_;
    }
  } else if (!is_event) {
    deliver = stop;  // a signal of its own
  }
  ::ptrace(PTRACE_SYSCALL, tid, nullptr, deliver);
}

// Whether this thread's end could be taken, or had been before.
bool Tracer::has_ended(pid_t tid) {
  siginfo_t info{};
  const int result =
      ::waitid(P_PID, static_cast<id_t>(tid), &info, WEXITED | WNOHANG | traced_only);
  if (result == 0 && info.si_pid != tid) return false;
  traced_.erase(tid);
  inside_.erase(tid);
  return true;
}

}  // namespace unblock
