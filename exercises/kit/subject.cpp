#include "exercises/kit/subject.hpp"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>

#include <fmt/ranges.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "exercises/kit/as_user_of.hpp"
#include "exercises/kit/report.hpp"
#include "exercises/kit/sleep.hpp"

namespace unblock::kit {
namespace {

namespace fs = std::filesystem;

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds look_every{50};
// A subject that is asleep may wake for its runtime's sake (ThreadSanitizer has a thread that looks
// about): so much CPU time is no progress.
constexpr milliseconds idle_cpu_time{10};
// What no answer takes, whatever the machine.
constexpr std::chrono::seconds most_cpu_time{2};
// So long it may go on sleeping and waking for a moment, without any answer.
constexpr std::chrono::seconds most_waiting{10};
// A call that has used so much CPU time without falling asleep does not sleep at all.
constexpr milliseconds never_sleeps_after{200};
constexpr int sanitizer_status = 99;

std::set<std::string>& all_notes() {
  static std::set<std::string> notes;
  return notes;
}

std::vector<std::string> environment_for(const SubjectOptions& options) {
  const std::string common = "exitcode=" + std::to_string(sanitizer_status) + ":color=never";
  return {
      "PATH=/usr/bin:/bin",
      "LANG=C.UTF-8",
      "ASAN_OPTIONS=" + common + ":detect_stack_use_after_return=1:malloc_context_size=12" +
          ":quarantine_size_mb=16:detect_leaks=" + (options.find_leaks ? "1" : "0"),
      "UBSAN_OPTIONS=" + common + ":print_stacktrace=1:halt_on_error=1",
      "TSAN_OPTIONS=" + common + ":halt_on_error=1:second_deadlock_stack=1",
  };
}

std::string signal_text(int number) {
  const char* const description = ::sigdescr_np(number);
  return description != nullptr ? description : "signal " + std::to_string(number);
}

// How often each thread has left the CPU so far; nothing where one of them does not sleep.
std::optional<std::map<pid_t, long>> asleep_threads(const std::vector<pid_t>& threads) {
  std::map<pid_t, long> switches;
  for (const pid_t thread : threads) {
    if (thread_state(thread) != 'S') return std::nullopt;
    const ContextSwitches count = context_switches(thread);
    switches[thread] = count.voluntary + count.involuntary;
  }
  return switches;
}

// Whether a signal that was sent to a thread has not been handed to it yet: proc(5), status.
bool is_pending(int number, pid_t pid, pid_t thread) {
  std::ifstream file{fmt::format("/proc/{}/task/{}/status", pid, thread)};
  constexpr std::string_view field = "SigPnd:";
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(field)) continue;
    const auto mask = std::stoull(line.substr(field.size()), nullptr, 16);
    return (mask >> static_cast<unsigned>(number - 1) & 1U) != 0;
  }
  return false;
}

// The last line that is not empty: what the runtime said before it gave up.
std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of(" \n");
  if (end == std::string::npos) return {};
  const auto start = text.rfind('\n', end);
  return text.substr(start == std::string::npos ? 0 : start + 1,
                     end - (start == std::string::npos ? 0 : start + 1) + 1);
}

}  // namespace

Settings& settings() {
  static Settings the_settings;
  return the_settings;
}

std::vector<std::string> containment_notes() { return {all_notes().begin(), all_notes().end()}; }

void note_not_enforced(const std::string& what) {
  if (!what.empty()) all_notes().insert(what);
}

