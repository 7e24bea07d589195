// What a context switch must keep, checked without any test library, so that the program can be
// built for another machine with one command and run in an emulator:
//
//   aarch64-linux-gnu-g++ -std=c++20 -O2 -static -I. lessons/13-fibers/switch_test.cpp
//       lessons/13-fibers/context.cpp lessons/13-fibers/switch_aarch64.S core/errors.cpp
//   qemu-aarch64 ./a.out
//
// It prints a line for each check and exits with 1 where one failed.

#include <unwind.h>

#include <cfenv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "context.hpp"

namespace {

using unblock::fibers::Context;
using unblock::fibers::Stack;
using unblock::fibers::SwitchKind;

bool all_hold = true;

void check(bool holds, const char* kind, const char* what) {
  std::printf("%s  %-8s  %s\n", holds ? "ok    " : "FAILED", kind, what);
  all_hold = all_hold && holds;
}

// The thread's flow of control, one on a stack of its own, and what they have to say to each other.
struct Pair {
  explicit Pair(SwitchKind kind) : main{kind}, fiber{kind} {}
  void start(Context::Entry entry) { fiber.prepare(stack, entry, this); }
  void to_fiber() noexcept { Context::switch_to(main, fiber); }
  void to_main() noexcept { Context::switch_to(fiber, main); }
  [[noreturn]] void end() noexcept { Context::leave_for_good(fiber, main); }

