#pragma once

// The thread that waits for the kernel on behalf of all fibers.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "core/unique_fd.hpp"
#include "core/wake_event.hpp"

namespace unblock::fibers {

struct Fiber;
class Scheduler;

/// One direction of a descriptor: whether it may be tried, or which fiber waits for it.
class Readiness {
 public:
  /// In a fiber: parks it until the I/O thread has seen an edge since the last call. It may return
  /// although there is nothing. Throws Cancelled; RuleBroken where another fiber waits here.
  void wait();
  /// Whether an edge has been seen since; takes the note of it away.
  bool take() noexcept;
  /// Notes that it may be tried. Returns the fiber that waits for it, if one does.
  Fiber* set() noexcept;
  /// Without a fiber waiting, and without an edge seen.
  void reset() noexcept { value_.store(nothing, std::memory_order_relaxed); }

 private:
  static constexpr std::uintptr_t nothing = 0;  // no edge since the last take()
  static constexpr std::uintptr_t ready = 1;    // an edge, and nobody has looked yet
                                                // else: the Fiber that waits
  std::atomic<std::uintptr_t> value_{nothing};
};

/// What the I/O thread keeps for each descriptor. Its memory is never given back while the thread
/// lives: an event that was fetched before its descriptor was closed then hits the next owner, who
/// looks and goes on waiting.
struct Watched {
  Readiness readable;
  Readiness writable;
  /// The end of the stream, an error, or urgent data: a short read does not mean that there is no
  /// more.
  std::atomic<bool> read_on{false};
  Watched* next_unused = nullptr;
};

/// The fibers that what was waited for has woken: a chain (Fiber::next).
struct Woken {
  Fiber* first = nullptr;
  Fiber* last = nullptr;
  std::size_t count = 0;
};

/// An edge-triggered epoll instance, the timers, and a thread that waits for both and makes fibers
/// ready. It never reads or writes a descriptor and never runs a fiber.
class IoThread {
 public:
  explicit IoThread(Scheduler& scheduler);

  void start();
  /// Ends the thread and joins it.
  void end() noexcept;
  /// Waits for the kernel once; what it has woken is the caller's to put into the queue. From any
  /// thread, several at once: an edge is seen by one of them.
  Woken wait();
  /// Lets one wait() return, and cancel all fibers where the scheduler is stopping
  /// (Scheduler::wake_all). From any thread.
  void interrupt() noexcept { wake_.signal(); }

  /// Registers a descriptor, once for both directions. Throws std::system_error.
  Watched& watch(int fd);
  /// Before the descriptor is closed. No fiber waits for it any more.
  void unwatch(int fd, Watched& watched) noexcept;

  /// Parks the calling fiber until `when`, or until it is woken for another reason.
  void park_until(std::chrono::steady_clock::time_point when);

  /// Its kernel thread id; 0 before it runs.
  [[nodiscard]] int thread_id() const noexcept { return thread_id_.load(); }

 private:
  using Timer = std::pair<std::chrono::steady_clock::time_point, Fiber*>;

  void run();
  void on_readiness(Watched& watched, std::uint32_t events, Woken& woken);
  void on_timer(Woken& woken);
  void add(Woken& woken, Fiber* fiber) const;
  void set_timer() noexcept;
  void put_away(Watched& watched) noexcept;

  Scheduler& scheduler_;
  UniqueFd epoll_fd_;
  UniqueFd timer_fd_;
  WakeEvent wake_;
  std::atomic<bool> ending_{false};
  std::atomic<int> thread_id_{0};

  std::mutex timers_mutex_;
  std::set<Timer> timers_;

  std::mutex watched_mutex_;  // of what follows
  std::deque<Watched> watched_;
  Watched* unused_ = nullptr;

  std::jthread thread_;
};

}  // namespace unblock::fibers
