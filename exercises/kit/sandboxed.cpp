#include "exercises/kit/sandboxed.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "core/errors.hpp"
#include "exercises/kit/sandbox/status.hpp"

namespace unblock::kit {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds start_deadline{60};

std::vector<std::string> arguments_for(const SandboxOptions& options) {
  std::vector<std::string> arguments{options.sandbox};
  const auto add = [&](const char* name, const std::string& value) {
    arguments.push_back(std::string{name} + "=" + value);
  };
  for (const auto& path : options.readable) add("read", path);
  for (const auto& path : options.writable) add("write", path);
  for (const auto& path : options.covered) add("cover", path);
  for (const auto& variable : options.environment) add("env", variable);
  for (const auto& call : options.denied_calls) add("deny", call);
  const Limits& limits = options.limits;
  add("cpu_s", std::to_string(limits.cpu_s));
  add("memory_mb", std::to_string(limits.memory_mb));
  add("address_space_mb", std::to_string(limits.address_space_mb));
  add("processes", std::to_string(limits.processes));
  add("descriptors", std::to_string(limits.descriptors));
  add("file_mb", std::to_string(limits.file_mb));
  add("box_mb", std::to_string(limits.box_mb));
  add("network", options.network ? "yes" : "no");
  add("namespaces", options.namespaces ? "yes" : "no");
  add("io_uring", options.io_uring ? "yes" : "no");
  arguments.emplace_back("--");
  arguments.insert(arguments.end(), options.command.begin(), options.command.end());
  return arguments;
}

UniqueFd memory_file(const char* name) {
  UniqueFd fd{check("memfd_create", ::memfd_create(name, MFD_CLOEXEC))};
  check("fcntl", ::fcntl(fd.get(), F_SETFL, O_APPEND));
  return fd;
}

std::string read_start(int fd, std::size_t most) {
  std::string text(most, '\0');
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

// In the child, between fork and exec: only async-signal-safe calls. `sources` are 10 or higher, so
// that no target covers one of them.
[[noreturn]] void become_sandbox(char* const* arguments, const std::array<int, 5>& sources) {
  for (int target = 0; target < static_cast<int>(sources.size()); ++target) {
    ::dup2(sources[static_cast<std::size_t>(target)], target);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  char* const no_environment = nullptr;
  ::close_range(static_cast<unsigned>(sources.size()), ~0U, 0);
  ::execve(arguments[0], arguments, &no_environment);
  ::_exit(127);
}

// The process id that the kernel added to a packet.
pid_t sender_of(msghdr& header) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
    ucred credentials{};
    std::memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
    return credentials.pid;
  }
  return -1;
}

Ending ending_of(const std::string& packet) {
  sandbox::End end;
  if (packet.size() != sizeof end) return {.text = "the sandbox broke down"};
  std::memcpy(&end, packet.data(), sizeof end);
  if (end.reason == sandbox::End::Reason::memory) return {.reason = Ending::Reason::memory};
  if (end.reason == sandbox::End::Reason::processes) return {.reason = Ending::Reason::processes};
  const bool signalled = WIFSIGNALED(end.wait_status);
  if (end.reason == sandbox::End::Reason::cpu ||
      (signalled && WTERMSIG(end.wait_status) == SIGXCPU)) {
    return {.reason = Ending::Reason::cpu};
  }
  if (signalled && WTERMSIG(end.wait_status) == SIGXFSZ) return {.reason = Ending::Reason::output};
  if (signalled) {
    return {.reason = Ending::Reason::signalled, .number = WTERMSIG(end.wait_status)};
  }
  return {.reason = Ending::Reason::exited, .number = WEXITSTATUS(end.wait_status)};
}

}  // namespace

