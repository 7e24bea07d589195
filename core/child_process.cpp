#include "core/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "core/errors.hpp"

namespace unblock {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  check("pipe2", ::pipe2(ends.data(), O_CLOEXEC));
  return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

// What drain() keeps of a stream: the last words of a program that fails are shorter.
constexpr std::size_t kept_by_drain = 4096;

// Waits until `fd` is readable or its other end is closed; false where `end` passed first.
bool await_readable(int fd, steady_clock::time_point end) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now()).count();
    pollfd watched{fd, POLLIN, 0};
    const int ready = ::poll(&watched, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready > 0) return true;
    if (ready == 0 && left <= 0) return false;
    if (ready < 0 && errno != EINTR) throw_errno("poll");
  }
}

// In the child, after fork and before exec: only async-signal-safe calls, nothing that allocates.
[[noreturn]] void become(const ChildOptions& options, char* const* arguments, pid_t parent,
                         int output, int errors, int failure) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // the parent died before the line above
  if (options.own_group) ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  for (const auto& [resource, limit] : options.limits) {
    const rlimit both{limit, limit};
    ::setrlimit(static_cast<__rlimit_resource>(resource), &both);
  }
  if (options.cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(*options.cpu, &set);
    ::sched_setaffinity(0, sizeof set, &set);
  }
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  if (options.close_standard_output) ::close(STDOUT_FILENO);
  ::execv(arguments[0], arguments);
  const int error = errno;
  [[maybe_unused]] const auto told = ::write(failure, &error, sizeof error);
  ::_exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const ChildOptions& options) {
  Pipe output = make_pipe();
  Pipe errors = make_pipe();
  Pipe failure = make_pipe();  // closed by a successful exec; else it carries errno
  std::vector<char*> arguments;
  for (const std::string& argument : options.command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);

  const pid_t parent = ::getpid();
  pid_ = check("fork", ::fork());
  if (pid_ == 0) {
    become(options, arguments.data(), parent, output.write_end.get(), errors.write_end.get(),
           failure.write_end.get());
  }
  failure.write_end.reset();
  int error = 0;
  if (::read(failure.read_end.get(), &error, sizeof error) == sizeof error) {
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
    throw UserError{fmt::format("{} cannot be executed ({}): build it first, or correct its path",
                                options.command.front(), std::strerror(error))};
  }
  pidfd_ = UniqueFd{static_cast<int>(check("pidfd_open", ::syscall(SYS_pidfd_open, pid_, 0)))};
  output_ = std::move(output.read_end);
  errors_ = std::move(errors.read_end);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)},
      pidfd_{std::move(other.pidfd_)},
      output_{std::move(other.output_)},
      errors_{std::move(other.errors_)},
      output_buffer_{std::move(other.output_buffer_)},
      errors_buffer_{std::move(other.errors_buffer_)},
      status_{other.status_} {}

ChildProcess::~ChildProcess() {
  if (pid_ < 0 || status_) return;
  signal(SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<std::string> ChildProcess::read_until(int fd, std::string& buffer, char last,
                                                    milliseconds deadline) {
  const auto end = steady_clock::now() + deadline;
  for (bool has_read = false;; has_read = true) {
    if (const auto at = buffer.find(last); last != '\0' && at != std::string::npos) {
      std::string line = buffer.substr(0, at);
      buffer.erase(0, at + 1);
      return line;
    }
    // A child that never stops talking is readable at any time.
    if (has_read && steady_clock::now() >= end) return std::nullopt;
    if (!await_readable(fd, end)) return std::nullopt;
    std::array<char, 4096> chunk;
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      if (last == '\0') return std::exchange(buffer, {});
      return std::nullopt;
    }
    buffer.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

std::optional<std::string> ChildProcess::read_line(milliseconds deadline) {
  return read_until(output_.get(), output_buffer_, '\n', deadline);
}

std::string ChildProcess::read_rest(milliseconds deadline) {
  return read_until(output_.get(), output_buffer_, '\0', deadline).value_or(output_buffer_);
}

std::string ChildProcess::read_errors(milliseconds deadline) {
  return read_until(errors_.get(), errors_buffer_, '\0', deadline).value_or(errors_buffer_);
}

void ChildProcess::drain() {
  for (const auto& [fd, buffer] :
       {std::pair{output_.get(), &output_buffer_}, std::pair{errors_.get(), &errors_buffer_}}) {
    std::array<char, 4096> chunk;
    pollfd watched{fd, POLLIN, 0};
    while (::poll(&watched, 1, 0) > 0) {
      const ssize_t got = ::read(fd, chunk.data(), chunk.size());
      if (got <= 0) break;
      buffer->append(chunk.data(), static_cast<std::size_t>(got));
      if (buffer->size() > kept_by_drain) buffer->erase(0, buffer->size() - kept_by_drain);
    }
  }
}

void ChildProcess::signal(int number) const noexcept {
  if (pid_ > 0 && !status_) ::kill(pid_, number);
}

std::optional<int> ChildProcess::wait(milliseconds deadline, rusage* usage) {
  if (status_) return status_;
  if (!await_readable(pidfd_.get(), steady_clock::now() + deadline)) return std::nullopt;
  int raw = 0;
  while (::wait4(pid_, &raw, 0, usage) < 0) {
    if (errno != EINTR) throw_errno("wait4");
  }
  status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return status_;
}

std::optional<std::uint16_t> parse_listening_line(const std::string& line) {
  constexpr std::string_view start = "listening on ";
  if (line.compare(0, start.size(), start) != 0) return std::nullopt;
  const auto host_end = line.find(' ', start.size());
  const auto colon = line.rfind(':', host_end);
  if (colon == std::string::npos || colon < start.size()) return std::nullopt;
  std::uint16_t port = 0;
  const char* last = line.data() + (host_end == std::string::npos ? line.size() : host_end);
  const auto parsed = std::from_chars(line.data() + colon + 1, last, port);
  if (parsed.ec != std::errc{} || parsed.ptr != last || port == 0) return std::nullopt;
  return port;
}

}  // namespace unblock
