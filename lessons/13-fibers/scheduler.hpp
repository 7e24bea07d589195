#pragma once

// N fibers over M threads, and one more thread for I/O.

#include <semaphore.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

#include "fiber.hpp"
#include "io_thread.hpp"

namespace unblock::fibers {

/// What a scheduler tells a tracer, in the thread in which it happens.
enum class Step { resumed, parked, event_seen, made_ready };
using Tracer = std::function<void(Step, const Fiber&)>;

struct SchedulerOptions {
  std::size_t threads = 0;  ///< that run fibers; 0: as many as CPUs that the process may use
  SwitchKind switch_kind = default_switch;
  /// Of each fiber. Memory goes only to pages that are touched; the rest is address space.
  std::size_t stack_bytes = 256 * 1024;
  Tracer tracer;  ///< may be empty; must not throw and must not call this library
  /// A thread that has no fiber to run waits for the kernel itself, instead of handing over to the
  /// I/O thread and back; the I/O thread is for the time when all of them run fibers.
  bool idle_threads_wait = false;
};

/// A fiber that was spawned; for waiting until it has ended. Dropped, it changes nothing: the fiber
/// goes on. It can be moved and not copied, and must not outlive its scheduler.
class Handle {
 public:
  Handle() noexcept = default;
  Handle(Handle&& other) noexcept : fiber_{std::exchange(other.fiber_, nullptr)} {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(fiber_, other.fiber_);
    return *this;
  }
  ~Handle();

  /// Parks the calling fiber until this one has ended, and throws what it ended by, if it failed.
  /// Once; from another fiber.
  void join();
  [[nodiscard]] bool joinable() const noexcept { return fiber_ != nullptr; }

 private:
  friend class Scheduler;
  explicit Handle(Fiber& fiber) noexcept : fiber_{&fiber} {}
  Fiber* fiber_ = nullptr;
};

/// A semaphore for threads (sem_overview(7)). A post that comes before the wait is not lost, and
/// without anybody waiting it makes no system call. (A condition variable takes its mutex again
/// before it returns, which costs two more switches or calls.)
class WakeUp {
 public:
  WakeUp() noexcept { ::sem_init(&semaphore_, 0, 0); }
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;
  ~WakeUp() { ::sem_destroy(&semaphore_); }

  /// Lets one wait() return: one that waits now, or the next one.
  void post() noexcept { ::sem_post(&semaphore_); }
  /// Blocks the calling thread.
  void wait() noexcept {
    while (::sem_wait(&semaphore_) < 0) {  // EINTR
    }
  }

 private:
  sem_t semaphore_;
};

/// Runs fibers. They share one queue: any of the threads takes the one that is ready for longest.
class Scheduler {
 public:
  /// Starts no thread yet. Throws std::system_error where the kernel refuses a descriptor.
  explicit Scheduler(SchedulerOptions options = {});
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  ~Scheduler();

  /// Runs `function()` as a fiber, and all that it spawns; returns when every fiber has ended.
  /// Once. The calling thread is one of the M. Throws what a fiber failed by whom nobody joined,
  /// and RuleBroken where the fibers that are left wait for one another for ever.
  template <typename Function>
  void run(Function&& function);

  /// A further fiber, from inside a fiber of this scheduler. Throws std::system_error where there
  /// is no memory for a stack (ENOMEM).
  template <typename Function>
  Handle spawn(Function&& function);

  /// Cancels every fiber: what it waits for, now or later, throws Cancelled. From any thread, at
  /// any time, also before run() and from a signal handler; does not wait. It sticks.
  void stop() noexcept;
  [[nodiscard]] bool stopping() const noexcept { return stopping_.load(std::memory_order_acquire); }

  [[nodiscard]] std::size_t threads() const noexcept { return options_.threads; }
  [[nodiscard]] IoThread& io() noexcept { return io_; }

  // For the parts of this lesson:

  /// Woken fibers go into the queue; sleeping threads are woken for them.
  void make_ready(const Woken& woken) noexcept;
  void wake(Fiber& fiber) noexcept {
    if (fiber.wake()) make_ready({&fiber, &fiber, 1});
  }
  /// Wakes every fiber that is parked, to let it see that the scheduler is stopping.
  void wake_all() noexcept;
  /// Whether the fibers wait for one another for ever; then no wait at all is worth going on with.
  [[nodiscard]] bool deadlocked() const noexcept {
    return deadlocked_.load(std::memory_order_acquire);
  }
  /// The I/O thread's: waits until there is somebody to run what it will find.
  void await_demand() noexcept;
  void trace(Step step, const Fiber& fiber) const {
    if (options_.tracer) options_.tracer(step, fiber);
  }
  void release(Fiber& fiber) noexcept;

  /// Fibers that wait for the world outside: a descriptor, a time. While there is one, the others
  /// may still be woken; without any, fibers that are all parked have come to a deadlock.
  std::atomic<std::size_t> waiting_outside{0};

