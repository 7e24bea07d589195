#pragma once

// What fibers use among themselves. A std::mutex or std::condition_variable would put the whole
// thread to sleep, with every fiber that it could run meanwhile.

#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "fiber.hpp"
#include "wait_queue.hpp"

namespace unblock::fibers {

/// Mutual exclusion among fibers, whichever threads they run on; for std::lock_guard and
/// std::unique_lock. Handed over in the order of asking. It may be held while the fiber waits.
/// stop() does not cancel its waiting, so that destructors may lock it; a deadlock does.
class Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  /// Parks while another fiber holds it. Throws RuleBroken where the caller does.
  void lock();
  bool try_lock();
  /// By the fiber that holds it, else it throws RuleBroken.
  void unlock();

 private:
  std::mutex guard_;  // of what follows
  Fiber* owner_ = nullptr;
  WaitQueue waiting_;
};

/// Waiting until others have changed what a Mutex protects.
class Condition {
 public:
  Condition() = default;
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  /// Releases `lock`, parks until notified, takes `lock` again; repeats until `done()` is true.
  /// Throws Cancelled, with the lock released.
  template <typename Predicate>
  void wait(std::unique_lock<Mutex>& lock, Predicate done) {
    while (!done()) wait_once(lock, std::nullopt);
  }
  /// The same, until `deadline` at most. Returns what `done()` returned last.
  template <typename Predicate>
  bool wait_until(std::unique_lock<Mutex>& lock, std::chrono::steady_clock::time_point deadline,
                  Predicate done) {
    while (!done()) {
      if (!wait_once(lock, deadline)) return done();
    }
    return true;
  }
  void notify_one();
  void notify_all();

 private:
  bool wait_once(std::unique_lock<Mutex>& lock, Deadline deadline);

  std::mutex guard_;  // of what follows
  WaitQueue waiting_;
};

/// A queue of at most `capacity` values between fibers: who pushes into a full one waits, and so
/// does who pops from an empty one. Values come out in the order in which they went in.
template <typename T>
class Channel {
 public:
  explicit Channel(std::size_t capacity) : capacity_{capacity} {
    if (capacity == 0) throw RuleBroken{"Channel: a capacity of 0 would let nothing pass"};
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// False where the channel is closed; then the value is dropped. Throws Cancelled.
  bool push(T value) {
    std::unique_lock lock{guard_};
    while (values_.size() == capacity_ && !closed_) pushers_.wait(lock);
    if (closed_) return false;
    values_.push_back(std::move(value));
    poppers_.wake_one();
    return true;
  }

  /// The oldest value; nothing once the channel is closed and empty. Throws Cancelled.
  std::optional<T> pop() {
    std::unique_lock lock{guard_};
    while (values_.empty() && !closed_) poppers_.wait(lock);
    if (values_.empty()) return std::nullopt;
    std::optional<T> value{std::move(values_.front())};
    values_.pop_front();
    pushers_.wake_one();
    return value;
  }

  /// No more values go in; those that are in can still be popped. More than once does no harm.
  void close() {
    const std::lock_guard lock{guard_};
    closed_ = true;
    pushers_.wake_all();
    poppers_.wake_all();
  }

 private:
  std::size_t capacity_;
  std::mutex guard_;  // of what follows
  std::deque<T> values_;
  bool closed_ = false;
  WaitQueue pushers_;
  WaitQueue poppers_;
};

}  // namespace unblock::fibers
