#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <liburing.h>

#include "core/wake_event.hpp"
#include "proactor.hpp"
#include "uring_setup.hpp"

namespace unblock {

/// Lets the kernel carry operations out. The two queues of io_uring(7), of what is submitted and of
/// what is complete, lie in memory that the kernel and this process share, so that one system call
/// submits any number of operations and waits for completions. The completion event queue is the
/// kernel's own.
///
/// An operation that a handler starts is submitted when that handler's thread waits again, together
/// with all others of its batch. With one thread, that thread owns the ring. With several, one at a
/// time waits for completions, and each submits what it has started. What any other thread starts
/// or cancels comes in through a list and a wake-up.
class UringEngine final : public Engine {
 public:
  explicit UringEngine(std::size_t threads);

  void cancel(AsynchronousOperation& operation) override;
  void cancel_all() noexcept override;
  std::size_t wait(std::span<CompletionEvent> events) override;
  void close() noexcept override;

  /// Calls of io_uring_enter(2) so far.
  [[nodiscard]] std::uint64_t enters() const noexcept { return enters_; }

 protected:
  void begin(AsynchronousOperation& operation) override;

 private:
  // Values of an entry's user_data that are not an operation's address.
  static constexpr std::uint64_t nobody = 0;
  static constexpr std::uint64_t wake_up = 1;

  std::unique_lock<std::mutex> lock_submissions();
  io_uring_sqe& next_entry();
  void prepare(AsynchronousOperation& operation);
  void submit();
  void submit_own();
  void submit_and_wait();
  std::size_t take(std::span<CompletionEvent> events);
  bool on_complete(const io_uring_cqe& entry, CompletionEvent& event);
  void on_wake_up();
  void prepare_wake_up();
  void prepare_cancel(AsynchronousOperation* operation, int flags);

  const bool shared_;  // several threads wait
  WakeEvent wake_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> closed_ = false;
  std::atomic<std::uint64_t> enters_ = 0;
  std::atomic<std::uint64_t> submitted_ = 0;

  std::mutex inbox_mutex_;  // guards the two below: what threads without the ring ask for
  OperationList inbox_;
  std::vector<AsynchronousOperation*> cancel_inbox_;

  std::mutex waiting_;      // where shared_: held by the thread that takes completions
  std::mutex submissions_;  // where shared_: guards the submission queue
  std::once_flag enabled_;
  bool all_cancelled_ = false;  // the kernel has been told of cancelled_
  Ring ring_;
  ProvidedBuffers buffers_;
};

}  // namespace unblock