Sandboxed::Sandboxed(const SandboxOptions& options, Started)
    : output_{memory_file("output")}, errors_{memory_file("errors")} {
  std::array<int, 2> ends{};
  check("socketpair", ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()));
  status_ = UniqueFd{ends[0]};
  const UniqueFd its_status{ends[1]};
  const int on = 1;
  check("setsockopt", ::setsockopt(status_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on));

  const UniqueFd nothing{check("open", ::open("/dev/null", O_RDWR | O_CLOEXEC))};
  const int channel = options.channel >= 0 ? options.channel : nothing.get();
  const std::array<int, 5> low{nothing.get(), output_.get(), errors_.get(), channel, ends[1]};
  std::array<UniqueFd, 5> high;
  std::array<int, 5> sources{};
  for (std::size_t i = 0; i < low.size(); ++i) {
    high[i] = UniqueFd{check("fcntl", ::fcntl(low[i], F_DUPFD_CLOEXEC, 10))};
    sources[i] = high[i].get();
  }
  std::vector<std::string> texts = arguments_for(options);
  std::vector<char*> arguments;
  for (std::string& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  sandbox_ = check("fork", ::fork());
  if (sandbox_ == 0) become_sandbox(arguments.data(), sources);
}

Sandboxed::Sandboxed(const SandboxOptions& options) : Sandboxed{options, Started{}} {
  // From here on the destructor runs, whatever is thrown.
  const auto end = steady_clock::now() + start_deadline;
  while (pid_ < 0) {
    if (!receive_status(end)) throw std::runtime_error{"the sandbox does not start"};
    if (ending_) throw std::runtime_error{"the sandbox cannot start the program: " + ending_->text};
  }
  const char go = 'g';
  check("send", ::send(status_.get(), &go, 1, MSG_NOSIGNAL));
}

Sandboxed::~Sandboxed() { kill(); }

void Sandboxed::kill() noexcept {
  status_.reset();  // nobody listens any more: the sandbox kills what is left, and ends
  if (sandbox_ < 0) return;
  while (::waitpid(sandbox_, nullptr, 0) < 0 && errno == EINTR) {
  }
  sandbox_ = -1;
}

// Takes in one packet; false where none came by `end`.
bool Sandboxed::receive_status(steady_clock::time_point end) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now()).count();
    pollfd watched{status_.get(), POLLIN, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready > 0) break;
    if (ready == 0 && left <= 0) return false;
    if (ready < 0 && errno != EINTR) throw_errno("poll");
  }
  std::array<char, 512> packet{};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(ucred))> control{};
  iovec part{packet.data(), packet.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(status_.get(), &header, MSG_CMSG_CLOEXEC);
  if (got <= 0) {
    ending_ = {.text = "the sandbox broke down"};
    return true;
  }
  const std::string text{packet.data() + 1, static_cast<std::size_t>(got) - 1};
  switch (static_cast<sandbox::Status>(packet[0])) {
    case sandbox::Status::note:
      notes_.push_back(text);
      break;
    case sandbox::Status::program:
      pid_ = sender_of(header);
      break;
    case sandbox::Status::failed:
      ending_ = {.text = text};
      break;
    case sandbox::Status::ended:
      ending_ = ending_of(text);
      break;
  }
  return true;
}

std::optional<Ending> Sandboxed::wait(milliseconds deadline) {
  const auto end = steady_clock::now() + deadline;
  while (!ending_) {
    if (!receive_status(end)) return std::nullopt;
  }
  return ending_;
}

std::string Sandboxed::output(std::size_t most) const { return read_start(output_.get(), most); }

std::string Sandboxed::errors(std::size_t most) const { return read_start(errors_.get(), most); }

std::string enter_own_network() {
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWNET) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
      return std::string{"the network ("} + std::strerror(errno) + ")";
    }
    std::ofstream{"/proc/self/setgroups"} << "deny";
    std::ofstream{"/proc/self/uid_map"} << user << ' ' << user << " 1";
    std::ofstream{"/proc/self/gid_map"} << group << ' ' << group << " 1";
  }
  const UniqueFd socket{check("socket", ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))};
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &loopback) != 0) {
    return std::string{"the network: it has no loopback ("} + std::strerror(errno) + ")";
  }
  return {};
}

}  // namespace unblock::kit