Subject::Subject(const SubjectOptions& options) : options_{options} {
  const Settings& known = settings();
  const auto& program = options.race_detector ? known.threads_subject : known.subject;
  if (program.empty()) {
    throw std::logic_error{"the exercise's file must say threads = true for the race detector"};
  }
  std::array<int, 2> ends{};
  check("socketpair", ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
  channel_ = UniqueFd{ends[0]};
  const UniqueFd its_end{ends[1]};
  SandboxOptions sandbox{.sandbox = known.sandbox,
                         .command = {program},
                         .environment = environment_for(options),
                         .readable = {program},
                         .denied_calls = known.denied_calls,
                         .limits = known.limits,
                         .io_uring = known.io_uring,
                         .channel = its_end.get()};
  sandbox.denied_calls.insert(sandbox.denied_calls.end(), options.denied_calls.begin(),
                              options.denied_calls.end());
  if (options.descriptors > 0) sandbox.limits.descriptors = options.descriptors;
  sandboxed_.emplace(sandbox);
  all_notes().insert(sandboxed_->notes().begin(), sandboxed_->notes().end());
  await_ready();
}

void Subject::await_ready() {
  try {
    await([this] { return answers_.contains(0); }, "the program to start");
  } catch (const CheckFailed& failed) {
    Failure failure = failed.failure();
    failure.at_start = true;
    failure.story.clear();
    fail(std::move(failure));
  }
  answers_.erase(0);
  all_notes().insert(sandboxed_->notes().begin(), sandboxed_->notes().end());
  first_descriptors_ = descriptors();
}

Call Subject::send_command(std::int64_t id, const std::string& name, const MessageWriter& command) {
  last_command_ = name;
  step("calls {}", name);
  try {
    send_message(channel_.get(), command);
  } catch (const std::system_error&) {  // it is gone, or has closed the channel
    channel_ended_ = true;
  }
  return Call{*this, id, name};
}

void Subject::receive_answer() {
  try {
    auto message = receive_message(channel_.get());
    if (!message) {
      channel_ended_ = true;
      return;
    }
    const auto id = take<std::int64_t>(*message);
    const auto kind = take<std::int64_t>(*message);
    answers_.insert_or_assign(id, Answer{kind, std::move(*message)});
  } catch (const MalformedMessage& error) {
    fail_malformed(error.what());
  }
}

// A subject is stuck when it sleeps, all threads of it, look after look, and uses no CPU time; or
// when it has used more CPU time than anything takes. One that could run and may not, since others
// keep the machine busy, is neither: so looks are counted, and not seconds.
struct Subject::Wait {
  std::chrono::nanoseconds cpu_at_start{};
  std::chrono::nanoseconds cpu_when_seen_awake{};
  int looks_asleep = 0;   // in a row
  int looks_waiting = 0;  // in all
};

void Subject::check_progress(Wait& wait, const std::string& what) {
  const auto cpu = cpu_time();
  const auto all = threads();
  const bool waits = std::none_of(all.begin(), all.end(),
                                  [](pid_t thread) { return thread_state(thread) == 'R'; });
  wait.looks_waiting += waits ? 1 : 0;
  if (!waits || cpu - wait.cpu_when_seen_awake > idle_cpu_time) {
    wait.looks_asleep = 0;
    wait.cpu_when_seen_awake = cpu;
  }
  ++wait.looks_asleep;
  const auto hung = [&](std::string how) {
    fail({.kind = Failure::Kind::hung,
          .what = fmt::format("{} while the check waited for {}", how, what)});
  };
  if (wait.looks_asleep * look_every > options_.patience ||
      wait.looks_waiting * look_every > most_waiting) {
    const auto calls = sleeping_in();
    hung(calls.empty() ? "your code did nothing"
                       : fmt::format("your code sleeps in {}", fmt::join(calls, " and in ")));
  }
  if (cpu - wait.cpu_at_start > most_cpu_time) hung("your code runs and runs");
}

void Subject::await(int fd, short events, const std::string& what) {
  Wait wait;
  wait.cpu_at_start = wait.cpu_when_seen_awake = cpu_time();
  for (;;) {
    std::array<pollfd, 3> watched{{{fd, events, 0},
                                   {channel_ended_ ? -1 : channel_.get(), POLLIN, 0},
                                   {sandboxed_->status_fd(), POLLIN, 0}}};
    const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(look_every.count()));
    if (ready < 0 && errno != EINTR) throw_errno("poll");
    if (ready > 0 && watched[0].revents != 0) return;
    if (ready > 0 && watched[1].revents != 0) {
      receive_answer();
      if (fd == channel_.get()) return;
    } else if (ready > 0 && watched[2].revents != 0) {
      fail_if_ended();
    } else {
      check_progress(wait, what);
    }
  }
}

