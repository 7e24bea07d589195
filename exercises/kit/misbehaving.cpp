// A program that does one bad thing, by name, for the tests of the sandbox. It prints what came of
// it.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace {

// "done", or the error's name: EPERM ...
void print_outcome(long result) { std::puts(result >= 0 ? "done" : ::strerrorname_np(errno)); }

void fork_without_end() {
  for (;;) {
    if (::fork() < 0 && errno != EAGAIN) return;
  }
}

void take_memory() {
  std::vector<std::vector<char>> blocks;
  for (;;) blocks.emplace_back(std::size_t{1} << 20U, 'x');
}

// As above, in many processes that each take a little.
void take_memory_together() {
  for (int i = 0; i < 5; ++i) ::fork();
  const std::vector<char> block(std::size_t{12} << 20U, 'x');
  ::pause();
  std::puts(block.empty() ? "" : "done");
}

void print_without_end() {
  const std::string line(4096, 'x');
  for (;;) std::puts(line.c_str());
}

// Children that leave the session and outlive their parent.
void leave_a_daemon() {
  if (::fork() != 0) return;
  ::setsid();
  if (::fork() != 0) std::_Exit(0);
  ::signal(SIGTERM, SIG_IGN);
  for (;;) ::pause();
}

void write_file(const char* path) {
  const int fd = ::open(path, O_WRONLY | O_CREAT, 0666);
  print_outcome(fd >= 0 ? ::write(fd, "x", 1) : -1);
}

void read_file(const char* path) { print_outcome(::open(path, O_RDONLY)); }

void fill_the_box() {
  const std::string block(1U << 20U, 'x');
  for (int i = 0; i < 100; ++i) {
    const int fd = ::open(("file" + std::to_string(i)).c_str(), O_WRONLY | O_CREAT, 0666);
    if (::write(fd, block.data(), block.size() - 1) != static_cast<ssize_t>(block.size() - 1)) {
      std::puts("full");
      return;
    }
  }
  std::puts("done");
}

void connect_to(const char* address) {
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_port = htons(9);
  ::inet_pton(AF_INET, address, &there.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  print_outcome(::connect(fd, reinterpret_cast<const sockaddr*>(&there), sizeof there));
}

void list_variables() {
  for (char** variable = environ; *variable != nullptr; ++variable) std::puts(*variable);
}

void list_descriptors() {
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) std::printf("%d ", fd);
  }
  std::puts("");
}

void read_memory(pid_t pid) {
  char byte = 0;
  const iovec here{&byte, 1};
  const iovec there{reinterpret_cast<void*>(0x400000), 1};
  print_outcome(::process_vm_readv(pid, &here, 1, &there, 1, 0));
}

void spin() {
  // A loop without effect is no loop to a compiler.
  while (::getppid() != 0 || ::getpid() != 0) {
  }
}

void raise_limit() {
  const rlimit more{4096, 4096};
  print_outcome(::setrlimit(RLIMIT_NOFILE, &more));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const char* const argument = argc > 2 ? argv[2] : "";
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::map<std::string, std::function<void()>> all{
      {"fork", fork_without_end},
      {"memory", take_memory},
      {"memory-together", take_memory_together},
      {"print", print_without_end},
      {"daemon", leave_a_daemon},
      {"spin", spin},
      {"fill", fill_the_box},
      {"variables", list_variables},
      {"descriptors", list_descriptors},
      {"raise-limit", raise_limit},
      {"abort", [] { std::abort(); }},
      {"status-7", [] { std::exit(7); }},
      {"write", [&] { write_file(argument); }},
      {"read", [&] { read_file(argument); }},
      {"connect", [&] { connect_to(argument); }},
      {"kill", [&] { print_outcome(::kill(std::atoi(argument), SIGKILL)); }},
      {"kill-group", [] { ::kill(0, SIGKILL); }},
      {"kill-all", [] { print_outcome(::kill(-1, SIGKILL)); }},
      {"trace", [&] { print_outcome(::ptrace(PTRACE_ATTACH, std::atoi(argument), 0, 0)); }},
      {"read-memory", [&] { read_memory(std::atoi(argument)); }},
      {"mount", [] { print_outcome(::mount("none", "/box", "tmpfs", 0, "")); }},
      {"namespace", [] { print_outcome(::unshare(CLONE_NEWUSER)); }},
      {"io-uring", [] { print_outcome(::syscall(SYS_io_uring_setup, 0, nullptr)); }},
      {"poll", [] { print_outcome(::syscall(SYS_ppoll, nullptr, 0, nullptr, nullptr, 0)); }},
      {"user", [] { std::printf("%u\n", ::geteuid()); }},
      {"set-user", [] { print_outcome(::setuid(0)); }},
      {"folder", [] { std::puts(::get_current_dir_name()); }},
  };
  const auto found = all.find(what);
  if (found == all.end()) return EXIT_FAILURE;
  found->second();
  return EXIT_SUCCESS;
}
