// The small costs of lesson 13: a switch there and back by each of the three ways (and by
// Boost.Context, where it is installed), a fiber's creation, and a yield through the scheduler.

#include <cstddef>
#include <utility>

#include <benchmark/benchmark.h>

#include "lessons/13-fibers/context.hpp"
#include "lessons/13-fibers/scheduler.hpp"

#ifdef UNBLOCK_BOOST_CONTEXT
#include <boost/context/fiber.hpp>
#endif

namespace unblock::fibers {
namespace {

constexpr std::size_t stack_bytes = 64 * 1024;

// Two flows of control that do nothing but switch to one another.
struct PingPong {
  explicit PingPong(SwitchKind kind) : here{kind}, there{kind} {
    there.prepare(stack, &PingPong::answer, this);
  }

  static void answer(void* argument) noexcept {
    auto* const self = static_cast<PingPong*>(argument);
    for (;;) Context::switch_to(self->there, self->here);
  }

  Stack stack{stack_bytes};
  Context here;
  Context there;
};

void switch_there_and_back(benchmark::State& state, SwitchKind kind) {
  PingPong pair{kind};
  for (auto _ : state) Context::switch_to(pair.here, pair.there);
}
BENCHMARK_CAPTURE(switch_there_and_back, own, SwitchKind::own);
BENCHMARK_CAPTURE(switch_there_and_back, lean, SwitchKind::lean);
BENCHMARK_CAPTURE(switch_there_and_back, ucontext, SwitchKind::ucontext);

#ifdef UNBLOCK_BOOST_CONTEXT
void switch_there_and_back_by_boost(benchmark::State& state) {
  boost::context::fiber other{[](boost::context::fiber&& main) {
    for (;;) main = std::move(main).resume();
    return std::move(main);
  }};
  for (auto _ : state) other = std::move(other).resume();
}
BENCHMARK(switch_there_and_back_by_boost);
#endif

SchedulerOptions one_thread() {
  return {.threads = 1, .switch_kind = default_switch, .stack_bytes = stack_bytes, .tracer = {}};
}

// From the second time on it runs on the stack of one that has ended.
void fiber_spawn_and_join(benchmark::State& state) {
  Scheduler scheduler{one_thread()};
  scheduler.run([&] {
    for (auto _ : state) spawn([] {}).join();
  });
}
BENCHMARK(fiber_spawn_and_join);

// Another fiber is ready and yields too: there and back, by way of the scheduler's queue.
void fiber_yield_and_back(benchmark::State& state) {
  Scheduler scheduler{one_thread()};
  scheduler.run([&] {
    bool done = false;
    Handle other = spawn([&] {
      while (!done) yield();
    });
    for (auto _ : state) yield();
    done = true;
    other.join();
  });
}
BENCHMARK(fiber_yield_and_back);

}  // namespace
}  // namespace unblock::fibers
