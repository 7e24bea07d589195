// What other threads want of UringEngine: an operation started, one or all cancelled, an end. The
// owner of the ring may be asleep in io_uring_enter, so they leave word and signal an eventfd, for
// which a poll is always in flight: its completion is what wakes the owner.
//
// Manual: io_uring_prep_poll_add(3), io_uring_prep_cancel(3), eventfd(2).

#include <poll.h>

#include "uring_engine.hpp"

namespace unblock {

void UringEngine::cancel(AsynchronousOperation& operation) {
  {
    const std::lock_guard lock{inbox_mutex_};
    cancel_inbox_.push_back(&operation);
  }
  wake_.signal();
}

void UringEngine::cancel_all() noexcept {
  cancelled_ = true;
  wake_.signal();
}

void UringEngine::close() noexcept {
  closed_ = true;
  wake_.signal();
}

// [wake_up]
void UringEngine::on_wake_up() {
  wake_.clear();
  const auto lock = lock_submissions();
  prepare_wake_up();
  {
    const std::lock_guard inbox_lock{inbox_mutex_};
    while (AsynchronousOperation* operation = inbox_.pop()) prepare(*operation);
    for (AsynchronousOperation* operation : cancel_inbox_) prepare_cancel(operation, 0);
    cancel_inbox_.clear();
  }
  if (cancelled_ && !std::exchange(all_cancelled_, true)) {
    prepare_cancel(nullptr, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
  }
}
// [/wake_up]

void UringEngine::prepare_wake_up() {
  io_uring_sqe& entry = next_entry();
  ::io_uring_prep_poll_add(&entry, wake_.fd(), POLLIN);
  entry.user_data = wake_up;
}

void UringEngine::prepare_cancel(AsynchronousOperation* operation, int flags) {
  io_uring_sqe& entry = next_entry();
  ::io_uring_prep_cancel(&entry, operation, flags);
  entry.user_data = nobody;
}

}  // namespace unblock
