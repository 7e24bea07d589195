#pragma once

#include <aio.h>
#include <signal.h>

#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "core/observe.hpp"
#include "core/wake_event.hpp"
#include "proactor.hpp"

namespace unblock {

/// Carries operations out with POSIX AIO (aio(7)), which on Linux is a set of threads in glibc,
/// each of which blocks in one operation. It knows reading and writing only: to accept and to wait
/// for a time is the work of a thread of this engine.
///
/// With signals, construct it before the threads that may run handlers: the signal is blocked in
/// the calling thread and in those that it creates, and stays so.
class AioEngine final : public Engine {
 public:
  /// How glibc tells that an operation is complete: sigevent(7).
  enum class Notice {
    signal,  ///< a queued real-time signal, read from a signalfd
    thread,  ///< a function called in a thread that is made for it
  };

  /// Reads and writes that glibc carries out at the same time, in this process. It has a thread for
  /// each, and lets all others wait until one of these is done.
  static constexpr int most_at_once = 512;

  /// Tells glibc so, once; every other use of POSIX AIO in this process must come later. Throws
  /// UserError where it cannot be used: ThreadSanitizer does not know glibc's threads, and crashes
  /// when one of them allocates memory, as it does to make another.
  static void prepare_process();

  AioEngine(std::size_t threads, Notice notice);
  ~AioEngine() override;

  void cancel(AsynchronousOperation& operation) override;
  void cancel_all() noexcept override;
  [[nodiscard]] std::size_t capacity() const noexcept override { return requests_.size(); }
  std::size_t wait(std::span<CompletionEvent> events) override { return queue_.take(events); }
  void close() noexcept override;
  void join() override;

 protected:
  void begin(AsynchronousOperation& operation) override;

 private:
  struct Request : aiocb {
    AioEngine* engine = nullptr;
    AsynchronousOperation* operation = nullptr;  // nullptr: the request is free
    bool cancelled = false;
  };

  static int signal_number() { return SIGRTMIN + 1; }
  static void on_signal(int number, siginfo_t* info, void* context);
  static void on_notice(sigval value);
  void block_signal();
  void on_signals();
  void on_strays();
  int submit(AsynchronousOperation& operation);
  void on_request_complete(Request& request) noexcept;
  void cancel_request(Request& request) noexcept;
  void loop();
  void on_acceptable(int fd);
  void complete(AsynchronousOperation& operation, int error) noexcept;

  Notice notice_;
  HeapBuffers buffers_;
  CompletionEventQueue queue_;
  WakeEvent wake_;
  UniqueFd signals_;      // signalfd(2)
  UniqueFd strays_read_;  // a pipe of Request*, for signals that met a thread that takes them
  UniqueFd strays_write_;
  std::mutex mutex_;  // guards what follows
  std::vector<Request> requests_;
  std::vector<Request*> free_;
  OperationList accepts_;
  DelayList delays_;
  bool cancelled_ = false;
  bool closed_ = false;
  std::jthread thread_;
};

}  // namespace unblock
