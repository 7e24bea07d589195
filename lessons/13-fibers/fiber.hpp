#pragma once

// One fiber: its stack, where it was left, and whether it may run. What runs it is in
// scheduler.hpp.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "context.hpp"
#include "wait_queue.hpp"

namespace unblock::fibers {

class Scheduler;

/// Thrown out of whatever a fiber waits for once its scheduler has been stopped, so that it unwinds
/// and its destructors run. Let it pass; a fiber that ends by it has not failed.
struct Cancelled {};

/// A call that the rules of fibers forbid, found where it is made; what() names the rule.
class RuleBroken : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Whether a fiber may run. The order of events is what prevents lost and doubled wake-ups:
///
///   running  -> parked    by the worker that ran it, *after* it has left its stack
///   running  -> notified  by wake(), while it runs or is on its way off its stack: its worker
///                         finds out when it tries to park it, and puts it into the queue instead
///   parked   -> notified  by wake(), which then puts it into the queue: nobody else does
///   notified -> running   by the worker that takes it out of the queue
///
/// A wake-up of a fiber that has been notified changes nothing: it will run, and look, anyway. So a
/// wake-up may always come for nothing, and whoever parks looks again at what it waits for.
enum class FiberState : std::uint8_t { running, notified, parked };

/// What the C++ runtime keeps for each *thread*, and has to be each fiber's own: the exceptions
/// that are being handled, and how many are on their way (__cxa_eh_globals in the Itanium C++ ABI).
struct ExceptionState {
  void* caught = nullptr;
  unsigned uncaught = 0;
};

/// The memory of a Fiber is never given back while its scheduler lives; an ended fiber's is used
/// for the next. So a wake-up that comes too late hits a fiber that looks again and goes on
/// waiting.
struct Fiber {
  Fiber(Scheduler& its_scheduler, SwitchKind kind, std::size_t stack_bytes)
      : scheduler{its_scheduler}, stack{stack_bytes}, context{kind} {}

  /// Makes it ready to run `function()`, which moves to the upper end of the fiber's own stack.
  template <typename Function>
  void prepare(Function&& function);

  /// Tells it that what it waits for may have come. True: it was parked, and the caller must put it
  /// into the queue.
  [[nodiscard]] bool wake() noexcept {
    // Acquire: the worker that parked it has stored its context. Release: what the waker has done
    // before is seen by the fiber, whose worker acquires in resume().
    return state.exchange(FiberState::notified, std::memory_order_acq_rel) == FiberState::parked;
  }

  /// After it has left its stack. False: it was notified meanwhile, and must go into the queue.
  [[nodiscard]] bool settle() noexcept {
    auto expected = FiberState::running;
    return state.compare_exchange_strong(expected, FiberState::parked, std::memory_order_release,
                                         std::memory_order_relaxed);
  }

  Scheduler& scheduler;
  Stack stack;
  Context context;
  std::atomic<FiberState> state{FiberState::running};
  Fiber* next = nullptr;       // in the queue of the ready, or in the list of the ended
  unsigned lucky = 0;          // how often in a row it did not have to wait
  ExceptionState exceptions;   // while it does not run
  std::atomic<int> owners{0};  // itself until it has ended, and its Handle
  void (*body)(Fiber&) = nullptr;
  void* function = nullptr;

  std::mutex guard;  // of what follows
  bool ended = false;
  std::exception_ptr error;
  WaitQueue joiners;
};

/// The rest of a fiber's life, on its own stack (scheduler.cpp).
void fiber_main(void* fiber) noexcept;

template <typename Function>
void Fiber::prepare(Function&& given) {
  using F = std::decay_t<Function>;
  static_assert(std::is_invocable_v<F&>, "a fiber is a function without arguments");
  static_assert(std::is_nothrow_constructible_v<F, Function>,
                "a fiber's function moves to the fiber's stack, and may not throw on the way");
  std::byte* place = stack.top() - sizeof(F);
  place -= reinterpret_cast<std::uintptr_t>(place) % alignof(F);
  function = new (place) F(std::forward<Function>(given));
  body = [](Fiber& self) {
    const std::unique_ptr<F, void (*)(F*)> callable{static_cast<F*>(self.function),
                                                    [](F* done) { std::destroy_at(done); }};
    (*callable)();
  };
  ended = false;
  owners.store(2, std::memory_order_relaxed);  // published by the queue's mutex
  context.prepare(stack, static_cast<std::byte*>(function), &fiber_main, this);
}

}  // namespace unblock::fibers
