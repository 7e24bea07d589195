#include "experiments.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "chain.hpp"
#include "context.hpp"
#include "core/observe.hpp"
#include "scheduler.hpp"
#include "sync.hpp"

namespace unblock {
namespace {

using namespace fibers;

SchedulerOptions threads(std::size_t count) { return {.threads = count, .tracer = {}}; }

const auto always = [](std::size_t) { return true; };
const auto never = [](std::size_t) { return false; };

// What a stage says of itself, in the order in which stages run.
using Log = std::vector<std::string>;

// [three_stages]
// Each stage takes what the one before returns.
auto three_stages(int number, std::string name, Log& log) {
  return first([number, name, &log] {
           log.push_back(name + "0");
           return number;
         })
      .then([name, &log](int given) {
        log.push_back(name + "1");
        return given + 0.5;
      })
      .then([name, &log](double given) {
        log.push_back(name + "2");
        return fmt::format("'{}'", given);
      });
}
// [/three_stages]

// Lets chains take turns, a stage at a time, on one thread: a scheduler in five lines.
template <typename Outcome>
void take_turns(std::vector<Outcome>& outcomes) {
  for (bool any = true; any;) {
    any = false;
    for (Outcome& outcome : outcomes) {
      if (outcome.index() != 0) continue;
      outcome = std::move(std::get<0>(outcome)).resume(always);
      any = true;
    }
  }
}

// A witness on a stack: counts that it was destroyed.
struct Witness {
  explicit Witness(int& counter) : destroyed{counter} {}
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  ~Witness() { ++destroyed; }
  int& destroyed;
};

}  // namespace

Finding chain_of_closures(Narrator& out) {
  Log log;
  out.step("a chain of three stages: () -> int, int -> double, double -> string; nothing runs yet");
  auto chain = three_stages(20, "A", log);
  using ChainType = decltype(chain);
  const bool lazy = log.empty();

  auto outcome = std::move(chain).run([](std::size_t next_stage) { return next_stage == 2; });
  const bool was_suspended = outcome.index() == 0;
  auto& suspended = std::get<0>(outcome);
  const double value = suspended.value<double>();
  out.step("it is run, and asked to pause before stage {}", suspended.next_stage());
  out.note("it has run {}, and is Suspended with the value {}", fmt::join(log, " "), value);

  out.step("another chain runs to its end meanwhile");
  Log other_log;
  const std::string other = three_stages(1, "B", other_log).run();
  out.note("it ran {}, and is Finished with {}", fmt::join(other_log, " "), other);

  outcome = std::move(suspended).resume(never);
  const std::string result = std::get<1>(outcome).result;
  out.step("the first one is resumed");
  out.note("it has run {}, and is Finished with {}", fmt::join(log, " "), result);

  log.clear();
  std::vector<ChainType::Outcome> outcomes;
  outcomes.push_back(three_stages(1, "A", log).run(always));
  outcomes.push_back(three_stages(2, "B", log).run(always));
  outcomes.push_back(three_stages(3, "C", log).run(always));
  take_turns(outcomes);
  const std::string order = fmt::format("{}", fmt::join(log, " "));
  out.step("three chains take turns on one thread, a stage each");
  out.note("the stages ran in the order {}", order);

  out.step("the second stage of a chain throws");
  bool thrown = false;
  try {
    (void)first([] { return 1; }).then([](int) -> int { throw std::runtime_error{"no"}; }).run();
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  out.note("the exception comes out of run(), and the chain is over");

  out.step("what it takes to put a chain of two plain functions aside");
  const auto bytes = static_cast<std::int64_t>(sizeof(Suspended<int (*)(), double (*)(int)>));
  out.note("{} bytes: the functions, the value between them, and which one is next; no stack",
           bytes);

  const bool holds = lazy && was_suspended && value == 20.5 && result == "'20.5'" && thrown &&
                     order == "A0 B0 C0 A1 B1 C1 A2 B2 C2";
  return {.verdict = holds ? Verdict::holds : Verdict::fails,
          .conclusion =
              "between two stages there is one value to keep, so the chain can be put aside "
              "and resumed; within a stage it cannot be suspended, which takes a stack",
          .facts = {{"value", value},
                    {"result", result},
                    {"order", order},
                    {"thrown", thrown},
                    {"bytes", bytes}}};
}

Finding exceptions(Narrator& out) {
  bool joined = false;
  bool unjoined = false;
  int mixed_up = 0;

  out.step("a fiber throws, and nobody on its stack catches");
  Scheduler first_one{threads(1)};
  first_one.run([&] {
    Handle handle = fibers::spawn([] { throw std::runtime_error{"from the fiber"}; });
    try {
      handle.join();
    } catch (const std::runtime_error&) {
      joined = true;
    }
  });
  out.note(
      "below the fiber's first function there is nothing to unwind to: it is caught there, and "
      "thrown again by join()");

  out.step("the same, and nobody joins the fiber");
  Scheduler second_one{threads(1)};
  try {
    second_one.run([] { fibers::spawn([] { throw std::runtime_error{"from the fiber"}; }); });
  } catch (const std::runtime_error&) {
    unjoined = true;
  }
  out.note("Scheduler::run() throws it when all fibers have ended: it is not lost");

  out.step("three fibers handle an exception each, and yield in the middle of it");
  Scheduler third_one{threads(1)};
  third_one.run([&] {
    for (int mine = 1; mine <= 3; ++mine) {
      fibers::spawn([mine, &mixed_up] {
        try {
          throw int{mine};
        } catch (int) {
          fibers::yield();
          try {
            throw;  // the one that is being handled, in the runtime's opinion
          } catch (int again) {
            mixed_up += again == mine ? 0 : 1;
          }
        }
      });
    }
  });
  out.note(
      "the C++ runtime keeps what is being handled for each thread; our scheduler puts it aside "
      "with "
      "the fiber. Fibers that found another one's exception: {}",
      mixed_up);

  const bool holds = joined && unjoined && mixed_up == 0;
  return {.verdict = holds ? Verdict::holds : Verdict::fails,
          .conclusion =
              "an exception stays on the stack that it was thrown on, and is handed over "
              "where fibers meet",
          .facts = {{"joined", joined},
                    {"unjoined", unjoined},
                    {"mixed_up", static_cast<std::int64_t>(mixed_up)}}};
}

Finding unfinished(Narrator& out) {
  int destroyed = 0;
  out.step("a bare context is left in the middle of its function, with an object on its stack");
  {
    struct Pair {
      explicit Pair(int& counter) : destroyed{counter} {}
      int& destroyed;
      Stack stack{64 * 1024};
      Context main;
      Context fiber;
    } pair{destroyed};
    pair.fiber.prepare(
        pair.stack,
        [](void* argument) noexcept {
          auto& self = *static_cast<Pair*>(argument);
          const Witness witness{self.destroyed};
          Context::switch_to(self.fiber, self.main);
          std::terminate();  // it is never resumed
        },
        &pair);
    Context::switch_to(pair.main, pair.fiber);
  }
  const int bare = std::exchange(destroyed, 0);
  out.note("its stack is unmapped; destructors that ran: {}", bare);

  out.step("a fiber of a scheduler waits for an hour, with an object on its stack; stop()");
  Scheduler scheduler{threads(1)};
  const auto start = std::chrono::steady_clock::now();
  scheduler.run([&] {
    fibers::spawn([&] {
      const Witness witness{destroyed};
      fibers::sleep_for(std::chrono::hours{1});
    });
    fibers::yield();
    scheduler.stop();
  });
  const bool at_once = std::chrono::steady_clock::now() - start < std::chrono::minutes{1};
  out.note("its wait throws Cancelled, which unwinds the stack; destructors that ran: {}",
           destroyed);

  const bool holds = bare == 0 && destroyed == 1 && at_once;
  return {.verdict = holds ? Verdict::holds : Verdict::fails,
          .conclusion =
              "nobody can destroy the objects on a stack but the code that runs on it: an "
              "unfinished fiber has to be resumed and told to end",
          .facts = {{"bare", static_cast<std::int64_t>(bare)},
                    {"cancelled", static_cast<std::int64_t>(destroyed)}}};
}

std::vector<Experiment> fiber_experiments() {
  return {
      {"chain", "B14",
       "The simplest fiber is a list of closures, each taking the result of the one before; "
       "between "
       "two of them it can be suspended and later resumed.",
       chain_of_closures},
      {"cost", "B13", "Fibers are cheap to create and to switch.", cost},
      {"stack", "B13",
       "A fiber's stack costs the pages that it has touched, and ends at a page that nobody may "
       "touch.",
       stack},
      {"park", "B15",
       "A fiber scheduler has two pools: threads that run fibers, and a thread for I/O: the fiber "
       "parks, the I/O thread makes it ready, some thread resumes it.",
       park_and_resume},
      {"blocked-thread", "B15",
       "A call that really blocks stops the thread, and with it every fiber that the thread could "
       "have run.",
       blocked_thread},
      {"thread-local", "B15",
       "A thread_local variable, errno among them, belongs to the thread: after a switch a fiber "
       "finds another one.",
       thread_local_variable},
      {"exceptions", "B13", "An exception crosses no boundary between fibers.", exceptions},
      {"unfinished", "B13",
       "The destructors on the stack of a fiber that is never resumed do not run.", unfinished},
  };
}

}  // namespace unblock
