// The operation processor that is the kernel itself: io_uring.
//
//   start: write an entry into the submission queue        no system call
//   wait:  io_uring_enter(submit them all, wait for one)   the only system call there is
//          for each entry of the completion queue:         no system call
//            make a completion event of it
//
// Invariants: user_data of an entry is its operation's address, or a small number for the engine's
// own. Each queue is changed by one thread at a time. A read brings no buffer: the kernel takes one
// of the provided ones once data has come. After cancel_all() only no-ops are submitted.
//
// Manual: io_uring(7), io_uring_enter(2), io_uring_prep_multishot_accept(3).
//
// Compare with: select_engine.cpp, whose loop is in the kernel here.

#include "uring_engine.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "core/errors.hpp"

namespace unblock {
namespace {

// The engine that calls handlers in this thread: here, start() may write into the queue itself.
thread_local const UringEngine* engine_of_this_thread = nullptr;

}  // namespace

UringEngine::UringEngine(std::size_t threads)
    : Engine{threads}, shared_{threads > 1}, ring_{shared_}, buffers_{ring_} {
  prepare_wake_up();
}

// [begin]
void UringEngine::begin(AsynchronousOperation& operation) {
  if (engine_of_this_thread == this) {
    const auto lock = lock_submissions();
    return prepare(operation);
  }
  {
    const std::lock_guard lock{inbox_mutex_};
    inbox_.push(operation);
  }
  wake_.signal();
}
// [/begin]

std::unique_lock<std::mutex> UringEngine::lock_submissions() {
  return shared_ ? std::unique_lock{submissions_} : std::unique_lock<std::mutex>{};
}

// Lets the kernel have what is in the submission queue.
void UringEngine::submit() {
  if (shared_) submitted_.fetch_add(1, std::memory_order_release);
  ++enters_;
  check_entered(::io_uring_submit(&ring_));
}

io_uring_sqe& UringEngine::next_entry() {
  io_uring_sqe* entry = nullptr;
  while ((entry = ::io_uring_get_sqe(&ring_)) == nullptr) submit();  // the queue is full
  return *entry;
}

// [prepare]
void UringEngine::prepare(AsynchronousOperation& operation) {
  using Kind = AsynchronousOperation::Kind;
  io_uring_sqe* const entry = &next_entry();
  const int fd = operation.fd;
  __kernel_timespec deadline{};
  ::io_uring_prep_nop(entry);
  if (cancelled_) {
    operation.error = ECANCELED;
  } else if (operation.kind == Kind::accept && operation.many && !shared_) {
    ::io_uring_prep_multishot_accept(entry, fd, nullptr, nullptr, SOCK_CLOEXEC);
  } else if (operation.kind == Kind::accept) {
    ::io_uring_prep_accept(entry, fd, nullptr, nullptr, SOCK_CLOEXEC);
  } else if (operation.kind == Kind::read) {
    ::io_uring_prep_recv(entry, fd, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = ProvidedBuffers::group;
  } else if (operation.kind == Kind::write) {
    const std::span<const std::byte> bytes = operation.data.bytes();
    ::io_uring_prep_send(entry, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } else {
    deadline = to_timespec(operation.deadline);
    ::io_uring_prep_timeout(entry, &deadline, 0, IORING_TIMEOUT_ABS);
  }
  ::io_uring_sqe_set_data(entry, &operation);
  if (operation.kind == Kind::delay) submit();  // the kernel reads the deadline now
}
// [/prepare]

// [wait]
std::size_t UringEngine::wait(std::span<CompletionEvent> events) {
  std::call_once(enabled_, [this] { ring_.enable(); });
  engine_of_this_thread = this;
  if (shared_) submit_own();
  const auto turn = shared_ ? std::unique_lock{waiting_} : std::unique_lock<std::mutex>{};
  while (!closed_) {
    if (const std::size_t taken = take(events)) return taken;
    submit_and_wait();
  }
  engine_of_this_thread = nullptr;
  return 0;
}

void UringEngine::submit_and_wait() {
  if (shared_) submit_own();  // what a wake-up has brought
  ++enters_;
  io_uring_cqe* first = nullptr;
  check_entered(shared_ ? ::io_uring_wait_cqe(&ring_, &first)
                        : ::io_uring_submit_and_wait(&ring_, 1));
}

void UringEngine::submit_own() {
  const auto lock = lock_submissions();
  if (::io_uring_sq_ready(&ring_) > 0) submit();
}
// [/wait]

// [take]
std::size_t UringEngine::take(std::span<CompletionEvent> events) {
  std::size_t taken = 0;
  unsigned head = 0;
  unsigned seen = 0;
  io_uring_cqe* entry = nullptr;
  io_uring_for_each_cqe(&ring_, head, entry) {
    if (taken == events.size()) break;
    ++seen;
    if (on_complete(*entry, events[taken])) ++taken;
  }
  ::io_uring_cq_advance(&ring_, seen);
  return taken;
}

// False where there is nothing in it for a handler.
bool UringEngine::on_complete(const io_uring_cqe& entry, CompletionEvent& event) {
  using Kind = AsynchronousOperation::Kind;
  if (entry.user_data == wake_up) on_wake_up();
  if (entry.user_data == wake_up || entry.user_data == nobody) return false;
  // What a thread wrote before it submitted an operation, the one that takes the completion sees:
  // the kernel stands between the two. This tells it to the compiler, and to a race detector.
  if (shared_) static_cast<void>(submitted_.load(std::memory_order_acquire));
  auto& operation = *static_cast<AsynchronousOperation*>(::io_uring_cqe_get_data(&entry));
  if (entry.res == -ENOBUFS && operation.kind == Kind::read && buffers_.add()) {
    const auto lock = lock_submissions();
    prepare(operation);  // every buffer was in use: there are more now
    return false;
  }
  event = {.operation = &operation, .data = std::move(operation.data)};
  event.error = operation.error;  // it was refused, and what completed is a no-op
  if (event.error != 0) return true;
  const auto count = static_cast<std::size_t>(std::max(entry.res, 0));
  event.error = entry.res < 0 ? -entry.res : 0;
  event.more = (entry.flags & IORING_CQE_F_MORE) != 0;
  if (operation.kind == Kind::accept && entry.res >= 0) event.accepted = UniqueFd{entry.res};
  if (operation.kind == Kind::write) event.data.consume(count);
  if (operation.kind == Kind::delay && event.error == ETIME) event.error = 0;
  if ((entry.flags & IORING_CQE_F_BUFFER) != 0) {
    event.data = buffers_.filled(entry.flags >> IORING_CQE_BUFFER_SHIFT, count);
  }
  return true;
}
// [/take]

}  // namespace unblock