  /// What a thread knows while it runs fibers.
  struct Worker {
    enum class Left : std::uint8_t { yielded, parked, ended };
    Context context;            // of the thread's own stack, that is, of work()
    Fiber* fiber = nullptr;     // that runs on it now
    Left left = Left::yielded;  // how the fiber left, set by the fiber
  };

 private:
  static constexpr std::size_t resumed_per_poll = 64;

  void run_threads(const std::function<void()>& spawn_first);
  void work() noexcept;
  Fiber* next(Fiber* yielded) noexcept;
  void await_work(std::unique_lock<std::mutex>& lock) noexcept;
  void await_work_at_kernel(std::unique_lock<std::mutex>& lock) noexcept;
  void append(const Woken& woken) noexcept;
  void detect_deadlock() noexcept;
  void resume(Worker& worker, Fiber& fiber) noexcept;
  void retire(Fiber& fiber) noexcept;
  void drop_live() noexcept;
  void note_error(std::exception_ptr error) noexcept;
  Fiber& unused_fiber();
  Handle start(Fiber& fiber) noexcept;

  SchedulerOptions options_;
  IoThread io_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> deadlocked_{false};
  std::atomic<std::size_t> live_{1};  // fibers that have not ended, and run() until it has begun

  std::mutex mutex_;  // of what follows
  WakeUp work_;       // for threads that have run out of fibers
  WakeUp io_wanted_;  // for the I/O thread
  Fiber* first_ready_ = nullptr;
  Fiber* last_ready_ = nullptr;
  std::size_t idle_ = 0;      // threads that found nothing to do
  std::size_t sleeping_ = 0;  // of those, for whom nobody has posted yet
  std::size_t waiting_ = 0;   // of those, that wait for the kernel themselves
  bool io_waits_ = false;     // in await_demand()
  std::size_t resumed_since_poll_ = 0;
  bool all_woken_ = false;  // by wake_all(): who is parked now, stop() cannot wake
  bool ended_ = false;

  std::mutex fibers_mutex_;  // of what follows
  std::deque<Fiber> fibers_;
  Fiber* unused_ = nullptr;

  std::mutex error_mutex_;  // of what follows
  std::exception_ptr error_;
};

/// What a fiber calls for itself. Each throws RuleBroken when called outside a fiber.

/// Lets the others that are ready run first. Throws Cancelled.
void yield();
/// Parks the calling fiber for that long or a little longer. Throws Cancelled.
void sleep_until(std::chrono::steady_clock::time_point when);
void sleep_for(std::chrono::nanoseconds duration);
/// A further fiber of the same scheduler.
template <typename Function>
Handle spawn(Function&& function);

/// The fiber that calls, for the parts of this lesson.
struct ThisFiber {
  /// Throws RuleBroken outside a fiber: "`what` is for fibers...".
  static Fiber& get(const char* what);
  /// The thread that runs it: another one, perhaps, after each switch. Null outside a scheduler.
  static Scheduler::Worker* worker() noexcept;
  static void set_worker(Scheduler::Worker* worker) noexcept;
  /// Leaves the fiber's stack; returns at the next wake-up, or at once where one has come since the
  /// last time it was parked; also for no reason.
  static void park() noexcept;
  static void yield() noexcept;
  /// Whether the scheduler was stopped; not while the fiber unwinds, since a destructor may wait.
  static bool cancelled(const Fiber& fiber) noexcept {
    return fiber.scheduler.stopping() && std::uncaught_exceptions() == 0;
  }
  static void check_cancelled(const Fiber& fiber) {
    if (cancelled(fiber)) throw Cancelled{};
  }
};

/// While it lives, the calling fiber waits for something that comes from outside the scheduler.
class WaitsOutside {
 public:
  // Relaxed: it is compared with the queue, and under the queue's mutex.
  explicit WaitsOutside(Scheduler& scheduler) noexcept : waiting_{scheduler.waiting_outside} {
    waiting_.fetch_add(1, std::memory_order_relaxed);
  }
  WaitsOutside(const WaitsOutside&) = delete;
  WaitsOutside& operator=(const WaitsOutside&) = delete;
  ~WaitsOutside() { waiting_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t>& waiting_;
};

template <typename Function>
Handle Scheduler::spawn(Function&& function) {
  if (&ThisFiber::get("spawn()").scheduler != this) {
    throw RuleBroken{"spawn(): a fiber may spawn on its own scheduler only"};
  }
  Fiber& fiber = unused_fiber();
  fiber.prepare(std::forward<Function>(function));
  return start(fiber);
}

template <typename Function>
void Scheduler::run(Function&& function) {
  run_threads([&] {
    Fiber& fiber = unused_fiber();
    fiber.prepare(std::forward<Function>(function));
    start(fiber);
  });
}

template <typename Function>
Handle spawn(Function&& function) {
  return ThisFiber::get("spawn()").scheduler.spawn(std::forward<Function>(function));
}

}  // namespace unblock::fibers
