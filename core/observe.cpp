#include "core/observe.hpp"

#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "core/errors.hpp"

namespace unblock {
namespace {

namespace fs = std::filesystem;

std::string proc_folder(pid_t pid) {
  return pid == 0 ? std::string{"/proc/self"} : fmt::format("/proc/{}", pid);
}

// A file below /proc, whole; empty where the process or thread is gone. It may go between open and
// read, which then fails with ESRCH: a stream keeps that to itself, its iterators throw.
std::string read_proc(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream{path}.rdbuf();
  return text.str();
}

// The number behind "Name:" in a status file; 0 where there is none.
long status_value(const std::string& status, const std::string& name) {
  const auto at = status.find(name + ":");
  return at == std::string::npos ? 0
                                 : std::strtol(status.c_str() + at + name.size() + 1, nullptr, 10);
}

std::chrono::nanoseconds clock_value(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) < 0) return {};
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

// The numbers that name the entries of a folder below /proc; none where it is gone or going.
std::vector<pid_t> numbered_entries(const std::string& folder) {
  std::vector<pid_t> numbers;
  std::error_code gone;
  for (fs::directory_iterator entry{folder, gone}, end; !gone && entry != end;
       entry.increment(gone)) {
    const std::string name = entry->path().filename();
    pid_t number = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec == std::errc{}) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

}  // namespace

pid_t this_thread_id() noexcept { return ::gettid(); }

std::optional<char> thread_state(pid_t tid) {
  // "TID (name) S ...": the name may hold any character, so the last parenthesis ends it.
  const std::string stat = read_proc(fmt::format("/proc/{}/stat", tid));
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= stat.size()) return std::nullopt;
  return stat[name_end + 2];
}

std::vector<pid_t> thread_ids(pid_t pid) { return numbered_entries(proc_folder(pid) + "/task"); }

std::size_t open_descriptors(pid_t pid) {
  const std::size_t open = numbered_entries(proc_folder(pid) + "/fd").size();
  return pid == 0 && open > 0 ? open - 1 : open;  // the one that lists the folder is not counted
}

bool await(const std::function<bool()>& condition, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

bool await_asleep(pid_t tid, std::chrono::milliseconds deadline) {
  return await([tid] { return thread_state(tid) == 'S'; }, deadline);
}

std::chrono::nanoseconds thread_cpu_time() { return clock_value(CLOCK_THREAD_CPUTIME_ID); }

std::chrono::nanoseconds process_cpu_time(pid_t pid) {
  clockid_t clock{};
  if (::clock_getcpuclockid(pid, &clock) != 0) return {};
  return clock_value(clock);
}

double awake_share(pid_t pid, std::chrono::milliseconds window) {
  const auto end = std::chrono::steady_clock::now() + window;
  int looks = 0;
  int awake = 0;
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    ++looks;
    const std::vector<pid_t> threads = thread_ids(pid);
    awake += std::any_of(threads.begin(), threads.end(),
                         [](pid_t tid) { return thread_state(tid) == 'R'; });
  } while (std::chrono::steady_clock::now() < end);
  return static_cast<double>(awake) / looks;
}

ContextSwitches context_switches(pid_t tid) {
  const std::string status = read_proc(fmt::format("/proc/{}/status", tid));
  return {.voluntary = status_value(status, "\nvoluntary_ctxt_switches"),
          .involuntary = status_value(status, "nonvoluntary_ctxt_switches")};
}

std::size_t resident_bytes(pid_t pid) {
  std::istringstream statm{read_proc(proc_folder(pid) + "/statm")};
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

namespace {

std::vector<std::size_t> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  check("sched_getaffinity", ::sched_getaffinity(0, sizeof set, &set));
  std::vector<std::size_t> cpus;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void allow_cpus(const std::vector<std::size_t>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const std::size_t cpu : cpus) CPU_SET(cpu, &set);
  check("sched_setaffinity", ::sched_setaffinity(0, sizeof set, &set));
}

}  // namespace

std::size_t available_cpus() { return allowed_cpus().size(); }

PinnedToCpu::PinnedToCpu(std::size_t index) : before_{allowed_cpus()} {
  allow_cpus({before_.at(index % before_.size())});
}

PinnedToCpu::~PinnedToCpu() { allow_cpus(before_); }

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace unblock
