// Runs a program that nobody trusts: sandbox NAME=VALUE... -- PROGRAM ARGUMENT...
//
// Three processes stand between who asks and what runs:
//   the outer one   has the asker's rights; it tells how all ended, and outlives what it started
//   the first one   of a PID namespace, when it dies, everything in there dies: nothing gets away
//   the program     another user where we are root, no rights, limits, a file system of its own
// Where the machine allows no namespaces (some containers), the outer process takes the first one's
// part, Landlock hides the files instead of mounts, and one note says what is not enforced.

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <system_error>

#include "core/errors.hpp"
#include "core/unique_fd.hpp"
#include "exercises/kit/sandbox/file_system.hpp"
#include "exercises/kit/sandbox/landlock.hpp"
#include "exercises/kit/sandbox/options.hpp"
#include "exercises/kit/sandbox/status.hpp"
#include "exercises/kit/sandbox/supervise.hpp"
#include "exercises/kit/sandbox/system_calls.hpp"

namespace unblock::sandbox {

namespace fs = std::filesystem;

void send_status(Status status, const std::string& text) {
  const std::string packet = static_cast<char>(status) + text;
  ::send(status_fd, packet.data(), packet.size(), MSG_NOSIGNAL);
}

namespace {

void note(const std::string& what) {
  if (!what.empty()) send_status(Status::note, what);
}

void send_end(const End& end) {
  send_status(Status::ended, {reinterpret_cast<const char*>(&end), sizeof end});
}

// A user that owns nothing: one of its own for each sandbox, so that limits of processes are its
// own too. Not every container knows so high a number; then one of the highest that it does; 0
// where it knows none but ours.
uid_t unused_user() {
  constexpr uid_t first = 1'800'000'000;
  constexpr uid_t first_low = 60'000;
  const auto mine = first + static_cast<uid_t>(::getpid());
  const auto low = first_low + static_cast<uid_t>(::getpid()) % 5'000;
  uid_t found = 0;
  // Asked of the map of this user namespace (user_namespaces(7)): first, outside, count.
  std::ifstream map{"/proc/self/uid_map"};
  for (unsigned long from = 0, outside = 0, count = 0; map >> from >> outside >> count;) {
    if (mine >= from && mine - from < count) return mine;
    if (low >= from && low - from < count) found = low;
  }
  return found;
}

void become_user(uid_t user) {
  check("setgroups", ::setgroups(0, nullptr));
  check("setresgid", ::setresgid(user, user, user));
  check("setresuid", ::setresuid(user, user, user));
  // A change of user takes both away.
  check("prctl", ::prctl(PR_SET_DUMPABLE, 1));
  check("prctl", ::prctl(PR_SET_PDEATHSIG, SIGKILL));
}

// Whatever the program's user is, root too: no right is left, and none comes back by execve(2).
void drop_capabilities() {
  ::prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED);
  for (int capability = 0; ::prctl(PR_CAPBSET_DROP, capability) == 0; ++capability) {
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  check("capset", ::syscall(SYS_capset, &header, none.data()));
}

void limit(__rlimit_resource resource, rlim_t value) {
  rlimit both{value, value};
  rlimit now{};
  ::getrlimit(resource, &now);
  if (now.rlim_max < value) both = {now.rlim_max, now.rlim_max};
  check("setrlimit", ::setrlimit(resource, &both));
}

void set_limits(const Options& options) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, options.cpu_s + 1);  // the watch comes first; this is for a watch that starves
  limit(RLIMIT_FSIZE, options.file_mb << 20U);
  limit(RLIMIT_NOFILE, options.descriptors);
  limit(RLIMIT_NPROC, options.processes);
  limit(RLIMIT_MSGQUEUE, 0);
  if (options.address_space_mb > 0) limit(RLIMIT_AS, options.address_space_mb << 20U);
}

// The rest of what the program's process does before it becomes the program.
struct Confined {
  bool own_file_system = false;
  uid_t user = 0;  // to become; 0: none
  fs::path box;
};

[[noreturn]] void execute(const Options& options, const Confined& confined) {
  std::vector<std::string> environment = options.environment;
  environment.push_back("TMPDIR=" + confined.box.string());
  environment.push_back("HOME=" + confined.box.string());
  std::vector<char*> arguments;
  std::vector<char*> variables;
  for (const std::string& text : options.command) {
    arguments.push_back(const_cast<char*>(text.c_str()));
  }
  for (const std::string& text : environment) variables.push_back(const_cast<char*>(text.c_str()));
  arguments.push_back(nullptr);
  variables.push_back(nullptr);
  ::execve(arguments[0], arguments.data(), variables.data());
  throw_errno("execve");
}

void become_program(const Options& options, const Confined& confined) {
  // A session and a group of its own: kill(0) reaches nobody of ours.
  check("setsid", ::setsid());
  check("prctl", ::prctl(PR_SET_PDEATHSIG, SIGKILL));
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGCHLD, SIG_DFL);
  check("chdir", ::chdir(confined.box.c_str()));
  set_limits(options);
  if (confined.user != 0) become_user(confined.user);
  drop_capabilities();
  check("prctl", ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  // Addresses alike in every run: a sanitizer's report can be compared with another one, and that
  // of GCC 12 does not find its own places taken.
  ::personality(ADDR_NO_RANDOMIZE);

  std::vector<fs::path> readable{"/proc", "/dev"};
  for (const fs::path& path : system_folders()) readable.push_back(path);
  readable.insert(readable.end(), options.readable.begin(), options.readable.end());
  std::vector<fs::path> writable = options.writable;
  writable.push_back(confined.box);
  const std::string open_files = restrict_with_landlock(readable, writable);
  if (!confined.own_file_system) note(open_files);

  check("fcntl", ::fcntl(status_fd, F_SETFD, FD_CLOEXEC));
  ::close_range(status_fd + 1, ~0U, 0);
  send_status(Status::program, "");
  char go = 0;
  if (::recv(status_fd, &go, 1, 0) != 1) ::_exit(EXIT_FAILURE);
  note(restrict_system_calls(options.denied_calls, options.io_uring));
  execute(options, confined);
}