void Subject::await(const std::function<bool()>& condition, const std::string& what) {
  Wait wait;
  wait.cpu_at_start = wait.cpu_when_seen_awake = cpu_time();
  auto next_look = steady_clock::now() + look_every;
  while (!condition()) {
    std::array<pollfd, 2> watched{
        {{channel_ended_ ? -1 : channel_.get(), POLLIN, 0}, {sandboxed_->status_fd(), POLLIN, 0}}};
    const int ready = ::poll(watched.data(), watched.size(), 1);
    if (ready < 0 && errno != EINTR) throw_errno("poll");
    if (ready > 0 && watched[0].revents != 0) {
      receive_answer();
    } else if (ready > 0 && watched[1].revents != 0) {
      if (condition()) return;
      fail_if_ended();
    }
    if (steady_clock::now() >= next_look) {
      check_progress(wait, what);
      next_look = steady_clock::now() + look_every;
    }
  }
}

Subject::Answer Subject::await_answer(const Call& call) {
  await(
      [&] {
        if (channel_ended_ && !answers_.contains(call.id_)) {
          // It ends, and how it ended is about to be told; or it closed the channel and lives on.
          const auto ending = sandboxed_->wait(std::chrono::seconds{2});
          if (ending) fail_ended(*ending);
          fail({.kind = Failure::Kind::ended_early,
                .what = "your code has closed the connection between the program and the check",
                .cause = "it closes a descriptor that is not its own: one that it has closed "
                         "before, say, whose number means another file by now"});
        }
        return answers_.contains(call.id_);
      },
      call.name_ + " to return");
  return std::move(answers_.extract(call.id_).mapped());
}

bool Subject::await_rest() {
  const auto cpu_before = cpu_time();
  bool at_rest = false;
  await(
      [&] {
        // A thread that woke another one and fell asleep since has left the CPU once more.
        const auto look = asleep_threads(threads());
        at_rest = look && look == asleep_threads(threads());
        return at_rest || cpu_time() - cpu_before > never_sleeps_after;
      },
      "your code to have nothing left to do");
  return at_rest;
}

void Subject::expect_idle(const std::string& cause) {
  double share = 1;
  // What is left to do comes to an end, also where the machine is busy and it takes long. Who spins
  // is awake each time, or never comes to rest.
  for (int tries = 3; tries > 0 && await_rest(); --tries) {
    step("leaves it alone for a fifth of a second");
    share = awake_share(pid(), milliseconds{200});
    fail_if_ended();
    constexpr double next_to_none = 0.25;
    if (share < next_to_none) return;
  }
  fail_if_ended();
  fail({.what = "your code has nothing to do, and yet it keeps the CPU busy",
        .expected = "that it sleeps until something happens",
        .came = fmt::format("it was found awake in {:.0f} % of all looks", share * 100),
        .cause = cause});
}

void Subject::interrupt(const std::string& name) {
  const auto cpu_before = cpu_time();
  pid_t found = 0;
  SleepingCall in;
  await(
      [&] {
        for (const pid_t thread : threads()) {
          const auto call = sleeping_call(thread);
          if (!call || call->is_command_channel || thread_state(thread) != 'S') continue;
          if (!call->text.starts_with(name + "(")) continue;
          found = thread;
          in = *call;
        }
        return found != 0 || cpu_time() - cpu_before > never_sleeps_after;
      },
      "one of its threads to sleep in " + name);
  if (found == 0) return;
  step("a signal interrupts it in {}", in.text);
  signal(found, true);
}

