// Another manner: one multishot accept; connections in a table, and user_data made of what, which
// place and which generation; whoever has to go is shut down, which ends any operation of his; and
// in the end one cancellation for all.

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <liburing.h>

#include "core/errors.hpp"
#include "core/output_buffer.hpp"
#include "core/unique_fd.hpp"
#include "uring_echo.hpp"

namespace exercise {
namespace {

using unblock::UniqueFd;

enum class What : std::uint8_t { stop, accept, receive, send, cancel };

struct Client {
  UniqueFd fd;
  unblock::OutputBuffer out;
  std::vector<std::byte> in = std::vector<std::byte>(4096);
  bool finished = false;
};

class Server {
 public:
  Server(int listen_fd, int stop_fd, std::size_t most) : listen_fd_{listen_fd}, most_{most} {
    const int result = ::io_uring_queue_init(ring_entries, &ring_, 0);
    if (result < 0) {
      errno = -result;
      unblock::throw_errno("io_uring_setup");
    }
    ::io_uring_prep_poll_add(entry(), stop_fd, POLLIN);
    submit(What::stop);
    listen();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() { ::io_uring_queue_exit(&ring_); }

  void run() {
    while (in_flight_ > 0) {
      io_uring_cqe* completion = nullptr;
      const int result = ::io_uring_wait_cqe(&ring_, &completion);
      if (result == -EINTR || result == -EAGAIN) continue;
      if (result < 0) {
        errno = -result;
        unblock::throw_errno("io_uring_enter");
      }
      const auto what = static_cast<What>(completion->user_data >> 56U);
      const std::uint64_t id = completion->user_data & ((1ULL << 56U) - 1);
      const int res = completion->res;
      const bool more = (completion->flags & IORING_CQE_F_MORE) != 0;
      ::io_uring_cqe_seen(&ring_, completion);
      if (!more) --in_flight_;
      if (what == What::stop) stop();
      if (what == What::accept) on_accepted(res, more);
      if (what == What::receive) on_received(id, res);
      if (what == What::send) on_sent(id, res);
    }
  }

 private:
  io_uring_sqe* entry() {
    next_ = ::io_uring_get_sqe(&ring_);
    if (next_ == nullptr) {
      ::io_uring_submit(&ring_);
      next_ = ::io_uring_get_sqe(&ring_);
    }
    return next_;
  }

  // Each by itself: simple, and a system call for each.
  void submit(What what, std::uint64_t id = 0) {
    next_->user_data = static_cast<std::uint64_t>(what) << 56U | id;
    ++in_flight_;
    while (::io_uring_submit(&ring_) == -EINTR) {
    }
  }

  void listen() {
    ::io_uring_prep_multishot_accept(entry(), listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    submit(What::accept);
  }

  void on_accepted(int res, bool more) {
    UniqueFd fd{res};
    if (!more && !stopped_) listen();
    if (!fd || stopped_) return;
    while (clients_.size() >= most_ + leaving_) {
      for (auto& [id, client] : clients_) {
        if (client.finished) continue;
        client.finished = true;
        ++leaving_;
        ::shutdown(client.fd.get(), SHUT_RDWR);
        break;
      }
    }
    const std::uint64_t id = ++last_id_;
    clients_[id].fd = std::move(fd);
    receive(id);
  }

  void receive(std::uint64_t id) {
    Client& client = clients_.at(id);
    ::io_uring_prep_recv(entry(), client.fd.get(), client.in.data(), client.in.size(), 0);
    submit(What::receive, id);
  }

  void send(std::uint64_t id) {
    Client& client = clients_.at(id);
    const auto bytes = client.out.front();
    ::io_uring_prep_send(entry(), client.fd.get(), bytes.data(), bytes.size(),
                         MSG_NOSIGNAL | MSG_WAITALL);
    submit(What::send, id);
  }

  void on_received(std::uint64_t id, int res) {
    Client& client = clients_.at(id);
    if (res <= 0 || client.finished || stopped_) return close(id);
    client.out.append(std::span{client.in}.first(static_cast<std::size_t>(res)));
    send(id);
  }

  void on_sent(std::uint64_t id, int res) {
    Client& client = clients_.at(id);
    if (res < 0 || client.finished || stopped_) return close(id);
    client.out.consume(static_cast<std::size_t>(res));
    client.out.empty() ? receive(id) : send(id);
  }

  void close(std::uint64_t id) {
    if (clients_.at(id).finished) --leaving_;
    clients_.erase(id);
  }

  void stop() {
    stopped_ = true;
    ::io_uring_prep_cancel(entry(), nullptr, IORING_ASYNC_CANCEL_ANY);
    submit(What::cancel);
  }

  int listen_fd_;
  std::size_t most_;
  std::map<std::uint64_t, Client> clients_;  // by age
  io_uring ring_{};
  io_uring_sqe* next_ = nullptr;
  std::size_t in_flight_ = 0;
  std::size_t leaving_ = 0;
  std::uint64_t last_id_ = 0;
  bool stopped_ = false;
};

}  // namespace

void serve(int listen_fd, int stop_fd, std::size_t most) {
  Server server{listen_fd, stop_fd, most};
  server.run();
}

}  // namespace exercise