pid_t start_program(const Options& options, const Confined& confined) {
  const pid_t program = check("fork", ::fork());
  if (program > 0) return program;
  try {
    become_program(options, confined);
  } catch (const std::exception& error) {
    send_status(Status::failed, error.what());
  }
  ::_exit(EXIT_FAILURE);
}

// --- with namespaces ---------------------------------------------------------------------------

struct Isolated {
  pid_t first = -1;
  UniqueFd ready;  // it says 'y' here, or why not
};

// The life of the first process of the namespaces. `begin` becomes readable when it may begin.
[[noreturn]] void be_first(const Options& options, uid_t user, const UniqueFd& begin,
                           const UniqueFd& ready) {
  try {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    char go = 0;
    if (::read(begin.get(), &go, 1) != 1) ::_exit(EXIT_FAILURE);
    enter_own_file_system(options);
  } catch (const std::exception& error) {
    [[maybe_unused]] const auto told =
        ::write(ready.get(), error.what(), std::strlen(error.what()));
    ::_exit(EXIT_FAILURE);
  }
  [[maybe_unused]] const auto told = ::write(ready.get(), "y", 1);
  const Confined confined{.own_file_system = true, .user = user, .box = box_folder};
  send_end(supervise(start_program(options, confined), options));
  ::_exit(EXIT_SUCCESS);  // and the kernel kills all others in here
}

void map_user(pid_t first) {
  const std::string folder = "/proc/" + std::to_string(first);
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  std::ofstream{folder + "/setgroups"} << "deny";
  if (!(std::ofstream{folder + "/uid_map"} << user << ' ' << user << " 1" << std::flush) ||
      !(std::ofstream{folder + "/gid_map"} << group << ' ' << group << " 1" << std::flush)) {
    throw std::runtime_error{"the map of users is refused"};
  }
}

// Starts the first process of new namespaces, and waits until it is ready. Throws where this
// machine does not let us.
pid_t isolate(const Options& options, bool own_users, uid_t user) {
  std::array<int, 2> begin_ends{};
  std::array<int, 2> ready_ends{};
  check("pipe2", ::pipe2(begin_ends.data(), O_CLOEXEC));
  check("pipe2", ::pipe2(ready_ends.data(), O_CLOEXEC));
  const UniqueFd begin{begin_ends[0]};
  UniqueFd begin_end{begin_ends[1]};
  const UniqueFd ready{ready_ends[0]};
  UniqueFd ready_end{ready_ends[1]};
  const unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                              (own_users ? CLONE_NEWUSER : 0UL) |
                              (options.network ? 0UL : CLONE_NEWNET) | SIGCHLD;
  const auto first =
      static_cast<pid_t>(check("clone", ::syscall(SYS_clone, flags, nullptr, 0, 0, 0)));
  if (first == 0) {
    begin_end.reset();
    be_first(options, user, begin, ready_end);
  }
  try {
    if (own_users) map_user(first);
    check("write", ::write(begin_end.get(), "g", 1));
    begin_end.reset();
    ready_end.reset();
    std::array<char, 200> answer{};
    const ssize_t got = ::read(ready.get(), answer.data(), answer.size() - 1);
    if (got != 1 || answer[0] != 'y') {
      throw std::runtime_error{got > 0 ? answer.data() : "it ended"};
    }
  } catch (...) {
    ::kill(first, SIGKILL);
    ::waitpid(first, nullptr, 0);
    throw;
  }
  return first;
}

// --- the outer process ------------------------------------------------------------------------

void run_without_namespaces(const Options& options, uid_t user, const std::string& why) {
  note("files that it may see (no namespaces: " + why + ")");
  check("prctl", ::prctl(PR_SET_CHILD_SUBREAPER, 1));
  std::string box = (fs::temp_directory_path() / "unblock-box-XXXXXX").string();
  if (::mkdtemp(box.data()) == nullptr) throw_errno("mkdtemp");
  if (user != 0) check("chown", ::chown(box.c_str(), user, user));
  const Confined confined{.own_file_system = false, .user = user, .box = box};
  const End end = supervise(start_program(options, confined), options);
  kill_all_below();
  std::error_code ignored;
  fs::remove_all(box, ignored);
  send_end(end);
}

void run(const Options& options) {
  const bool root = ::geteuid() == 0;
  const uid_t user = root ? unused_user() : 0;
  if (root && user == 0) note("which user it is (there is no other here)");
  if (user != 0) {
    for (const fs::path& path : options.writable) check("chown", ::chown(path.c_str(), user, user));
  }
  std::string why = "not wanted";
  // Root needs no namespace of users, and may still be refused one of mounts (in a container).
  for (const bool own_users : {false, true}) {
    if (own_users == root || !options.namespaces) continue;
    try {
      const pid_t first = isolate(options, own_users, user);
      int status = 0;
      while (::waitpid(first, &status, 0) < 0 && errno == EINTR) {
      }
      return;
    } catch (const std::exception& error) {
      why = error.what();
    }
  }
  run_without_namespaces(options, user, why);
}

}  // namespace
}  // namespace unblock::sandbox

int main(int argc, char** argv) {
  using namespace unblock::sandbox;
  try {
    run(parse(argc, argv));
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    send_status(Status::failed, error.what());
    return EXIT_FAILURE;
  }
}