void Subject::signal(pid_t thread, bool asleep) {
  ::syscall(SYS_tgkill, pid(), thread, SIGUSR1);
  if (!asleep) return;
  // Awake is not enough: epoll_wait still prefers an event that comes now to EINTR.
  await([&] { return !is_pending(SIGUSR1, pid(), thread); }, "the signal to be handled");
}

std::vector<pid_t> Subject::threads() const { return thread_ids(pid()); }

std::size_t Subject::descriptors() const {
  const AsUserOf its_user{pid()};
  return open_descriptors(pid());
}

std::vector<int> Subject::descriptors_of(const std::string& kind) const {
  const AsUserOf its_user{pid()};
  std::vector<int> found;
  std::error_code gone;
  for (fs::directory_iterator entry{fmt::format("/proc/{}/fd", pid()), gone}, end;
       !gone && entry != end; entry.increment(gone)) {
    std::error_code closed;
    if (fs::read_symlink(entry->path(), closed) == kind) {
      found.push_back(std::stoi(entry->path().filename()));
    }
  }
  return found;
}

std::string Subject::descriptor_info(int fd) const {
  const AsUserOf its_user{pid()};
  std::ostringstream info;
  info << std::ifstream{fmt::format("/proc/{}/fdinfo/{}", pid(), fd)}.rdbuf();
  return info.str();
}

std::chrono::nanoseconds Subject::cpu_time() const { return process_cpu_time(pid()); }

std::size_t Subject::resident_bytes() const { return unblock::resident_bytes(pid()); }

std::vector<std::string> Subject::sleeping_in() const {
  std::vector<std::string> calls;
  for (const pid_t thread : threads()) {
    const auto call = sleeping_call(thread);
    if (call && !call->is_command_channel) calls.push_back(call->text);
  }
  return calls;
}

void Subject::expect_no_open_descriptors(const std::string& cause) {
  const std::size_t now = descriptors();
  if (now == first_descriptors_) return;
  const bool more = now > first_descriptors_;
  fail({.kind = more ? Failure::Kind::leaked : Failure::Kind::wrong,
        .what = more ? "your code leaves descriptors open"
                     : "your code has closed a descriptor that is not its own",
        .expected = fmt::format("{} open descriptors, as before", first_descriptors_),
        .came = fmt::format("{}", now),
        .cause = cause});
}

void Subject::finish() {
  step("ends the program");
  last_command_ = "its end";
  if (!channel_ended_) ::shutdown(channel_.get(), SHUT_WR);
  std::optional<Ending> ending;
  await(
      [&] {
        ending = sandboxed_->wait(milliseconds{0});
        return ending.has_value();
      },
      "the program to end");
  const std::string printed = sandboxed_->errors();
  if (ending->reason == Ending::Reason::exited && ending->number == sanitizer_status &&
      leak_checker_failed(printed) && !find_report(printed, settings().student_file)) {
    all_notes().insert("memory leaks (the leak checker cannot trace here)");
    return;
  }
  if (ending->reason != Ending::Reason::exited || ending->number != 0) fail_ended(*ending);
}

void Subject::fail_if_ended() {
  if (const auto ending = sandboxed_->wait(milliseconds{0})) fail_ended(*ending);
}

