#include "testkit/syscall_count.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_set>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/observe.hpp"
#include "core/unique_fd.hpp"
#include "testkit/client.hpp"

namespace unblock {
namespace {

// Lets the traced program run on until it is gone, counting each entry into a system call.
// Only the thread that started the program may trace it (ptrace(2)).
void trace(std::atomic<std::size_t>& calls) {
  std::unordered_set<pid_t> known;
  std::unordered_set<pid_t> inside;  // threads between the entry and the exit of a call
  for (;;) {
    int status = 0;
    // __WALL: threads too. __WNOTHREAD: not the children of this process' other threads.
    const pid_t tid = ::waitpid(-1, &status, __WALL | __WNOTHREAD);
    if (tid < 0 && errno == EINTR) continue;
    if (tid < 0) return;  // ECHILD: the program is gone
    if (!WIFSTOPPED(status)) continue;
    const int stop = WSTOPSIG(status);
    int deliver = 0;
    if (stop == (SIGTRAP | 0x80)) {  // PTRACE_O_TRACESYSGOOD: at the entry or the exit of a call
      if (inside.erase(tid) == 0) {
        inside.insert(tid);
        ++calls;
      }
    } else if (stop != SIGTRAP && !(stop == SIGSTOP && !known.contains(tid))) {
      deliver =
          stop;  // a signal of its own; the others are the tracer's events, and a thread's start
    }
    known.insert(tid);
    ::ptrace(PTRACE_SYSCALL, tid, nullptr, deliver);
  }
}

// Waits until no further call is counted: what the program does about the last request is done.
std::size_t settled(const std::atomic<std::size_t>& calls) {
  std::size_t before = calls;
  const auto unchanged = [&] {
    await([] { return false; }, std::chrono::milliseconds{30});
    return std::exchange(before, calls.load()) == calls.load();
  };
  if (!await(unchanged, test_deadline)) {
    throw std::runtime_error{
        "the server goes on making system calls although it has nothing to do"};
  }
  return before;
}

void request_each(std::vector<Client>& clients, const Bytes& bytes) {
  for (Client& client : clients) client.send(bytes);
  for (Client& client : clients) client.expect(bytes);
}

double drive(int output, const std::atomic<std::size_t>& calls, std::size_t connections,
             std::size_t requests) {
  std::string line;
  for (char c = 0; ::read(output, &c, 1) == 1 && c != '\n';) line += c;
  const auto port = parse_listening_line(line);
  if (!port) throw std::runtime_error{"the server did not start; it printed '" + line + "'"};
  std::vector<Client> clients;
  for (std::size_t i = 0; i < connections; ++i) clients.emplace_back(*port);
  const Bytes bytes = pattern(64);
  for (int i = 0; i < 20; ++i) request_each(clients, bytes);
  const std::size_t before = settled(calls);
  for (std::size_t i = 0; i < requests; ++i) request_each(clients, bytes);
  const std::size_t after = settled(calls);
  return static_cast<double>(after - before) / static_cast<double>(requests * connections);
}

}  // namespace

std::optional<double> syscalls_per_request(const std::vector<std::string>& command,
                                           std::size_t connections, std::size_t requests) {
#ifdef __SANITIZE_THREAD__
  return std::nullopt;  // it makes calls of its own
#endif
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  check("pipe2", ::pipe2(ends.data(), O_CLOEXEC));
  const UniqueFd output{ends[0]};
  UniqueFd output_of_child{ends[1]};

  const pid_t child = check("fork", ::fork());
  if (child == 0) {
    // LeakSanitizer stops a program that is traced.
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    ::dup2(output_of_child.get(), STDOUT_FILENO);
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) < 0) ::_exit(126);
    ::raise(SIGSTOP);  // until the parent has set its options
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  output_of_child.reset();
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status)) return std::nullopt;
  const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
  check("ptrace", ::ptrace(PTRACE_SETOPTIONS, child, nullptr, options));
  check("ptrace", ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr));

  std::atomic<std::size_t> calls{0};
  double result = 0;
  std::exception_ptr failure;
  std::jthread driver{[&] {
    try {
      result = drive(output.get(), calls, connections, requests);
    } catch (...) {
      failure = std::current_exception();
    }
    ::kill(child, SIGKILL);
  }};
  trace(calls);
  driver.join();
  if (failure) std::rethrow_exception(failure);
  return result;
}

}  // namespace unblock
