// The operation processor that lives in this process: a select loop in a thread of its own.
//
//   repeat: rebuild the sets from the operations that are pending
//     select                          sleeps until a socket is ready: here the waiting is hidden
//     for each socket that is ready   accept, read or write, without blocking
//       push the operation, with its outcome, into the completion event queue
//
// Invariants: an operation is in pending_ (or delays_) until it is completed, once, while mutex_ is
// held; and is pushed once the lock is free. A descriptor of FD_SETSIZE or more is
// never put into a set. Readiness is only a hint: what turns out not to be ready stays pending.
//
// Manual: select(2), recv(2), send(2), accept4(2), eventfd(2).
//
// Compare with: 03-select, where the same loop calls the handlers itself; uring_engine.cpp, where
// the kernel does all this.

#include "select_engine.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "core/tcp.hpp"

namespace unblock {
namespace {

void require_fits_into_set(int fd) {
  if (fd < FD_SETSIZE) return;
  throw UserError{fmt::format(
      "descriptor {} does not fit into a set of select, which holds {}: use another model", fd,
      FD_SETSIZE)};
}

bool is_not_ready(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

SelectEngine::SelectEngine(std::size_t threads) : Engine{threads} {
  require_fits_into_set(wake_.fd());
  thread_ = std::jthread{[this] { loop(); }};
}

// [begin]
void SelectEngine::begin(AsynchronousOperation& operation) {
  using Kind = AsynchronousOperation::Kind;
  require_fits_into_set(operation.fd);
  if (operation.kind == Kind::accept) set_nonblocking(operation.fd);

  std::unique_lock lock{mutex_};
  AsynchronousOperation* refused = &operation;
  if (cancelled_) {
    complete(refused, ECANCELED);
  } else if (operation.kind == Kind::delay) {
    delays_.push(operation);
  } else if (operation.kind == Kind::write) {
    pending_[static_cast<std::size_t>(operation.fd)].outward = &operation;
  } else {
    AsynchronousOperation*& place = pending_[static_cast<std::size_t>(operation.fd)].inward;
    place = &operation;
    if (operation.kind == Kind::accept && waiting_) on_acceptable(place);
  }
  wake();  // the loop sleeps on sets that do not have this one
  hand_over(std::move(lock));
}
// [/begin]

void SelectEngine::cancel(AsynchronousOperation& operation) {
  std::unique_lock lock{mutex_};
  AsynchronousOperation* delay = &operation;
  Pending& pending = pending_[static_cast<std::size_t>(operation.fd)];
  if (delays_.remove(operation)) {
    complete(delay, ECANCELED);
  } else if (pending.inward == &operation) {
    complete(pending.inward, ECANCELED);
  } else if (pending.outward == &operation) {
    complete(pending.outward, ECANCELED);
  }
  wake();  // its socket must leave the sets
  hand_over(std::move(lock));
}

void SelectEngine::cancel_all() noexcept {
  std::unique_lock lock{mutex_};
  cancelled_ = true;
  for (Pending& pending : pending_) {
    if (pending.inward != nullptr) complete(pending.inward, ECANCELED);
    if (pending.outward != nullptr) complete(pending.outward, ECANCELED);
  }
  while (AsynchronousOperation* delay = delays_.pop()) complete(delay, ECANCELED);
  wake();
  hand_over(std::move(lock));
}

void SelectEngine::close() noexcept {
  queue_.close();
  const std::lock_guard lock{mutex_};
  closed_ = true;
  wake();
}

// [loop]
void SelectEngine::loop() {
  thread_id_ = this_thread_id();
  thread_id_.notify_all();
  for (;;) {
    Interest interest = interest_set();
    timeval left{};
    if (interest.time_left) {
      left = {.tv_sec = interest.time_left->count() / 1'000'000,
              .tv_usec = interest.time_left->count() % 1'000'000};
    }
    const int ready = ::select(interest.highest_fd + 1, &interest.readable, &interest.writable,
                               nullptr, interest.time_left ? &left : nullptr);
    // EBADF: an operation was cancelled and its socket closed since the sets were made.
    if (ready < 0 && errno != EINTR && errno != EBADF) throw_errno("select");

    std::unique_lock lock{mutex_};
    if (closed_) return;
    if (ready > 0) on_ready(interest);
    while (AsynchronousOperation* delay = delays_.pop_due()) complete(delay, 0);
    hand_over(std::move(lock));
  }
}
// [/loop]

SelectEngine::Interest SelectEngine::interest_set() {
  Interest interest{};
  FD_ZERO(&interest.readable);
  FD_ZERO(&interest.writable);
  FD_SET(wake_.fd(), &interest.readable);
  interest.highest_fd = wake_.fd();
  const std::lock_guard lock{mutex_};
  interest.time_left = delays_.time_left();
  for (int fd = 0; fd < FD_SETSIZE; ++fd) {
    const Pending& pending = pending_[static_cast<std::size_t>(fd)];
    if (pending.inward == nullptr && pending.outward == nullptr) continue;
    if (pending.inward != nullptr) FD_SET(fd, &interest.readable);
    if (pending.outward != nullptr) FD_SET(fd, &interest.writable);
    interest.highest_fd = std::max(interest.highest_fd, fd);
  }
  return interest;
}

// [reactor]
void SelectEngine::on_ready(const Interest& ready) {
  if (FD_ISSET(wake_.fd(), &ready.readable)) {
    wake_.clear();
    woken_ = false;
  }
  for (int fd = 0; fd <= ready.highest_fd; ++fd) {
    Pending& pending = pending_[static_cast<std::size_t>(fd)];
    if (pending.inward != nullptr && FD_ISSET(fd, &ready.readable)) {
      const bool accepts = pending.inward->kind == AsynchronousOperation::Kind::accept;
      accepts ? on_acceptable(pending.inward) : on_readable(pending.inward);
    }
    if (pending.outward != nullptr && FD_ISSET(fd, &ready.writable)) on_writable(pending.outward);
  }
}

void SelectEngine::on_acceptable(AsynchronousOperation*& operation) {
  if (!waiting_) {
    waiting_ = UniqueFd{::accept4(operation->fd, nullptr, nullptr, SOCK_CLOEXEC)};
    if (!waiting_ && is_not_ready(errno)) return;
    if (!waiting_) return complete(operation, errno);
  }
  if (waiting_.get() >= FD_SETSIZE) {
    // It is not turned away: it waits, unserved, for a number that fits.
    UniqueFd lower{::fcntl(waiting_.get(), F_DUPFD_CLOEXEC, 0)};
    if (!lower || lower.get() >= FD_SETSIZE) return complete(operation, EMFILE);
    waiting_ = std::move(lower);
  }
  operation->accepted = std::move(waiting_);
  complete(operation, 0);
}

void SelectEngine::on_readable(AsynchronousOperation*& operation) {
  Buffer buffer = buffers_.take();  // only now: a socket that is silent holds none
  if (!buffer) return complete(operation, ENOMEM);
  const ssize_t got = ::recv(operation->fd, buffer.memory(), Buffer::capacity, MSG_DONTWAIT);
  if (got < 0 && is_not_ready(errno)) return;
  const int error = got < 0 ? errno : 0;
  buffer.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  operation->data = std::move(buffer);
  complete(operation, error);
}

void SelectEngine::on_writable(AsynchronousOperation*& operation) {
  const std::span<const std::byte> bytes = operation->data.bytes();
  const ssize_t put =
      ::send(operation->fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (put < 0 && is_not_ready(errno)) return;
  if (put > 0) operation->data.consume(static_cast<std::size_t>(put));
  complete(operation, put < 0 ? errno : 0);
}
// [/reactor]

// It leaves what is pending, and is handed over as soon as the lock is free.
void SelectEngine::complete(AsynchronousOperation*& operation, int error) {
  AsynchronousOperation& done = *std::exchange(operation, nullptr);
  done.error = error;
  completed_.push(done);
}

// With the lock free, since a handler may be called, and start the next operation, before this
// returns. With the last one, this engine may be gone.
void SelectEngine::hand_over(std::unique_lock<std::mutex> lock) {
  OperationList completed = std::exchange(completed_, {});
  lock.unlock();
  while (AsynchronousOperation* operation = completed.pop()) queue_.push(*operation);
}

}  // namespace unblock
