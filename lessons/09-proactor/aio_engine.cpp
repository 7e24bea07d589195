// The operation processor of the POSIX standard: aio_read and aio_write order an operation, and the
// system tells when it is complete.
//
//   start a read: aio_read(control block)     returns at once
//     glibc: a thread of its own blocks in read, then sends a signal (or makes a thread)
//   in a thread of this engine, repeat:
//     poll(signalfd, listener)                sleeps until a completion or a client comes
//     push each operation, with its outcome, into the completion event queue
//
// Invariants: a request is in free_ or has an operation; it becomes free when glibc has given
// notice of it, once, whether it was carried out or cancelled. There are never more requests than
// glibc has threads, so none waits behind reads that wait for silent clients. A socket has one
// operation at a time: glibc carries out the requests of one descriptor one after another, so a
// write behind a read that waits would wait too.
//
// Manual: aio(7), aio_read(3), aio_cancel(3), aio_init(3), sigevent(7), signalfd(2), shutdown(2).
//
// Compare with: select_engine.cpp, where one thread does the work of all of glibc's.

#include "aio_engine.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/errors.hpp"
#include "core/tcp.hpp"
#include "thread_sanitizer.hpp"

namespace unblock {

// [prepare]
void AioEngine::prepare_process() {
  if (under_thread_sanitizer) {
    throw UserError{
        "this build has no POSIX AIO: ThreadSanitizer does not bear the threads that glibc makes; "
        "build without it, or use another model"};
  }
  static const bool prepared = [] {
    aioinit limits{};  // unless it is told, glibc has 20 threads
    limits.aio_threads = most_at_once;
    limits.aio_num = most_at_once;
    limits.aio_idle_time = 1;  // seconds until a thread without work ends
    ::aio_init(&limits);
    return true;
  }();
  static_cast<void>(prepared);
}
// [/prepare]

// [init]
AioEngine::AioEngine(std::size_t threads, Notice notice) : Engine{threads}, notice_{notice} {
  prepare_process();
  // Where no signal can be queued, glibc drops the notice: there must be a place for each.
  rlimit queue{};
  check("getrlimit", ::getrlimit(RLIMIT_SIGPENDING, &queue));
  requests_.resize(std::min<rlim_t>(most_at_once, queue.rlim_cur));
  if (requests_.empty()) {
    throw UserError{
        "no signal can be queued, and POSIX AIO reports by signal: raise the limit, "
        "for example with `ulimit -i 4096`"};
  }
  for (Request& request : requests_) {
    request.engine = this;
    free_.push_back(&request);
  }
  if (notice == Notice::signal) block_signal();
  thread_ = std::jthread{[this] { loop(); }};
}
// [/init]

AioEngine::~AioEngine() {
  AioEngine::close();
  AioEngine::join();
}

void AioEngine::join() {
  if (thread_.joinable()) thread_.join();
}

// [begin]
void AioEngine::begin(AsynchronousOperation& operation) {
  using Kind = AsynchronousOperation::Kind;
  if (operation.kind == Kind::accept) set_nonblocking(operation.fd);

  const std::lock_guard lock{mutex_};
  if (cancelled_) return complete(operation, ECANCELED);
  if (operation.kind == Kind::read || operation.kind == Kind::write) {
    if (const int error = submit(operation); error != 0) complete(operation, error);
    return;
  }
  operation.kind == Kind::accept ? accepts_.push(operation) : delays_.push(operation);
  wake_.signal();
}

int AioEngine::submit(AsynchronousOperation& operation) {
  if (free_.empty()) return EAGAIN;
  Request& request = *free_.back();
  aiocb& control = request;
  control = {};
  control.aio_fildes = operation.fd;
  control.aio_sigevent.sigev_value.sival_ptr = &request;
  if (notice_ == Notice::signal) {
    control.aio_sigevent.sigev_notify = SIGEV_SIGNAL;
    control.aio_sigevent.sigev_signo = signal_number();
  } else {
    control.aio_sigevent.sigev_notify = SIGEV_THREAD;
    control.aio_sigevent.sigev_notify_function = on_notice;
  }
  const bool reads = operation.kind == AsynchronousOperation::Kind::read;
  if (reads) operation.data = buffers_.take();  // the standard wants it now, not when data is there
  if (!operation.data) return ENOMEM;
  control.aio_buf =
      reads ? operation.data.memory() : const_cast<std::byte*>(operation.data.bytes().data());
  control.aio_nbytes = reads ? Buffer::capacity : operation.data.size();
  if ((reads ? ::aio_read(&control) : ::aio_write(&control)) < 0) return errno;

  free_.pop_back();
  request.operation = &operation;
  request.cancelled = false;
  return 0;
}
// [/begin]

// [cancel]
void AioEngine::cancel_request(Request& request) noexcept {
  request.cancelled = true;
  const int fd = request.aio_fildes;
  // Only a request that no thread has begun can be taken back. One that blocks in read or write
  // returns when the socket is shut down, and in no other way.
  if (::aio_cancel(fd, &request) == AIO_NOTCANCELED) ::shutdown(fd, SHUT_RDWR);
}
// [/cancel]

void AioEngine::cancel(AsynchronousOperation& operation) {
  const std::lock_guard lock{mutex_};
  for (Request& request : requests_) {
    if (request.operation == &operation) return cancel_request(request);
  }
  if (accepts_.remove(operation) || delays_.remove(operation)) complete(operation, ECANCELED);
}

void AioEngine::cancel_all() noexcept {
  const std::lock_guard lock{mutex_};
  cancelled_ = true;
  for (Request& request : requests_) {
    if (request.operation != nullptr) cancel_request(request);
  }
  while (AsynchronousOperation* accept = accepts_.pop()) complete(*accept, ECANCELED);
  while (AsynchronousOperation* delay = delays_.pop()) complete(*delay, ECANCELED);
  wake_.signal();
}

void AioEngine::close() noexcept {
  queue_.close();
  const std::lock_guard lock{mutex_};
  closed_ = true;
  wake_.signal();
}

void AioEngine::complete(AsynchronousOperation& operation, int error) noexcept {
  operation.error = error;
  queue_.push(operation);
}

}  // namespace unblock
