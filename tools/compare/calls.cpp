#include "tools/compare/calls.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <thread>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "tools/compare/process_tree.hpp"

namespace unblock {
namespace {

constexpr std::size_t requests_of_each = 5;
constexpr std::size_t requests_at_least = 200;
constexpr std::chrono::milliseconds at_most{300};

// Stops every thread of a server at each system call. Everything but calls() is for the thread that
// has made it: only the thread that has seized another may trace it.
class Tracer {
 public:
  // Throws std::system_error where this is not allowed.
  explicit Tracer(pid_t leader) : leader_{leader} {
    // A thread that starts another one meanwhile shows it at the next look, or hands it to us.
    for (bool found = true; found;) {
      found = false;
      for (const pid_t pid : processes_of(leader)) {
        for (const pid_t tid : thread_ids(pid)) found = seize(tid) || found;
      }
    }
  }

  // Lets the server run on until its leader has ended, which is left for others to be waited for.
  void run() {
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

  // Any thread may ask.
  [[nodiscard]] std::size_t calls() const noexcept { return calls_; }

 private:
  bool seize(pid_t tid) {
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
  bool take(pid_t tid) {
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

  pid_t leader_;
  std::atomic<std::size_t> calls_{0};
  std::unordered_set<pid_t> traced_;
  std::unordered_set<pid_t> inside_;  // between the entry and the exit of a call
};

// Waits until the server has done all that it was asked, and makes no call any more; false for one
// that never sleeps.
bool settles(const Tracer& tracer) {
  std::size_t calls = tracer.calls();
  for (int look = 0; look < 20; ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    if (std::exchange(calls, tracer.calls()) == calls) return true;
  }
  return false;
}

CallCount drive(const LoadOptions& load, const Tracer& tracer) {
  LoadClient client{load};
  client.connect();
  LoadWindow window;
  if (client.greeted() > 0) window = client.drive(at_most, load.connections);
  settles(tracer);
  const std::size_t before = tracer.calls();
  if (window.requests > 0) {
    window =
        client.drive(at_most, std::max(requests_at_least, requests_of_each * load.connections));
  }
  std::size_t after = tracer.calls();
  if (settles(tracer)) after = tracer.calls();
  if (client.interrupted()) return {};
  if (window.requests == 0) return {.per_request = {}, .missing = "no answer while it was traced"};
  return {.per_request = static_cast<double>(after - before) / static_cast<double>(window.requests),
          .missing = {}};
}

LoadOptions counted_load(const LoadOptions& load) {
  LoadOptions counted = load;
  counted.connections = std::min<std::size_t>(load.connections, 64);
  counted.idle = std::min<std::size_t>(load.idle, 256);
  counted.slow = std::min<std::size_t>(load.slow, 64);
  counted.rate = 0;
  return counted;
}

}  // namespace

CallCount count_calls(const Contender& contender, const RoundOptions& options,
                      const Interrupt& interrupt) {
  // Server, tracer and client on one CPU: a switch to another one would cost ten times as much.
  const PinnedToCpu pinned{*places_for(Pinning::same).client};
  std::optional<ServerProcess> server;
  CallCount result;
  try {
    server.emplace(contender, Pinning::none, interrupt);
    const auto port = server->await_port(options.start_deadline, result.missing);
    if (!port) return result;
    LoadOptions load = counted_load(options.load);
    load.port = *port;
    load.interrupt_fd = interrupt.fd();
    load.beside = server->talk();
    Tracer tracer{server->pid()};
    std::exception_ptr failure;
    std::jthread driver{[&] {
      try {
        result = drive(load, tracer);
      } catch (...) {
        failure = std::current_exception();
      }
      ::kill(-server->pid(), SIGKILL);
    }};
    tracer.run();
    driver.join();
    if (failure) std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    result.missing = fmt::format("system calls cannot be counted here ({})", error.what());
  }
  return result;
}

}  // namespace unblock
