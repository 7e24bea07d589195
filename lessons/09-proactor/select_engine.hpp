#pragma once

#include <sys/select.h>

#include <array>
#include <mutex>
#include <thread>
#include <utility>

#include "core/observe.hpp"
#include "core/wake_event.hpp"
#include "proactor.hpp"

namespace unblock {

/// Carries operations out in a thread of its own, which is a reactor inside: it waits in select(2)
/// for a socket to be ready, then accepts, reads or writes without blocking.
class SelectEngine final : public Engine {
 public:
  explicit SelectEngine(std::size_t threads);
  ~SelectEngine() override { SelectEngine::close(); }

  void cancel(AsynchronousOperation& operation) override;
  void cancel_all() noexcept override;
  std::size_t wait(std::span<CompletionEvent> events) override { return queue_.take(events); }
  void close() noexcept override;
  void join() override {
    if (thread_.joinable()) thread_.join();
  }

  /// The kernel's id of the thread that waits in select(2).
  [[nodiscard]] pid_t thread_id() const noexcept {
    thread_id_.wait(0);  // until the thread has begun
    return thread_id_;
  }

 protected:
  void begin(AsynchronousOperation& operation) override;

 private:
  struct Pending {
    AsynchronousOperation* inward = nullptr;   // an accept or a read
    AsynchronousOperation* outward = nullptr;  // a write
  };
  struct Interest {
    fd_set readable;
    fd_set writable;
    int highest_fd;
    std::optional<std::chrono::microseconds> time_left;
  };

  void loop();
  Interest interest_set();
  void on_ready(const Interest& ready);
  void on_acceptable(AsynchronousOperation*& operation);
  void on_readable(AsynchronousOperation*& operation);
  void on_writable(AsynchronousOperation*& operation);
  void complete(AsynchronousOperation*& operation, int error);
  void hand_over(std::unique_lock<std::mutex> lock);
  void wake() noexcept {
    if (!std::exchange(woken_, true)) wake_.signal();
  }

  HeapBuffers buffers_;
  CompletionEventQueue queue_;
  WakeEvent wake_;
  std::mutex mutex_;                           // guards what follows
  std::array<Pending, FD_SETSIZE> pending_{};  // by descriptor
  DelayList delays_;
  OperationList completed_;  // handed over before the lock is next taken
  UniqueFd waiting_;         // accepted, but its number does not fit into a set
  bool woken_ = false;       // wake_ is signalled already
  bool cancelled_ = false;
  bool closed_ = false;
  std::atomic<pid_t> thread_id_ = 0;
  std::jthread thread_;
};

}  // namespace unblock
