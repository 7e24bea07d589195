// Mistake: receives on while what has come before waits to be sent
// Loses: Buffers.StayBounded

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <utility>
#include <vector>

#include <liburing.h>

#include "core/errors.hpp"
#include "core/unique_fd.hpp"
#include "uring_echo.hpp"

namespace exercise {
namespace {

using unblock::UniqueFd;

void check_result(const char* call, int result) {
  if (result >= 0) return;
  errno = -result;
  unblock::throw_errno(call);
}

class Ring {
 public:
  Ring() { check_result("io_uring_setup", ::io_uring_queue_init(ring_entries, &ring_, 0)); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() { ::io_uring_queue_exit(&ring_); }

  // The next entry of the submission queue, which is full where there is none: then the kernel is
  // to have what is in it.
  io_uring_sqe* next_entry() {
    io_uring_sqe* entry = nullptr;
    while ((entry = ::io_uring_get_sqe(&ring_)) == nullptr) ::io_uring_submit(&ring_);
    return entry;
  }

  io_uring_cqe wait() {
    io_uring_cqe* completion = nullptr;
    while (::io_uring_peek_cqe(&ring_, &completion) != 0) {
      const int result = ::io_uring_submit_and_wait(&ring_, 1);
      if (result != -EINTR) check_result("io_uring_enter", result);
    }
    const io_uring_cqe copy = *completion;
    ::io_uring_cqe_seen(&ring_, completion);
    return copy;
  }

 private:
  io_uring ring_{};
};

// One operation is in flight for each: it receives, or it sends what has been received. So a
// connection's address tells whose completion it is, and its buffer has one user at a time.
struct Connection {
  UniqueFd fd;
  std::vector<std::byte> waiting;  // to be sent next
  std::vector<std::byte> out;      // being sent
  std::size_t sent = 0;            // of it
  bool is_sending = false;
  bool is_receiving = false;
  bool is_broken = false;
  bool is_finished = false;
  char sends = 0;          // its address tells that a send has completed
  bool is_ending = false;  // it closes when its operation completes, whatever came of that
  std::list<Connection>::iterator self = {};
  std::array<std::byte, 16 * 1024> buffer;
};

class Server {
 public:
  Server(int listen_fd, int stop_fd, std::size_t most) : listen_fd_{listen_fd}, most_{most} {
    io_uring_sqe* const entry = ring_.next_entry();
    ::io_uring_prep_poll_add(entry, stop_fd, POLLIN);
    start(entry, &stops_);
    accept();
  }

  void run() {
    while (in_flight_ > 0) {
      const io_uring_cqe completion = ring_.wait();
      --in_flight_;
      void* const whose = ::io_uring_cqe_get_data(&completion);
      if (whose == &stops_) {
        stop();
      } else if (whose == &accepts_) {
        on_accepted(completion.res);
      } else if (whose != &cancels_) {
        for (Connection& connection : connections_) {
          if (whose != &connection && whose != &connection.sends) continue;
          on_complete(connection, completion.res, whose == &connection.sends);
          break;
        }
      }
    }
  }

 private:
  void start(io_uring_sqe* entry, void* whose) {
    ::io_uring_sqe_set_data(entry, whose);  // the last one: to prepare an entry may clear it
    ++in_flight_;
  }

  void accept() {
    io_uring_sqe* const entry = ring_.next_entry();
    ::io_uring_prep_accept(entry, listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    start(entry, &accepts_);
  }

  void receive(Connection& connection) {
    connection.is_receiving = true;
    io_uring_sqe* const entry = ring_.next_entry();
    ::io_uring_prep_recv(entry, connection.fd.get(), connection.buffer.data(),
                         connection.buffer.size(), 0);
    start(entry, &connection);
  }

  void send(Connection& connection) {
    connection.is_sending = true;
    io_uring_sqe* const entry = ring_.next_entry();
    ::io_uring_prep_send(entry, connection.fd.get(), connection.out.data() + connection.sent,
                         connection.out.size() - connection.sent, MSG_NOSIGNAL);
    start(entry, &connection.sends);
  }

  void cancel(void* whose) {
    io_uring_sqe* const entry = ring_.next_entry();
    ::io_uring_prep_cancel(entry, whose, 0);
    start(entry, &cancels_);
  }

  void on_accepted(int result) {
    UniqueFd fd{result};
    if (is_stopped_) return;
    accept();
    if (!fd) return;  // whoever it was has gone
    const auto is_staying = [](const Connection& each) { return !each.is_ending; };
    if (std::count_if(connections_.begin(), connections_.end(), is_staying) >=
        static_cast<std::ptrdiff_t>(most_)) {
      end(*std::find_if(connections_.begin(), connections_.end(), is_staying));
    }
    const auto connection = connections_.emplace(connections_.end());
    connection->self = connection;
    connection->fd = std::move(fd);
    receive(*connection);
  }

  void on_complete(Connection& connection, int result, bool is_send) {
    (is_send ? connection.is_sending : connection.is_receiving) = false;
    if (result < 0 || connection.is_ending) connection.is_broken = true;
    if (is_send && result > 0) connection.sent += static_cast<std::size_t>(result);
    if (!is_send && result == 0) connection.is_finished = true;
    if (!is_send && result > 0) {
      connection.waiting.insert(connection.waiting.end(), connection.buffer.begin(),
                                connection.buffer.begin() + result);
    }
    if (connection.sent == connection.out.size()) {
      connection.out = std::exchange(connection.waiting, {});
      connection.sent = 0;
    }
    if (connection.is_broken) {
      if (connection.is_sending) cancel(&connection.sends);
      if (connection.is_receiving) cancel(&connection);
    } else {
      if (!connection.is_sending && !connection.out.empty()) send(connection);
      if (!is_send && !connection.is_finished) receive(connection);
    }
    if (!connection.is_sending && !connection.is_receiving) connections_.erase(connection.self);
  }

  // The kernel uses the buffer, and holds on to the socket, until the operation completes.
  void end(Connection& connection) {
    connection.is_ending = true;
    if (connection.is_receiving) cancel(&connection);
    if (connection.is_sending) cancel(&connection.sends);
  }

  void stop() {
    is_stopped_ = true;
    cancel(&accepts_);
    for (Connection& connection : connections_) end(connection);
  }

  int listen_fd_;
  std::size_t most_;
  std::list<Connection> connections_;  // the oldest first; it outlives the ring
  Ring ring_;
  std::size_t in_flight_ = 0;  // submitted, or about to be, and not yet complete
  bool is_stopped_ = false;
  // Addresses that no connection has.
  char stops_ = 0;
  char accepts_ = 0;
  char cancels_ = 0;
};

}  // namespace

void serve(int listen_fd, int stop_fd, std::size_t most) { Server{listen_fd, stop_fd, most}.run(); }

}  // namespace exercise
