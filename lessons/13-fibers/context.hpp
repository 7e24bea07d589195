#pragma once

// Flows of control that share a thread, and the step from one to another. Nothing here knows of a
// scheduler; it needs the standard library and two files of this project (context.cpp,
// core/errors.cpp), so that it can be built and tested alone, for another machine.

#include <ucontext.h>

#include <cstddef>
#include <memory>

#include "sanitizer_fiber.hpp"

// 0 leaves the assembly out, for a machine that it is not written for.
#if !defined(UNBLOCK_OWN_SWITCH)
#if (defined(__x86_64__) && defined(__LP64__)) || (defined(__aarch64__) && defined(__LP64__))
#define UNBLOCK_OWN_SWITCH 1
#else
#define UNBLOCK_OWN_SWITCH 0
#endif
#endif

/// Written in assembly: switch_x86_64.S, switch_aarch64.S. Saves the calling flow of control on its
/// own stack, stores in `*from` where, and goes on at `to`, which such a call has stored before.
/// The lean one leaves the floating-point control words as they are.
extern "C" void unblock_switch(void** from, void* to) noexcept;
extern "C" void unblock_switch_lean(void** from, void* to) noexcept;
extern "C" void unblock_fiber_start() noexcept;

namespace unblock::fibers {

/// A stack of its own mapping, with a page below it that nobody may touch: what runs over the end
/// is stopped there by SIGSEGV instead of writing into the neighbour. The kernel gives memory to a
/// page of it when it is first touched. It can be moved and not copied.
class Stack {
 public:
  /// At least `bytes`, in whole pages. Throws std::system_error where mmap(2) or mprotect(2) fails:
  /// ENOMEM, also at /proc/sys/vm/max_map_count mappings (each stack takes two).
  explicit Stack(std::size_t bytes);
  Stack(Stack&& other) noexcept;
  Stack& operator=(Stack&& other) noexcept;
  ~Stack();

  /// The lowest byte that may be used; the guard page ends there.
  [[nodiscard]] std::byte* bottom() const noexcept;
  /// One past the highest byte; a multiple of the page size. The stack grows down from here.
  [[nodiscard]] std::byte* top() const noexcept { return mapping_ + bytes_; }
  [[nodiscard]] std::size_t size() const noexcept;
  /// Whether `address` lies in the guard page.
  [[nodiscard]] bool guards(const void* address) const noexcept;
  /// Bytes of it that have memory now (mincore(2)).
  [[nodiscard]] std::size_t resident_bytes() const;

 private:
  std::byte* mapping_ = nullptr;  // the guard page comes first
  std::size_t bytes_ = 0;         // the guard page included
};

/// How a switch is done.
enum class SwitchKind {
  own,       ///< our assembly; keeps all that the ABI says a function call keeps
  lean,      ///< our assembly without the floating-point control words: all must share one setting
  ucontext,  ///< swapcontext(3): on every machine, with a system call each for the signal mask
};

#if UNBLOCK_OWN_SWITCH
inline constexpr SwitchKind default_switch = SwitchKind::own;
#else
inline constexpr SwitchKind default_switch = SwitchKind::ucontext;  // no assembly for this machine
#endif

/// One flow of control: a thread's own, or one on a stack that prepare() was given. The functions
/// are for one thread at a time; a context may be left on one thread and resumed on another,
/// provided that the one happens before the other. Two contexts that switch to one another must be
/// of one kind. It stays where it is: it can be neither copied nor moved.
class Context {
 public:
  /// It must not return and must not throw: it leaves by switching with `leave_for_good`.
  using Entry = void (*)(void* argument) noexcept;

  /// A flow of control that is running already, the caller's; to be left by switch_to(). Where the
  /// assembly is not built in, every kind is ucontext.
  explicit Context(SwitchKind kind = default_switch);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// Makes this a new flow of control, which calls `entry(argument)` when it is first switched to.
  /// It uses `stack` below `top`, and both must live until it has been left for good. What was on
  /// the stack of an unfinished one is forgotten: its destructors never run. The floating-point
  /// control words are the caller's, as with a new thread.
  void prepare(const Stack& stack, std::byte* top, Entry entry, void* argument) noexcept;
  void prepare(const Stack& stack, Entry entry, void* argument) noexcept {
    prepare(stack, stack.top(), entry, argument);
  }

  /// Leaves `from`, in which we are, and goes on in `to`. Returns when somebody switches to `from`.
  static void switch_to(Context& from, Context& to) noexcept {
    from.sanitizer_.leave(to.sanitizer_, false);
    from.jump(to);
    from.sanitizer_.arrive();
  }

  /// The same, when `from` will never be resumed.
  [[noreturn]] static void leave_for_good(Context& from, Context& to) noexcept;

 private:
  void jump(Context& to) noexcept {
#if UNBLOCK_OWN_SWITCH
    if (kind_ == SwitchKind::own) return unblock_switch(&stack_pointer_, to.stack_pointer_);
    if (kind_ == SwitchKind::lean) return unblock_switch_lean(&stack_pointer_, to.stack_pointer_);
#endif
    ::swapcontext(portable_.get(), to.portable_.get());
  }
  static void start(void* context) noexcept;
  static void start_portable(unsigned high, unsigned low) noexcept;

  SwitchKind kind_;
  void* stack_pointer_ = nullptr;         // own, lean: where the frame lies
  std::unique_ptr<ucontext_t> portable_;  // ucontext: the registers
  Entry entry_ = nullptr;
  void* argument_ = nullptr;
  [[no_unique_address]] SanitizerFiber sanitizer_;
};

}  // namespace unblock::fibers