  Stack stack{256 * 1024};
  Context main;
  Context fiber;
  std::uint64_t result = 0;
  bool good = false;
};

Pair& pair_of(void* argument) { return *static_cast<Pair*>(argument); }

// The compiler may not know these values, else it would make them anew after the switch.
template <typename... Integers>
void hide(Integers&... values) {
  (..., [](Integers& value) { asm volatile("" : "+r"(value)); }(values));
}

template <typename... Doubles>
void hide_doubles(Doubles&... values) {
#if defined(__aarch64__)
  (..., [](Doubles& value) { asm volatile("" : "+w"(value)); }(values));
#else
  (..., [](Doubles& value) { asm volatile("" : "+m"(value)); }(values));
#endif
}

// As many values live across the switch as there are callee-saved registers on either machine (6 on
// x86-64; 10 and 8 for floating point on aarch64), so that some value is in each of them. Both
// sides do this, with values of their own. Returns how many came back changed.
template <typename Switch>
std::uint64_t hold_registers(std::uint64_t seed, Switch&& leave) {
  std::uint64_t changed = 0;
  for (std::uint64_t round = 0; round < 100; ++round) {
    std::uint64_t a = seed + 1, b = seed + 2, c = seed + 3, d = seed + 4, e = seed + 5;
    std::uint64_t f = seed + 6, g = seed + 7, h = seed + 8, i = seed + 9, j = seed + 10;
    const auto base = static_cast<double>(seed);
    double k = base + 0.25, l = base + 1.25, m = base + 2.25, n = base + 3.25;
    double o = base + 4.25, p = base + 5.25, q = base + 6.25, r = base + 7.25;
    hide(a, b, c, d, e, f, g, h, i, j);
    hide_doubles(k, l, m, n, o, p, q, r);
    leave();
    hide(a, b, c, d, e, f, g, h, i, j);
    hide_doubles(k, l, m, n, o, p, q, r);
    const bool integers = a == seed + 1 && b == seed + 2 && c == seed + 3 && d == seed + 4 &&
                          e == seed + 5 && f == seed + 6 && g == seed + 7 && h == seed + 8 &&
                          i == seed + 9 && j == seed + 10;
    const bool doubles = k == base + 0.25 && l == base + 1.25 && m == base + 2.25 &&
                         n == base + 3.25 && o == base + 4.25 && p == base + 5.25 &&
                         q == base + 6.25 && r == base + 7.25;
    changed += (integers ? 0 : 1) + (doubles ? 0 : 1);
  }
  return changed;
}

void registers_survive(SwitchKind kind, const char* name) {
  Pair pair{kind};
  pair.start([](void* argument) noexcept {
    Pair& self = pair_of(argument);
    self.result = hold_registers(0x1000000, [&] { self.to_main(); });
    self.end();
  });
  const std::uint64_t changed = hold_registers(0x7000000, [&] { pair.to_fiber(); });
  pair.to_fiber();  // it ends its last round
  check(changed == 0 && pair.result == 0, name, "callee-saved registers survive, on both sides");
}

// What 1 + tiny and -1 - tiny are rounded to tells the mode. The variables are volatile, so that it
// is done here and now. A long double is x87's on x86-64; on aarch64 it is done in software, which
// asks FPCR.
template <typename Float>
bool rounds(int mode) {
  volatile Float one = 1;
  volatile Float tiny = static_cast<Float>(1e-40);
  volatile Float above = one + tiny;
  volatile Float below = -one - tiny;
  return (above > 1) == (mode == FE_UPWARD) && (below < -1) == (mode == FE_DOWNWARD);
}

bool rounds_everywhere(int mode) {
  return std::fegetround() == mode && rounds<double>(mode) && rounds<long double>(mode);
}

void control_words_survive(SwitchKind kind, const char* name) {
  Pair pair{kind};
  std::fesetround(FE_DOWNWARD);
  pair.start([](void* argument) noexcept {
    Pair& self = pair_of(argument);
    self.good = rounds_everywhere(FE_DOWNWARD);
    self.to_main();
    std::fesetround(FE_UPWARD);
    self.to_main();
    self.result = rounds_everywhere(FE_UPWARD) ? 1 : 0;
    self.end();
  });
  pair.to_fiber();
  check(pair.good, name, "a new fiber has the control words of the one who made it");
  pair.to_fiber();
  const bool ours = rounds_everywhere(FE_DOWNWARD);
  pair.to_fiber();
  const bool ours_still = rounds_everywhere(FE_DOWNWARD);
  std::fesetround(FE_TONEAREST);
  check(ours && ours_still && pair.result == 1, name,
        "floating-point control words survive, on both sides");
}

// A flag that an operation has raised says nothing about the mode: it must not be lost on the way.
void exception_flags_are_left_alone(SwitchKind kind, const char* name) {
  Pair pair{kind};
  pair.start([](void* argument) noexcept { pair_of(argument).end(); });
  std::feclearexcept(FE_ALL_EXCEPT);
  volatile double zero = 0.0;
  volatile double infinite = 1.0 / zero;
  pair.to_fiber();
  check(std::isinf(infinite), name, "a raised floating-point flag disturbs nothing");
  std::feclearexcept(FE_ALL_EXCEPT);
}

void stack_is_aligned(SwitchKind kind, const char* name) {
  Pair pair{kind};
  pair.start([](void* argument) noexcept {
    Pair& self = pair_of(argument);
    // The ABIs align a frame to 16 bytes; the compiler relies on it and aligns this no further.
    alignas(16) volatile unsigned char aligned[16] = {1};
    self.result = reinterpret_cast<std::uintptr_t>(&aligned[0]) % 16;
    // Passing a floating-point number to printf makes libc use aligned vector moves on x86-64.
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", 0.5 * aligned[0]);
    self.good = std::string{text} == "0.500";
    self.end();
  });
  pair.to_fiber();
  check(pair.result == 0 && pair.good, name, "the stack is aligned to 16 bytes");
}

// Fibers that start fibers, 100 deep, each left in the middle of its work and come back to.
struct Nest {
  Nest(SwitchKind switch_kind, int levels_below)
      : kind{switch_kind}, levels{levels_below}, outer{kind}, inner{kind} {}
  int run() {
    inner.prepare(
        stack,
        [](void* argument) noexcept {
          auto& self = *static_cast<Nest*>(argument);
          self.depth = 1;
          Context::switch_to(self.inner, self.outer);
          if (self.levels > 0)
            self.depth += std::make_unique<Nest>(self.kind, self.levels - 1)->run();
          Context::leave_for_good(self.inner, self.outer);
        },
        this);
    Context::switch_to(outer, inner);
    Context::switch_to(outer, inner);
    return depth;
  }

