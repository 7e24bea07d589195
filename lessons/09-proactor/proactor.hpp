#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <span>

#include "buffer.hpp"
#include "core/unique_fd.hpp"
#include "operation.hpp"

namespace unblock {

// The seven roles of the Proactor pattern, each under its name:
//
//   Initiator -- starts an --> AsynchronousOperation -- for the --> AsynchronousOperationProcessor
//                                                                         | when it is complete
//                                                                         v
//   CompletionHandler <-- Proactor <-- CompletionDemultiplexer <-- CompletionEventQueue

/// What became of an operation. It already carries the data: a handler has nothing left to ask the
/// system for.
struct CompletionEvent {
  AsynchronousOperation* operation = nullptr;
  int error = 0;  ///< 0 or an errno value; ECANCELED where it was cancelled
  /// read: what came, empty at end-of-stream; write: what the socket did not take, empty when done.
  Buffer data;
  UniqueFd accepted;  ///< accept: the connection, for the handler to own
  bool more = false;  ///< accept: the operation is still started and will complete again
};

/// What is to happen once an operation is complete. It is called once for each completion event, in
/// any of the threads that run the proactor; it may start operations, the next one of its own
/// chain too. Two handlers run at the same time only where two operations were in flight at the
/// same time.
class CompletionHandler {
 public:
  virtual void on_completion(CompletionEvent event) = 0;

 protected:
  ~CompletionHandler() = default;
};

/// Completion events that wait to be handled, for processors that live in this process (io_uring
/// has one of its own, in memory that it shares with the kernel). All calls from any thread.
class CompletionEventQueue {
 public:
  /// `operation` has its outcome. It may be handled, and everything around it destroyed, as soon as
  /// the lock in here is free; so the caller must touch neither of them afterwards.
  void push(AsynchronousOperation& operation) noexcept;
  /// Waits for an event; takes as many as there are and fit. 0 once it is closed.
  std::size_t take(std::span<CompletionEvent> events);
  void close() noexcept;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  OperationList completed_;
  bool closed_ = false;
};

/// Carries operations out, while whoever started them does something else.
class AsynchronousOperationProcessor {
 public:
  virtual ~AsynchronousOperationProcessor() = default;

  /// From any thread. The operation completes exactly once, whatever happens: what fails, completes
  /// with an error. Only what can never work is thrown, as UserError.
  void start(AsynchronousOperation& operation);

  /// Asks for an end of an operation that is in flight; it completes with ECANCELED, or with the
  /// outcome that it has already had. It does not wait. From any thread.
  virtual void cancel(AsynchronousOperation& operation) = 0;

  /// Cancels every operation in flight, and from now on every one that is started. It does not
  /// wait. From any thread.
  virtual void cancel_all() noexcept = 0;

  /// How many reads and writes it can carry out at the same time.
  [[nodiscard]] virtual std::size_t capacity() const noexcept {
    return std::numeric_limits<std::size_t>::max();
  }

  /// Waits for the end of its own threads, once nothing is in flight and close() was called.
  virtual void join() {}

  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }
  /// `count` operations are handled; returns how many are left.
  std::size_t finish(std::size_t count) noexcept { return in_flight_.fetch_sub(count) - count; }

 protected:
  /// As start(); the operation's previous outcome is cleared.
  virtual void begin(AsynchronousOperation& operation) = 0;

 private:
  std::atomic<std::size_t> in_flight_ = 0;  // started, and its handler has not returned yet
};

/// Waits for completion events.
class CompletionDemultiplexer {
 public:
  /// Sleeps until there is an event; takes as many as there are and fit. 0 once it is closed. As
  /// many threads may wait as the engine was made for.
  virtual std::size_t wait(std::span<CompletionEvent> events) = 0;
  /// Wakes every thread that waits. From any thread.
  virtual void close() noexcept = 0;

 protected:
  ~CompletionDemultiplexer() = default;
};

/// A processor with the demultiplexer that hands out what it has completed, made for a number of
/// threads that run handlers.
class Engine : public AsynchronousOperationProcessor, public CompletionDemultiplexer {
 public:
  explicit Engine(std::size_t threads) noexcept : threads_{threads} {}
  [[nodiscard]] std::size_t threads() const noexcept { return threads_; }

 private:
  std::size_t threads_;
};

/// Starts operations on one socket, which it owns, and lets `handler` know when they are complete.
/// At most one is in flight in each direction, since the order in which two of them would complete
/// is not known: a second one is a std::logic_error. Destroy it when nothing is in flight.
class Initiator {
 public:
  Initiator(AsynchronousOperationProcessor& processor, CompletionHandler& handler, UniqueFd socket);
  Initiator(const Initiator&) = delete;
  Initiator& operator=(const Initiator&) = delete;

  /// Completes when there is a connection. With `many`, it may go on by itself (event.more).
  void start_accept(bool many = false);
  /// Completes when at least one byte has come, or the end.
  void start_read();
  /// Completes when the socket has taken at least one byte of `data`, or all.
  void start_write(Buffer data);
  /// Completes after `time`; it stands in the place of a write.
  void start_delay(std::chrono::milliseconds time);
  /// Asks for the end of whatever is in flight.
  void cancel();

  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

 private:
  /// Marks `operation` as started; throws std::logic_error where it is already.
  static AsynchronousOperation& claim(AsynchronousOperation& operation,
                                      AsynchronousOperation::Kind kind);

  AsynchronousOperationProcessor& processor_;
  UniqueFd socket_;
  AsynchronousOperation inward_;
  AsynchronousOperation outward_;
};

/// Takes completion events from the demultiplexer and calls their handlers.
class Proactor {
 public:
  explicit Proactor(Engine& engine) noexcept : engine_{engine} {}

  /// Handles events until no operation is in flight, in this thread and in as many more as the
  /// engine was made for. Call it once. Where a handler throws, everything is cancelled, every
  /// other handler is called all the same, and the first exception comes out here.
  void run();

  /// The same for a program that has a loop of its own, and an engine for one thread: waits once
  /// and handles what has come. False once nothing is in flight any more.
  bool run_once();

 private:
  void handle_events() noexcept;
  void dispatch(CompletionEvent event) noexcept;
  void keep_exception() noexcept;

  Engine& engine_;
  std::mutex mutex_;
  std::exception_ptr thrown_;  // guarded by mutex_
};

}  // namespace unblock