void Subject::fail_ended(const Ending& ending) {
  const std::string printed = sandboxed_->errors();
  const std::string when = " during " + last_command_;
  Failure failure{.kind = Failure::Kind::crashed};
  if (const auto report = find_report(printed, settings().student_file)) {
    if (report->is_leak) failure.kind = Failure::Kind::leaked;
    failure.what = "the sanitizer reports: " + report->what + (report->is_leak ? "" : when);
    failure.report = report->where;
    failure.cause = report->meaning;
    fail(std::move(failure));
  }
  switch (ending.reason) {
    case Ending::Reason::exited:
      failure.kind = Failure::Kind::ended_early;
      failure.what = fmt::format("the program ended with exit status {}{}", ending.number, when);
      failure.cause = "your code calls exit(), or something that does; it must return";
      break;
    case Ending::Reason::signalled:
      failure.what = "the program was ended by a signal" + when + ": " + signal_text(ending.number);
      if (ending.number == SIGABRT) {
        failure.report = last_line(printed);
        failure.cause =
            "your code calls abort(), or an exception leaves a thread or a function that must not "
            "throw";
      }
      break;
    case Ending::Reason::processes:
      failure.kind = Failure::Kind::limit;
      failure.what = fmt::format("the program has {} processes and threads, as many as it may{}",
                                 settings().limits.processes, when);
      failure.cause = "your code starts them in a loop, and does not wait for their end";
      break;
    case Ending::Reason::output:
      failure.kind = Failure::Kind::limit;
      failure.what = fmt::format("the program printed, or wrote to a file, more than {} MB{}",
                                 settings().limits.file_mb, when);
      break;
    case Ending::Reason::memory:
      failure.kind = Failure::Kind::limit;
      failure.what = fmt::format("the program used more than {} MB of memory{}",
                                 settings().limits.memory_mb, when);
      break;
    case Ending::Reason::cpu:
      failure.kind = Failure::Kind::limit;
      failure.what = fmt::format("the program used more than {} s of CPU time{}",
                                 settings().limits.cpu_s, when);
      break;
    case Ending::Reason::not_started:
      failure.what = "the program could not be run: " + ending.text;
      break;
  }
  fail(std::move(failure));
}

void Subject::fail_malformed(const std::string& why) {
  fail({.kind = Failure::Kind::ended_early,
        .what = "the program sent the check something that is no answer: " + why,
        .cause = "your code writes to a descriptor that is not its own"});
}

Thrown Call::thrown() {
  Subject::Answer answer = subject_->await_answer(*this);
  try {
    if (answer.kind == 0) fail({.what = name_ + " returned", .expected = "an exception"});
    Thrown thrown{.is_system_error = answer.kind == 1};
    thrown.code = take<int>(answer.values);
    thrown.what = take<std::string>(answer.values);
    return thrown;
  } catch (const MalformedMessage& error) {
    subject_->fail_malformed(error.what());
  }
}

void Subject::fail_early(const Call& call) {
  Answer answer = await_answer(call);
  if (answer.kind == 0) {
    fail({.what = call.name_ + " has returned already", .expected = "it goes on"});
  }
  take<int>(answer.values);
  fail({.what = call.name_ + " threw an exception: " + take<std::string>(answer.values)});
}

pid_t Call::thread() const {
  // Commands::in_thread gives each thread its call's name.
  for (const pid_t thread : subject_->threads()) {
    std::ifstream file{fmt::format("/proc/{}/task/{}/comm", subject_->pid(), thread)};
    std::string name;
    if (std::getline(file, name) && name == fmt::format("call {}", id_)) return thread;
  }
  return subject_->pid();
}

void Call::await_asleep() {
  subject_->await(
      [this] {
        if (ended()) subject_->fail_early(*this);
        const auto call = sleeping_call(thread());
        return call && !call->is_command_channel && thread_state(thread()) == 'S';
      },
      "it to fall asleep in a system call");
}

void Call::interrupt() {
  const auto cpu_before = subject_->cpu_time();
  const auto is_awake = [&] { return subject_->cpu_time() - cpu_before > never_sleeps_after; };
  bool asleep = false;
  SleepingCall in;
  subject_->await(
      [&] {
        if (ended()) subject_->fail_early(*this);
        const auto call = sleeping_call(thread());
        asleep = call && !call->is_command_channel && thread_state(thread()) == 'S';
        if (asleep) in = *call;
        return asleep || is_awake();
      },
      "it to fall asleep in a system call");
  step("a signal interrupts it{}", asleep ? " in " + in.text : "");
  subject_->signal(thread(), asleep);
}

bool Call::ended() {
  pollfd watched{subject_->channel_.get(), POLLIN, 0};
  while (!subject_->channel_ended_ && ::poll(&watched, 1, 0) > 0) subject_->receive_answer();
  return subject_->answers_.contains(id_);
}

}  // namespace unblock::kit
