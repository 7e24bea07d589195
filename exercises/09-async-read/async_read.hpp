#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

namespace exercise {

/// What became of a read.
struct Completion {
  int error = 0;          ///< 0 or an errno value; ECANCELED where it was cancelled
  std::size_t bytes = 0;  ///< how many are in the buffer now; 0 with error 0: end-of-stream
};

/// What is to happen once a read is complete.
using Handler = std::function<void(Completion)>;

/// Reads sockets while whoever asked for it does something else. A thread of its own waits in
/// select(2) for those that are to be read, reads, and puts what came of it into a queue; run()
/// takes it from there. However many reads are in flight, there is one such thread.
///
/// Every read that was started completes once, and its handler is called once, whatever happens:
/// also what is refused or fails completes, with an error. Handlers are called in run() and
/// run_one() only, one after another, in the order in which the reads have completed; they may call
/// everything here but these two.
///
/// Every function may be called from any thread, run() and run_one() from one thread at a time.
class AsyncReader {
 public:
  AsyncReader() = default;
  AsyncReader(const AsyncReader&) = delete;
  AsyncReader& operator=(const AsyncReader&) = delete;
  /// Ends the thread, whatever is in flight, and closes what it has opened. Handlers that have not
  /// been called never will be.
  virtual ~AsyncReader() = default;

  /// Starts a read of what comes next from a socket, and does not wait: as many bytes as there are,
  /// at least one, at most as many as fit. The socket is non-blocking. It stays the caller's, and
  /// open until the handler is called; so does the buffer, which is not empty, and which nobody
  /// else touches meanwhile.
  ///
  /// Completes with EBUSY where a read of this socket is in flight already (which goes on), with
  /// EINVAL where the descriptor does not fit into an fd_set, with EBADF where it is not open, and
  /// with ECANCELED after stop().
  virtual void async_read(int fd, std::span<std::byte> buffer, Handler handler) = 0;

  /// Has the read of this socket that is in flight complete with ECANCELED; or with the outcome
  /// that it has had already. Does not wait. Does nothing where none is in flight. Bytes that
  /// nobody has read stay in the socket.
  virtual void cancel(int fd) = 0;

  /// Sleeps until a read is complete, calls its handler and returns true. False after stop(), once
  /// the handler of every read that was started has been called. An exception of a handler leaves
  /// it; nothing else is lost by that.
  virtual bool run_one() = 0;
  /// Calls run_one() until that returns false.
  virtual void run() = 0;

  /// Cancels all that is in flight, and whatever is started from now on. Does not wait.
  virtual void stop() = 0;
};

std::unique_ptr<AsyncReader> make_async_reader();

}  // namespace exercise
