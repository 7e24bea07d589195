#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "buffer.hpp"
#include "core/unique_fd.hpp"

namespace unblock {

class CompletionHandler;

/// One thing to be done on one socket: to accept, to read or to write; or to let some time pass.
/// It is given to the processor, which fills in the outcome, and belongs to it until its completion
/// event is handled; so it must live and stay where it is that long. It needs no memory of its own:
/// it is a member of what starts it, and queues link the operations themselves.
struct AsynchronousOperation {
  enum class Kind : std::uint8_t { accept, read, write, delay };

  Kind kind = Kind::read;
  bool many = false;                  ///< accept: go on after the first one, where that can be had
  std::atomic<bool> started = false;  ///< from start() until its handler is called
  int fd = -1;
  CompletionHandler* handler = nullptr;
  std::chrono::steady_clock::time_point deadline;  ///< delay: when it is over

  Buffer data;        ///< write: what to send, then what is left of it; read: what came
  UniqueFd accepted;  ///< accept: the connection
  int error = 0;      ///< the outcome: 0 or an errno value
  AsynchronousOperation* next = nullptr;  ///< in an OperationList
};

/// Operations in the order in which they were pushed; it never allocates. One thread at a time.
class OperationList {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  void push(AsynchronousOperation& operation) noexcept;
  AsynchronousOperation* pop() noexcept;  ///< nullptr where there is none
  /// Takes one out, wherever it stands; false where it is not in the list.
  bool remove(AsynchronousOperation& operation) noexcept;
  [[nodiscard]] AsynchronousOperation* first() const noexcept { return first_; }

 private:
  AsynchronousOperation* first_ = nullptr;
  AsynchronousOperation* last_ = nullptr;
};

/// Delays that run, for processors that live in this process. One thread at a time.
class DelayList {
 public:
  void push(AsynchronousOperation& delay) noexcept { delays_.push(delay); }
  bool remove(AsynchronousOperation& delay) noexcept { return delays_.remove(delay); }
  AsynchronousOperation* pop() noexcept { return delays_.pop(); }
  /// One that is over; nullptr where there is none.
  AsynchronousOperation* pop_due() noexcept;
  /// How long until the next one is over; nothing where none runs.
  [[nodiscard]] std::optional<std::chrono::microseconds> time_left() const noexcept;

 private:
  OperationList delays_;
};

}  // namespace unblock
