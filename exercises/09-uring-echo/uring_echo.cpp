#include "uring_echo.hpp"

#include <poll.h>

#include <cerrno>

#include <liburing.h>

#include "core/errors.hpp"

namespace exercise {

void serve(int listen_fd, int stop_fd, std::size_t most) {
  io_uring ring{};
  const int result = ::io_uring_queue_init(ring_entries, &ring, 0);
  if (result < 0) {  // liburing returns -errno, and leaves errno alone
    errno = -result;
    unblock::throw_errno("io_uring_queue_init");
  }
  io_uring_sqe* const entry = ::io_uring_get_sqe(&ring);
  ::io_uring_prep_poll_add(entry, stop_fd, POLLIN);

  // TODO: the operation that accepts; for each connection one that receives, then one that sends.
  // Each entry needs a user_data (io_uring_sqe_set_data) by which you know its completion.
  (void)listen_fd;
  (void)most;

  // TODO: here the first completion ends everything. Take all there are; a signal may interrupt.
  io_uring_cqe* completion = nullptr;
  ::io_uring_submit_and_wait(&ring, 1);
  if (::io_uring_peek_cqe(&ring, &completion) == 0) ::io_uring_cqe_seen(&ring, completion);
  ::io_uring_queue_exit(&ring);
}

}  // namespace exercise
