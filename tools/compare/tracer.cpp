#include "tools/compare/tracer.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "tools/compare/process_tree.hpp"

namespace unblock {

Tracer::Tracer(pid_t leader) : leader_{leader} {
  // A thread that starts another one meanwhile shows it at the next look, or hands it to us.
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
    // __WALL: threads too. __WNOTHREAD: not the children of this process' other threads.
    if (::waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOWAIT | __WALL | __WNOTHREAD) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    const bool has_ended =
        info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
    if (info.si_pid == leader_ && has_ended) break;
    take(info.si_pid);
  }
  // Its other processes end with it: what we trace stays a zombie until we have waited for it.
  traced_.erase(leader_);
  while (!traced_.empty()) {
    const pid_t tid = *traced_.begin();
    ::kill(tid, SIGKILL);
    if (!take(tid)) traced_.erase(tid);
  }
}

bool Tracer::seize(pid_t tid) {
  if (traced_.contains(tid)) return false;
  const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                       PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL;
  if (::ptrace(PTRACE_SEIZE, tid, nullptr, options) < 0) {
    if (errno == ESRCH) return false;  // it has ended meanwhile
    throw_errno("ptrace");
  }
  ::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
  traced_.insert(tid);
  return true;
}

// Waits for one thread's next stop or its end, and lets it run on; false where there is none.
bool Tracer::take(pid_t tid) {
  int status = 0;
  if (::waitpid(tid, &status, __WALL | __WNOTHREAD) < 0) return errno == EINTR;
  if (!WIFSTOPPED(status)) {
    traced_.erase(tid);
    inside_.erase(tid);
    return true;
  }
  traced_.insert(tid);
  const int stop = WSTOPSIG(status);
  const bool is_event = status >> 16 != 0;  // a new thread's first stop, ours, a fork
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
  return true;
}

}  // namespace unblock