  SwitchKind kind;
  int levels;
  Stack stack{64 * 1024};
  Context outer;
  Context inner;
  int depth = 0;
};

void nesting_is_deep(SwitchKind kind, const char* name) {
  check(Nest{kind, 99}.run() == 100, name, "fibers nest a hundred deep");
}

// Thrown and caught on the fiber's own stack; the unwinder needs the frames' descriptions for it.
void exceptions_stay_inside(SwitchKind kind, const char* name) {
  Pair pair{kind};
  pair.start([](void* argument) noexcept {
    Pair& self = pair_of(argument);
    try {
      self.to_main();
      throw std::string{"thrown on the fiber's stack"};
    } catch (const std::string& text) {
      self.good = text == "thrown on the fiber's stack";
    }
    self.end();
  });
  pair.to_fiber();
  pair.to_fiber();
  check(pair.good, name, "an exception is thrown and caught inside a fiber");
}

#if UNBLOCK_OWN_SWITCH
// What the unwinder sees of the flow of control that asks.
struct Walk {
  int frames = 0;
  std::uintptr_t outermost = 0;  // the last frame's place in its function
};

[[gnu::noinline]] bool walk_ends(Walk& walk) {
  const auto note = [](_Unwind_Context* frame, void* argument) {
    auto& seen = *static_cast<Walk*>(argument);
    // At the end libgcc calls once more, with 0.
    if (const std::uintptr_t at = _Unwind_GetIP(frame); at != 0) seen.outermost = at;
    return ++seen.frames < 100 ? _URC_NO_REASON : _URC_NORMAL_STOP;
  };
  return _Unwind_Backtrace(note, &walk) == _URC_END_OF_STACK;
}

// A debugger, a profiler, a crash reporter must find the end, and not walk on into what is above.
void unwinding_ends_at_the_top(SwitchKind kind, const char* name) {
  Pair pair{kind};
  pair.start([](void* argument) noexcept {
    Pair& self = pair_of(argument);
    self.to_main();
    Walk walk;
    const auto start = reinterpret_cast<std::uintptr_t>(&unblock_fiber_start);
    self.good = walk_ends(walk) && walk.frames >= 3 && walk.outermost >= start &&
                walk.outermost < start + 32;
    self.end();
  });
  pair.to_fiber();
  pair.to_fiber();
  check(pair.good, name, "an unwinder finds the top of the fiber's stack");
}
#endif

void many_are_switched_in_turn(SwitchKind kind, const char* name) {
  std::vector<std::unique_ptr<Pair>> pairs;
  for (int i = 0; i < 100; ++i) {
    pairs.push_back(std::make_unique<Pair>(kind));
    pairs.back()->start([](void* argument) noexcept {
      Pair& self = pair_of(argument);
      for (int round = 0; round < 100; ++round) {
        ++self.result;
        self.to_main();
      }
      self.end();
    });
  }
  for (int round = 0; round <= 100; ++round) {
    for (const auto& pair : pairs) pair->to_fiber();
  }
  bool all = true;
  for (const auto& pair : pairs) all = all && pair->result == 100;
  check(all, name, "a hundred fibers take a hundred turns each");
}

void test(SwitchKind kind, const char* name) {
  registers_survive(kind, name);
  if (kind != SwitchKind::lean) control_words_survive(kind, name);
  exception_flags_are_left_alone(kind, name);
  stack_is_aligned(kind, name);
  nesting_is_deep(kind, name);
  exceptions_stay_inside(kind, name);
#if UNBLOCK_OWN_SWITCH
  if (kind != SwitchKind::ucontext) unwinding_ends_at_the_top(kind, name);
#endif
  many_are_switched_in_turn(kind, name);
}

}  // namespace

int main() {
#if UNBLOCK_OWN_SWITCH
  test(SwitchKind::own, "own");
  test(SwitchKind::lean, "lean");
#endif
  test(SwitchKind::ucontext, "ucontext");
  return all_hold ? 0 : 1;
}
