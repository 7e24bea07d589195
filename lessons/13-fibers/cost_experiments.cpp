// The experiments on what a fiber costs. Times are of this machine in this run: the ratios matter.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "context.hpp"
#include "core/errors.hpp"
#include "core/observe.hpp"
#include "experiments.hpp"
#include "scheduler.hpp"
#include "sync.hpp"

namespace unblock {
namespace {

using namespace fibers;
using std::chrono::steady_clock;

// Nanoseconds of one of `count` calls: the median of five rounds.
template <typename Action>
double ns_each(int count, Action action) {
  std::vector<double> rounds;
  for (int round = 0; round < 5; ++round) {
    const auto start = steady_clock::now();
    for (int i = 0; i < count; ++i) action();
    rounds.push_back(std::chrono::duration<double, std::nano>(steady_clock::now() - start).count() /
                     count);
  }
  return median(rounds);
}

// Two flows of control that do nothing but hand over to one another.
struct PingPong {
  explicit PingPong(SwitchKind kind) : here{kind}, there{kind} {
    there.prepare(
        stack,
        [](void* argument) noexcept {
          auto& self = *static_cast<PingPong*>(argument);
          for (;;) Context::switch_to(self.there, self.here);
        },
        this);
  }
  void there_and_back() noexcept { Context::switch_to(here, there); }

  Stack stack{64 * 1024};
  Context here;
  Context there;
};

double ns_of_switches(SwitchKind kind, int count) {
  PingPong pair{kind};
  return ns_each(count, [&] { pair.there_and_back(); });
}

// Runs `measure` in a fiber of a scheduler with one thread.
template <typename Measure>
double in_a_fiber(Measure measure) {
  double result = 0;
  Scheduler scheduler{{.threads = 1, .tracer = {}}};
  scheduler.run([&] { result = measure(); });
  return result;
}

double ns_of_yields() {
  return in_a_fiber([] {
    bool done = false;
    Handle other = fibers::spawn([&] {
      while (!done) fibers::yield();
    });
    const double ns = ns_each(20'000, [] { fibers::yield(); });
    done = true;
    other.join();
    return ns;
  });
}

double ns_of_fibers() {
  return in_a_fiber([] { return ns_each(5'000, [] { fibers::spawn([] {}).join(); }); });
}

double ns_of_threads() {
  return ns_each(100, [] { std::jthread{[] {}}.join(); });
}

// Two threads on one CPU hand a byte to and fro through two pipes, and sleep in between.
double ns_of_thread_switches() {
  std::array<int, 2> there{};
  std::array<int, 2> back{};
  check("pipe", ::pipe(there.data()));
  const UniqueFd there_read{there[0]};
  UniqueFd there_write{there[1]};
  check("pipe", ::pipe(back.data()));
  const UniqueFd back_read{back[0]};
  const UniqueFd back_write{back[1]};
  const PinnedToCpu one_cpu{0};
  char byte = '!';
  std::jthread other{[&] {
    char got = 0;
    while (::read(there_read.get(), &got, 1) == 1)
      check("write", ::write(back_write.get(), &got, 1));
  }};
  const double ns = ns_each(500, [&] {
    check("write", ::write(there_write.get(), &byte, 1));
    check("read", ::read(back_read.get(), &byte, 1));
  });
  there_write.reset();  // end-of-file ends the other one
  return ns;
}

// How much the process grows, for each of `count` that are started and then wait.
double bytes_of_parked_fibers() {
  constexpr std::size_t count = 1000;
  return in_a_fiber([] {
    Channel<int> gate{1};
    std::vector<Handle> handles(count);
    const std::size_t before = resident_bytes();
    for (Handle& handle : handles) handle = fibers::spawn([&] { gate.pop(); });
    fibers::yield();  // all of them run until they wait
    const std::size_t after = resident_bytes();
    gate.close();
    for (Handle& handle : handles) handle.join();  // until then they use the channel
    return static_cast<double>(after - before) / count;
  });
}

double bytes_of_waiting_threads() {
  constexpr std::size_t count = 200;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t waiting = 0;
  bool open = false;
  const std::size_t before = resident_bytes();
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&] {
      std::unique_lock lock{mutex};
      ++waiting;
      changed.notify_all();
      changed.wait(lock, [&] { return open; });
    });
  }
  std::unique_lock lock{mutex};
  changed.wait(lock, [&] { return waiting == count; });
  const std::size_t after = resident_bytes();
  open = true;
  changed.notify_all();
  lock.unlock();
  return static_cast<double>(after - before) / count;
}

std::string ns(double value) { return fmt::format("{:.0f} ns", value); }

// Returns something that depends on every frame, so that the calls are not made into a loop.
[[gnu::noinline]] std::size_t recurse(std::size_t depth) {
  volatile char frame[1024] = {1};
  return depth == 0 ? 0 : recurse(depth - 1) + static_cast<std::size_t>(frame[0]);
}

// A context that calls recurse(depth) each time it is switched to.
struct Recursing {
  Recursing() {
    fiber.prepare(
        stack,
        [](void* argument) noexcept {
          auto& self = *static_cast<Recursing*>(argument);
          for (;;) {
            recurse(self.depth);
            Context::switch_to(self.fiber, self.here);
          }
        },
        this);
  }
  std::size_t run(std::size_t to_depth) {
    depth = to_depth;
    Context::switch_to(here, fiber);
    return stack.resident_bytes() / 1024;
  }

  Stack stack{256 * 1024};
  Context here;
  Context fiber;
  std::size_t depth = 0;
};

// In a child process: runs over the end of a stack, and exits with what the fault was.
enum class Fault { none, elsewhere, in_guard_page };

Recursing* overflowing = nullptr;

[[noreturn]] void overflow_and_exit() {
  static std::array<std::byte, 64 * 1024> signal_stack;
  stack_t alternative{};
  alternative.ss_sp = signal_stack.data();  // the fiber's own has no room left for a handler
  alternative.ss_size = signal_stack.size();
  ::sigaltstack(&alternative, nullptr);
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  action.sa_sigaction = [](int, siginfo_t* info, void*) {
    ::_exit(static_cast<int>(overflowing->stack.guards(info->si_addr) ? Fault::in_guard_page
                                                                      : Fault::elsewhere));
  };
  ::sigaction(SIGSEGV, &action, nullptr);
  overflowing->run(1'000'000);
  ::_exit(static_cast<int>(Fault::none));
}

}  // namespace

Finding cost(Narrator& out) {
  out.step("measuring, each as the median of five rounds");
  const double own = ns_of_switches(SwitchKind::own, 100'000);
  const double lean = ns_of_switches(SwitchKind::lean, 100'000);
  const double portable = ns_of_switches(SwitchKind::ucontext, 10'000);
  const double yields = ns_of_yields();
  const double thread_switch = ns_of_thread_switches();
  const double fiber = ns_of_fibers();
  const double thread = ns_of_threads();
  const double fiber_bytes = bytes_of_parked_fibers();
  const double thread_bytes = bytes_of_waiting_threads();

  const auto times = [](double big, double small) { return fmt::format("{:.1f}", big / small); };
  out.step("to another flow of control, and back");
  out.table(
      {{"how", "takes", "own switch = 1"},
       {"own switch", ns(own), "1.0"},
       {"without the floating-point control words", ns(lean), times(lean, own)},
       {"swapcontext(3): two system calls", ns(portable), times(portable, own)},
       {"through the scheduler: yield()", ns(yields), times(yields, own)},
       {"two threads on one CPU, through pipes", ns(thread_switch), times(thread_switch, own)}});
  out.step("create, run nothing, join");
  out.table({{"what", "takes", "fiber = 1"},
             {"fiber", ns(fiber), "1.0"},
             {"thread", ns(thread), times(thread, fiber)}});
  out.step("resident memory of one that waits");
  out.table(
      {{"what", "takes"},
       {"fiber", fmt::format("{:.1f} KiB", fiber_bytes / 1024)},
       {"thread (and a stack in the kernel)", fmt::format("{:.1f} KiB", thread_bytes / 1024)}});

  const bool cheap = thread > 3 * fiber && thread_switch > 3 * yields && thread_bytes > fiber_bytes;
  return {.verdict = cheap ? Verdict::holds : Verdict::fails,
          .conclusion = fmt::format(
              "creating a fiber is {:.0f} times as fast as creating a thread, and a switch in the "
              "scheduler {:.0f} times as fast as one in the kernel",
              thread / fiber, thread_switch / yields),
          .facts = {{"own_ns", own},
                    {"lean_ns", lean},
                    {"ucontext_ns", portable},
                    {"yield_ns", yields},
                    {"thread_switch_ns", thread_switch},
                    {"fiber_ns", fiber},
                    {"thread_ns", thread},
                    {"fiber_bytes", fiber_bytes},
                    {"thread_bytes", thread_bytes}}};
}

Finding stack(Narrator& out) {
  Recursing recursing;
  out.step("a stack of {} KiB, with a fiber on it", recursing.stack.size() / 1024);
  const std::size_t shallow = recursing.run(0);
  out.note("resident after a call: {} KiB", shallow);
  const std::size_t deep = recursing.run(100);
  out.note("resident after a recursion of 100 frames of 1 KiB: {} KiB", deep);
  const std::size_t afterwards = recursing.run(0);
  out.note("and after the next plain call: {} KiB: the kernel does not take pages back",
           afterwards);

#if defined(UNBLOCK_TSAN_FIBERS)
  return {.verdict = Verdict::not_shown,
          .conclusion = "ThreadSanitizer does not follow fibers in a process that was forked",
          .facts = {}};
#endif
  out.step("a child process recurses without an end, and looks where the fault is");
  Recursing other;
  overflowing = &other;
  const pid_t child = check("fork", ::fork());
  if (child == 0) overflow_and_exit();
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const bool guarded =
      WIFEXITED(status) && WEXITSTATUS(status) == static_cast<int>(Fault::in_guard_page);
  out.note("SIGSEGV, at an address {} the guard page below the stack", guarded ? "in" : "not in");
  out.note("a function with a frame larger than a page can step over it: -fstack-clash-protection");

  const bool holds = guarded && shallow < deep && deep <= afterwards;
  return {.verdict = holds ? Verdict::holds_with_condition : Verdict::fails,
          .conclusion =
              "memory follows the deepest call so far, not the size of the stack; and an "
              "overflow is stopped, unless it leaps over the guard page",
          .facts = {{"shallow_kib", static_cast<std::int64_t>(shallow)},
                    {"deep_kib", static_cast<std::int64_t>(deep)},
                    {"afterwards_kib", static_cast<std::int64_t>(afterwards)},
                    {"guarded", guarded}}};
}

}  // namespace unblock
